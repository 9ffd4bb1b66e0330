"""Random numbers and state on several replicas: different noise on each, one state of the loss for all."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfp_noise import NoisyLabelClassifier, losses
from tfp_noise.pipeline import shard_batches

K = 3
RNG = np.random.default_rng(0)
FEATURES = (3 * RNG.normal(size=(24, 4)) + [0, 1, 2, 3]).astype("float32")
LABELS = RNG.integers(0, K, 24).astype("int32")


def batches(size):
    return shard_batches(tf.data.Dataset.from_tensor_slices((FEATURES, LABELS)).batch(size, drop_remainder=True))


def local(strategy, value):
    return [np.asarray(part) for part in strategy.experimental_local_results(value)]


@pytest.mark.parametrize(
    "build",
    [
        lambda seed: losses.NoiseAgainstNoise(K, 1.0, seed=seed, reduction=None),
        lambda seed: losses.Heteroscedastic(K, train_samples=3, seed=seed, reduction=None),
        lambda seed: losses.Heteroscedastic(K, train_points=3, seed=seed, reduction=None),
        lambda seed: losses.DisturbLabel(K, 0.9, seed=seed, reduction=None),
    ],
    ids=["noise_against_noise", "heteroscedastic", "heteroscedastic_points", "disturb_label"],
)
@pytest.mark.daily("noise_against_noise")
def test_noise_is_each_replicas_own_and_comes_again_with_its_seed(build, two_replicas):
    """Both replicas get the same 24 examples, so that equal random numbers would give equal losses."""

    def draws(seed):
        with two_replicas.scope():
            loss = build(seed)
        outputs = np.tile(np.arange(loss.num_outputs, dtype="float32"), [24, 1])
        step = tf.function(lambda: two_replicas.run(lambda: loss(LABELS, outputs)))
        return [value for _ in range(2) for value in local(two_replicas, step())]  # two steps of two replicas

    first = draws(1)
    assert len({value.tobytes() for value in first}) == 4
    np.testing.assert_array_equal(draws(1), first)
    assert not {value.tobytes() for value in draws(2)} & {value.tobytes() for value in first}


def dropout_classifier():
    keras.utils.set_random_seed(0)
    layers = [keras.Input([4]), keras.layers.Dense(16), keras.layers.Dropout(0.5, seed=1), keras.layers.Dense(K)]
    model = NoisyLabelClassifier(keras.Sequential(layers), losses.LabelSmoothing(K))
    model.compile(keras.optimizers.SGD(0.1), jit_compile=False)
    return model


@pytest.mark.thorough
def test_dropout_is_each_replicas_own_and_goes_on_from_a_file(two_replicas, tmp_path):
    def fit(model, epochs):
        model.fit(batches(12), epochs=epochs, shuffle=False, verbose=0)
        return model.get_weights()

    with two_replicas.scope():
        whole, half = dropout_classifier(), dropout_classifier()
    fit(half, 1)
    half.save(tmp_path / "half.keras")
    with two_replicas.scope():
        restored = keras.models.load_model(tmp_path / "half.keras")
    for ours, theirs in zip(fit(restored, 1), fit(whole, 2), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    layer = whole.network.layers[1]
    one, other = local(two_replicas, two_replicas.run(lambda: layer(tf.ones([4, 16]), training=True)))
    assert (one != other).any()


def classifier(**arguments):
    keras.utils.set_random_seed(0)  # before the layers, whose initializers draw their seeds
    layers = [keras.Input([4]), keras.layers.BatchNormalization(momentum=0.75, **arguments), keras.layers.Dense(K)]
    model = NoisyLabelClassifier(keras.Sequential(layers), losses.LabelSmoothing(K))
    model.compile(keras.optimizers.SGD(0.1), jit_compile=False)
    return model


def test_batch_statistics_are_the_means_of_the_replicas(two_replicas):
    with two_replicas.scope():
        model = classifier()
    model.fit(batches(12), epochs=2, shuffle=False, verbose=0)
    mean, variance = np.zeros(4), np.ones(4)
    for _ in range(2):
        for batch in np.split(FEATURES.astype(float), 2):
            halves = np.split(batch, 2)
            mean = 0.75 * mean + 0.25 * np.mean([half.mean(0) for half in halves], axis=0)
            variance = 0.75 * variance + 0.25 * np.mean([half.var(0) for half in halves], axis=0)
    layer = model.network.layers[0]
    for found, expected in ((layer.moving_mean, mean), (layer.moving_variance, variance)):
        one, other = local(two_replicas, found.value)
        np.testing.assert_array_equal(one, other)
        np.testing.assert_allclose(one, expected, rtol=1e-5)


@pytest.mark.thorough
def test_batch_statistics_are_those_of_all_where_they_are_read(two_replicas):
    """Averages are due in validation, and after each step for a callback that saves then."""
    with two_replicas.scope():
        model = classifier()
    equal = {}

    class Reader(keras.callbacks.Callback):
        def look(self, when):
            one, other = local(two_replicas, model.network.layers[0].moving_mean.value)
            equal[when] = bool((one == other).all())

        def on_train_batch_end(self, batch, logs=None):
            self.look(f"step of {getattr(self, 'save_freq', 'epoch')}")

        def on_test_batch_end(self, batch, logs=None):
            self.look("validation")

    saver = Reader()
    saver.save_freq = 1
    for reader in Reader(), saver:
        model.fit(batches(12), validation_data=batches(12), shuffle=False, verbose=0, callbacks=reader)
    assert equal == {"step of epoch": False, "step of 1": True, "validation": True}


@pytest.mark.thorough
def test_synchronized_batch_statistics_are_those_of_one_device(two_replicas):
    alone = classifier()
    alone.fit(batches(12), epochs=2, shuffle=False, verbose=0)
    with two_replicas.scope():
        both = classifier(synchronized=True)
    both.fit(batches(12), epochs=2, shuffle=False, verbose=0)
    for ours, theirs in zip(both.get_weights(), alone.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)

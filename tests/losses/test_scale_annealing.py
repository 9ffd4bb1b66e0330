"""Schedules of `min_scale` over training steps."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfp_noise import NoisyLabelClassifier, losses

FEATURES = np.random.default_rng(0).normal(size=(40, 2)).astype("float32")
LABELS = np.arange(40) % 3


def schedule():
    return keras.optimizers.schedules.PolynomialDecay(2.0, decay_steps=10, end_learning_rate=0.1)


def classifier(min_scale, **settings):
    keras.utils.set_random_seed(0)
    loss = losses.LogisticNormal(3, min_scale=min_scale, **settings)
    network = keras.Sequential([keras.Input([2]), keras.layers.Dense(loss.num_outputs)])
    model = NoisyLabelClassifier(network, loss)
    model.compile(keras.optimizers.SGD(0.01), jit_compile=False)
    return model


@pytest.mark.parametrize(
    "settings", [{}, {"rank": 2}, {"covariance": "diagonal"}, {"covariance": "isotropic"}], ids=repr
)
@pytest.mark.daily("{}", "{'covariance': 'isotropic'}")
def test_each_step_is_one_with_the_schedules_value(settings):
    """Annealing equals a fixed `min_scale` that is changed by hand between steps, also after loading."""
    annealed, by_hand = classifier(schedule(), **settings), classifier(2.0, **settings)
    by_hand.run_eagerly = True  # reads the value anew at each step
    for step in range(5):
        batch = slice(8 * step, 8 * step + 8)
        annealed.train_on_batch(FEATURES[batch], LABELS[batch])
        by_hand.loss.min_scale = float(schedule()(step))
        by_hand.train_on_batch(FEATURES[batch], LABELS[batch])
    for ours, theirs in zip(annealed.get_weights(), by_hand.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
    by_hand.loss.min_scale = float(schedule()(5))
    expected = float(by_hand.loss(LABELS, by_hand(FEATURES)))
    assert float(annealed.loss(LABELS, annealed(FEATURES))) == pytest.approx(expected, rel=1e-5)


def test_a_loaded_model_goes_on_at_its_step(tmp_path):
    model = classifier(schedule())
    model.fit(FEATURES, LABELS, batch_size=10, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.loss.min_scale.get_config() == schedule().get_config()
    for one in (model, loaded):
        one.fit(FEATURES, LABELS, batch_size=10, verbose=0, shuffle=False)
    for ours, theirs in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_without_a_classifier_the_first_value_holds():
    outputs = np.random.default_rng(1).normal(size=(40, 6)).astype("float32")
    alone = losses.LogisticNormal(3, min_scale=schedule())
    np.testing.assert_allclose(alone(LABELS, outputs), losses.LogisticNormal(3, min_scale=2.0)(LABELS, outputs))


def test_compiles_under_xla():
    loss, step = losses.LogisticNormal(3, min_scale=schedule()), tf.Variable(4, dtype=tf.int64)
    loss.count_updates = lambda: step
    outputs = tf.random.stateless_normal([40, 6], [0, 1])

    @tf.function(autograph=False, jit_compile=True)
    def value_and_gradient(outputs):
        with tf.GradientTape() as tape:
            tape.watch(outputs)
            value = loss(LABELS, outputs)
        return value, tape.gradient(value, outputs)

    value, gradient = value_and_gradient(outputs)
    fixed = losses.LogisticNormal(3, min_scale=float(schedule()(4)))
    np.testing.assert_allclose(value, fixed(LABELS, outputs), rtol=1e-5)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("run_eagerly", [False, True])
def test_a_plain_keras_model_is_refused(run_eagerly):
    loss = losses.LogisticNormal(3, min_scale=schedule())
    model = keras.Sequential([keras.Input([2]), keras.layers.Dense(loss.num_outputs)])
    model.compile("sgd", loss=loss, run_eagerly=run_eagerly)
    with pytest.raises(ValueError, match="must belong to a `NoisyLabelClassifier`, because its `min_scale` is a sched"):
        model.fit(FEATURES, LABELS, verbose=0)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (keras.optimizers.schedules.PolynomialDecay(0.0, 10), "a schedule that gives 0 at step 0"),
        (keras.optimizers.schedules.PolynomialDecay(1.0, 10, end_learning_rate=0.0), "gives 0 at step 10. Set its"),
        (keras.optimizers.schedules.CosineDecay(1.0, 6), "gives 0 at step 6. Set its `alpha`"),
        (keras.optimizers.schedules.CosineDecay(0.5, 6, warmup_target=1.0, warmup_steps=3), "gives 0 at step 9"),
    ],
)
def test_a_schedule_must_stay_above_zero(bad, message):
    with pytest.raises(ValueError, match=f"`min_scale` must stay above 0. Received.* {message}"):
        losses.LogisticNormal(3, min_scale=bad)


def test_updates_are_counted_not_batches():
    """An update covers two batches; the optimizer computes its count at each use."""
    model = classifier(schedule())
    model.compile(keras.optimizers.SGD(0.01, gradient_accumulation_steps=2), jit_compile=False)
    model.fit(FEATURES, LABELS, batch_size=5, verbose=0)
    outputs = model(FEATURES)
    expected = losses.LogisticNormal(3, min_scale=float(schedule()(4)))(LABELS, outputs)
    assert float(model.loss(LABELS, outputs)) == pytest.approx(float(expected), rel=1e-5)


ENDS = {
    "polynomial": (schedule(), 0.1),
    "cosine": (keras.optimizers.schedules.CosineDecay(1.0, 6, alpha=0.25, warmup_target=2.0, warmup_steps=3), 0.5),
    "piecewise": (keras.optimizers.schedules.PiecewiseConstantDecay([3, 6], [2.0, 1.0, 0.5]), 0.5),
    "exponential": (keras.optimizers.schedules.ExponentialDecay(2.0, 10, 0.5), 1.0),
}


@pytest.mark.parametrize(("min_scale", "end"), ENDS.values(), ids=ENDS)
@pytest.mark.daily("cosine", "piecewise")
def test_validation_takes_the_value_at_the_schedules_end(min_scale, end):
    """A network that does not change has the same loss in each epoch, that of a constant `min_scale`."""
    model = classifier(min_scale)
    model.optimizer.learning_rate = 0.0
    found = model.fit(FEATURES, LABELS, epochs=4, verbose=0, validation_data=(FEATURES, LABELS)).history
    expected = float(losses.LogisticNormal(3, min_scale=end)(LABELS, model(FEATURES)))
    np.testing.assert_allclose(found["val_loss"], 4 * [expected], rtol=1e-5)
    assert np.ptp(found["loss"]) > 0.1


@pytest.mark.thorough
def test_replicas_count_together(two_replicas):
    with two_replicas.scope():
        model = classifier(schedule())
    model.fit(FEATURES, LABELS, batch_size=10, verbose=0)
    outputs = model(FEATURES)
    expected = losses.LogisticNormal(3, min_scale=float(schedule()(4)))(LABELS, outputs)
    assert float(model.loss(LABELS, outputs)) == pytest.approx(float(expected), rel=1e-5)

"""Examples of `ignore_class`, or under a mask, count for nothing: in loss, gradient, metrics and statistics."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.helpers.losses_under_test import LOSSES_UNDER_TEST, first_of_class, with_ids
from tests.helpers.small_classifier import FEATURES, LABELS
from tfp_noise import NoisyLabelClassifier, losses, metrics

IGNORED = np.arange(48) % 3 == 0
MARKED = np.where(IGNORED, -1, LABELS)
# Losses that compare examples of a batch with each other.
OF_A_WHOLE_BATCH = {"BoundedForwardCorrection", "PairwiseConfusion"}
BUILT = {name: case.build(3) for name, case in LOSSES_UNDER_TEST.items()}
NAMES = [name for name in first_of_class(BUILT) if type(BUILT[name]).__name__ not in OF_A_WHOLE_BATCH]
RANDOM = {name for name in NAMES if BUILT[name].seed_generator is not None}


def value_and_gradient(loss, labels, outputs):
    outputs = tf.Variable(outputs)
    with tf.GradientTape() as tape:
        value = loss(with_ids(loss, labels), outputs)
    return float(value), tape.gradient(value, outputs).numpy()


@pytest.mark.parametrize("name", sorted(set(NAMES) - RANDOM))
def test_a_loss_is_the_mean_of_the_others(name):
    case = LOSSES_UNDER_TEST[name]
    loss, ignoring = case.build(3), case.build(3, ignore_class=-1)
    outputs = np.random.default_rng(0).normal(size=(48, loss.num_outputs)).astype("float32")
    value, gradient = value_and_gradient(ignoring, MARKED, outputs)
    expected, expected_gradient = value_and_gradient(loss, LABELS[~IGNORED], outputs[~IGNORED])
    np.testing.assert_allclose(value, expected, rtol=1e-5)
    np.testing.assert_allclose(gradient[~IGNORED], expected_gradient, rtol=1e-4, atol=1e-7)
    assert not gradient[IGNORED].any()


def trained(loss, x, y, **layers):
    keras.utils.set_random_seed(0)
    network = keras.Sequential([keras.Input([6]), *layers.values(), keras.layers.Dense(3)])
    model = NoisyLabelClassifier(network, loss)
    model.compile("sgd", metrics=["accuracy", metrics.ExpectedCalibrationError()], jit_compile=False)
    history = model.fit(x, y, batch_size=len(x), epochs=2, shuffle=False, verbose=0)
    return {**history.history, "evaluated": model.evaluate(x, y, verbose=0, batch_size=len(x))}, loss.soft_labels


@pytest.mark.parametrize("where", ["label", "mask"])
@pytest.mark.daily("label")
def test_training_metrics_and_statistics_are_those_of_the_others(where):
    if where == "label":
        ours = trained(losses.OnlineLabelSmoothing(3, ignore_class=-1), FEATURES, MARKED)
    else:
        features = np.where(IGNORED[:, None], 0, FEATURES)
        ours = trained(losses.OnlineLabelSmoothing(3), features, LABELS, masking=ExampleMask())
    theirs = trained(losses.OnlineLabelSmoothing(3), FEATURES[~IGNORED], LABELS[~IGNORED])
    for name, values in theirs[0].items():
        np.testing.assert_allclose(ours[0][name], values, rtol=1e-5, err_msg=name)
    np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-5)


class ExampleMask(keras.layers.Layer):
    """Masks whole examples that are 0."""

    def __init__(self):
        super().__init__()
        self.supports_masking = True

    def call(self, inputs):
        return inputs

    def compute_mask(self, inputs, mask=None):
        return keras.ops.any(keras.ops.not_equal(inputs, 0), axis=-1)


def test_minus_one_is_refused_without_it_even_at_weight_zero():
    model = NoisyLabelClassifier(keras.Sequential([keras.layers.Dense(3)]), losses.LabelSmoothing(3))
    model.compile("sgd")
    with pytest.raises(ValueError, match=r"`y` must lie in \[0, 3\).*ignore_class=-1"):
        model.fit(FEATURES, MARKED, sample_weight=1.0 - IGNORED)


def test_minus_one_in_unsigned_integers_is_told_of():
    """It is 255 there, which the loss has to be given."""
    marked, cure = MARKED.astype("uint8"), r"as -1 does in uint8, give the loss `ignore_class=255`"

    def evaluated(ignored, *data):
        model = NoisyLabelClassifier(keras.Sequential([keras.Input([6]), keras.layers.Dense(3)]), loss(ignored))
        model.compile("sgd", run_eagerly=True)
        return model.evaluate(*data, verbose=0)

    def loss(ignored):
        return losses.CrossEntropy(3, ignore_class=ignored)

    data = tf.data.Dataset.from_tensor_slices((FEATURES, marked)).batch(16)
    with pytest.raises(ValueError, match=f"Received: 255 at position 0.*{cure}"):
        evaluated(-1, FEATURES, marked)
    with pytest.raises(tf.errors.InvalidArgumentError, match=cure):
        evaluated(-1, data)
    assert np.isfinite(evaluated(255, data))


def test_it_survives_its_configuration():
    loss = losses.ForwardCorrection(3, np.eye(3), ignore_class=255)
    assert losses.ForwardCorrection.from_config(loss.get_config()).ignore_class == 255


@pytest.mark.parametrize(
    "build",
    [
        lambda: losses.PairwiseConfusion(3, weight=1.0, ignore_class=-1),
        lambda: losses.BackwardCorrection(3, np.eye(3), non_negative=True, ignore_class=-1),
        lambda: losses.BoundedForwardCorrection(3, np.eye(3), ignore_class=-1),
        lambda: losses.ActiveNegative(3, entropy_weight=1.0, ignore_class=-1),
    ],
)
def test_losses_of_a_whole_batch_refuse_it(build):
    with pytest.raises(ValueError, match="`ignore_class` must be None"):
        build()


def test_metrics_that_would_count_ignored_examples_are_refused():
    loss = losses.LabelSmoothing(3, ignore_class=-1)
    model = NoisyLabelClassifier(keras.Sequential([keras.layers.Dense(3)]), loss)
    model.compile("sgd", metrics=[keras.metrics.F1Score()])
    with pytest.raises(ValueError, match="`metrics` must leave out examples of `ignore_class`, which F1Score cannot"):
        model.fit(FEATURES, np.where(IGNORED[:, None], 1 / 3, np.eye(3)[LABELS]))

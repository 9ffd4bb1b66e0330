"""The streaming calibration error equals that of all examples at once, over batches, replicas and weights."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfp_noise import NoisyLabelClassifier, losses, metrics, pipeline
from tfp_noise.datasets import Examples

K = 4
RNG = np.random.default_rng(0)
FEATURES = RNG.normal(size=(41, 6)).astype("float32")
LABELS = RNG.integers(0, K, 41).astype("int32")
PROBABILITIES = RNG.dirichlet(np.full(K, 0.4), size=500).astype("float32")
CLASSES = np.where(RNG.random(500) < 0.5, PROBABILITIES.argmax(1), RNG.integers(0, K, 500))


def in_batches(metric, y, p, weights=None, size=64):
    for start in range(0, len(y), size):
        part = slice(start, start + size)
        metric.update_state(y[part], p[part], None if weights is None else weights[part])
    return float(metric.result())


@pytest.mark.parametrize("num_bins", [1, 15, 100])
def test_batches_add_up_to_the_error_of_the_whole(num_bins):
    expected = metrics.expected_calibration_error(PROBABILITIES, CLASSES, num_bins)
    metric = metrics.ExpectedCalibrationError(num_bins)
    for y in (CLASSES, CLASSES[:, None].astype("float32"), np.eye(K)[CLASSES], 0.7 * np.eye(K)[CLASSES] + 0.3 / K):
        metric.reset_state()
        assert in_batches(metric, y, PROBABILITIES) == pytest.approx(expected, abs=1e-6)


def test_an_example_of_weight_3_counts_as_three():
    weights = RNG.integers(0, 4, len(CLASSES))
    repeated = np.repeat(PROBABILITIES, weights, axis=0), np.repeat(CLASSES, weights)
    expected = metrics.expected_calibration_error(*repeated, num_bins=15)
    for shaped in (weights, weights[:, None].astype("float32") / 2):  # their unit does not matter
        found = in_batches(metrics.ExpectedCalibrationError(), CLASSES, PROBABILITIES, shaped)
        assert found == pytest.approx(expected, abs=1e-6)


def test_certain_predictions_and_none():
    metric = metrics.ExpectedCalibrationError()
    assert float(metric.result()) == 0
    metric.update_state([1, 1], np.eye(2, dtype="float32")[[1, 1]])
    assert float(metric.result()) == 0
    metric.update_state([0, 0], np.eye(2, dtype="float32")[[1, 1]])
    assert float(metric.result()) == 0.5


def test_a_million_examples_leave_the_digits():
    """Differences of 0.25 and -0.75 in one bin: separate sums of hits and of confidences would lose digits."""
    metric = metrics.ExpectedCalibrationError(1)
    p = np.tile(np.array([[0.75, 0.25]], "float32"), [4000, 1])
    y = (np.arange(4000) % 10 == 0).astype(int)  # right in nine of ten
    update = tf.function(metric.update_state)
    for _ in range(300):
        update(y, p)
    assert float(metric.result()) == pytest.approx(0.15, abs=1e-6)


def build(**compile_arguments):
    network = keras.Sequential([keras.Input([6]), keras.layers.Dense(K, kernel_initializer=keras.initializers.Ones())])
    network.layers[-1].kernel.assign(np.random.default_rng(1).normal(size=(6, K)))
    model = NoisyLabelClassifier(network, losses.LabelSmoothing(K))
    model.compile("sgd", jit_compile=False, **compile_arguments)
    return model


@pytest.mark.thorough
def test_two_replicas_evaluate_as_one_device(two_replicas):
    with two_replicas.scope():
        both = build(metrics=["accuracy", metrics.ExpectedCalibrationError(num_bins=10)])
    logits = FEATURES @ np.random.default_rng(1).normal(size=(6, K)).astype("float32")
    p = tf.nn.softmax(logits).numpy()
    for size in (41, 37):  # in batches of 10 the last has 1, none of it for the second replica, or 7
        found = both.evaluate(
            pipeline.one_pass(Examples(FEATURES, LABELS, np.arange(41)).take(slice(size)), 10),
            verbose=0,
            return_dict=True,
        )
        assert found["accuracy"] == pytest.approx(np.mean(p.argmax(1)[:size] == LABELS[:size]), abs=1e-6)
        expected = metrics.expected_calibration_error(p[:size], LABELS[:size], 10)
        assert found["expected_calibration_error"] == pytest.approx(expected, abs=1e-6)
        targets = 0.9 * np.eye(K)[LABELS] + 0.1 / K
        assert found["loss"] == pytest.approx(-np.mean(np.sum(targets * np.log(p), axis=1)[:size]), rel=1e-5)


def test_it_is_weighted_saved_and_watched(tmp_path):
    model = build(
        metrics=[metrics.ExpectedCalibrationError(7, name="ece")],
        weighted_metrics=[metrics.ExpectedCalibrationError(7, name="weighted_ece")],
    )
    stop = keras.callbacks.EarlyStopping("ece")  # it asks the metric whether smaller is better
    model.fit(FEATURES, LABELS, batch_size=8, callbacks=[stop], verbose=0)
    assert stop.monitor_op(0.1, 0.2)
    weights = RNG.integers(0, 3, 41)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    p = model.predict(FEATURES, verbose=0)
    found = loaded.evaluate(FEATURES, LABELS, sample_weight=weights, batch_size=8, verbose=0, return_dict=True)
    assert found["ece"] == pytest.approx(metrics.expected_calibration_error(p, LABELS, 7), abs=1e-6)
    expected = metrics.expected_calibration_error(np.repeat(p, weights, axis=0), np.repeat(LABELS, weights), 7)
    assert found["weighted_ece"] == pytest.approx(expected, abs=1e-6)
    config = keras.saving.serialize_keras_object(metrics.ExpectedCalibrationError(7, dtype="float64"))
    metric = keras.saving.deserialize_keras_object(config)
    assert (type(metric), metric.num_bins, metric.dtype) == (metrics.ExpectedCalibrationError, 7, "float64")


def test_bad_settings():
    with pytest.raises(ValueError, match="`num_bins` must be at least 1"):
        metrics.ExpectedCalibrationError(0)
    with pytest.raises(TypeError, match="`num_bins` must be an integer"):
        metrics.ExpectedCalibrationError(1.5)
    with pytest.raises(ValueError, match=r"`dtype` must be float32 or float64. Received: bfloat16. Leave it out"):
        metrics.ExpectedCalibrationError(dtype="bfloat16")

"""Self-learning with prototypes: their choice and an epoch against NumPy, and limits."""

import functools

import keras
import numpy as np
import pytest
from scipy import special

from tests.helpers.small_classifier import FEATURES, LABELS, fit, one_hidden_layer, otherwise
from tfp_noise import PrototypeCorrection, losses
from tfp_noise.classifiers.prototype_correction import _mean_prototype

classifier = functools.partial(otherwise, PrototypeCorrection, warm_up=1, num_samples=20)
without_dropout = functools.partial(one_hidden_layer, dropout=0.0)


def numpy_mean_prototype(features, count):
    """The definition of density, nearness and prototypes, by loops over pairs."""
    rows = [np.asarray(row, "float64") / np.linalg.norm(row) for row in features if np.linalg.norm(row) > 0]
    n = len(rows)
    similar = [[a @ b for b in rows] for a in rows]
    threshold = np.quantile(np.array(similar), 0.6)
    density = [sum(value > threshold for value in row) for row in similar]
    nearness = []
    for i in range(n):
        denser = [similar[i][j] for j in range(n) if density[j] > density[i]]
        nearness.append(max(denser) if denser else min(similar[i]))
    distinct = sorted((i for i in range(n) if nearness[i] < 0.95), key=lambda i: (-density[i], i))
    others = sorted((i for i in range(n) if nearness[i] >= 0.95), key=lambda i: (-density[i], i))
    return np.mean([rows[i] for i in (distinct + others)[:count]], axis=0)


@pytest.mark.parametrize("count", [1, 4, 40])
@pytest.mark.parametrize("spread", [0.05, 1.0])
def test_prototypes_are_those_of_the_definition(count, spread):
    features = np.random.default_rng(2).normal([2, 1, 0], spread, size=(25, 3))
    features[7] = 0  # no direction
    np.testing.assert_allclose(_mean_prototype(features, count), numpy_mean_prototype(features, count), rtol=1e-10)


def test_prototypes_lie_in_the_middle_of_a_class_and_not_among_wrong_labels():
    rng = np.random.default_rng(3)
    right, wrong = (rng.normal(3 * np.eye(16)[i], 0.5, (count, 16)) for i, count in ((0, 60), (1, 40)))
    mean = _mean_prototype(np.concatenate([right, wrong]), 8)
    assert mean[0] / np.linalg.norm(mean) > 0.95
    np.testing.assert_array_equal(_mean_prototype(np.zeros([4, 2]), 8), [0, 0])
    np.testing.assert_array_equal(_mean_prototype(np.zeros([0, 2]), 8), [0, 0])


def test_epochs_are_those_of_numpy():
    """Gradient descent on the last layer of a network whose first one is frozen, with as many samples as examples."""
    model = classifier(own=without_dropout, optimizer=keras.optimizers.SGD(0.5), warm_up=2, weight=0.7, eager=True)
    model.network.layers[0].trainable = False
    model.compile(keras.optimizers.SGD(0.5), run_eagerly=True)
    hidden, last = model.network.layers[0], model.network.layers[-1]
    features = np.maximum(FEATURES.astype("float64") @ hidden.kernel.numpy() + hidden.bias.numpy(), 0)
    kernel, bias = (weight.astype("float64") for weight in last.get_weights())
    expected, means = [], None
    for epoch in range(4):
        steps = []
        for start in range(0, 48, 16):
            f, y = features[start : start + 16], np.eye(3)[LABELS[start : start + 16]]
            if means is not None:
                y = 0.3 * y + 0.7 * np.eye(3)[(f @ means.T).argmax(axis=1)]
            log_p = special.log_softmax(f @ kernel + bias, axis=1)
            steps.append(-np.sum(y * log_p, axis=1).mean())
            by_logits = (np.exp(log_p) - y) / 16
            kernel, bias = kernel - 0.5 * f.T @ by_logits, bias - 0.5 * by_logits.sum(axis=0)
        expected.append(np.mean(steps))
        if epoch >= 1:
            means = np.array([numpy_mean_prototype(features[label == LABELS], 8) for label in range(3)])
    np.testing.assert_allclose(fit(model, 4)["loss"], expected, rtol=1e-5)


def test_latest_samples_of_a_class_are_kept():
    state = classifier(num_samples=3).prototypes
    rows = np.arange(1, 9, dtype="float32")[:, np.newaxis] * np.ones([1, 8], "float32")
    for part in (slice(0, 5), slice(5, 8)):
        state.keep(rows[part], np.array([0, 1, 0, 0, 0, 0, 2, 1])[part])
    kept = np.asarray(state.samples)[:, 0].reshape(3, 3)
    assert list(kept[0]) == [1, 6, 4]  # 1, 3, 4; 5 was one more than a batch can add, and counts; 6 is the fifth
    assert list(kept[1]) == [2, 8, 0]
    assert list(kept[2]) == [7, 0, 0]
    np.testing.assert_array_equal(state.seen, [5, 2, 1])


def test_samples_of_weight_0_are_not_kept():
    state, rows = (
        classifier(num_samples=3).prototypes,
        np.arange(1, 5, dtype="float32")[:, np.newaxis] * np.ones([1, 8]),
    )
    state.keep(rows.astype("float32"), np.zeros(4, int), np.array([[1.0], [0.0], [0.5], [0.0]]))
    assert list(np.asarray(state.samples)[:3, 0]) == [1, 3, 0]
    np.testing.assert_array_equal(state.seen, [2, 0, 0])


def test_class_without_prototypes_corrects_no_label():
    state = classifier(num_samples=3).prototypes
    ones = -np.ones([4, 8], "float32")
    state.means.assign(np.array([[0.0] * 8, [1.0] * 8, [2.0] * 8], "float32"))
    np.testing.assert_array_equal(state.nearest(ones), [1] * 4)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"warm_up": 0}, ValueError, "`warm_up` must be"),
        ({"weight": 1.5}, ValueError, "`weight` must be"),
        ({"num_prototypes": 0}, ValueError, "`num_prototypes` must be"),
        ({"num_samples": 0.5}, TypeError, "`num_samples` must be"),
        ({"loss": losses.CrossEntropy(3, ignore_class=-1)}, ValueError, "`loss.ignore_class` must be None, because"),
        ({"loss": losses.MultiLabel(losses.CrossEntropy(2), 3)}, ValueError, "`loss` must have a loss for one class"),
        (
            {"network": keras.Sequential([keras.layers.Dense(3)])},
            ValueError,
            "`network` must be a Functional or Sequential",
        ),
        (
            {"network": keras.Sequential([keras.Input([5, 6]), keras.layers.Dense(3)])},
            ValueError,
            r"`network` must have outputs \[batch, num_outputs\], one label",
        ),
    ],
)
def test_bad_input(arguments, error, message):
    right = {"network": one_hidden_layer(3), "loss": losses.CrossEntropy(3), "warm_up": 1, "num_samples": 5}
    with pytest.raises(error, match=message):
        PrototypeCorrection(**{**right, **arguments})

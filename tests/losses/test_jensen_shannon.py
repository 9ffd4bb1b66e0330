"""Laws of the Jensen-Shannon loss: its limits, bounds, digits at extreme weights, and gradient."""

import numpy as np
import pytest
from scipy import special
from scipy.spatial import distance

from tests.helpers.loss_oracles import cross_entropy
from tests.losses.test_losses import value_and_gradient
from tfp_noise import losses

K = 5
LABELS = np.random.default_rng(2).integers(0, K, 60)
ONE_HOT = np.eye(K)[LABELS]
SOFT = np.random.default_rng(1).dirichlet(np.full(K, 0.5), 60)
# Logits from nearly equal to far apart; the softmax of the last ones underflows.
LOGITS = np.random.default_rng(0).normal(size=(60, K)) * np.logspace(-2, 4, 60)[:, None]
P = special.softmax(LOGITS, axis=1)
WEIGHTS = [1e-6, 0.1, 0.5, 0.9, 1 - 1e-6]


def divergence(weight, dtype="float64"):
    return losses.JensenShannon(K, weight, dtype=dtype)


def test_small_weight_of_the_label_is_cross_entropy_less_the_labels_entropy():
    """The loss grows without bound as the weight falls, and slowly: moderate logits have reached the limit."""
    near = slice(0, 30)
    for y_true, targets in ((LABELS, ONE_HOT), (SOFT, SOFT)):
        value, gradient = value_and_gradient(divergence(1e-9), y_true[near], LOGITS[near])
        expected = cross_entropy(targets, LOGITS) - special.entr(targets).sum(1)
        np.testing.assert_allclose(value, expected[near], rtol=1e-5)
        np.testing.assert_allclose(gradient, (P - targets)[near], rtol=1e-4, atol=1e-9)


def test_large_weight_of_the_label_is_half_the_absolute_error():
    """The limit is logarithmic in `1 - weight`: with 1e-15 the loss is within 3% of it."""
    for y_true, targets in ((LABELS, ONE_HOT), (SOFT, SOFT)):
        half = np.abs(targets - P).sum(1) / 2
        errors = [np.abs(np.asarray(divergence(1 - rest).call(y_true, LOGITS)) - half).max() for rest in (1e-5, 1e-15)]
        assert errors[1] < errors[0] / 2
        assert errors[1] < 0.06


def test_equal_weights_are_the_squared_jensen_shannon_distance():
    expected = [distance.jensenshannon(p, y) ** 2 / -(0.5 * np.log(0.5)) for p, y in zip(P, SOFT, strict=True)]
    np.testing.assert_allclose(divergence(0.5).call(SOFT, LOGITS), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("weight", WEIGHTS)
def test_it_lies_between_0_and_the_bound_and_both_are_reached(weight):
    w = weight
    bound = 1 + w * np.log(w) / ((1 - w) * np.log1p(-w))
    for y_true in (LABELS, ONE_HOT, SOFT):
        value = np.asarray(divergence(w).call(y_true, LOGITS))
        assert value.min() >= -1e-9
        assert value.max() <= bound * (1 + 1e-9)
    right_and_wrong = 1e4 * np.eye(K)[[0, 0]]
    for y_true in (np.array([0, 1]), np.eye(K)[[0, 1]]):
        value, gradient = value_and_gradient(divergence(w, "float32"), y_true, right_and_wrong.astype("float32"))
        np.testing.assert_allclose(value, [0, bound], rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(gradient, 0, atol=1e-7)


@pytest.mark.parametrize("weight", WEIGHTS)
def test_it_is_0_and_least_where_the_prediction_is_the_label(weight):
    value, gradient = value_and_gradient(divergence(weight), SOFT, np.log(SOFT))
    np.testing.assert_allclose(value, 0, atol=1e-9)
    np.testing.assert_allclose(gradient, 0, atol=1e-9)
    assert (np.asarray(divergence(weight).call(SOFT, np.log(SOFT[::-1]))) > 0).all()


@pytest.mark.parametrize("weight", [1e-7, 1e-3, 0.5, 1 - 1e-3, 1 - 1e-7])
def test_float32_keeps_digits_at_extreme_weights(weight):
    """Divided by a scale near 0, rounding errors of terms that cancel would be larger than the loss."""
    logits = np.random.default_rng(3).normal(size=(60, K)) * 5
    for y_true in (LABELS, ONE_HOT, SOFT):
        narrow = value_and_gradient(divergence(weight, "float32"), y_true, logits.astype("float32"))
        wide = value_and_gradient(divergence(weight), y_true, logits)
        for one, other in zip(narrow, wide, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=3e-6 * np.abs(other).max())


@pytest.mark.parametrize("weight", WEIGHTS)
def test_gradient_of_a_class_is_bounded_by_that_of_cross_entropy(weight):
    """For classes it is cross-entropy's times a factor that falls to 0 with `p_y`, which the docstring's formula gives."""
    p = P[range(60), LABELS]
    rest = 1 - weight
    scale = -rest * np.log(rest)
    with np.errstate(divide="ignore", over="ignore"):
        slope = np.where(p > 0, rest * p * (np.log(rest + weight / p) - np.log(rest)) / scale, 0)
    _, gradient = value_and_gradient(divergence(weight), LABELS, LOGITS)
    np.testing.assert_allclose(gradient, slope[:, None] * (P - ONE_HOT), rtol=1e-6, atol=1e-12)


def test_bad_weights():
    for weight in (0, 1, 1.5, -0.1):
        with pytest.raises(ValueError, match=rf"`weight` must be.* above 0 and below 1. Received: {weight}"):
            losses.JensenShannon(K, weight)

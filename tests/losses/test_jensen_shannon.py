"""Laws of the Jensen-Shannon loss: its limits, bounds, digits at extreme weights, and gradient."""

import keras
import numpy as np
import pytest
from scipy import special, stats
from scipy.spatial import distance

from tests.helpers.loss_oracles import cross_entropy
from tests.losses.test_losses import value_and_gradient
from tfp_noise import NoisyLabelClassifier, losses

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
    """The bound of the loss grows slowly as the weight falls: losses far below it have reached the limit."""
    near = slice(0, 25)
    for y_true, targets in ((LABELS, ONE_HOT), (SOFT, SOFT)):
        value, gradient = value_and_gradient(divergence(1e-9), y_true[near], LOGITS[near])
        expected = cross_entropy(targets, LOGITS) - special.entr(targets).sum(1)
        np.testing.assert_allclose(value, expected[near], rtol=1e-5)
        np.testing.assert_allclose(gradient, (P - targets)[near], rtol=1e-4, atol=1e-9)


def test_large_weight_of_the_label_is_half_the_absolute_error_or_the_probability_of_what_the_label_excludes():
    """The difference falls with the logarithm of `1 - weight`."""
    few = np.where(SOFT < 0.1, 0, SOFT)
    few /= few.sum(1, keepdims=True)
    for y_true, limit in ((LABELS, np.abs(ONE_HOT - P).sum(1) / 2), (few, (P * (few == 0)).sum(1))):
        errors = [np.abs(np.asarray(divergence(1 - rest).call(y_true, LOGITS)) - limit).max() for rest in (1e-5, 1e-15)]
        assert errors[0] > 0.01
        np.testing.assert_allclose(errors[1], errors[0] / 3, rtol=0.1)


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
def test_gradient_of_a_class_is_that_of_cross_entropy_times_a_factor(weight):
    """The factor is the docstring's, which falls to 0 with `p_y`."""
    p = np.maximum(P[range(60), LABELS], 1e-300)
    rest = 1 - weight
    scale = -rest * np.log(rest)
    slope = rest * p * (np.log(rest + weight / p) - np.log(rest)) / scale
    _, gradient = value_and_gradient(divergence(weight), LABELS, LOGITS)
    np.testing.assert_allclose(gradient, slope[:, None] * (P - ONE_HOT), rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("weight", [0.1, 0.9])
def test_equal_views_are_one_view(weight):
    generalised = losses.JensenShannon(K, weight, views=2, dtype="float64")
    for y_true in (LABELS, SOFT):
        value, gradient = value_and_gradient(generalised, y_true, np.tile(LOGITS, 2))
        expected, expected_gradient = value_and_gradient(divergence(weight), y_true, LOGITS)
        np.testing.assert_allclose(value, expected, rtol=1e-9, atol=1e-12)
        halves = np.split(np.asarray(gradient), 2, axis=1)
        np.testing.assert_allclose(halves[0], halves[1], rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(sum(halves), expected_gradient, rtol=1e-9, atol=1e-12)


def test_views_that_differ_cost_more_than_their_mean():
    """The difference is the divergence of the views, which does not depend on the label."""
    views = np.random.default_rng(4).normal(size=(2, 60, K)) * 3
    mean = special.softmax(views, axis=2).mean(0)
    generalised = losses.JensenShannon(K, 0.4, views=2, dtype="float64")
    apart = np.mean([stats.entropy(special.softmax(view, axis=1), mean, axis=1) for view in views], axis=0)
    for y_true in (LABELS, SOFT):
        more = np.asarray(generalised.call(y_true, np.hstack(views))) - divergence(0.4).call(y_true, np.log(mean))
        np.testing.assert_allclose(more, apart / -np.log(0.6), rtol=1e-9)


def test_views_of_one_network_train_and_its_first_view_is_served():
    keras.utils.set_random_seed(0)
    inputs, classify = keras.Input([6]), keras.layers.Dense(K)
    views = [classify(keras.layers.GaussianNoise(0.5)(inputs)) for _ in range(2)]
    loss = losses.JensenShannon(K, 0.9, views=2)
    model = NoisyLabelClassifier(keras.Model(inputs, keras.layers.Concatenate()(views)), loss)
    model.compile(keras.optimizers.Adam(0.1), jit_compile=False)
    features = np.random.default_rng(0).normal(size=(60, 6)).astype("float32")
    history = model.fit(features, LABELS, batch_size=60, epochs=2, verbose=0).history["loss"]
    assert history[1] < history[0]
    expected = special.softmax(features @ classify.kernel.numpy() + classify.bias.numpy(), axis=1)
    for one in (model, model.deployable()):
        np.testing.assert_allclose(one.predict(features, verbose=0), expected, rtol=1e-4, atol=1e-6)


def test_bad_weights():
    for weight in (0, 1, 1.5, -0.1):
        with pytest.raises(ValueError, match=rf"`weight` must be.* above 0 and below 1. Received: {weight}"):
            losses.JensenShannon(K, weight)

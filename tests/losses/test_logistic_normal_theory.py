"""Derivations of Englesson et al. 2023 about the Logistic-Normal loss, by equation number."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import optimize, special, stats

from tfp_noise import losses

NUM_CLASSES = 5
TEMPERATURE = 1.5
MIN_SCALE = 0.5
# A.5: the target's logit at the label, of a simplex of K + 1 classes, and 0 elsewhere.
PEAK = np.log((0.99 * (NUM_CLASSES + 1) + 0.01) / 0.01)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def value_and_gradient(loss, label, outputs):
    outputs = tf.constant(np.atleast_2d(outputs), tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(outputs)
        value = loss.call(np.array([label]), outputs)
    return float(value[0]), tape.gradient(value, outputs).numpy()[0]


def loss_of(**settings):
    return losses.LogisticNormal(NUM_CLASSES, TEMPERATURE, MIN_SCALE, dtype="float64", **settings)


def numeric_gradient(function, at, step=1e-6):
    shifts = step * np.eye(len(at))
    return np.array([(function(at + shift) - function(at - shift)) / (2 * step) for shift in shifts])


def target(label):
    return TEMPERATURE * PEAK * np.eye(NUM_CLASSES)[label]


def test_determinant_of_the_softmax_centred_map(rng):
    """A.1, Eq. 15: |ds/dz| of n coordinates is the product of all n + 1 probabilities; it makes Eq. 4 of a Gaussian."""
    z = rng.normal(size=4)
    jacobian = numeric_gradient(lambda z: special.softmax(np.append(z, 0))[:4], z)
    probabilities = special.softmax(np.append(z, 0))
    assert np.linalg.det(jacobian) == pytest.approx(np.prod(probabilities), rel=1e-6)


def test_loss_is_the_density_of_equation_4(rng):
    """Written out, in n coordinates of the simplex; TFP's surface measure adds log(n + 1)/2, temperature n log(tau)."""
    n = NUM_CLASSES
    mean, factor = rng.normal(size=(2, n))
    scale = np.outer(factor, factor) + MIN_SCALE * np.eye(n)
    smoothed = 0.99 * np.eye(n + 1)[2] + 0.01 / (n + 1)
    y = TEMPERATURE * np.log(smoothed[:n] / smoothed[n])
    covariance = scale @ scale.T
    exponent = -0.5 * (y - mean) @ np.linalg.inv(covariance) @ (y - mean)
    density = np.exp(exponent) / np.prod(smoothed) / np.sqrt(np.linalg.det(2 * np.pi * covariance))
    value, _ = value_and_gradient(loss_of(), 2, [*mean, *factor])
    assert value == pytest.approx(-np.log(density) - n * np.log(TEMPERATURE) + 0.5 * np.log(n + 1), rel=1e-9)


def test_loss_differences_are_those_of_equation_5(rng):
    """The rest of Eq. 4 does not depend on the network."""

    def equation_5(outputs):
        mean, factor = np.split(outputs, 2)
        scale = np.outer(factor, factor) + MIN_SCALE * np.eye(NUM_CLASSES)
        residual = np.linalg.solve(scale, target(1) - mean)
        return 0.5 * (residual @ residual + np.linalg.slogdet(scale @ scale.T)[1])

    first, second = rng.normal(size=(2, 2 * NUM_CLASSES))
    difference = value_and_gradient(loss_of(), 1, first)[0] - value_and_gradient(loss_of(), 1, second)[0]
    assert difference == pytest.approx(equation_5(first) - equation_5(second), rel=1e-9)


@pytest.mark.parametrize("rank", [1, 3])
def test_gradient_is_the_residual_times_the_precision(rng, rank):
    """Eq. 6."""
    mean, factor = rng.normal(size=NUM_CLASSES), rng.normal(size=(NUM_CLASSES, rank))
    scale = factor @ factor.T + MIN_SCALE * np.eye(NUM_CLASSES)
    _, gradient = value_and_gradient(loss_of(rank=rank), 1, [*mean, *factor.ravel()])
    np.testing.assert_allclose(gradient[:NUM_CLASSES], -np.linalg.solve(scale @ scale, target(1) - mean), rtol=1e-9)


def test_gradient_with_respect_to_the_covariance_vanishes_on_the_outer_product(rng):
    """A.2, Eq. 17: dL/dSigma = (Sigma^-1 - Sigma^-1 r r' Sigma^-1) / 2, so Sigma = r r' is what is left, Eq. 7."""
    residual = rng.normal(size=3)
    root = rng.normal(size=(3, 3))
    covariance = root @ root.T + np.eye(3)

    def loss(entries):
        return -stats.multivariate_normal(np.zeros(3), entries.reshape(3, 3)).logpdf(residual)

    inverse = np.linalg.inv(covariance)
    expected = 0.5 * (inverse - inverse @ np.outer(residual, residual) @ inverse)
    # Each off-diagonal entry moves with its mirror image, as SciPy takes one triangle only.
    numeric = np.zeros((3, 3))
    for i, j in [(i, j) for i in range(3) for j in range(3)]:
        step = np.zeros((3, 3))
        step[i, j] += 0.5e-5
        step[j, i] += 0.5e-5
        numeric[i, j] = (loss(covariance + step) - loss(covariance - step)) / 2e-5
    np.testing.assert_allclose(numeric, expected, rtol=1e-5, atol=1e-8)
    # Multiplied from both sides, the gradient is (Sigma - r r') / 2.
    outer = np.outer(residual, residual)
    np.testing.assert_allclose(2 * covariance @ expected @ covariance, covariance - outer, atol=1e-9)


def optimal_factor(residual):
    """Eq. 7 under Eq. 9: the scale along r is |r|, if that is above min_scale; else the factor is 0."""
    length = np.linalg.norm(residual)
    return np.sqrt(max(length - MIN_SCALE, 0)) * residual / length


@pytest.mark.parametrize("length", [0.3, 0.6, 5.0])
@pytest.mark.daily("0.6")
def test_the_best_factor_lies_along_the_residual(rng, length):
    """No factor that SciPy's optimiser finds from random starts is better than the one of Eq. 7."""
    direction = rng.normal(size=NUM_CLASSES)
    residual = length * direction / np.linalg.norm(direction)
    mean = target(1) - residual

    def loss(factor):
        value, gradient = value_and_gradient(loss_of(), 1, [*mean, *factor])
        return value, gradient[NUM_CLASSES:]

    best, gradient = loss(optimal_factor(residual))
    np.testing.assert_allclose(gradient, 0, atol=1e-9)
    found = [optimize.minimize(loss, rng.normal(size=NUM_CLASSES), jac=True, tol=1e-12) for _ in range(5)]
    assert min(one.fun for one in found) == pytest.approx(best, abs=1e-8)
    learned = min(found, key=lambda one: one.fun).x
    np.testing.assert_allclose(np.outer(learned, learned), np.outer(*2 * [optimal_factor(residual)]), atol=1e-3)


@pytest.mark.parametrize("length", [0.1, 0.4, 0.6, 2.0, 20.0])
def test_gradient_with_the_best_covariance_is_attenuated(rng, length):
    """Eq. 8 and A.3: -r / |r|^2 beyond min_scale; below it, a squared error over min_scale^2."""
    direction = rng.normal(size=NUM_CLASSES)
    residual = length * direction / np.linalg.norm(direction)
    outputs = [*(target(1) - residual), *optimal_factor(residual)]
    _, gradient = value_and_gradient(loss_of(), 1, outputs)
    expected = -residual / max(length, MIN_SCALE) ** 2
    np.testing.assert_allclose(gradient[:NUM_CLASSES], expected, rtol=1e-9)


def binary(mean, c, covariance="isotropic"):
    """Value, and gradient with respect to mean and c, for two classes and one logit: label 0 has the logit PEAK_2."""
    loss = losses.LogisticNormal(2, 1.0, MIN_SCALE, covariance=covariance, dummy_class=False, dtype="float64")
    return value_and_gradient(loss, 0, [mean, c])


PEAK_2 = np.log((0.99 * 2 + 0.01) / 0.01)


@pytest.mark.parametrize("covariance", ["isotropic", "diagonal", "low_rank"])
def test_one_logit_has_the_gradient_of_equation_23(rng, covariance):
    """dL/dc = (sigma^2 - r^2) (4 c^3 + 4 lambda c) / (2 sigma^4): the paper's Eq. 23 leaves out the 2 of Eq. 22."""
    mean, c = rng.normal(size=2)
    variance, residual = (c**2 + MIN_SCALE) ** 2, PEAK_2 - mean
    _, gradient = binary(mean, c, covariance)
    expected = (variance - residual**2) * (4 * c**3 + 4 * MIN_SCALE * c) / (2 * variance**2)
    assert gradient[1] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("residual", [0.1, 0.3, 0.49, 0.51, 0.7, 3.0])
def test_the_threshold_of_attenuation_is_a_residual_of_min_scale(residual):
    """A.4, Figure 2: with the best variance the label-dependent term r^2 / sigma^2 is 1 above, r^2 / lambda^2 below."""
    mean = PEAK_2 - residual
    found = optimize.minimize_scalar(
        lambda c: binary(mean, c)[0], bounds=(0, 5), method="bounded", options={"xatol": 1e-9}
    )
    variance = (found.x**2 + MIN_SCALE) ** 2
    expected = 1.0 if residual >= MIN_SCALE else residual**2 / MIN_SCALE**2
    assert residual**2 / variance == pytest.approx(expected, rel=1e-4)
    # Half of it, and half the logarithm of the variance, is all that varies in the loss (Eq. 21).
    rest = found.fun - 0.5 * (residual**2 / variance + np.log(variance))
    other_mean, other_c = 0.3, 0.8
    other_variance = (other_c**2 + MIN_SCALE) ** 2
    other = 0.5 * ((PEAK_2 - other_mean) ** 2 / other_variance + np.log(other_variance))
    assert binary(other_mean, other_c)[0] - other == pytest.approx(rest, rel=1e-9)


@pytest.mark.parametrize("dummy_class", [True, False])
def test_target_logits(dummy_class):
    """A.5, Eq. 24 to 26: C at the label and 0 elsewhere; without the dummy class the last label has -C everywhere."""
    loss = losses.LogisticNormal(3, covariance="identity", dummy_class=dummy_class, dtype="float64")
    size = 4 if dummy_class else 3
    peak = np.log((0.99 * size + 0.01) / 0.01)
    targets = [-value_and_gradient(loss, label, np.zeros(size - 1))[1] for label in range(3)]
    expected = peak * (np.eye(3) if dummy_class else np.array([[1, 0], [0, 1], [-1, -1]]))
    np.testing.assert_allclose(targets, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("temperature", [0.1, 1.0, 10.0])
def test_temperature_scales_the_residual_of_a_confident_mistake(temperature):
    """Eq. 12: the mean at another class's target has a squared residual of temperature^2 times that at 1."""
    loss = losses.LogisticNormal(NUM_CLASSES, temperature, covariance="identity", dtype="float64")
    mistake = temperature * PEAK * np.eye(NUM_CLASSES)[3]
    _, gradient = value_and_gradient(loss, 1, mistake)
    assert np.sum(gradient**2) == pytest.approx(temperature**2 * 2 * PEAK**2, rel=1e-9)

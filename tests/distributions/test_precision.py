"""The Logistic-Normal distribution in float32 with large and (nearly) collinear columns, against NumPy in float64."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from tfp_noise.distributions import LogisticNormal

SIZES = [(1e-3, 30), (1e-3, 100), (1e-2, 300), (1e-2, 1000), (1e-2, 3000), (0.1, 300), (0.1, 3000), (0.5, 3000)]
N = 5
TARGET = np.full(N + 1, 0.01 / (N + 1)) + 0.99 * (np.arange(N + 1) == 2)


def parameters(angle, scale_diag, size, rank=2, n=N, vector=False):
    """Columns that differ by `angle` in relation to their length, all float32."""
    rng = np.random.default_rng(3)
    first = size * rng.normal(size=(n, 1))
    factor = first * (1 + angle * rng.normal(size=(n, rank)) * (np.arange(rank) > 0))
    scale_diag = scale_diag * (1 + vector * rng.uniform(size=n)) if vector else scale_diag
    return tuple(np.float32(value) for value in (rng.normal(size=n), scale_diag, factor))


def scale_parts(scale_diag, factor):
    """`D^(1/2) W`, `values` with `S = D^(1/2) W diag(values) W' D^(1/2)`, by singular values, which keep all digits."""
    root = np.sqrt(np.broadcast_to(np.float64(scale_diag), len(factor)))
    left, singular, _ = np.linalg.svd(factor.astype("float64") / root[:, np.newaxis])
    values = np.ones(len(factor))
    values[: len(singular)] += singular[: len(factor)] ** 2
    return root, left, values


def negative_log_density(loc, scale_diag, factor, target):
    root, left, values = scale_parts(scale_diag, factor)
    n = len(loc)
    error = np.log(target[:n] / target[n]) - loc.astype("float64")
    solved = (left @ ((left.T @ (error / root)) / values)) / root
    constant = n / 2 * np.log(2 * np.pi) + 0.5 * np.log(n + 1) + np.log(target).sum()
    return 0.5 * solved @ solved + 2 * np.log(root).sum() + np.log(values).sum() + constant


def value_and_gradients(dtype, values, target=TARGET):
    tensors = [tf.constant(value, dtype) for value in values]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        value = -LogisticNormal(*tensors).log_prob(tf.constant(target, dtype))
    return float(value), [gradient.numpy() for gradient in tape.gradient(value, tensors)]


@pytest.mark.parametrize("vector", [False, True], ids=["scalar", "vector"])
@pytest.mark.parametrize("angle", [0, 1e-4, 1])
@pytest.mark.parametrize(
    ("n", "rank", "sizes"),
    [(1, 2, SIZES[4:5]), (N, 2, SIZES[::2]), (N, 7, SIZES[4:5])]
    + [pytest.param(n, rank, SIZES, marks=pytest.mark.torture) for n in (1, 5, 40) for rank in (2, 3, 7)],
)
@pytest.mark.daily(
    "1-2-sizes0-0-vector",
    "5-2-sizes1-0.0001-scalar",
    "5-2-sizes1-1-vector",
    "5-7-sizes2-0-scalar",
    "5-7-sizes2-0.0001-vector",
)
def test_large_collinear_columns_keep_their_digits(n, rank, sizes, angle, vector):
    """The tolerance is the effect of rounding columns to float32: 1e-3 of value and gradient at an angle of 1e-4."""
    target = np.full(n + 1, 0.01 / (n + 1)) + 0.99 * (np.arange(n + 1) == n // 2)
    for size in sizes:
        values = parameters(angle, *size, rank, n, vector)
        value, gradients = value_and_gradients(tf.float32, values, target)
        wide, expected = value_and_gradients(tf.float64, values, target)
        np.testing.assert_allclose(wide, negative_log_density(*values, target), rtol=1e-9, err_msg=str(size))
        np.testing.assert_allclose(value, wide, rtol=1e-2 if angle == 1e-4 else 5e-5, err_msg=str(size))
        for ours, theirs in zip(gradients, expected, strict=True):
            tolerance = 0.2 if rank >= n and angle == 0 else 2e-2
            np.testing.assert_allclose(ours, theirs, atol=tolerance * np.abs(theirs).max(), err_msg=str(size))


def distributions(dtype, *arguments):
    return LogisticNormal(*(tf.constant(value, dtype) for value in parameters(*arguments)))


@pytest.mark.parametrize(("rank", "angle"), list(itertools.product([2, 7], [0, 1e-4])))
@pytest.mark.daily("2-0.0001")
def test_moments_entropy_and_divergence_in_float32(rank, angle):
    for size in SIZES[::3]:
        narrow, wide = (distributions(dtype, angle, *size, rank) for dtype in (tf.float32, tf.float64))
        root, left, values = scale_parts(*parameters(angle, *size, rank)[1:])
        scale = root[:, np.newaxis] * left * values @ left.T * root
        covariance = narrow.logits_distribution().covariance()
        np.testing.assert_allclose(covariance, scale @ scale, rtol=1e-4, atol=1e-5 * np.abs(scale @ scale).max())
        logits = narrow.logits_distribution().sample(4000, seed=[0, 1])
        np.testing.assert_allclose(
            np.cov(logits.numpy().T) / (scale @ scale).max(), scale @ scale / (scale @ scale).max(), atol=0.1
        )
        np.testing.assert_allclose(narrow.distribution.entropy(), wide.distribution.entropy(), rtol=1e-3)
        other = LogisticNormal(narrow.loc, 2 * narrow.scale_diag, 0.5 * narrow.scale_perturb_factor)
        wide_other = LogisticNormal(wide.loc, 2 * wide.scale_diag, 0.5 * wide.scale_perturb_factor)
        np.testing.assert_allclose(narrow.kl_divergence(other), wide.kl_divergence(wide_other), rtol=1e-4)
        neighbour = LogisticNormal(narrow.loc, 1.0000001 * narrow.scale_diag, narrow.scale_perturb_factor)
        assert abs(narrow.kl_divergence(neighbour)) < 1e-6


def test_divergence_equals_numpys():
    p, q = (parameters(angle, 0.1, 30, rank) for angle, rank in ((1, 2), (0, 3)))
    means, covariances = [], []
    for loc, scale_diag, factor in (p, q):
        root, left, values = scale_parts(scale_diag, factor)
        scale = root[:, np.newaxis] * left * values @ left.T * root
        means.append(loc.astype("float64"))
        covariances.append(scale @ scale)
    solved = np.linalg.solve(covariances[1], covariances[0])
    gap = means[1] - means[0]
    expected = np.trace(solved) + gap @ np.linalg.solve(covariances[1], gap) - N
    expected = 0.5 * (expected + np.linalg.slogdet(covariances[1])[1] - np.linalg.slogdet(covariances[0])[1])
    divergence = LogisticNormal(*p).kl_divergence(LogisticNormal(*q))
    assert divergence.dtype == tf.float32
    np.testing.assert_allclose(divergence, expected, rtol=1e-4)


@pytest.mark.parametrize("rank", [2, pytest.param(7, marks=pytest.mark.torture)])
@pytest.mark.thorough
def test_the_same_under_xla_in_a_batch_and_of_variables(rank):
    values = [parameters(angle, 0.1, 30, rank) for angle in (0, 1e-3, 1)]
    batch = [np.stack(parts) for parts in zip(*values, strict=True)]
    batch[1] = np.broadcast_to(batch[1][:, np.newaxis], [3, N]).copy()

    @tf.function(autograph=False, jit_compile=True)
    def compiled(*values):
        with tf.GradientTape() as tape:
            tape.watch(values)
            value = -LogisticNormal(*values).log_prob(tf.constant(TARGET, tf.float32))
        return value, tape.gradient(value, values)

    value, gradients = compiled(*map(tf.constant, batch))
    variables = [tf.Variable(part) for part in batch]
    distribution = LogisticNormal(*variables)
    with tf.GradientTape() as tape:
        later = -distribution.log_prob(tf.constant(TARGET, tf.float32))
    expected = np.stack([-LogisticNormal(*one).log_prob(tf.constant(TARGET, tf.float32)) for one in values])
    np.testing.assert_allclose(value, expected, rtol=1e-4)
    np.testing.assert_allclose(later, expected, rtol=1e-4)
    for ours, theirs in zip(gradients, tape.gradient(later, variables), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-2 * np.abs(theirs).max())


def test_second_derivatives_go_through_columns_that_are_zero():
    """A factor of zeros has no gradient, but a curvature."""
    factor = tf.Variable(tf.zeros([N, 2]))
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            value = LogisticNormal(tf.zeros(N), 0.5, factor).log_prob(tf.fill([N + 1], 1 / (N + 1)))
        gradient = inner.gradient(value, factor)
    np.testing.assert_allclose(gradient, 0, atol=1e-6)
    curvature = outer.jacobian(gradient, factor)
    expected = -2 / 0.5 * np.einsum("ik,jl->ijkl", np.eye(N), np.eye(2))  # of -log|0.5 I + C C'|
    np.testing.assert_allclose(curvature, expected, atol=1e-4)


def test_factors_that_are_not_finite_give_nan():
    for rank in (2, 7):
        factor = np.ones((N, rank), "float32")
        factor[0, 0] = np.nan
        assert np.isnan(LogisticNormal(tf.zeros(N), 0.5, factor).log_prob(tf.fill([N + 1], 1 / (N + 1))))

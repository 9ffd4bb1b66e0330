"""Mean, covariance, entropy and divergence of the Logistic-Normal distribution, by rules without Sobol points."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from scipy import special, stats
from tensorflow_probability.python.internal import test_util

from tests.helpers.logistic_normal_cases import CASES, LOC, distribution_of, gauss_hermite, log_ratio_moments, scale_of
from tfp_noise.distributions import LogisticNormal, _quadrature

tfd = tfp.distributions


@pytest.fixture
def rng():
    return np.random.default_rng(0)


class TFPsHelpers(test_util.VectorDistributionTestHelpers, tf.test.TestCase):
    """TFP's own check of moments. Its check of densities needs balls of n + 1 dimensions, which a simplex lacks."""

    __test__ = False  # not a case of its own


@pytest.mark.parametrize("case", CASES)
def test_moments_are_those_of_samples_by_tfps_helper(case, monkeypatch):
    # It would read a flag of the command line.
    monkeypatch.setattr(test_util, "test_seed_stream", lambda hardcoded_seed: hardcoded_seed)
    TFPsHelpers().run_test_sample_consistent_mean_covariance(
        lambda tensors: tensors, distribution_of(case), seed=3, rtol=0, atol=4e-3
    )


@pytest.mark.parametrize("case", CASES)
def test_moments_on_the_simplex_equal_a_product_rules(case):
    weights, w = gauss_hermite(case)
    s = special.softmax(np.pad(w, [(0, 0), (0, 1)]), axis=1)
    mean = weights @ s
    covariance = (s - mean).T @ ((s - mean) * weights[:, np.newaxis])
    distribution = distribution_of(case)
    np.testing.assert_allclose(distribution.mean(num_points=2**14), mean, atol=3e-4)
    np.testing.assert_allclose(distribution.covariance(num_points=2**14), covariance, atol=3e-4)
    np.testing.assert_allclose(distribution.variance(num_points=2**14), np.diag(covariance), atol=3e-4)
    np.testing.assert_allclose(distribution.stddev(num_points=2**14), np.sqrt(np.diag(covariance)), rtol=5e-3)
    np.testing.assert_allclose(tf.reduce_sum(distribution.mean(), -1), 1, rtol=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_entropy_equals_a_product_rules(case):
    """-E[log p(S)] with SciPy's density, in nats, for the surface measure."""
    weights, w = gauss_hermite(case)
    mean, covariance = log_ratio_moments(case)
    log_s = special.log_softmax(np.pad(w, [(0, 0), (0, 1)]), axis=1)
    log_p = stats.multivariate_normal(mean, covariance).logpdf(w) - 0.5 * np.log(4) - log_s.sum(1)
    value, error = distribution_of(case).entropy_with_error(num_points=2**14)
    np.testing.assert_allclose(value, -(weights @ log_p), atol=3e-3)
    assert 0 < error < 3e-3
    np.testing.assert_allclose(distribution_of(case).entropy(num_points=2**14), value, rtol=1e-12)


def test_two_classes_have_the_logit_normals_mean_and_entropy():
    theirs = tfd.LogitNormal(np.float64(0.3), 1.7)
    distribution = LogisticNormal(tf.constant([0.3], tf.float64), 1.7)
    points = np.linspace(-16, 16, 4001)  # logits; the trapezoidal rule is exact to rounding for a Gaussian times these
    s, step = special.expit(points), points[1] - points[0]
    mass = theirs.prob(s).numpy() * s * (1 - s) * step
    np.testing.assert_allclose(distribution.mean(num_points=2**14), [mass @ s, mass @ (1 - s)], atol=1e-5)
    entropy = -mass @ theirs.log_prob(s).numpy() + 0.5 * np.log(2)
    np.testing.assert_allclose(distribution.entropy(num_points=2**14), entropy, atol=1e-3)


def test_standard_error_is_that_of_independent_sets(rng):
    values = rng.normal(size=(3, 64, 2))
    means = values.reshape(3, 8, 8, 2).mean(2)
    mean, error = _quadrature.mean_and_error(tf.constant(values), axis=-2)
    np.testing.assert_allclose(mean, values.mean(1), rtol=1e-12)
    np.testing.assert_allclose(error, stats.sem(means, axis=1), rtol=1e-12)


@pytest.mark.parametrize("statistic", ["mean_with_error", "entropy_with_error"])
def test_standard_errors_tell_the_errors(statistic, rng):
    """Student's t of 7 degrees of freedom puts 95 % of the errors within 2.36; the points are shared by the batch."""
    n = 12
    distribution = LogisticNormal(rng.normal(size=(40, n)), 0.5, 0.5 * rng.normal(size=(40, n, 1)))
    value, error = getattr(distribution, statistic)()
    reference = getattr(distribution, statistic)(num_points=2**14)[0]
    assert np.mean(np.abs(value - reference) < 2.36 * error) > 0.85
    actual = np.sqrt(np.mean((value - reference) ** 2))
    assert 0.5 * actual < np.sqrt(np.mean(error**2)) < 3 * actual


def test_quadrature_beats_independent_samples(rng):
    """The error of 1024 points is at most a fifth of the standard error of 1024 samples; measured: 0.10 to 0.13."""
    n = 30
    distribution = LogisticNormal(rng.normal(size=(8, n)), 0.5, rng.normal(size=(8, n, 1)))
    many = {"num_points": 2**14}
    error = np.sqrt(np.mean((distribution.mean() - distribution.mean(**many)) ** 2))
    assert error < 0.2 * np.sqrt(np.mean(distribution.variance(**many) / 1024))


def test_statistics_are_functions_of_the_parameters_with_gradients():
    """They are deterministic, with the gradients of finite differences (for a fixed factor, whose basis is held)."""
    factor = CASES["rank_1"]["scale_perturb_factor"]

    def mean(loc, scale_diag, temperature):
        return LogisticNormal(loc, scale_diag, factor, temperature).mean(num_points=256)

    arguments = [tf.constant(LOC), tf.constant([0.4, 1.1, 0.7], tf.float64), tf.constant(1.5, tf.float64)]
    np.testing.assert_array_equal(mean(*arguments), mean(*arguments))
    theoretical, numerical = tf.test.compute_gradient(mean, arguments, delta=1e-5)
    for ours, differences in zip(theoretical, numerical, strict=True):
        np.testing.assert_allclose(ours, differences, rtol=1e-6, atol=1e-9)


def test_gradient_with_respect_to_the_factor_is_the_expectations():
    """Against differences of a product rule's mean, as the points move with the factor."""
    factor = tf.constant(CASES["rank_1"]["scale_perturb_factor"])
    with tf.GradientTape() as tape:
        tape.watch(factor)
        first = LogisticNormal(LOC, 0.5, factor, temperature=2.0).mean(num_points=2**14)[0]
    gradient = tape.gradient(first, factor).numpy()
    nodes, weights = np.polynomial.hermite_e.hermegauss(30)
    points = np.stack(np.meshgrid(nodes, nodes, nodes, indexing="ij"), -1).reshape(-1, 3)
    weights = np.einsum("i,j,k->ijk", weights, weights, weights).ravel() / (2 * np.pi) ** 1.5

    def exact(c):
        w = (LOC + points @ (0.5 * np.eye(3) + c @ c.T)) / 2
        return weights @ special.softmax(np.pad(w, [(0, 0), (0, 1)]), axis=1)[:, 0]

    for k in range(3):
        step = 1e-5 * np.eye(3)[:, k : k + 1]
        difference = (exact(factor.numpy() + step) - exact(factor.numpy() - step)) / 2e-5
        assert gradient[k, 0] == pytest.approx(difference, abs=5e-4)


def test_gradient_is_finite_for_collinear_columns():
    factor = tf.Variable(CASES["rank_above_n"]["scale_perturb_factor"])
    with tf.GradientTape() as tape:
        value = LogisticNormal(LOC, 0.5, factor).mean(num_points=64)
    gradient = tape.gradient(value, factor, output_gradients=tf.one_hot(0, 4, dtype=tf.float64)).numpy()
    assert np.isfinite(gradient).all()
    np.testing.assert_allclose(gradient - gradient[:, :1], 0, atol=1e-12)  # equal columns count alike


def test_statistics_are_finite_at_extremes():
    distribution = LogisticNormal(tf.constant([[1e4, -1e4, 0.0], [0.0, 0.0, 0.0]]), 1e3, 30 * tf.ones([3, 1]))
    for value in [
        distribution.mean(),
        distribution.covariance(),
        distribution.entropy(),
        *distribution.mean_with_error(),
    ]:
        assert np.isfinite(value).all()


def test_logits_have_the_moments_of_the_arguments():
    distribution = LogisticNormal(tf.constant(LOC), **CASES["rank_1"])
    gaussian = distribution.logits_distribution()
    np.testing.assert_allclose(gaussian.mean(), LOC, rtol=1e-12)
    np.testing.assert_allclose(gaussian.covariance(), scale_of("rank_1") @ scale_of("rank_1"), rtol=1e-12)
    batch = LogisticNormal(LOC, 0.5, np.ones((5, 3, 1)))
    assert batch.logits_distribution().mean().shape == [5, 3]
    assert batch.mean().shape == [5, 4]


def test_mode_is_refused_because_there_can_be_several():
    distribution = LogisticNormal(tf.constant([0.0], tf.float64), 2.0)
    density = distribution.prob(np.stack([np.linspace(0.001, 0.999, 999), np.linspace(0.999, 0.001, 999)], -1)).numpy()
    assert np.sum((density[1:-1] > density[:-2]) & (density[1:-1] > density[2:])) == 2
    with pytest.raises(NotImplementedError, match=r"several local maxima.*SoftmaxCentered"):
        distribution.mode()


@pytest.mark.parametrize("q", CASES)
@pytest.mark.parametrize("p", CASES)
def test_kl_divergence_is_the_gaussians(p, q):
    mean_p, covariance_p = log_ratio_moments(p)
    mean_q, covariance_q = log_ratio_moments(q)
    difference = mean_q - mean_p
    expected = 0.5 * (
        np.trace(np.linalg.solve(covariance_q, covariance_p))
        + difference @ np.linalg.solve(covariance_q, difference)
        - 3
        + np.linalg.slogdet(covariance_q)[1]
        - np.linalg.slogdet(covariance_p)[1]
    )
    value = tfd.kl_divergence(distribution_of(p), distribution_of(q))
    np.testing.assert_allclose(value, expected, rtol=1e-9, atol=1e-12)


def test_kl_divergence_is_the_mean_log_ratio_of_densities():
    p, q = distribution_of("rank_1"), distribution_of("scalar")
    s = p.sample(50_000, seed=1)
    ratios = (p.log_prob(s) - q.log_prob(s)).numpy()
    assert abs(p.kl_divergence(q) - ratios.mean()) < 4 * ratios.std() / np.sqrt(len(ratios))


def test_kl_divergence_broadcasts_and_reaches_variables():
    p = LogisticNormal(
        tf.Variable(np.zeros((5, 3))), 0.5, tf.Variable(np.ones((3, 1))), tf.Variable(2.0, dtype="float64")
    )
    q = LogisticNormal(tf.zeros([2, 1, 3], tf.float64), [1.0, 2.0, 3.0])
    with tf.GradientTape() as tape:
        value = p.kl_divergence(q)
    assert value.shape == [2, 5]
    assert all(gradient is not None for gradient in tape.gradient(value, p.trainable_variables))


@pytest.mark.parametrize(
    ("num_points", "error", "message"),
    [
        (1000, ValueError, "`num_points` must be a power of two.* Received: 1000. Pass 1024"),
        (8, ValueError, "`num_points` must be at least 16. Received: 8"),
        (1024.0, TypeError, "`num_points` must be an integer"),
    ],
)
def test_bad_numbers_of_points(num_points, error, message):
    distribution = LogisticNormal(tf.zeros([2]))
    distribution.mean()
    with pytest.raises(error, match=message):
        distribution.mean(num_points=num_points)


def test_expectations_need_a_known_and_moderate_number_of_logits():
    with pytest.raises(ValueError, match=r"at most 21201 logits and columns.* Received: 21202.*sample"):
        LogisticNormal(tf.zeros([21_201]), 1.0, tf.ones([21_201, 1])).mean()

    @tf.function(autograph=False, input_signature=[tf.TensorSpec([None, None])])
    def mean(loc):
        return LogisticNormal(loc).mean()

    with pytest.raises(ValueError, match=r"static numbers of logits.* Received: None and 0\..*ensure_shape"):
        mean(tf.zeros([2, 3]))

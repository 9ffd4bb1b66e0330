"""The Logistic-Normal distribution against SciPy and TFP's own distributions, and with TFP's tools."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from scipy import special, stats

from tests.helpers.logistic_normal_cases import CASES, LOC, distribution_of
from tfp_noise.distributions import LogisticNormal

tfd = tfp.distributions


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def log_density(s, loc, scale, temperature=1.0):
    """The log density by SciPy, with respect to the surface of the simplex (TFP's measure)."""
    n = len(loc)
    z = temperature * np.log(s[..., :n] / s[..., n:])
    gaussian = stats.multivariate_normal(loc, scale @ scale.T).logpdf(z)
    return gaussian + n * np.log(temperature) - 0.5 * np.log(n + 1) - np.log(s).sum(-1)


@pytest.mark.parametrize("diag", ["scalar", "vector"])
@pytest.mark.parametrize("rank", [0, 1, 3])
def test_log_prob_equals_scipys(rng, diag, rank):
    n = 4
    loc, s = rng.normal(size=n), rng.dirichlet(np.ones(n + 1), 8)
    scale_diag = 0.7 if diag == "scalar" else rng.uniform(0.5, 2.0, n)
    factor = rng.normal(size=(n, rank)) if rank else None
    scale = np.diag(np.broadcast_to(scale_diag, n)) + (factor @ factor.T if rank else 0)
    distribution = LogisticNormal(tf.constant(loc), scale_diag, factor, temperature=0.5)
    assert distribution.dtype == tf.float64
    np.testing.assert_allclose(distribution.log_prob(s), log_density(s, loc, scale, 0.5), rtol=1e-9)


def test_two_classes_are_tfps_logit_normal(rng):
    s = rng.uniform(0.05, 0.95, 9)
    ours = LogisticNormal(tf.constant([0.3], tf.float64), 1.7).log_prob(np.stack([s, 1 - s], -1))
    theirs = tfd.LogitNormal(np.float64(0.3), 1.7).log_prob(s)
    np.testing.assert_allclose(ours, theirs - 0.5 * np.log(2), rtol=1e-9)  # surface: the segment is sqrt(2) long


def test_density_integrates_to_one():
    distribution = LogisticNormal(tf.constant([0.5, -0.3], tf.float64), 0.8, [[0.4], [-0.6]])
    nodes, weights = np.polynomial.legendre.leggauss(120)
    nodes, weights = (nodes + 1) / 2, weights / 2
    a, b = np.meshgrid(nodes, nodes, indexing="ij")
    points = np.stack([a, (1 - a) * b, (1 - a) * (1 - b)], -1).reshape(-1, 3)  # unit square -> triangle, Jacobian 1 - a
    density = np.exp(distribution.log_prob(points)).reshape(a.shape)
    area = np.sqrt(3)  # of the surface for each unit of (s_1, s_2)
    assert np.einsum("i,j,ij,ij->", weights, weights, 1 - a, density) * area == pytest.approx(1, abs=1e-6)
    one_dimensional = LogisticNormal(tf.constant([0.2], tf.float64), 0.9)
    total = weights @ one_dimensional.prob(np.stack([nodes, 1 - nodes], -1)).numpy() * np.sqrt(2)
    assert total == pytest.approx(1, abs=1e-6)


def test_samples_have_the_gaussians_moments(rng):
    loc, factor = np.array([1.0, -0.5, 0.2]), rng.normal(size=(3, 1))
    distribution = LogisticNormal(tf.constant(loc), 0.6, factor, temperature=2.0)
    s = distribution.sample(200_000, seed=1).numpy()
    np.testing.assert_allclose(s.sum(-1), 1, atol=1e-9)
    z = 2.0 * np.log(s[:, :3] / s[:, 3:])
    scale = 0.6 * np.eye(3) + factor @ factor.T
    np.testing.assert_allclose(z.mean(0), loc, atol=0.02 * np.abs(scale).max())
    np.testing.assert_allclose(np.cov(z.T), scale @ scale.T, atol=0.02 * np.abs(scale @ scale.T).max())


@pytest.mark.parametrize("scale_diag", [0.5, np.full(3, 0.5, "float32")], ids=["scalar", "vector"])
@pytest.mark.daily("vector")
def test_compiles_under_xla(scale_diag):
    @tf.function(autograph=False, jit_compile=True)
    def density_gradient_and_sample(loc, factor, s):
        distribution = LogisticNormal(loc, scale_diag, factor)
        with tf.GradientTape() as tape:
            tape.watch([loc, factor])
            value = LogisticNormal(loc, scale_diag, factor).log_prob(s)
        return value, tape.gradient(value, [loc, factor]), distribution.sample(2000, seed=[0, 1])

    value, gradients, samples = density_gradient_and_sample(tf.zeros([2, 3]), tf.ones([2, 3, 1]), tf.fill([2, 4], 0.25))
    scale = 0.5 * np.eye(3) + np.ones((3, 3))
    expected = log_density(np.full(4, 0.25), np.zeros(3), scale)
    np.testing.assert_allclose(value, [expected, expected], rtol=1e-5)
    assert np.isfinite(gradients[0]).all()
    assert np.isfinite(gradients[1]).all()
    z = np.log(samples[..., :3] / samples[..., 3:]).reshape(-1, 3)
    np.testing.assert_allclose(z.mean(0), 0, atol=4 * scale.max() * np.sqrt(3 / 4000))
    np.testing.assert_allclose(np.cov(z.T), scale @ scale.T, atol=0.1 * np.abs(scale @ scale.T).max())


def test_batches_and_parameters():
    distribution = LogisticNormal(tf.zeros([5, 3]), 0.5, tf.ones([5, 3, 2]), temperature=3.0)
    assert distribution.batch_shape == [5]
    assert distribution.event_shape == [4]
    assert distribution.sample(7, seed=0).shape == [7, 5, 4]
    assert float(distribution.temperature) == 3
    assert float(distribution.scale_diag) == 0.5
    assert distribution.scale_perturb_factor.shape == [5, 3, 2]
    copy = distribution.copy(temperature=1.0)
    assert float(copy.temperature) == 1
    np.testing.assert_array_equal(copy.loc, distribution.loc)
    assert LogisticNormal(np.zeros(3)).dtype == tf.float64
    assert LogisticNormal([0.0, 1.0]).dtype == tf.float32


@pytest.mark.parametrize("factor", [None, np.random.default_rng(1).normal(size=(5, 3, 2)).astype("float32")])
def test_slices_are_slices_of_the_batch(factor, rng):
    loc, s = rng.normal(size=(5, 3)).astype("float32"), rng.dirichlet(np.ones(4), 5).astype("float32")
    distribution = LogisticNormal(loc, 0.5, factor, temperature=3.0)
    whole = distribution.log_prob(s)
    np.testing.assert_allclose(distribution[1:3].log_prob(s[1:3]), whole[1:3], rtol=1e-5)
    np.testing.assert_allclose(distribution[2].log_prob(s[2]), whole[2], rtol=1e-5)
    assert distribution[tf.newaxis].batch_shape == [1, 5]


@pytest.mark.parametrize("scale_diag", [0.7, np.full(3, 0.7, "float32")], ids=["scalar", "vector"])
@pytest.mark.parametrize("factor", [None, np.ones((3, 1), "float32")], ids=["diagonal", "low_rank"])
def test_variables_are_trained_and_read_anew(scale_diag, factor):
    """Gradients reach every variable and equal those of tensors; an assignment changes the density."""
    values = [np.array([0.3, -0.2, 0.1], "float32"), scale_diag, factor, 1.5]
    present = [i for i, value in enumerate(values) if value is not None]
    variables = [None if value is None else tf.Variable(value, dtype=tf.float32) for value in values]
    tensors = [None if value is None else tf.constant(value, tf.float32) for value in values]
    distribution = LogisticNormal(*variables)
    assert {v.ref() for v in distribution.trainable_variables} == {variables[i].ref() for i in present}
    s = tf.constant([0.1, 0.2, 0.3, 0.4])
    with tf.GradientTape() as tape:
        value = distribution.log_prob(s)
    gradients = tape.gradient(value, [variables[i] for i in present])
    with tf.GradientTape() as tape:
        tape.watch([tensors[i] for i in present])
        expected = LogisticNormal(*tensors).log_prob(s)
    for ours, theirs in zip(gradients, tape.gradient(expected, [tensors[i] for i in present]), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(value, expected, rtol=1e-6)
    variables[0].assign([1.0, 1.0, 1.0])
    changed = LogisticNormal([1.0] * 3, *tensors[1:])
    np.testing.assert_allclose(distribution.log_prob(s), changed.log_prob(s), rtol=1e-5)
    np.testing.assert_allclose(distribution.mean(num_points=64), changed.mean(num_points=64), rtol=1e-5)
    assert LogisticNormal(tf.zeros([5, 3]), tf.ones([2, 1, 3])).batch_shape == [2, 5]


def test_tfps_own_tools_know_the_parameters():
    assert LogisticNormal(tf.zeros([5, 3]), 0.5, tf.ones([2, 1, 3, 1])).batch_shape_tensor().numpy().tolist() == [2, 5]
    shapes = LogisticNormal.param_shapes([7, 4])
    assert shapes["loc"].numpy().tolist() == [7, 3]
    built = tfp.experimental.util.make_trainable(LogisticNormal, batch_and_event_shape=[4], seed=0)
    assert built.event_shape == [4]
    assert len(built.trainable_variables) == 2  # loc and scale_diag


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"loc": 0.0}, "`loc` must have shape"),
        ({"loc": [0.0, 0.0], "scale_diag": 0.0}, "`scale_diag` must be positive and finite. Received: 0"),
        ({"loc": [0.0, 0.0], "temperature": -1.0}, "`temperature` must be positive and finite. Received: -1"),
        ({"loc": [0.0, 0.0], "temperature": [1.0, 2.0]}, "`temperature` must be a scalar"),
        ({"loc": [0.0, 0.0], "scale_diag": [1.0, 1.0, 1.0]}, "`scale_diag` must be a scalar or end in the 2 logits"),
        ({"loc": [0.0, 0.0], "scale_perturb_factor": [1.0, 1.0]}, r"`scale_perturb_factor` must have shape \[..., 2,"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        LogisticNormal(**arguments)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_samples_weighted_by_the_density_measure_a_ball_on_the_simplex(n):
    """E[1(|S - c| < r) / p(S)] is the volume of an n-ball: of the surface, not of n of its coordinates."""
    distribution = LogisticNormal(tf.zeros([n], tf.float64), 0.8, 0.3 * np.ones((n, 1)), temperature=1.2)
    s = distribution.sample(200_000, seed=2)
    radius = 0.2
    inside = np.linalg.norm(s - 1 / (n + 1), axis=-1) < radius
    weights = inside / distribution.prob(s).numpy()
    volume = np.pi ** (n / 2) * radius**n / special.gamma(n / 2 + 1)
    assert abs(weights.mean() - volume) < 4 * weights.std() / np.sqrt(len(weights))
    assert weights.std() / np.sqrt(len(weights)) < 0.02 * volume


def test_samples_follow_the_density():
    """Chi-squared test of counts in a grid over the triangle, expected counts by the integral of `prob` over cells."""
    distribution = LogisticNormal(tf.constant([0.4, -0.2], tf.float64), 0.7, [[0.5], [-0.4]], temperature=0.9)
    cells, nodes = 12, 6
    x, weight = np.polynomial.legendre.leggauss(nodes)
    x = (np.arange(cells)[:, np.newaxis] + (x + 1) / 2).ravel() / cells
    weight = np.tile(weight, cells) / 2 / cells
    a, b = np.meshgrid(x, x, indexing="ij")  # s = (a, (1 - a) b, (1 - a) (1 - b)), with Jacobian 1 - a
    density = distribution.prob(np.stack([a, (1 - a) * b, (1 - a) * (1 - b)], -1)).numpy() * (1 - a) * np.sqrt(3)
    masses = (density * weight[:, np.newaxis] * weight).reshape(cells, nodes, cells, nodes).sum((1, 3))
    s = distribution.sample(100_000, seed=3).numpy()
    edges = np.linspace(0, 1, cells + 1)
    counts, _, _ = np.histogram2d(s[:, 0], s[:, 1] / (s[:, 1] + s[:, 2]), bins=[edges, edges])
    assert masses.sum() == pytest.approx(1, abs=1e-4)
    frequent = masses * len(s) > 20
    rest = [~frequent]
    observed = np.append(counts[frequent], counts[rest[0]].sum())
    expected = np.append(masses[frequent], masses[rest[0]].sum()) * len(s)
    assert stats.chisquare(observed, expected * observed.sum() / expected.sum()).pvalue > 1e-3


@pytest.mark.parametrize("case", CASES)
def test_bijector_is_consistent(case, rng):
    """Inverse, and the log-determinant as the square root of det J'J of differences, n + 1 rows for n columns."""
    bijector = distribution_of(case).bijector
    x = rng.normal(size=3)
    y = bijector.forward(x)
    np.testing.assert_allclose(bijector.inverse(tf.identity(y)), x, rtol=1e-9)
    forward = bijector.forward_log_det_jacobian(x, event_ndims=1)
    np.testing.assert_allclose(bijector.inverse_log_det_jacobian(tf.identity(y), event_ndims=1), -forward, rtol=1e-9)
    step = 1e-6
    columns = [bijector.forward(x + step * e) - bijector.forward(x - step * e) for e in np.eye(3)]
    jacobian = np.stack(columns, -1) / (2 * step)
    np.testing.assert_allclose(forward, 0.5 * np.linalg.slogdet(jacobian.T @ jacobian)[1], rtol=1e-6)
    space = distribution_of(case).experimental_default_event_space_bijector()
    np.testing.assert_allclose(tf.reduce_sum(space(x)), 1, rtol=1e-12)


def every_method(distribution):
    other = LogisticNormal(tf.ones([3]), tf.constant([1.0, 2.0, 3.0]), tf.ones([3, 2]), temperature=2.0)
    return {
        "prob": distribution.prob(tf.constant([0.1, 0.2, 0.3, 0.4])),
        "log_prob": distribution.log_prob(tf.fill([4], 0.25)),
        "mean": distribution.mean(num_points=64),
        "error": distribution.mean_with_error(num_points=64)[1],
        "covariance": distribution.covariance(num_points=64),
        "entropy": distribution.entropy(num_points=64),
        "kl": distribution.kl_divergence(other),
        "kl_of_other": other.kl_divergence(distribution),
        "logits": distribution.logits_distribution().covariance(),
    }


def with_batch(case):
    arguments = {k: tf.constant(v, tf.float32) for k, v in CASES[case].items()}
    return LogisticNormal(tf.constant([LOC, -LOC], tf.float32), **arguments)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.daily("scalar", "rank_2")
def test_is_a_composite_tensor(case):
    """The distribution is flattened, packed again, and passed in and out of a function."""
    distribution = with_batch(case)
    s = tf.constant([0.1, 0.2, 0.3, 0.4])
    expected = distribution.log_prob(s)
    parts = tf.nest.flatten(distribution, expand_composites=True)
    values = [distribution.loc, distribution.scale_diag, distribution.temperature, distribution.scale_perturb_factor]
    assert {part.ref() for part in parts} == {value.ref() for value in values if value is not None}
    packed = tf.nest.pack_sequence_as(distribution, parts, expand_composites=True)
    np.testing.assert_array_equal(packed.log_prob(s), expected)

    @tf.function(autograph=False)
    def density_and_copy(distribution):
        return distribution.log_prob(s), distribution.copy()

    density, copy = density_and_copy(distribution)
    assert isinstance(copy, LogisticNormal)
    np.testing.assert_allclose(density, expected, rtol=1e-6)
    np.testing.assert_allclose(copy.log_prob(s), expected, rtol=1e-6)
    assert tfp.experimental.as_composite(distribution).batch_shape == [2]


@pytest.mark.thorough
def test_every_method_compiles_under_xla():
    distribution = with_batch("rank_2")
    compiled = tf.function(every_method, jit_compile=True, autograph=False)(distribution)
    for name, expected in every_method(distribution).items():
        np.testing.assert_allclose(compiled[name], expected, rtol=2e-4, atol=2e-5, err_msg=name)


def test_vectorized_map_is_a_loop(rng):
    locs = rng.normal(size=(4, 3)).astype("float32")
    factor = tf.ones([3, 1])

    def statistics(loc):
        distribution = LogisticNormal(loc, 0.5, factor)
        sample = distribution.sample(seed=[0, 1])
        return distribution.log_prob(sample), distribution.mean(num_points=64), distribution.entropy(num_points=64)

    mapped = tf.vectorized_map(statistics, tf.constant(locs))
    for ours, looped in zip(mapped, zip(*map(statistics, locs), strict=True), strict=True):
        np.testing.assert_allclose(ours, np.stack(looped), rtol=1e-5)


@pytest.mark.thorough
def test_made_trainable_with_a_factor_and_fitted():
    """`make_trainable` beside a factor of our own: a few steps raise the likelihood, and every variable moves."""
    factor = tf.Variable([[0.5], [-0.5], [0.5]])
    built = tfp.experimental.util.make_trainable(
        LogisticNormal, scale_perturb_factor=factor, batch_and_event_shape=[4], seed=0
    )
    assert len(built.trainable_variables) == 3
    s = LogisticNormal(LOC.astype("float32"), 0.3, [[1.0], [0.0], [1.0]]).sample(200, seed=4)
    before = [variable.numpy() for variable in built.trainable_variables]
    initial = tf.reduce_mean(built.log_prob(s))
    tfp.math.minimize(lambda: -tf.reduce_mean(built.log_prob(s)), 20, tf.optimizers.Adam(0.05))
    assert tf.reduce_mean(built.log_prob(s)) > initial + 0.5
    for old, variable in zip(before, built.trainable_variables, strict=True):
        assert np.all(variable.numpy() != old)
    scale = tfp.util.TransformedVariable(0.5, tfp.bijectors.Softplus())
    assert len(LogisticNormal(tf.zeros([3]), scale, factor).trainable_variables) == 2


def test_scalars_are_shared_by_a_batch():
    """Scalars have none of the batch's axes: TFP's event dimensions do not apply to them."""
    distribution = LogisticNormal(tf.zeros([5, 3]), 0.5, tf.ones([5, 3, 1]), temperature=3.0)
    wide = distribution._broadcast_parameters_with_batch_shape([2, 5])
    assert wide.batch_shape == [2, 5]
    assert wide.temperature.shape == []
    part = distribution[1:, tf.newaxis].copy(temperature=1.0)
    assert part.batch_shape == [4, 1]
    assert part.scale_diag.shape == []
    variable = LogisticNormal(tf.Variable(tf.zeros([5, 3])), tf.Variable(0.5))
    assert variable[2].trainable_variables[0] is variable.trainable_variables[0]


def test_joint_distributions_take_it():
    joint = tfd.JointDistributionSequential([LogisticNormal(tf.zeros([3]), 0.5), lambda s: tfd.Categorical(probs=s)])
    s, label = joint.sample(seed=[0, 1])
    expected = LogisticNormal(tf.zeros([3]), 0.5).log_prob(s) + tf.math.log(s[label])
    np.testing.assert_allclose(joint.log_prob([s, label]), expected, rtol=1e-5)


def test_validation_accepts_rounding_and_refuses_what_is_outside():
    distribution = LogisticNormal(tf.zeros([2000]), validate_args=True)
    assert distribution.log_prob(LogisticNormal(tf.zeros([2000])).sample(20, seed=0)).shape == [20]
    rounded = np.full(2001, 1 / 2001, "float32") * np.float32(1 + 500 * np.finfo("float32").eps)
    assert np.isfinite(distribution.log_prob(rounded))
    distribution = LogisticNormal(tf.zeros([2]), validate_args=True)
    with pytest.raises(tf.errors.InvalidArgumentError, match="Probabilities must sum to 1"):
        distribution.log_prob([0.3, 0.3, 0.3])
    with pytest.raises(tf.errors.InvalidArgumentError, match="Probabilities must not be negative"):
        distribution.log_prob([1.1, -0.1, 0.0])


@pytest.mark.parametrize("name", ["scale_diag", "temperature"])
def test_validation_sees_parameters_change(name):
    variable = tf.Variable(1.0)
    distribution = LogisticNormal(tf.zeros([2]), **{name: variable}, validate_args=True)
    assert np.isfinite(distribution.mean()).all()
    variable.assign(-1.0)
    with pytest.raises(tf.errors.InvalidArgumentError, match=f"`{name}` must be positive"):
        distribution.mean()

"""The Logistic-Normal distribution and loss: against SciPy, against each other, and by the paper's equations."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from scipy import integrate, stats

from tests.losses_under_test import LOSSES_UNDER_TEST, examples
from tfp_noise import losses
from tfp_noise.distributions import LogisticNormal

tfd = tfp.distributions


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def log_density(s, loc, scale, temperature=1.0):
    """By SciPy, with respect to the surface of the simplex (TFP's measure)."""
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
    total = integrate.quad(lambda p: np.exp(one_dimensional.log_prob([p, 1 - p]).numpy()), 0, 1)[0] * np.sqrt(2)
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
def test_compiles_under_xla(scale_diag):
    @tf.function(jit_compile=True)
    def density_and_gradient(loc, factor, s):
        with tf.GradientTape() as tape:
            tape.watch([loc, factor])
            value = LogisticNormal(loc, scale_diag, factor).log_prob(s)
        return value, tape.gradient(value, [loc, factor])

    value, gradients = density_and_gradient(tf.zeros([2, 3]), tf.ones([2, 3, 1]), tf.fill([2, 4], 0.25))
    expected = log_density(np.full(4, 0.25), np.zeros(3), 0.5 * np.eye(3) + np.ones((3, 3)))
    np.testing.assert_allclose(value, [expected, expected], rtol=1e-5)
    assert np.isfinite(gradients[0]).all()
    assert np.isfinite(gradients[1]).all()


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
    np.testing.assert_allclose(distribution.log_prob(s), LogisticNormal([1.0] * 3, *tensors[1:]).log_prob(s), rtol=1e-5)
    assert LogisticNormal(tf.zeros([5, 3]), tf.ones([2, 1, 3])).batch_shape == [2, 5]


def test_tfps_own_tools_know_the_parameters():
    shapes = LogisticNormal.param_shapes([7, 4])
    assert shapes["loc"].numpy().tolist() == [7, 3]
    built = tfp.experimental.util.make_trainable(LogisticNormal, batch_and_event_shape=[4], seed=0)
    assert built.event_shape == [4]
    assert len(built.trainable_variables) == 2  # loc and scale_diag


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"loc": 0.0}, "`loc` must have shape"),
        ({"loc": [0.0, 0.0], "scale_diag": 0.0}, "`scale_diag` must be positive. Received: -?0"),
        ({"loc": [0.0, 0.0], "temperature": -1.0}, "`temperature` must be positive. Received: -1"),
        ({"loc": [0.0, 0.0], "temperature": [1.0, 2.0]}, "`temperature` must be a scalar"),
        ({"loc": [0.0, 0.0], "scale_diag": [1.0, 1.0, 1.0]}, "`scale_diag` must be a scalar or end in the 2 logits"),
        ({"loc": [0.0, 0.0], "scale_perturb_factor": [1.0, 1.0]}, r"`scale_perturb_factor` must have shape \[..., 2,"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        LogisticNormal(**arguments)


@pytest.mark.parametrize("num_classes", [2, 10, 100, 1000])
@pytest.mark.parametrize("rank", [1, 2])
def test_loss_is_the_distributions_log_prob_in_float32(rng, num_classes, rank):
    """Constant included, within 1e-5 relative to the terms that are added."""
    loss = losses.LogisticNormal(num_classes, temperature=0.7, min_scale=0.4, rank=rank)
    labels, _, outputs = examples(loss, batch=32)
    outputs = outputs.astype("float32")
    target = np.full((32, num_classes + 1), 0.01 / (num_classes + 1))
    target[np.arange(32), labels] += 0.99
    loc, factor = outputs[:, :num_classes], outputs[:, num_classes:].reshape(32, num_classes, rank)
    log_prob = LogisticNormal(loc, 0.4, factor, temperature=0.7).log_prob(target.astype("float32"))
    constant = np.abs(np.log(target).sum(-1)).max()
    np.testing.assert_allclose(loss.call(labels, outputs), -log_prob, rtol=1e-5, atol=1e-6 * constant)


@pytest.mark.parametrize(("num_classes", "t", "expected"), [(10, 0.01, 6.994), (100, 0.01, 9.210), (14, 0.1, 4.913)])
def test_target_logits_have_the_published_values(num_classes, t, expected):
    """C = log(((1 - t)(K + 1) + t) / t) at the label and 0 elsewhere: the loss is least where loc is that."""
    loss = losses.LogisticNormal(num_classes, target_smoothing=t, covariance="identity", dtype="float64")
    outputs = tf.Variable(np.zeros((1, num_classes)))
    with tf.GradientTape() as tape:
        value = loss.call(np.array([3]), outputs)
    residual = -tape.gradient(value, outputs).numpy()[0]
    assert residual[3] == pytest.approx(expected, abs=1e-3)
    np.testing.assert_allclose(np.delete(residual, 3), 0, atol=1e-12)


def test_gradient_is_the_attenuated_residual():
    """Eq. 6: dL/dloc = -Sigma^-1 (y - loc)."""
    loss = losses.LogisticNormal(4, dtype="float64")
    labels, _, outputs = examples(loss, batch=5)
    outputs = tf.Variable(outputs)
    with tf.GradientTape() as tape:
        value = loss.call(labels, outputs)
    gradient = tape.gradient(value, outputs).numpy()[:, :4]
    peak = np.log((0.99 * 5 + 0.01) / 0.01)
    for row, label, output in zip(gradient, labels, outputs.numpy(), strict=True):
        scale = np.outer(output[4:], output[4:]) + 0.5 * np.eye(4)
        residual = peak * np.eye(4)[label] - output[:4]
        np.testing.assert_allclose(row, -np.linalg.solve(scale @ scale.T, residual), rtol=1e-9)


def test_all_real_classes_are_treated_alike_with_a_dummy_class(rng):
    order = rng.permutation(6)
    loss = losses.LogisticNormal(6)
    labels, _, outputs = examples(loss)
    renamed = np.argsort(order)[labels]
    permuted = np.concatenate([outputs[:, :6][:, order], outputs[:, 6:][:, order]], axis=1)
    np.testing.assert_allclose(loss.call(renamed, permuted), loss.call(labels, outputs), rtol=1e-5)


@pytest.mark.parametrize("dummy_class", [True, False])
def test_prediction_is_the_map_of_the_mean(dummy_class, rng):
    """Softmax-centred map of loc / temperature; the dummy class left out and the rest renormalised."""
    loss = losses.LogisticNormal(4, temperature=0.5, dummy_class=dummy_class, dtype="float64")
    outputs = rng.normal(size=(3, loss.num_outputs))
    n = 4 if dummy_class else 3
    mapped = np.exp(np.pad(outputs[:, :n] / 0.5, [(0, 0), (0, 1)]))[:, :4]
    np.testing.assert_allclose(loss.probabilities(outputs), mapped / mapped.sum(1, keepdims=True), rtol=1e-12)


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("size", [1.0, 1e2, 1e4])
def test_collinear_factors_of_any_size(size, jit_compile):
    """Equal columns: the Gram matrix has condition size^2 / min_scale, which float32 cannot hold at 1e4."""
    outputs = np.concatenate([[1.0, -2.0, 0.5], np.full(6, size)])[np.newaxis]
    labels = np.array([1])

    @tf.function(jit_compile=jit_compile)
    def value_and_gradient(outputs):
        with tf.GradientTape() as tape:
            tape.watch(outputs)
            value = losses.LogisticNormal(3, rank=2).call(labels, outputs)
        return value, tape.gradient(value, outputs)

    value, gradient = value_and_gradient(tf.constant(outputs, tf.float32))
    # Two equal columns are one, v, sqrt(2) times as long: S = v v' + min_scale I has the eigenvectors v and across it.
    length, peak, t = 2 * 3 * size**2, np.log((0.99 * 4 + 0.01) / 0.01), 0.01 / 4
    residual = peak * np.eye(3)[1] - outputs[0, :3]
    along, across = residual.sum() ** 2 / 3, np.sum((residual - residual.mean()) ** 2)
    quadratic = along / (0.5 + length) ** 2 + across / 0.5**2
    log_determinant = 2 * np.log(0.5) + np.log(0.5 + length)
    constant = 1.5 * np.log(2 * np.pi) + 0.5 * np.log(4) + np.log(0.99 + t) + 3 * np.log(t)
    expected = [0.5 * quadratic + log_determinant + constant]
    np.testing.assert_allclose(value, expected, rtol=2e-3)
    assert np.isfinite(gradient).all()


def test_widths():
    widths = {name: case.build(10).num_outputs for name, case in LOSSES_UNDER_TEST.items() if "logistic" in name}
    assert widths["logistic_normal"] == 20
    assert widths["logistic_normal_rank3"] == 40
    assert widths["logistic_normal_no_dummy"] == 18
    assert widths["logistic_normal_identity"] == 10
    assert widths["logistic_normal_isotropic"] == 11
    assert widths["logistic_normal_diagonal"] == 20

"""The Logistic-Normal loss against the distribution and the paper's equations."""

import numpy as np
import pytest
import tensorflow as tf

from tests.helpers.losses_under_test import LOSSES_UNDER_TEST, examples
from tfp_noise import losses
from tfp_noise.distributions import LogisticNormal


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("num_classes", [2, 10, 100, 1000])
@pytest.mark.parametrize("rank", [1, 2])
def test_loss_is_the_distributions_log_prob_in_float32(rng, num_classes, rank):
    """They agree with the constant, within 1e-5 of the terms that are added."""
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
    """The loss is minimal at loc = C = log(((1 - t)(K + 1) + t) / t) for the label and 0 elsewhere."""
    loss = losses.LogisticNormal(num_classes, target_smoothing=t, covariance="identity", dtype="float64")
    outputs = tf.Variable(np.zeros((1, num_classes)))
    with tf.GradientTape() as tape:
        value = loss.call(np.array([3]), outputs)
    residual = -tape.gradient(value, outputs).numpy()[0]
    assert residual[3] == pytest.approx(expected, abs=1e-3)
    np.testing.assert_allclose(np.delete(residual, 3), 0, atol=1e-12)


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
@pytest.mark.daily("10000.0-True", "1.0-False")
def test_collinear_factors_of_any_size(size, jit_compile):
    """Equal columns: the Gram matrix has condition size^2 / min_scale, which float32 cannot hold at 1e4."""
    outputs = np.concatenate([[1.0, -2.0, 0.5], np.full(6, size)])[np.newaxis]
    labels = np.array([1])

    @tf.function(autograph=False, jit_compile=jit_compile)
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
    np.testing.assert_allclose(value, expected, rtol=1e-6)
    error, column = -residual, np.full(3, size)
    one, two = (error.mean() / (0.5 + length) ** power + (error - error.mean()) / 0.5**power for power in (1, 2))
    of_column = 2 * column / (0.5 + length) - one * (column @ two) - two * (column @ one)
    np.testing.assert_allclose(gradient[0, :3], two, rtol=1e-5)
    np.testing.assert_allclose(gradient[0, 3:].numpy().reshape(3, 2).T, [of_column] * 2, rtol=1e-5)


def test_widths():
    widths = {name: case.build(10).num_outputs for name, case in LOSSES_UNDER_TEST.items() if "logistic" in name}
    assert widths["logistic_normal"] == 20
    assert widths["logistic_normal_rank3"] == 40
    assert widths["logistic_normal_no_dummy"] == 18
    assert widths["logistic_normal_identity"] == 10
    assert widths["logistic_normal_isotropic"] == 11
    assert widths["logistic_normal_diagonal"] == 20

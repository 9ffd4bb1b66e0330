"""Quasi-random points that a batch shares in the heteroscedastic loss: quadrature, NumPy, laws of the points."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import special, stats

from tests.helpers.loss_oracles import SameSeed, heteroscedastic_logits, heteroscedastic_points
from tests.helpers.losses_under_test import examples
from tfp_noise import losses
from tfp_noise._sobol import sobol_bits
from tfp_noise.losses import _normal_logits

# Two classes, rank 2: the difference of the logits is normal, so the probability is an integral over one variable.
PAIR = np.array([0.4, -0.3, 0.2, 1.1, 0.9, -0.2, -0.6, 0.5])
TEMPERATURE = 0.7


def by_quadrature(outputs):
    """Mean and variance of the first class's probability, by Gauss-Hermite quadrature."""
    diagonal, factor = np.logaddexp(0, outputs[2:4]) + 1e-3, outputs[4:].reshape(2, 2)
    deviation = np.sqrt(np.sum(diagonal**2) + np.sum((factor[0] - factor[1]) ** 2))
    nodes, weights = np.polynomial.hermite_e.hermegauss(120)
    p = special.expit((outputs[0] - outputs[1] + deviation * nodes) / TEMPERATURE)
    mean = weights @ p / weights.sum()
    return mean, weights @ (p - mean) ** 2 / weights.sum()


def compiled(loss, labels, signature=None):
    @tf.function(autograph=False, input_signature=signature)
    def value_and_gradient(outputs):
        with tf.GradientTape() as tape:
            tape.watch(outputs)
            value = loss.call(labels, outputs)
        return value, tape.gradient(value, outputs)

    return value_and_gradient


def test_value_and_gradient_are_nearer_to_the_integrals_than_a_thousand_random_samples():
    loss = losses.Heteroscedastic(2, TEMPERATURE, 2, dtype="float64")
    compute = compiled(loss, tf.zeros([8], tf.int32))
    steps = 1e-5 * np.eye(8)
    mean, variance = by_quadrature(PAIR)
    slope = [(np.log(by_quadrature(PAIR - s)[0]) - np.log(by_quadrature(PAIR + s)[0])) / 2e-5 for s in steps]
    found = [compute(tf.constant(np.tile(PAIR, [8, 1]))) for _ in range(10)]
    values, gradients = (np.concatenate(parts) for parts in zip(*found, strict=True))
    assert np.sqrt(np.mean((np.exp(-values) - mean) ** 2)) < 0.5 * np.sqrt(variance / 1000)
    random = losses.Heteroscedastic(2, TEMPERATURE, 2, train_samples=1000, dtype="float64")
    others = compiled(random, tf.zeros([40], tf.int32))(tf.constant(np.tile(PAIR, [40, 1])))[1]
    error, of_random = (np.sqrt(np.mean((one - slope) ** 2)) for one in (gradients, others))
    assert error < 0.5 * of_random


def test_few_points_are_unbiased_over_the_shifts():
    loss = losses.Heteroscedastic(2, TEMPERATURE, 2, train_points=3, dtype="float64")
    compute = compiled(loss, tf.zeros([8], tf.int32))
    outputs = tf.constant(np.tile(PAIR, [8, 1]))
    means = np.array([np.exp(-compute(outputs)[0]).mean() for _ in range(200)])
    assert means.mean() == pytest.approx(by_quadrature(PAIR)[0], abs=4 * means.std() / np.sqrt(200))
    assert means.std() < 0.1  # so that a bias of 0.02 would be seen


@pytest.mark.parametrize("soft", [False, True], ids=["index", "soft"])
@pytest.mark.parametrize("known", [True, False], ids=["batch", "any_batch"])
@pytest.mark.daily("batch-soft", "any_batch-index")
def test_chunks_that_do_not_divide_the_points(monkeypatch, soft, known):
    """In chunks of 4, 4 and 2, the loss is the mean over 10 points."""
    monkeypatch.setattr(_normal_logits, "_TRAINING_NUMBERS", 6 * 3 * 4)
    loss = losses.Heteroscedastic(3, 0.8, 2, train_points=10, dtype="float64")
    loss.seed_generator = SameSeed()
    labels, distributions, outputs = examples(loss)
    targets = distributions if soft else np.eye(3)[labels]
    noise = heteroscedastic_points((6, 10, 3), 2)

    def oracle(outputs):
        p = special.softmax(heteroscedastic_logits(outputs, noise) / 0.8, axis=-1).mean(1)
        return -np.sum(targets * np.log(p), axis=1)

    signature = [tf.TensorSpec([6 if known else None, loss.num_outputs], tf.float64)]
    value, gradient = compiled(loss, distributions if soft else labels, signature)(tf.constant(outputs))
    np.testing.assert_allclose(value, oracle(outputs), rtol=1e-9)
    steps = 1e-5 * np.eye(loss.num_outputs)
    numeric = np.stack([(oracle(outputs + step) - oracle(outputs - step)) / 2e-5 for step in steps], axis=1)
    np.testing.assert_allclose(gradient, numeric, rtol=1e-4, atol=1e-8)


def test_shifted_points_are_as_even_as_before_and_new_with_every_seed():
    """Each coordinate of 64 points has one in each 64th part of the normal distribution."""
    points, parameters = sobol_bits(7, 64, 0), [np.zeros([2, 5], "float32")] * 2 + [np.zeros([2, 5, 2], "float32")]
    draws = []
    for seed in range(40):
        _, draw = _normal_logits.shared_noise(parameters, tf.constant([seed, 1]), points)
        draws.append(np.concatenate(draw(0, 64), axis=1)[0])
    cells = np.floor(stats.norm.cdf(draws) * 64).astype(int)
    np.testing.assert_array_equal(np.sort(cells, axis=-1), np.broadcast_to(np.arange(64), [40, 7, 64]))
    first = np.array(draws)[:, :, 0]  # one point, by itself
    assert stats.kstest(first.ravel(), "norm").pvalue > 0.01
    assert np.abs(np.corrcoef(first.T) - np.eye(7)).max() < 4 / np.sqrt(40)


def test_noise_differs_between_steps_examples_and_seeds_and_comes_again():
    def steps(seed):
        loss = losses.Heteroscedastic(20, rank=1, train_points=4, seed=seed, reduction=None)
        return np.array([loss(np.zeros(4, int), np.ones((4, loss.num_outputs))) for _ in range(2)])

    first = steps(0)
    assert len(np.unique(first)) == 8
    np.testing.assert_array_equal(steps(0), first)
    assert not np.intersect1d(steps(1), first).size


def test_points_are_the_default_and_random_samples_are_asked_for():
    default = losses.Heteroscedastic(3).get_config()
    assert default["train_samples"] is None
    assert default["train_points"] == 512
    assert losses.Heteroscedastic(100).train_points == losses.Heteroscedastic(3, 0.1).train_points == 1024
    asked = losses.Heteroscedastic(3, train_samples=9)
    assert asked.train_points is None
    before = {name: value for name, value in asked.get_config().items() if name != "train_points"}
    assert losses.Heteroscedastic.from_config(before).get_config() == asked.get_config()  # saved without the argument

"""Mixture of two beta distributions: densities, recovery of what the data were drawn from, and its limits."""

import numpy as np
import pytest
from scipy import stats

from tfp_noise.classifiers import _beta_mixture

SHAPES, WEIGHTS = np.array([[2.0, 8.0], [6.0, 3.0]]), np.array([0.7, 0.3])


def drawn(count=6_000):
    rng = np.random.default_rng(0)
    second = rng.random(count) < WEIGHTS[1]
    return rng.beta(*SHAPES[second.astype(int)].T), second


def test_posterior_is_bayes_rule():
    mixture = _beta_mixture.BetaMixture(SHAPES, WEIGHTS)
    values = np.linspace(0.01, 0.99, 50)
    joint = [weight * stats.beta(*shape).pdf(values) for shape, weight in zip(SHAPES, WEIGHTS, strict=True)]
    np.testing.assert_allclose(mixture.posterior(values), joint[1] / sum(joint), rtol=1e-10)
    assert mixture.log_likelihood(values) == pytest.approx(np.log(sum(joint)).sum(), rel=1e-10)


def test_fit_recovers_what_the_values_were_drawn_from():
    values, second = drawn()
    mixture = _beta_mixture.fit(values, num_steps=200)
    np.testing.assert_allclose(mixture.weights, WEIGHTS, atol=0.04)
    np.testing.assert_allclose(mixture.shapes, SHAPES, rtol=0.25)
    best = np.mean((_beta_mixture.BetaMixture(SHAPES, WEIGHTS).posterior(values) > 0.5) == second)
    assert np.mean((mixture.posterior(values) > 0.5) == second) == pytest.approx(best, abs=0.01)


def test_likelihood_does_not_fall():
    values, _ = drawn(500)
    steps = [_beta_mixture.fit(values, num_steps=steps).log_likelihood(values) for steps in range(12)]
    assert (np.diff(steps) >= -1e-9).all()
    assert steps[-1] > steps[0] + 1


def test_one_component_is_the_most_likely_beta_distribution():
    """SciPy finds the same shape by another method."""
    values = np.random.default_rng(1).beta(3.0, 5.0, 400)
    means = np.array([np.log(values).mean(), np.log1p(-values).mean()])
    a, b, _, _ = stats.beta.fit(values, floc=0, fscale=1)
    np.testing.assert_allclose(_beta_mixture._most_likely_shape(np.ones(2), means), [a, b], rtol=1e-3)


def test_counts_are_repetitions():
    values, _ = drawn(300)
    counts = np.random.default_rng(2).integers(0, 4, 300)
    ours, repeated = _beta_mixture.fit(values, counts), _beta_mixture.fit(np.repeat(values, counts))
    np.testing.assert_allclose(ours.shapes, repeated.shapes, rtol=1e-6)
    np.testing.assert_allclose(ours.weights, repeated.weights, rtol=1e-6)


@pytest.mark.parametrize("values", [np.zeros(5), np.ones(5), np.full(5, 0.5), np.array([0.0, 1.0])])
def test_values_that_tell_nothing_apart_leave_a_finite_mixture(values):
    mixture = _beta_mixture.fit(values)
    assert np.isfinite(mixture.shapes).all()
    assert np.isfinite(mixture.posterior(np.linspace(0, 1, 5))).all()
    assert mixture.weights.sum() == pytest.approx(1)

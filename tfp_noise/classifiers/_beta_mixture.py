"""Mixture of two beta distributions on [0, 1], fitted by expectation maximisation in float64."""

import dataclasses

import numpy as np
from scipy import special

_EDGE = 1e-4  # values nearer to 0 or 1 are moved here, because densities may be infinite there
_START = np.array([[1.0, 2.0], [2.0, 1.0]])  # a falling and a rising density
_LARGEST_SHAPE = 1e6


@dataclasses.dataclass(frozen=True)
class BetaMixture:
    """Two beta distributions, the one with the smaller mean first.

    Args:
        shapes: float64 `[2, 2]`, a row `(a, b)` for each component.
        weights: float64 `[2]`, their prior probabilities.
    """

    shapes: np.ndarray
    weights: np.ndarray

    def log_densities(self, values):
        """Float64 `[2, n]`: log of weight times density of each component."""
        values = _inside(values)
        a, b = self.shapes.T[:, :, np.newaxis]
        densities = (a - 1) * np.log(values) + (b - 1) * np.log1p(-values) - special.betaln(a, b)
        with np.errstate(divide="ignore"):  # a component may have died out
            return np.log(self.weights)[:, np.newaxis] + densities

    def posterior(self, values):
        """Float64 `[n]`: probability of the second component."""
        return special.softmax(self.log_densities(values), axis=0)[1]

    def log_likelihood(self, values, counts=1.0):
        """Sum over the values, each taken `counts` times."""
        return float(np.sum(counts * special.logsumexp(self.log_densities(values), axis=0)))


def fit(values, counts=None, num_steps=100):
    """The mixture after a number of steps of expectation maximisation, none of which lowers the likelihood.

    Args:
        values: float `[n]` in [0, 1].
        counts: float `[n]` >= 0, how many times each value was seen; once by default.
        num_steps: int.
    """
    values = _inside(values)
    counts = np.ones(len(values)) if counts is None else np.asarray(counts, np.float64)
    logarithms = np.log(values), np.log1p(-values)
    mixture = BetaMixture(_START, np.full(2, 0.5))
    for _ in range(num_steps):
        shares = counts * special.softmax(mixture.log_densities(values), axis=0)
        totals = shares.sum(axis=1)
        shapes = [
            _most_likely_shape(shape, [share @ logarithm / total for logarithm in logarithms]) if total > 0 else shape
            for shape, share, total in zip(mixture.shapes, shares, totals, strict=True)
        ]
        mixture = BetaMixture(np.array(shapes), totals / totals.sum())
    means = mixture.shapes[:, 0] / mixture.shapes.sum(axis=1)
    order = np.argsort(means, kind="stable")
    return BetaMixture(mixture.shapes[order], mixture.weights[order])


def _inside(values):
    return np.clip(np.asarray(values, np.float64), _EDGE, 1 - _EDGE)


def _most_likely_shape(shape, means, num_steps=20):
    """The shape `(a, b)` of the largest likelihood, by Newton's method from `shape` on.

    The mean log likelihood is `(a - 1) mean log x + (b - 1) mean log(1 - x) - log B(a, b)`, which is concave. A step
    that would lower it is halved.

    Args:
        shape: float64 `[2]`, where to start.
        means: the weighted means of `log x` and of `log(1 - x)`.
        num_steps: int.
    """

    def likelihood(shape):
        return (shape - 1) @ means - special.betaln(*shape)

    for _ in range(num_steps):
        total, own = special.polygamma(1, shape.sum()), special.polygamma(1, shape)
        gradient = means - special.digamma(shape) + special.digamma(shape.sum())
        step = np.linalg.solve(np.diag(own) - total, gradient)
        while True:
            there = shape + step
            if there.min() > 0 and there.max() < _LARGEST_SHAPE and likelihood(there) >= likelihood(shape):
                break
            step = step / 2
            if np.abs(step).max() < 1e-9 * shape.max():
                return shape
        shape = there
    return shape

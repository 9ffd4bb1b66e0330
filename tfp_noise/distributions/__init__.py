"""Distributions on the probability simplex, for TensorFlow Probability."""

from tfp_noise.distributions import _divergence  # noqa: F401  (registers it)
from tfp_noise.distributions.logistic_normal import LogisticNormal

__all__ = ["LogisticNormal"]

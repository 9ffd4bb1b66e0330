"""The Kullback-Leibler divergence of Logistic-Normal distributions, registered with TFP."""

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfp_noise.distributions._gaussian import log_ratio_gaussian
from tfp_noise.distributions.logistic_normal import LogisticNormal


@tfd.RegisterKL(LogisticNormal, LogisticNormal)
def _kl_divergence(p, q, name=None):
    """The divergence of the Gaussians of the log-ratios, because one bijector maps both to the simplex."""
    if not p.event_shape.is_compatible_with(q.event_shape):
        raise ValueError(
            f"`other` must have the {p.event_shape[0]} classes of this distribution. Received one of "
            f"{q.event_shape[0]}. Compare distributions over the same classes."
        )
    with tf.name_scope(name or "kl_logistic_normal"):
        # In float64, because the result may be a small difference of terms that are large for large factors.
        gaussians = [log_ratio_gaussian(d, d.temperature, tf.float64) for d in (p, q)]
        return tf.cast(tfd.kl_divergence(*gaussians), p.dtype)

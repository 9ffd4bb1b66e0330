"""Cross-entropy and entropy with 0 log 0 = 0: classes with the logit -inf do not count."""

import keras
from keras import ops

from tfp_noise.losses._gradients import with_gradient


def product(logarithm, weight):
    """`weight * logarithm`, and 0 where the weight is 0, even if the logarithm is infinite there.

    The kernel of TensorFlow takes as long as a multiplication, while `where` makes another array unless it is compiled.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.math.multiply_no_nan(logarithm, weight)
    weight = ops.convert_to_tensor(weight, logarithm.dtype)
    return ops.where(weight == 0, 0, logarithm) * weight  # in this order, gradients are free of NaN as well


def cross_entropy(weights, log_p):
    """`-sum_k w_k log p_k`, `[batch]`; not for weights that need a gradient."""
    return -ops.sum(product(log_p, weights), axis=-1)


@with_gradient
def entropy(log_p):
    """`-sum_k p_k log p_k`, `[batch]`; its gradient is by hand, because that of `p log p` is NaN at `log p = -inf`."""
    p = ops.exp(log_p)
    terms = product(log_p, p)
    return -ops.sum(terms, axis=-1), lambda upstream: -ops.expand_dims(upstream, -1) * (terms + p)

"""Cross-entropy, entropy and their parts with 0 log 0 = 0: classes with the logit -inf do not count."""

import keras
import numpy as np
from keras import ops

from tfp_noise import _labels
from tfp_noise.losses._gradients import with_gradient

LARGEST = 1e30  # stands for -log(0)


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


def cross_entropy_of_classes(labels, logits):
    """`-log p_y` of class indices y `[batch]`, with `p = softmax(logits)`, exact as `p_y -> 1`."""
    return ops.softplus(-log_odds(labels, logits))


def cross_entropies_of_classes(labels, logits):
    """`-log p_y` of class indices y, as `cross_entropy_of_classes`, and `-sum_k log p_k`, both `[batch]`.

    The second one is `K` times the first one plus `sum_k (z_y - z_k)` of the logits z, without another softmax.
    """
    is_label, size = ops.one_hot(labels, logits.shape[-1], dtype="bool"), logits.shape[-1]

    @with_gradient
    def sum_of_margins(logits):
        of_label = ops.maximum(_labels.label_entries(logits, labels), -LARGEST)

        def gradient(upstream):
            upstream = ops.expand_dims(upstream, -1)
            return ops.where(is_label, (size - 1) * upstream, -upstream)

        return ops.sum(ops.expand_dims(of_label, -1) - logits, axis=-1), gradient

    of_label = cross_entropy_of_classes(labels, logits)
    return of_label, sum_of_margins(logits) + size * of_label


@with_gradient
def entropy(log_p):
    """`-sum_k p_k log p_k`, `[batch]`; its gradient is by hand, because that of `p log p` is NaN at `log p = -inf`."""
    p = ops.exp(log_p)
    terms = product(log_p, p)
    return -ops.sum(terms, axis=-1), lambda upstream: -ops.expand_dims(upstream, -1) * (terms + p)


def smallest(dtype):
    """The smallest positive number with all its digits, whose inverse is finite."""
    return float(np.finfo(keras.backend.standardize_dtype(dtype)).tiny)


def log_complement(log_p):
    """`log(1 - p)` of each class, exact and differentiable as `p -> 1`."""
    p = ops.exp(log_p)
    likely = p > 0.5  # at most one class, whose complement is the sum of the others
    of_others = ops.sum(ops.where(likely, 0.0, p), axis=-1, keepdims=True)
    return ops.log(ops.maximum(ops.where(likely, of_others, 1 - p), smallest(p.dtype)))


def log_odds(labels, logits):
    """`log(p_y / (1 - p_y))` of class indices y `[batch]`, exact as `p_y -> 1`, and at most 1e30.

    It is the label's logit less the logsumexp of the others, and its gradient their softmax: two arrays `[batch, K]`.
    It is NaN if the label's logit is infinite.
    """
    is_label = ops.one_hot(labels, logits.shape[-1], dtype="bool")

    @with_gradient
    def difference(logits):
        others = ops.where(is_label, -float("inf"), logits)
        largest = ops.maximum(ops.max(others, axis=-1, keepdims=True), -LARGEST)
        others = ops.exp(others - largest)
        total = ops.maximum(ops.sum(others, axis=-1, keepdims=True), smallest(logits.dtype))

        def gradient(upstream):
            upstream = ops.expand_dims(upstream, -1)
            return ops.where(is_label, upstream, others * (-upstream / total))

        of_label = _labels.label_entries(logits, labels)
        # A network that has overflowed has no odds: softmax is NaN there, too, and ends the training.
        of_label = ops.where(of_label == float("inf"), float("nan"), of_label)
        # In this order, because the difference of two large logits is exact, and their sums with a logarithm are not.
        return of_label - largest[:, 0] - ops.log(total)[:, 0], gradient

    return difference(logits)


def class_losses(log_p, gamma):
    """Focal loss of each class, `-(1 - p_k)^gamma log p_k`, `[batch, K]`, with 1e30 in place of infinity."""
    losses = -ops.maximum(log_p, -LARGEST)
    return losses * ops.exp(gamma * log_complement(log_p)) if gamma else losses

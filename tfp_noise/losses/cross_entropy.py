"""Cross-entropy of the given labels: the baseline that every other loss is compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from keras import ops

from tfp_noise.losses import _entropies
from tfp_noise.losses._gradients import with_gradient
from tfp_noise.losses.base import NoisyLabelLoss, register

if TYPE_CHECKING:
    import tensorflow as tf


@register
class CrossEntropy(NoisyLabelLoss):
    """Cross-entropy of the given labels, the baseline of every comparison: noisy labels are taken as they are.

    `-sum_k y_k log p_k` with `p = softmax(y_pred)`. The gradient with respect to the logits is `p - y`.

    Args:
        num_classes: int, K >= 2.
        name: name of the loss.
        **kwargs: `reduction`, `dtype` and `ignore_class`, as in `NoisyLabelLoss`.

    Raises:
        ValueError: if `num_classes` is below 2, or `dtype` narrower than float32.

    Example:
        >>> import numpy as np
        >>> loss = CrossEntropy(2)
        >>> round(float(loss(np.array([0]), np.array([[0.0, 0.0]]))), 4)  # log 2
        0.6931

    References:
        Goodfellow, Bengio, Courville, "Deep learning", 2016, section 6.2.2.3.
    """

    paper = "Goodfellow, Bengio, Courville, 2016"

    def __init__(self, num_classes: int, *, name: str | None = "cross_entropy", **kwargs: Any):
        super().__init__(num_classes, name=name, **kwargs)

    def soft_label_loss(self, targets: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        return _entropies.cross_entropy(targets, ops.log_softmax(y_pred, axis=-1))

    def class_index_loss(self, labels: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        return _entropies.cross_entropy_of_classes(labels, y_pred)

    def binary_loss(self, present, logits):
        @with_gradient
        def loss(logits):
            size = ops.abs(logits)
            of_unlikely = ops.where(logits > 0, 1 - present, present)
            value = ops.log1p(ops.exp(-size)) + _entropies.product(size, of_unlikely)
            return value, lambda upstream: upstream * (ops.sigmoid(logits) - present)

        return loss(logits)


def cross_entropy_like(loss: NoisyLabelLoss) -> CrossEntropy:
    """Cross-entropy with the classes, reduction, dtype and ignored class of another loss."""
    shared = {"reduction": loss.reduction, "dtype": loss.dtype, "ignore_class": loss.ignore_class}
    return CrossEntropy(loss.num_classes, **shared)

"""Pairwise confusion: similar predictions for examples of different classes (Dubey et al. 2018)."""

from typing import Any

from keras import ops

from tfp_noise import _labels
from tfp_noise.losses._checks import check_no_ignore_class
from tfp_noise.losses._entropies import cross_entropy
from tfp_noise.losses.base import NoisyLabelLoss, register
from tfp_noise.losses.cross_entropy import cross_entropy_like


@register
class PairwiseConfusion(NoisyLabelLoss):
    """Cross-entropy plus the squared distance between the predictions of examples of different classes.

    Each example i of a batch of n has one partner, j = i + n // 2 modulo n, and with `p = softmax(y_pred)`

        loss_i = -sum_k y_ik log p_ik + weight / 2 * (1 - y_i . y_j) sum_k (p_ik - p_jk)^2

    For classes, `1 - y_i . y_j` is 1 where they differ and 0 elsewhere; for distributions it is the probability that
    labels drawn from them differ. In an even batch its two halves are paired, as in the paper, and the sum over the
    batch is the paper's loss summed over the pairs; in an odd batch the pairs form a ring. The loss of an example
    depends on its partner, and so on the order of the batch, which must be shuffled; `sample_weight` applies to the
    example's half of its pair. Each replica pairs its own examples. For outputs `[batch, ..., num_classes]` n is the
    number of positions in the batch, in order: in an even batch each pixel has the same pixel of another image as its
    partner.

    Validation reports plain cross-entropy, which does not depend on the batch.

    Args:
        num_classes: int, K >= 2.
        weight: float >= 0, the weight of the distance; the authors' code recommends 0.1 K to 0.2 K.
        name: name of the loss.
        **kwargs: `reduction`, `dtype` and `ignore_class`, as in `NoisyLabelLoss`.

    Raises:
        TypeError: if `weight` is not a number.
        ValueError: if `weight` is negative, `ignore_class` given, or `y_pred` under a mask of Keras, because examples
            are compared with one another.

    Example:
        >>> import numpy as np
        >>> loss = PairwiseConfusion(2, weight=1.0, reduction=None)
        >>> outputs = np.log([[0.75, 0.25], [0.25, 0.75]])
        >>> np.round(loss(np.array([0, 1]), outputs), 4)  # -log 0.75 + (0.5^2 + 0.5^2) / 2
        array([0.5377, 0.5377], dtype=float32)
        >>> np.round(loss(np.array([0, 0]), outputs), 4)
        array([0.2877, 1.3863], dtype=float32)

    References:
        Dubey, Gupta, Guo, Raskar, Farrell, Naik, "Pairwise confusion for fine-grained visual classification", 2018.
        The baseline in Zhang et al., "Delving deep into label smoothing", 2021, is another loss: its code takes the
        norm of logits, not squared, over the batch instead of the classes, also for pairs of one class, at weight 10.
    """

    paper = "Dubey et al., 2018"
    needs_whole_batch = "it compares the examples of a batch with one another"

    def __init__(self, num_classes: int, weight: float, *, name: str = "pairwise_confusion", **kwargs: Any):
        super().__init__(num_classes, name=name, **kwargs)
        self.weight = self._check_number("weight", weight, 0)
        check_no_ignore_class(self)

    def soft_label_loss(self, targets, y_pred):
        differ = 1 - ops.sum(targets * _partners(targets), axis=-1)
        return self._loss(targets, differ, y_pred)

    def class_index_loss(self, labels, y_pred):
        differ = ops.cast(labels != _partners(labels), self.dtype)
        return self._loss(_labels.to_distributions(labels, self.num_classes, self.dtype), differ, y_pred)

    def _loss(self, targets, differ, y_pred):
        log_p = ops.log_softmax(y_pred, axis=-1)
        p = ops.exp(log_p)
        distance = ops.sum(ops.square(p - _partners(p)), axis=-1)
        return cross_entropy(targets, log_p) + self.weight / 2 * differ * distance

    def loss_in_validation(self):
        return cross_entropy_like(self)

    def get_config(self):
        return {**super().get_config(), "weight": self.weight}


def _partners(values):
    """The values of each example's partner, for values `[n, ...]` of a batch."""
    return ops.roll(values, -(ops.shape(values)[0] // 2), axis=0)

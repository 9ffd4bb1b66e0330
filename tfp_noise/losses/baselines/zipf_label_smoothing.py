"""Zipf's label smoothing: a power law over the ranks of the other classes (Liang et al. 2022)."""

from typing import Any, ClassVar

from keras import ops

from tfp_noise.losses._entropies import cross_entropy, product
from tfp_noise.losses.base import NoisyLabelLoss, register
from tfp_noise.losses.cross_entropy import cross_entropy_like


@register
class ZipfLabelSmoothing(NoisyLabelLoss):
    """Cross-entropy plus the divergence of the prediction from Zipf's law over the ranks of the other classes.

    With `p = softmax(y_pred)`, the rank `r_k` of class k among all logits, 1 for the largest, and the label y,

        CE(y, p) + weight sum_{k != y} u_k log(u_k / q_k),    u_k ~ 1 / r_k,    q_k = p_k / (1 - p_y)

    where u sums to 1 over the classes other than y. So the prediction itself says which of the other classes are likely
    ones, and the law says how likely. The network is neither drawn to the label nor away from it by the second term.
    `weight=0` is cross-entropy, and so is every weight with two classes, because only one other class is left.

    The loss sorts the logits, and so takes 3 to 27 times as long as cross-entropy on a CPU (K = 10 to 21,843), and
    under XLA up to 100 times, which matters beside a small network only, or with many classes.

    Equal logits share the first of their ranks. Ranks have no gradient. The loss of a distribution over classes is the
    weighted mean of the losses of the classes. Validation reports plain cross-entropy, because the targets of training
    move with the prediction.

    Args:
        num_classes: int, K >= 2.
        weight: float >= 0, the weight of the divergence.
        name: name of the loss.
        **kwargs: `reduction`, `dtype` and `ignore_class`, as in `NoisyLabelLoss`.

    Raises:
        TypeError: if `weight` is not a number.
        ValueError: if `weight` is negative.

    Example:
        >>> import numpy as np
        >>> loss = ZipfLabelSmoothing(3, weight=1.0)
        >>> outputs = np.log([[0.5, 0.3, 0.2]])  # the other classes, of ranks 2 and 3, get 0.6 and 0.4 by both
        >>> round(float(loss(np.array([0]), outputs)), 4)  # so that cross-entropy remains, log 2
        0.6931

    References:
        Liang, Li, Bing, Zhao, Tang, Lin, Fan, "Efficient one pass self-distillation with Zipf's label smoothing", 2022:
        the loss, and the exponent 1 of the law. Departure: on images the paper ranks classes by votes, one for the
        class that the last layer predicts at each position of the feature maps, and adds a classifier of earlier
        features. A loss sees outputs only and ranks by the logits, which the authors' code does without its option
        `dense`. The weights of the code are 0.1 for CIFAR-100 and ImageNet, and 1 for Tiny-ImageNet and INAT21.
    """

    paper = "Liang et al., 2022"
    search_space: ClassVar = {"weight": (0.1, 1.0)}  # of the authors' code, by data set

    def __init__(self, num_classes: int, weight: float = 0.1, *, name: str = "zipf_label_smoothing", **kwargs: Any):
        super().__init__(num_classes, name=name, **kwargs)
        self.weight = self._check_number("weight", weight, 0)

    def soft_label_loss(self, targets, y_pred):
        if self.weight == 0 or self.num_classes == 2:
            return cross_entropy(targets, ops.log_softmax(y_pred, axis=-1))
        y_pred, order = ops.top_k(y_pred, self.num_classes)
        targets = ops.take_along_axis(targets, order, axis=-1)
        log_p = ops.log_softmax(y_pred, axis=-1)
        divergence = ops.sum(product(_divergences(log_p, 1 / _ranks(y_pred)), targets), axis=-1)
        return cross_entropy(targets, log_p) + self.weight * divergence

    def loss_in_validation(self):
        return cross_entropy_like(self)

    def get_config(self):
        return {**super().get_config(), "weight": self.weight}


def _ranks(descending):
    """Ranks `[batch, K]` of logits in descending order; equal ones have the first of their ranks."""
    num_classes = descending.shape[-1]
    ranks = ops.cast(ops.arange(1, num_classes + 1), descending.dtype)
    is_equal = ops.pad(ops.cast(descending[:, 1:] == descending[:, :-1], "int32"), [[0, 0], [1, 0]])  # to the last one
    first, step = ops.where(is_equal == 1, 1, ranks), 1
    while step < num_classes:  # the largest so far, after a number of passes that grows with log K
        first = ops.maximum(first, ops.pad(first[:, :-step], [[0, 0], [step, 0]]))
        step *= 2
    return first


def _divergences(log_p, law):
    """The divergence for each class as the label, `[batch, K]`, of classes in descending order of `log_p`.

    With `a_k = law_k (log law_k - log p_k)`, and `A_y` and `Z_y` the sums of `a` and `law` over `k != y`, it is
    `A_y / Z_y - log Z_y + log(1 - p_y)`.
    """
    total = _sum_of_others(law)
    cross = _sum_of_others(law * (ops.log(law) - log_p))
    # Only the first class can be more probable than all others together.
    others = ops.logsumexp(log_p[:, 1:], axis=-1, keepdims=True)
    log_complement = ops.concatenate([others, ops.log1p(-ops.exp(log_p[:, 1:]))], axis=-1)
    return cross / total - ops.log(total) + log_complement


def _sum_of_others(values):
    """The sum over the other classes, for each class.

    It is not the difference of two sums, which would be NaN for an infinite value, and inexact for a large one.
    """
    before = ops.cumsum(ops.pad(values[:, :-1], [[0, 0], [1, 0]]), axis=-1)
    after = ops.flip(ops.cumsum(ops.flip(ops.pad(values[:, 1:], [[0, 0], [0, 1]]), axis=-1), axis=-1), axis=-1)
    return before + after

"""Focal loss: examples that are predicted well count less (Lin et al. 2017, Mukhoti et al. 2020)."""

import math

from keras import ops

from tfp_noise.losses._entropies import product
from tfp_noise.losses.base import NoisyLabelLoss, register

# Probability of the label below which `hard_gamma` applies.
_HARD = 0.2
_LOG_NOTHING = -1e30  # of a probability that is 0


@register
class Focal(NoisyLabelLoss):
    """Cross-entropy weighed by a power of the probability that is missing from the label; `gamma=0` is cross-entropy.

    `-sum_k y_k (1 - p_k)^gamma log p_k` with `p = softmax(y_pred)`; a distribution over classes thus mixes the losses
    of the classes. The weight's gradient counts. Compared with cross-entropy it keeps predictions from growing certain.

    With `hard_gamma`, the exponent of a class goes by its present probability: `hard_gamma` where `p_k < 0.2`, else
    `gamma`; the loss jumps there. `Focal(K, 3.0, hard_gamma=5.0)` is FLSD-53, `Focal(K, 3.0)` is FL-3.

    `log(1 - p_k)` is computed from the other classes' logits where p_k is large, so that no digits are lost as
    `p_k -> 1`, and gradients are finite for `gamma < 1` too.

    Args:
        num_classes: int, K >= 2.
        gamma: float >= 0.
        hard_gamma: float >= 0, or `None` for `gamma`.
        name: name of the loss.
        reduction: as in `keras.losses.Loss`.
        dtype: float32 or float64.

    Raises:
        ValueError: if an exponent is negative.

    Example:
        >>> import numpy as np
        >>> loss = Focal(2, gamma=2.0)
        >>> round(float(loss(np.array([0]), np.array([[0.0, 0.0]]))), 4)  # a quarter of log 2
        0.1733

    References:
        Lin, Goyal, Girshick, He, Dollár, "Focal loss for dense object detection", 2017, with several classes and no
        weights of classes; Mukhoti, Kulharia, Sanyal, Golodetz, Torr, Dokania, "Calibrating deep neural networks using
        focal loss", 2020 (the schedule).
    """

    paper = "Lin et al., 2017; Mukhoti et al., 2020"

    def __init__(self, num_classes, gamma=3.0, *, hard_gamma=None, name="focal", **kwargs):
        super().__init__(num_classes, name=name, **kwargs)
        self.gamma = self._check_number("gamma", gamma, 0)
        self.hard_gamma = None if hard_gamma is None else self._check_number("hard_gamma", hard_gamma, 0)

    def soft_label_loss(self, targets, y_pred):
        log_p = ops.log_softmax(y_pred, axis=-1)
        gamma = self.gamma
        if self.hard_gamma is not None:
            hard = log_p < math.log(_HARD)
            gamma = ops.where(hard, ops.cast(self.hard_gamma, self.dtype), ops.cast(gamma, self.dtype))
        return -ops.sum(product(log_p, targets) * ops.exp(gamma * _log_missing(log_p)), axis=-1)

    def get_config(self):
        return {**super().get_config(), "gamma": self.gamma, "hard_gamma": self.hard_gamma}


def _log_missing(log_p):
    """`log(1 - p)` of each class, exact and differentiable as `p -> 1`."""
    largest = ops.one_hot(ops.argmax(log_p, axis=-1), log_p.shape[-1], dtype="bool")
    # Not -inf: where no other class is there, a sum of nothing would have no gradient.
    of_largest = ops.logsumexp(ops.where(largest, _LOG_NOTHING, log_p), axis=-1, keepdims=True)
    # All others are at most 1/2. Masked before the logarithm: the gradient of what `where` drops would be NaN.
    of_others = ops.log1p(-ops.where(largest, 0.0, ops.exp(log_p)))
    return ops.where(largest, of_largest, of_others)

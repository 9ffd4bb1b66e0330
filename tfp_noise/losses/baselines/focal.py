"""Focal loss: well-classified examples count less (Lin et al. 2017, Mukhoti et al. 2020)."""

import math
from typing import Any

from keras import ops

from tfp_noise.losses._entropies import log_complement, log_odds, product
from tfp_noise.losses.base import NoisyLabelLoss, register

# Probability of the label below which `hard_gamma` applies.
_HARD = 0.2


@register
class Focal(NoisyLabelLoss):
    """Cross-entropy weighted by a power of `1 - p` of the label; `gamma=0` is cross-entropy.

    `-sum_k y_k (1 - p_k)^gamma log p_k` with `p = softmax(y_pred)`: the loss of a distribution over classes is the
    weighted mean of the losses of the classes. The gradient of the weight is not stopped. Predictions become less
    confident than with cross-entropy.

    With `hard_gamma`, the exponent of a class is `hard_gamma` where `p_k < 0.2` and `gamma` elsewhere; the loss is
    discontinuous there. `Focal(K, 3.0, hard_gamma=5.0)` is FLSD-53, `Focal(K, 3.0)` is FL-3.

    Where p_k is large, `log(1 - p_k)` is computed from the logits of the other classes, so that no digits are lost as
    `p_k -> 1`, and gradients are finite for `gamma < 1` too.

    Args:
        num_classes: int, K >= 2.
        gamma: float >= 0, the exponent.
        hard_gamma: float >= 0, the exponent where `p_k < 0.2`; `None` for `gamma`.
        name: name of the loss.
        **kwargs: `reduction`, `dtype` and `ignore_class`, as in `NoisyLabelLoss`.

    Raises:
        TypeError: if an exponent is not a number.
        ValueError: if an exponent is negative.

    Example:
        >>> import numpy as np
        >>> loss = Focal(2, gamma=2.0)
        >>> round(float(loss(np.array([0]), np.array([[0.0, 0.0]]))), 4)  # a quarter of log 2
        0.1733

    References:
        Lin, Goyal, Girshick, He, Dollár, "Focal loss for dense object detection", 2017, Eq. 4, with several classes and
        no weights of classes; Mukhoti, Kulharia, Sanyal, Golodetz, Torr, Dokania, "Calibrating deep neural networks
        using focal loss", 2020 (the schedule).
    """

    paper = "Lin et al., 2017; Mukhoti et al., 2020"

    def __init__(
        self,
        num_classes: int,
        gamma: float = 3.0,
        *,
        hard_gamma: float | None = None,
        name: str = "focal",
        **kwargs: Any,
    ):
        super().__init__(num_classes, name=name, **kwargs)
        self.gamma = self._check_number("gamma", gamma, 0)
        self.hard_gamma = None if hard_gamma is None else self._check_number("hard_gamma", hard_gamma, 0)

    def soft_label_loss(self, targets, y_pred):
        log_p = ops.log_softmax(y_pred, axis=-1)
        return -ops.sum(product(log_p, targets) * self._weights(log_p, log_complement(log_p)), axis=-1)

    def class_index_loss(self, labels, y_pred):
        odds = log_odds(labels, y_pred)
        log_p = -ops.softplus(-odds)
        return -log_p * self._weights(log_p, -ops.softplus(odds))

    def _weights(self, log_p, log_complement):
        """`(1 - p)^gamma`."""
        gamma = self.gamma
        if self.hard_gamma is not None:
            hard = log_p < math.log(_HARD)
            gamma = ops.where(hard, ops.cast(self.hard_gamma, self.dtype), ops.cast(gamma, self.dtype))
        return ops.exp(gamma * log_complement)

    def get_config(self):
        return {**super().get_config(), "gamma": self.gamma, "hard_gamma": self.hard_gamma}

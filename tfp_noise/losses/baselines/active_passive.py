"""Active-passive losses: one raises the label's probability, one lowers the others' (Ma et al. 2020)."""

from collections.abc import Sequence
from typing import Any

from keras import ops

from tfp_noise import _validation
from tfp_noise.losses._entropies import LARGEST, cross_entropies_of_classes, product
from tfp_noise.losses.base import NoisyLabelLoss, register
from tfp_noise.losses.baselines._active_losses import ACTIVE, active_loss, check_gamma, check_weights

# Multiples of `1 - p_y`: the sum of absolute errors, and reverse cross-entropy with -4 in place of log 0.
_PASSIVE = {"mae": 2.0, "rce": 4.0}


@register
class ActivePassive(NoisyLabelLoss):
    """An active loss, which raises the label's probability, plus a passive one, which lowers the others'.

    `weights[0] * active + weights[1] * passive`, with `p = softmax(y_pred)` and, for a label y,

        active   "ce"     -log p_y
                 "focal"  l_y = -(1 - p_y)^gamma log p_y
                 "nce"    log p_y / sum_k log p_k
                 "nfl"    l_y / sum_k l_k
        passive  "mae"    sum_k |p_k - [k = y]| = 2 (1 - p_y)
                 "rce"    reverse cross-entropy with -4 in place of log 0, 4 (1 - p_y)

    Divided by its sum over all labels, a loss is robust to symmetric noise, but learns slowly; the passive loss, which
    is robust too, makes up for that. The loss of a distribution over classes is the mean of the losses of the classes,
    weighted by it. The gradient of the focal weight `(1 - p)^gamma` is not stopped.

    A class with the logit -inf makes the sum over all labels infinite, so that the normalised loss of other labels is 0
    and has no gradient, and that of this label 1, or 1 / n if n classes have this logit.

    Args:
        num_classes: int, K >= 2.
        active: str, "ce", "nce" (normalised cross-entropy), "focal" or "nfl" (normalised focal loss).
        passive: str, "mae" (absolute error) or "rce" (reverse cross-entropy).
        weights: two floats >= 0, of the active and of the passive loss.
        gamma: float in [0, 100], the exponent of the focal losses; `None` for 0.5.
        name: name of the loss.
        **kwargs: `reduction`, `dtype` and `ignore_class`, as in `NoisyLabelLoss`.

    Raises:
        TypeError: if `weights` is not a sequence, or a weight or `gamma` not a number.
        ValueError: if `active` or `passive` is unknown, `weights` are not two, a number is out of range, or `gamma` is
            given without a focal loss.

    Example:
        >>> import numpy as np
        >>> loss = ActivePassive(4, "nce", "rce")
        >>> float(loss(np.array([0]), np.zeros([1, 4])))  # 1 / 4 + 4 * 3 / 4
        3.25

    References:
        Ma, Huang, Wang, Romano, Erfani, Bailey, "Normalized loss functions for deep learning with noisy labels", 2020:
        normalised losses, and their sum with passive ones. With "nce" and "rce" the authors' code takes the weights
        (1, 1) for CIFAR-10 and (10, 0.1) for CIFAR-100, and with "nfl" a gamma of 0.5. Departures from that code, in
        which "mae" is `1 - p_y`, "rce" has log 1e-4 in place of log 0, so that its weights are others, the gradient of
        the focal weight is stopped, and `p` is clipped at 1e-7 in "rce".
    """

    paper = "Ma et al., 2020"

    def __init__(
        self,
        num_classes: int,
        active: str = "nce",
        passive: str = "rce",
        weights: Sequence[float] = (1.0, 1.0),
        *,
        gamma: float | None = None,
        name: str = "active_passive",
        **kwargs: Any,
    ):
        super().__init__(num_classes, name=name, **kwargs)
        self.active = _validation.check_choice("active", active, ACTIVE)
        self.passive = _validation.check_choice("passive", passive, tuple(_PASSIVE))
        self.weights = check_weights(self, weights)
        self.gamma = check_gamma(self, gamma)

    def soft_label_loss(self, targets, y_pred):
        log_p = ops.log_softmax(y_pred, axis=-1)
        return self._sum(active_loss(self, targets, log_p), -ops.sum(targets * ops.expm1(log_p), axis=-1))

    def class_index_loss(self, labels, y_pred):
        if self.active != "nce":
            return super().class_index_loss(labels, y_pred)
        of_label, of_all = cross_entropies_of_classes(labels, ops.maximum(y_pred, -LARGEST))
        return self._sum(of_label / of_all, -ops.expm1(-of_label))

    def _sum(self, active, wrong):
        """The weighted sum, where `wrong` is `1 - p_y`."""
        return product(active, self.weights[0]) + self.weights[1] * _PASSIVE[self.passive] * wrong

    def get_config(self):
        own = {"active": self.active, "passive": self.passive, "weights": list(self.weights), "gamma": self.gamma}
        return {**super().get_config(), **own}

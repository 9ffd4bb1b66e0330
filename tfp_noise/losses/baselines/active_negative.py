"""Active negative losses: a normalised active loss plus a normalised negative one (Ye et al. 2023)."""

import math
from collections.abc import Sequence
from typing import Any

from keras import ops

from tfp_noise import _validation
from tfp_noise.losses._checks import check_no_ignore_class
from tfp_noise.losses._entropies import class_losses, entropy
from tfp_noise.losses.base import NoisyLabelLoss, register
from tfp_noise.losses.baselines._active_losses import NORMALISED, check_gamma, check_weights, exponent, normalised

_LOG_ZERO = -1e30


@register
class ActiveNegative(NoisyLabelLoss):
    """A normalised active loss plus its normalised negative loss, which lowers the probabilities of other classes.

    `weights[0] * active + weights[1] * negative`. With `p = softmax(y_pred)`, the loss `l_k` of class k, which is
    `-log p_k` for "nce" and `-(1 - p_k)^gamma log p_k` for "nfl", and its value A at `p_k = min_probability`,

        active    l_y / sum_k l_k
        negative  sum_{k != y} g_k / sum_k g_k,    g_k = max(A - l_k, 0)

    The vertical flip `A - l_k` of an active loss is a loss that lowers `p_k`; summed over the classes other than the
    label and normalised, it is robust to symmetric noise and learns most from examples that are fitted well. The loss
    of a distribution over classes is the mean of the losses of the classes, weighted by it. The gradient of the focal
    weight `(1 - p)^gamma` is not stopped.

    With `entropy_weight`, every example has `entropy_weight * (log K - H(q))` more, with the entropy H of the mean
    prediction q of the batch. Under noise that hits some classes more than others it keeps predictions from favouring
    the others. The loss of an example then depends on its batch, and each replica has its own q; the loss excludes
    `ignore_class` and masks of Keras, and validation leaves the term out.

    The paper also adds the sum of absolute weights of the network, times 5e-5 for CIFAR-10 and 5e-7 for CIFAR-100, in
    place of weight decay. A loss does not see the network: pass `kernel_regularizer=keras.regularizers.L1(5e-5)` to
    its layers.

    A class with the logit -inf has `g_k = 0`. It makes the active loss of other labels 0, without a gradient, and that
    of this label 1.

    Args:
        num_classes: int, K >= 2.
        active: str, "nce" (normalised cross-entropy) or "nfl" (normalised focal loss).
        weights: two floats >= 0, of the active and of the negative loss.
        min_probability: float in (0, 1 / K), the probability at which the active loss is A.
        entropy_weight: float >= 0, the weight of the entropy of the mean prediction.
        gamma: float in [0, 100], the exponent of "nfl"; `None` for 0.5.
        name: name of the loss.
        **kwargs: `reduction`, `dtype` and `ignore_class`, as in `NoisyLabelLoss`.

    Raises:
        TypeError: if `weights` is not a sequence, or a number is of another type.
        ValueError: if `active` is unknown, `weights` are not two, a number is out of range, `gamma` is given with
            "nce", or `ignore_class` or a mask with `entropy_weight`.

    Example:
        >>> import numpy as np
        >>> loss = ActiveNegative(4, weights=(1.0, 1.0))
        >>> float(loss(np.array([0]), np.zeros([1, 4])))  # 1 / 4 + 3 / 4
        1.0

    References:
        Ye, Li, Dai, Liu, Sun, Tong, "Active negative loss functions for learning with noisy labels", 2023:
        normalised negative losses, and their sum with active ones. The authors' code takes the weights (5, 5) for
        CIFAR-10 and (10, 1) for CIFAR-100, a `min_probability` of 1e-7 and a gamma of 0.5. Ye, Wu, Wang, Li, Zhang,
        Chen, "Active negative loss: a robust framework for learning with noisy labels", 2024, for the entropy, with a
        weight of 2 for CIFAR-10 in the code. Departure from that code: it stops the gradient of the focal weight.
    """

    paper = "Ye et al., 2023"

    def __init__(
        self,
        num_classes: int,
        active: str = "nce",
        weights: Sequence[float] = (5.0, 5.0),
        *,
        min_probability: float = 1e-7,
        entropy_weight: float = 0.0,
        gamma: float | None = None,
        name: str = "active_negative",
        **kwargs: Any,
    ):
        super().__init__(num_classes, name=name, **kwargs)
        self.active = _validation.check_choice("active", active, NORMALISED)
        self.weights = check_weights(self, weights)
        self.min_probability = self._check_number("min_probability", min_probability, above=0, below=1 / num_classes)
        self.entropy_weight = self._check_number("entropy_weight", entropy_weight, 0)
        self.gamma = check_gamma(self, gamma)
        check_no_ignore_class(self)

    @property
    def needs_whole_batch(self):
        return "the mean prediction of the whole batch enters its loss" if self.entropy_weight else None

    def soft_label_loss(self, targets, y_pred):
        log_p, power, lowest = ops.log_softmax(y_pred, axis=-1), exponent(self), self.min_probability
        losses = class_losses(log_p, power)
        flipped = ops.relu(-((1 - lowest) ** power) * math.log(lowest) - losses)
        active, negative = normalised(targets, losses), normalised(1 - targets, flipped)
        value = self.weights[0] * active + self.weights[1] * negative
        return value + self.entropy_weight * _imbalance(log_p) if self.entropy_weight else value

    def loss_in_validation(self):
        return type(self).from_config({**self.get_config(), "entropy_weight": 0.0}) if self.entropy_weight else self

    def get_config(self):
        own = {"active": self.active, "weights": list(self.weights), "min_probability": self.min_probability}
        return {**super().get_config(), **own, "entropy_weight": self.entropy_weight, "gamma": self.gamma}


def _imbalance(log_p):
    """`log K - H(q)` of the mean prediction q of a batch."""
    # Not -inf: a class that no example has would leave the logarithm of the sum without a gradient.
    log_sum = ops.logsumexp(ops.maximum(log_p, _LOG_ZERO), axis=0, keepdims=True)
    log_q = log_sum - ops.log(ops.cast(ops.shape(log_p)[0], log_p.dtype))
    return math.log(log_p.shape[-1]) - entropy(log_q)

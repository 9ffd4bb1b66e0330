"""Confidence penalty: a cost of confident predictions (Pereyra et al. 2017)."""

from typing import Any

from keras import ops

from tfp_noise.losses._entropies import cross_entropy, entropy
from tfp_noise.losses.base import NoisyLabelLoss, register


@register
class ConfidencePenalty(NoisyLabelLoss):
    """Cross-entropy minus a multiple of the prediction's entropy; `beta=0` is cross-entropy.

    `-sum_k y_k log p_k + beta sum_k p_k log p_k` with `p = softmax(y_pred)`. Label smoothing penalises `KL(u || p)`
    with the uniform distribution u, the confidence penalty `KL(p || u)`. The loss is at least `-beta log K`.

    Args:
        num_classes: int, K >= 2.
        beta: float >= 0, the weight of the entropy.
        name: name of the loss.
        **kwargs: `reduction`, `dtype` and `ignore_class`, as in `NoisyLabelLoss`.

    Raises:
        TypeError: if `beta` is not a number.
        ValueError: if `beta` is negative.

    Example:
        >>> import numpy as np
        >>> loss = ConfidencePenalty(2, beta=0.1)
        >>> round(float(loss(np.array([0]), np.array([[0.0, 0.0]]))), 4)  # 0.9 log 2
        0.6238

    References:
        Pereyra, Tucker, Chorowski, Kaiser, Hinton, "Regularizing neural networks by penalizing confident output
        distributions", 2017, without the annealing and the threshold that the paper also tries.
    """

    paper = "Pereyra et al., 2017"

    def __init__(self, num_classes: int, beta: float = 0.1, *, name: str = "confidence_penalty", **kwargs: Any):
        super().__init__(num_classes, name=name, **kwargs)
        self.beta = self._check_number("beta", beta, 0)

    def soft_label_loss(self, targets, y_pred):
        log_p = ops.log_softmax(y_pred, axis=-1)
        return cross_entropy(targets, log_p) - self.beta * entropy(log_p)

    def get_config(self):
        return {**super().get_config(), "beta": self.beta}

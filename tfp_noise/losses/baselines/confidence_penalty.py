"""Confidence penalty: certain predictions cost (Pereyra et al. 2017)."""

from keras import ops

from tfp_noise.losses._entropies import cross_entropy, entropy
from tfp_noise.losses.base import NoisyLabelLoss, register


@register
class ConfidencePenalty(NoisyLabelLoss):
    """Cross-entropy less a multiple of the prediction's entropy; `beta=0` is cross-entropy.

    `-sum_k y_k log p_k + beta sum_k p_k log p_k` with `p = softmax(y_pred)`. Label smoothing penalises `KL(u || p)` to
    the uniform distribution u, this `KL(p || u)`. At least `-beta log K`, where label smoothing is at least its
    targets' entropy.

    Args:
        num_classes: int, K >= 2.
        beta: float >= 0, weight of the entropy.
        name: name of the loss.
        reduction: as in `keras.losses.Loss`.
        dtype: float32 or float64.

    Raises:
        ValueError: if `beta` is negative.

    Example:
        >>> import numpy as np
        >>> loss = ConfidencePenalty(2, beta=0.1)
        >>> round(float(loss(np.array([0]), np.array([[0.0, 0.0]]))), 4)  # 0.9 log 2
        0.6238

    References:
        Pereyra, Tucker, Chorowski, Kaiser, Hinton, "Regularizing neural networks by penalizing confident output
        distributions", 2017; without the annealing and the threshold that it also tries.
    """

    paper = "Pereyra et al., 2017"

    def __init__(self, num_classes, beta=0.1, *, name="confidence_penalty", **kwargs):
        super().__init__(num_classes, name=name, **kwargs)
        self.beta = self._check_number("beta", beta, 0)

    def soft_label_loss(self, targets, y_pred):
        log_p = ops.log_softmax(y_pred, axis=-1)
        return cross_entropy(targets, log_p) - self.beta * entropy(log_p)

    def get_config(self):
        return {**super().get_config(), "beta": self.beta}

"""Symmetric cross-entropy: cross-entropy plus reverse cross-entropy (Wang et al. 2019)."""

from typing import Any

from keras import ops

from tfp_noise.losses._entropies import cross_entropy, product
from tfp_noise.losses.base import NoisyLabelLoss, register

# Stands for a probability of 0 in the label, whose logarithm is infinite, in the reverse term.
_ZERO = 1e-4


@register
class SymmetricCrossEntropy(NoisyLabelLoss):
    """Cross-entropy plus reverse cross-entropy, in which prediction and label change places.

    `-alpha sum_k y_k log p_k - beta sum_k p_k max(log y_k, A)` with `p = softmax(y_pred)` and `A = log 1e-4`. For a
    class `y` the reverse term is `-A (1 - p_y)`, 4.6 times the absolute error, which is robust to symmetric noise but
    slow to learn; cross-entropy makes up for that. The logarithms of a distribution over classes are cut off at A.

    Args:
        num_classes: int, K >= 2.
        alpha: float >= 0, the weight of cross-entropy.
        beta: float >= 0, the weight of reverse cross-entropy.
        name: name of the loss.
        **kwargs: `reduction`, `dtype` and `ignore_class`, as in `NoisyLabelLoss`.

    Raises:
        TypeError: if a weight is not a number.
        ValueError: if a weight is negative.

    Example:
        >>> import numpy as np
        >>> loss = SymmetricCrossEntropy(2, alpha=0.0, beta=1.0)
        >>> round(float(loss(np.array([0]), np.array([[0.0, 0.0]]))), 4)  # half of log 10,000
        4.6052

    References:
        Wang, Ma, Chen, Luo, Yi, Bailey, "Symmetric cross entropy for robust learning with noisy labels", 2019. Its
        experiments take (alpha, beta) = (0.1, 1) for CIFAR-10 and (6, 0.1) for CIFAR-100. Departure from
        the baseline in Zhang et al., "Delving deep into label smoothing", 2021, whose code raises the label to 1e-4 in
        the cross-entropy too, which adds `-1e-4 sum_{k != y} log p_k`, and clips p at 1e-7.
    """

    paper = "Wang et al., 2019"

    def __init__(
        self,
        num_classes: int,
        alpha: float = 0.1,
        beta: float = 1.0,
        *,
        name: str = "symmetric_cross_entropy",
        **kwargs: Any,
    ):
        super().__init__(num_classes, name=name, **kwargs)
        self.alpha = self._check_number("alpha", alpha, 0)
        self.beta = self._check_number("beta", beta, 0)

    def soft_label_loss(self, targets, y_pred):
        log_p = ops.log_softmax(y_pred, axis=-1)
        log_targets = ops.log(ops.maximum(targets, _ZERO))
        reverse = -ops.sum(ops.exp(log_p) * log_targets, axis=-1)
        return product(cross_entropy(targets, log_p), self.alpha) + self.beta * reverse

    def get_config(self):
        return {**super().get_config(), "alpha": self.alpha, "beta": self.beta}

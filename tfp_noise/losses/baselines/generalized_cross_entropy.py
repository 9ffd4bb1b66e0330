"""Generalised cross-entropy: between cross-entropy and mean absolute error (Zhang and Sabuncu 2018)."""

from typing import Any, ClassVar

from keras import ops

from tfp_noise.losses.base import NoisyLabelLoss, register


@register
class GeneralizedCrossEntropy(NoisyLabelLoss):
    """The negative Box-Cox transformation of the label's probability, bounded by `1 / q`.

    `sum_k y_k (1 - p_k^q) / q` with `p = softmax(y_pred)`. The limit `q -> 0` is cross-entropy, which fits every label;
    `q = 1` is `1 - p_y`, half the absolute error, which is robust to symmetric noise but slow to learn. The gradient is
    that of cross-entropy times `p_y^q`: labels that the network finds unlikely, wrong ones among them, have less
    effect.

    The loss is computed as `-expm1(q log p) / q`, which loses no digits at small `q`. Probabilities have no floor:
    where `p_y` underflows, value and gradient take their limits, `1 / q` and 0.

    Args:
        num_classes: int, K >= 2.
        q: float in (0, 1], from cross-entropy (near 0) to absolute error (1).
        name: name of the loss.
        **kwargs: `reduction`, `dtype` and `ignore_class`, as in `NoisyLabelLoss`.

    Raises:
        TypeError: if `q` is not a number.
        ValueError: if `q` is outside (0, 1].

    Example:
        >>> import numpy as np
        >>> loss = GeneralizedCrossEntropy(2, q=1.0)
        >>> float(loss(np.array([0]), np.array([[0.0, 0.0]])))
        0.5

    References:
        Zhang, Sabuncu, "Generalized cross entropy loss for training deep neural networks with noisy labels", 2018,
        Eq. 6, without the truncation of Eq. 10. Departure from the baseline in Englesson et al. 2023, which
        clips `p` to [1e-7, 1]: where `p_y < 1e-7` its value stays at `(1 - 1e-7^q) / q`, and its gradient is 0 instead
        of up to `1e-7^q` times cross-entropy's: 1e-5 at q = 0.7, but 0.2 at q = 0.1.
    """

    paper = "Zhang, Sabuncu, 2018"
    search_space: ClassVar = {"q": (0.1, 0.3, 0.5, 0.7, 0.9)}  # Englesson et al., 2023, appendix B.2

    def __init__(self, num_classes: int, q: float = 0.7, *, name: str = "generalized_cross_entropy", **kwargs: Any):
        super().__init__(num_classes, name=name, **kwargs)
        self.q = self._check_number("q", q, maximum=1, above=0)

    def soft_label_loss(self, targets, y_pred):
        return ops.sum(targets * self._transform(-ops.log_softmax(y_pred, axis=-1)), axis=-1)

    def class_index_loss(self, labels, y_pred):
        return self._transform(ops.sparse_categorical_crossentropy(labels, y_pred, from_logits=True))

    def binary_loss(self, present, logits):
        of_present, of_absent = (self._transform(ops.softplus(z)) for z in (-logits, logits))
        return present * of_present + (1 - present) * of_absent

    def _transform(self, cross_entropy):
        return -ops.expm1(-self.q * cross_entropy) / self.q

    def get_config(self):
        return {**super().get_config(), "q": self.q}

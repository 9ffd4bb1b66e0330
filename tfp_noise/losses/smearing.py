"""Label smearing and label smoothing: fixed linear maps of the labels."""

from typing import Any, ClassVar

from keras import ops
from numpy.typing import ArrayLike

from tfp_noise import _validation
from tfp_noise.losses._entropies import cross_entropies_of_classes, cross_entropy, cross_entropy_of_classes, product
from tfp_noise.losses.base import NoisyLabelLoss, register


@register
class LabelSmearing(NoisyLabelLoss):
    """Cross-entropy to labels smeared by any matrix M: `-sum_j (y M)_j log p_j` with `p = softmax(y_pred)`.

    The rows of M need not sum to 1 and may hold negative numbers. The gradient with respect to the logits is
    `sum_j (y M)_j p - y M`; the cross-entropies of TensorFlow and Keras, which take labels that sum to 1 for granted,
    give another one for such rows.

    Args:
        num_classes: int, K >= 2.
        matrix: float `[K, K]`, M: row `y` holds the weights of the K class losses when the label is `y`.
        name: name of the loss.
        **kwargs: `reduction`, `dtype` and `ignore_class`, as in `NoisyLabelLoss`.

    Raises:
        TypeError: if `matrix` does not hold numbers.
        ValueError: if `matrix` is not a finite `[K, K]`.

    Warns:
        UserWarning: if all rows are equal, so that nothing is left of the labels.

    Example:
        >>> import numpy as np
        >>> loss = LabelSmearing(2, matrix=[[0.9, 0.1], [0.1, 0.9]])
        >>> round(float(loss(np.array([0]), np.array([[0.0, 0.0]]))), 4)
        0.6931

    References:
        Lukasik et al., "Does label smoothing mitigate label noise?", 2020, section 3.1.
    """

    paper = "Lukasik et al., 2020"
    needs = "a smearing matrix"

    def __init__(self, num_classes: int, matrix: ArrayLike, *, name: str = "label_smearing", **kwargs: Any):
        super().__init__(num_classes, name=name, **kwargs)
        self.matrix = _validation.check_matrix("matrix", matrix, self.num_classes)
        _validation.warn_if_uninformative("matrix", self.matrix)

    def soft_label_loss(self, targets, y_pred):
        return self._cross_entropy(targets @ ops.cast(self.matrix, self.dtype), y_pred)

    def class_index_loss(self, labels, y_pred):
        return self._cross_entropy(ops.take(ops.cast(self.matrix, self.dtype), labels, axis=0), y_pred)

    def _cross_entropy(self, weights, y_pred):
        return cross_entropy(weights, ops.log_softmax(y_pred, axis=-1))

    def get_config(self):
        return {**super().get_config(), "matrix": self.matrix.tolist()}


@register
class LabelSmoothing(NoisyLabelLoss):
    """Cross-entropy to labels mixed with the uniform distribution; `alpha=0` is cross-entropy.

    `-(1 - alpha) sum_j y_j log p_j - alpha / K sum_j log p_j` with `p = softmax(y_pred)`: smearing by
    `M = (1 - alpha) I + alpha / K J`, without the matrix.

    Args:
        num_classes: int, K >= 2.
        alpha: float in [0, 1], the weight of the uniform distribution; 1 warns, because nothing is left of the labels.
        name: name of the loss.
        **kwargs: `reduction`, `dtype` and `ignore_class`, as in `NoisyLabelLoss`.

    Raises:
        TypeError: if `alpha` is not a number.
        ValueError: if `alpha` is outside [0, 1].

    Warns:
        UserWarning: if `alpha` is 1.

    Example:
        >>> import numpy as np
        >>> loss = LabelSmoothing(3, alpha=0.1)
        >>> round(float(loss(np.array([2]), np.array([[0.0, 0.0, 0.0]]))), 4)
        1.0986

    References:
        Szegedy et al., "Rethinking the inception architecture for computer vision", 2016, section 7;
        Lukasik et al. 2020, Eq. 1 and Table 1.
    """

    paper = "Szegedy et al., 2016; Lukasik et al., 2020"
    search_space: ClassVar = {"alpha": (0.1, 0.2, 0.4, 0.6)}  # Lukasik et al., 2020

    def __init__(self, num_classes: int, alpha: float = 0.1, *, name: str = "label_smoothing", **kwargs: Any):
        super().__init__(num_classes, name=name, **kwargs)
        self.alpha = self._check_number("alpha", alpha, 0, 1)
        if self.alpha == 1:
            _validation.warn_of_no_labels("alpha")

    def soft_label_loss(self, targets, y_pred):
        log_probabilities = ops.log_softmax(y_pred, axis=-1)
        loss = cross_entropy(targets, log_probabilities)
        if self.alpha == 0:
            return loss
        return product(loss, 1 - self.alpha) - self.alpha * ops.mean(log_probabilities, axis=-1)

    def class_index_loss(self, labels, y_pred):
        if self.alpha == 0:
            return cross_entropy_of_classes(labels, y_pred)
        of_label, of_all = cross_entropies_of_classes(labels, y_pred)
        return product(of_label, 1 - self.alpha) + self.alpha / self.num_classes * of_all

    def get_config(self):
        return {**super().get_config(), "alpha": self.alpha}

"""Forward correction whose mean loss is kept above the entropy of the noise (Toner and Storkey 2023)."""

from typing import Any

from keras import ops
from numpy.typing import ArrayLike
from scipy import special

from tfp_noise.losses._checks import check_no_ignore_class
from tfp_noise.losses.base import register
from tfp_noise.losses.correction import ForwardCorrection


@register
class BoundedForwardCorrection(ForwardCorrection):
    """Forward correction whose mean over a batch is reflected at a lower bound, the entropy of the noise.

    With the losses `l_i` of forward correction, their mean L over the batch, and the bound B,

        loss_i = B + s (l_i - B),    s = -1 if L < B else 1

    so that the mean over the batch is `|L - B| + B`. A classifier that knows the true class of every example, and the
    noise, has an expected forward-corrected loss of the mean entropy of the noisy labels given the true class,

        B = -1 / K sum_ij T[i, j] log T[i, j]

    for equally frequent classes. A mean loss below it on the training data is a sign of memorised labels: there the
    gradient ascends. `bound=0` is forward correction.

    Each replica decides by its own batch. `sample_weight` applies to `loss_i` and does not enter L. Validation reports
    forward correction, which does not depend on the batch.

    Args:
        num_classes: int, K >= 2.
        transition: float `[K, K]`, T: `transition[i, j] = P(observed = j | clean = i)`; rows sum to 1.
        bound: float >= 0, B in nats; `None` for the entropy of the noise if classes are equally frequent. With class
            frequencies f, pass `f @ scipy.stats.entropy(transition, axis=1)`.
        name: name of the loss.
        **kwargs: `reduction` and `dtype`, as in `NoisyLabelLoss`.

    Raises:
        TypeError: if `transition` does not hold numbers or `bound` is not a number.
        ValueError: if `transition` is not a row-stochastic `[K, K]`, `bound` is negative, `ignore_class` is given, or
            `y_pred` is under a mask of Keras.

    Warns:
        UserWarning: if all rows are equal, so that nothing is left of the labels.

    Example:
        >>> import numpy as np
        >>> from tfp_noise import noise
        >>> loss = BoundedForwardCorrection(2, noise.pair_flip(2, 0.25))  # bound 0.5623
        >>> labels, memorised = np.array([0, 1]), np.array([[100.0, 0.0], [0.0, 100.0]])
        >>> forward = ForwardCorrection(2, noise.pair_flip(2, 0.25))
        >>> [round(float(one(labels, memorised)), 4) for one in (forward, loss)]  # 0.5623 + (0.5623 - 0.2877)
        [0.2877, 0.837]

    References:
        Toner, Storkey, "Label noise: correcting the forward-correction", 2023, for the bound, the entropy of the noisy
        labels of separable classes. Ishida, Yamane, Sakai, Niu, Sugiyama, "Do we need zero training loss after
        achieving zero training error?", 2020, for the reflection of the mean loss of a batch, `|L - B| + B`.
    """

    paper = "Toner, Storkey, 2023"
    needs_whole_batch = "the mean of the whole batch decides on which side of the bound it is"

    def __init__(
        self,
        num_classes: int,
        transition: ArrayLike,
        bound: float | None = None,
        *,
        name: str = "bounded_forward_correction",
        **kwargs: Any,
    ):
        super().__init__(num_classes, transition, name=name, **kwargs)
        check_no_ignore_class(self)
        self.bound = None if bound is None else self._check_number("bound", bound, 0)
        of_noise = float(special.entr(self.transition).sum(axis=1).mean())
        self._lowest = of_noise if self.bound is None else self.bound

    def class_index_loss(self, labels, y_pred):
        return self._reflected(super().class_index_loss(labels, y_pred))

    def soft_label_loss(self, targets, y_pred):
        return self._reflected(super().soft_label_loss(targets, y_pred))

    def _reflected(self, losses):
        sign = ops.where(ops.mean(losses) < self._lowest, -1.0, 1.0)
        return self._lowest + ops.cast(sign, self.dtype) * (losses - self._lowest)

    def loss_in_validation(self):
        return type(self).from_config({**self.get_config(), "bound": 0.0})

    def get_config(self):
        return {**super().get_config(), "bound": self.bound}

"""DisturbLabel: some labels of each batch replaced by random ones (Xie et al. 2016)."""

from typing import Any

import keras
from keras import ops

from tfp_noise import _validation
from tfp_noise.losses import _noise
from tfp_noise.losses._entropies import cross_entropy
from tfp_noise.losses.base import NoisyLabelLoss, register
from tfp_noise.losses.cross_entropy import cross_entropy_like


@register
class DisturbLabel(NoisyLabelLoss):
    """Cross-entropy to labels, some of which are replaced at each call by a class drawn uniformly.

    With probability `rate` the label of an example, a class or a distribution, is replaced by one of all K classes: a
    fraction `rate (K - 1) / K` of the labels is wrong at each step. The expectations of loss and gradient are those of
    `LabelSmoothing(alpha=rate)`.

    Validation reports plain cross-entropy and draws nothing.

    Args:
        num_classes: int, K >= 2.
        rate: float in [0, 1]; 0 is cross-entropy; 1 warns, because nothing is left of the labels.
        seed: int in [0, 2^31), of the random numbers; each replica draws different ones.
        name: name of the loss.
        **kwargs: `reduction`, `dtype` and `ignore_class`, as in `NoisyLabelLoss`.

    Raises:
        TypeError: if `rate` is not a number or `seed` not an integer.
        ValueError: if `rate` or `seed` is out of range.

    Warns:
        UserWarning: if `rate` is 1.

    Example:
        >>> import numpy as np
        >>> loss = DisturbLabel(2, rate=0.2, reduction=None)
        >>> labels, outputs = np.zeros(10_000, int), np.tile(np.log([[0.75, 0.25]]), [10_000, 1])
        >>> wrong = loss(labels, outputs) > 1  # -log 0.25
        >>> abs(float(np.mean(wrong)) - 0.1) < 0.01
        True

    References:
        Xie, Wang, Wei, Wang, Tian, "DisturbLabel: regularizing CNN on the loss layer", 2016. Zhang et al., "Delving
        deep into label smoothing", 2021, compare with `rate=0.1`.
    """

    paper = "Xie et al., 2016"

    def __init__(self, num_classes: int, rate: float, *, seed: int = 0, name: str = "disturb_label", **kwargs: Any):
        super().__init__(num_classes, name=name, **kwargs)
        self.rate = self._check_number("rate", rate, 0, 1)
        if self.rate == 1:
            _validation.warn_of_no_labels("rate")
        self.seed = _validation.check_seed(seed)
        self.seed_generator = keras.random.SeedGenerator(self.seed)

    def soft_label_loss(self, targets, y_pred):
        seed = _noise.draw_seed(self.seed_generator, y_pred)
        chance, place = ops.split(_noise.uniform(seed, [ops.shape(y_pred)[0], 2]), 2, axis=-1)
        drawn = ops.cast(ops.floor(place[:, 0] * self.num_classes), "int32")
        disturbed = ops.where(chance < self.rate, ops.one_hot(drawn, self.num_classes, dtype=self.dtype), targets)
        return cross_entropy(disturbed, ops.log_softmax(y_pred, axis=-1))

    def loss_in_validation(self):
        return cross_entropy_like(self)

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}

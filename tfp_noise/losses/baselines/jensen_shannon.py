"""The Jensen-Shannon divergence of label and predictions (Englesson and Azizpour 2021)."""

import math
from typing import Any

from keras import ops

from tfp_noise import _validation
from tfp_noise.losses._entropies import smallest
from tfp_noise.losses._gradients import with_gradient
from tfp_noise.losses.base import NoisyLabelLoss, register


@register
class JensenShannon(NoisyLabelLoss):
    """Weighted Jensen-Shannon divergence of label and prediction, between cross-entropy and absolute error.

    With `p = softmax(y_pred)`, `w = weight` and the mixture `m = w y + (1 - w) p`,

        JS = w KL(y || m) + (1 - w) KL(p || m),    loss = JS / Z,    Z = -(1 - w) log(1 - w)

    Divided by Z, the loss of a class goes to cross-entropy as `w -> 0`, and to half the absolute error, `1 - p_y`, as
    `w -> 1`. The label may be a distribution over classes, `y` of the formula; the limits are then `KL(y || p)`, and
    the probability of the classes with `y_k = 0`. The loss is 0 where the prediction is the label, and at most
    `1 + w log w / ((1 - w) log(1 - w))`.

    The gradient with respect to `log p_k` is `-(1 - w) / Z p_k log(1 - w + w y_k / p_k)`. Value and gradient take their
    limits where probabilities underflow. For classes, both are computed from `p_y` alone.

    With `views` > 1, the generalised divergence of the label and of several predictions `p_v`, of differently augmented
    views of one example, also draws these together: with their mean `q` in place of `p` in JS and m,

        GJS = JS + (1 - w) / views sum_v KL(p_v || q)

    The network then has `views * num_classes` outputs, view after view, such as the `Concatenate` of one network's
    outputs for the inputs of two random augmentation layers. The first view is the prediction.

    Args:
        num_classes: int, K >= 2.
        weight: float in (0, 1), the weight w of the label, from cross-entropy (near 0) to absolute error (near 1).
        views: int >= 1, the number of predictions for an example.
        name: name of the loss.
        **kwargs: `reduction`, `dtype` and `ignore_class`, as in `NoisyLabelLoss`.

    Raises:
        TypeError: if `weight` is not a number or `views` not an integer.
        ValueError: if `weight` is outside (0, 1), or `views` is below 1.

    Example:
        >>> import numpy as np
        >>> labels, outputs = np.array([0]), np.log([[0.5, 0.5]])  # cross-entropy is log 2, half the error 1 / 2
        >>> [round(float(JensenShannon(2, weight)(labels, outputs)), 3) for weight in (0.001, 0.5, 0.999)]
        [0.693, 0.623, 0.522]

    References:
        Englesson, Azizpour, "Generalized Jensen-Shannon divergence loss for learning with noisy labels", 2021: the
        scaled divergences JS and GJS, the limits of JS, and GJS as JS plus a term of consistency, with equal weights of
        the views. For CIFAR-10 at 40% symmetric noise the authors' code takes a weight of 0.7 with one view and of 0.9
        with two. Departures from it: `m` is not clipped at 1e-7, and labels may be distributions.
    """

    paper = "Englesson, Azizpour, 2021"

    def __init__(
        self,
        num_classes: int,
        weight: float = 0.5,
        views: int = 1,
        *,
        name: str = "jensen_shannon",
        **kwargs: Any,
    ):
        super().__init__(num_classes, name=name, **kwargs)
        self.views = _validation.check_int("views", views, 1)
        self.weight = self._check_number("weight", weight, above=0, below=1)
        self._scale = -1 / ((1 - self.weight) * math.log1p(-self.weight))

    @property
    def num_outputs(self):
        return self.views * self.num_classes

    @property
    def reads_logits(self):
        return self.views == 1

    def logits(self, y_pred):
        return y_pred[..., : self.num_classes]

    def soft_label_loss(self, targets, y_pred):
        w, tiny = self.weight, smallest(self.dtype)

        @with_gradient
        def divergence(log_p):
            p = ops.exp(log_p)
            mean = ops.mean(p, axis=1)
            of_label = -w * targets * _log_mixture(mean / ops.maximum(targets, tiny), 1 - w)
            # log(p_v / m) = log(p_v / q) + log(q / m)
            log_ratio = -ops.expand_dims(_log_mixture(targets / ops.maximum(mean, tiny), w), 1)
            if self.views > 1:
                log_ratio = log_ratio + ops.log(ops.maximum(p, tiny) / ops.expand_dims(ops.maximum(mean, tiny), 1))
            of_views = (1 - w) / self.views * p * log_ratio
            value = ops.sum(of_label, axis=-1) + ops.sum(of_views, axis=(1, 2))
            return self._scale * value, lambda upstream: self._scale * ops.reshape(upstream, [-1, 1, 1]) * of_views

        by_view = ops.reshape(y_pred, [-1, self.views, self.num_classes])
        return divergence(ops.log_softmax(by_view, axis=-1))

    def class_index_loss(self, labels, y_pred):
        if self.views > 1:
            return super().class_index_loss(labels, y_pred)
        w, tiny = self.weight, smallest(self.dtype)

        @with_gradient
        def divergence(log_p):
            p = ops.exp(log_p)
            # The other classes have y_k = 0 and so m_k = (1 - w) p_k.
            others, log_rest = -ops.expm1(log_p), math.log1p(-w)
            log_ratio = _log_mixture(1 / ops.maximum(p, tiny), w)
            value = -w * _log_mixture(p, 1 - w) - (1 - w) * (p * log_ratio + others * log_rest)
            slope = (1 - w) * p * (log_rest - log_ratio)
            return self._scale * value, lambda upstream: self._scale * upstream * slope

        log_p = ops.log_softmax(y_pred, axis=-1)
        return divergence(ops.take_along_axis(log_p, ops.expand_dims(labels, -1), axis=-1)[:, 0])

    def get_config(self):
        return {**super().get_config(), "weight": self.weight, "views": self.views}


def _log_mixture(ratio, weight):
    """`log(1 - weight + weight * ratio)`, exact near a ratio of 1 and for small weights of either part."""
    return ops.log1p(weight * (ratio - 1)) if weight <= 0.5 else ops.log((1 - weight) + weight * ratio)

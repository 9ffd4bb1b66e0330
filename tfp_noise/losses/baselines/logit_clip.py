"""Logits clipped by their norm before a loss reads them (Wei et al. 2023)."""

import keras
from keras import ops

from tfp_noise import _positions, _validation
from tfp_noise.losses import _checks
from tfp_noise.losses._entropies import smallest
from tfp_noise.losses._gradients import with_gradient
from tfp_noise.losses.base import NoisyLabelLoss, register


@register
class LogitClip(NoisyLabelLoss):
    """Another loss of logits that are scaled down to a largest Euclidean norm, which bounds it.

    `loss(y, z')` with `z' = z min(1, max_norm / ||z||)` for the outputs `z` of an example. Two clipped logits differ by
    at most `sqrt(2) max_norm`, so that cross-entropy is at most `log(1 + (K - 1) exp(sqrt(2) max_norm))`, and wrong
    labels cannot be fitted with ever larger logits. With a `max_norm` that no output exceeds, it is the loss itself.

    Labels, soft labels, `reduction`, `dtype` and `ignore_class` are those of the loss. Predictions are the softmax of
    the outputs as they are, which has the same most probable class as that of the clipped ones; validation reports the
    loss of clipped outputs. A class with the logit -inf stays there and is left out of the norm.

    Args:
        loss: `NoisyLabelLoss` that reads logits, one for each class, and keeps nothing between steps.
        max_norm: float > 0, the largest Euclidean norm of the logits of an example.
        name: name of the loss.

    Raises:
        TypeError: if `loss` is not a `NoisyLabelLoss`, or `max_norm` not a number.
        ValueError: if `loss` reads other outputs than logits or has a state, or `max_norm` is not positive.

    Example:
        >>> import numpy as np
        >>> from tfp_noise.losses import CrossEntropy
        >>> loss = LogitClip(CrossEntropy(2), max_norm=1.0)
        >>> outputs = np.array([[600.0, 800.0]])  # as a loss reads them: [0.6, 0.8]
        >>> [round(float(one(np.array([0]), outputs)), 4) for one in (CrossEntropy(2), loss)]
        [200.0, 0.7981]

    References:
        Wei, Zhuang, Xie, Feng, Niu, An, Li, "Mitigating memorization of noisy labels by clipping the model prediction",
        2023, with its clipping threshold tau as `max_norm`; it applies the clipping to cross-entropy and to robust
        losses. Departure from the authors' code, which scales logits with a norm above its argument `temp` to the norm
        `1 / temp`, not `temp`. That code, too, tests the outputs as they are.
    """

    paper = "Wei et al., 2023"
    needs = "another loss"

    def __init__(self, loss: NoisyLabelLoss, max_norm: float, *, name: str = "logit_clip"):
        _check_loss(loss)
        super().__init__(
            loss.num_classes, name=name, reduction=loss.reduction, dtype=loss.dtype, ignore_class=loss.ignore_class
        )
        self.loss = loss
        self.seed_generator = loss.seed_generator
        self.max_norm = self._check_number("max_norm", max_norm, above=0)

    @property
    def is_shift_invariant(self):
        return False

    @property
    def needs_whole_batch(self):
        return self.loss.needs_whole_batch

    def __call__(self, y_true, y_pred, sample_weight=None):
        _checks.check_given(y_true, y_pred)
        return self.loss(y_true, self._clipped(y_pred), sample_weight)

    def soft_label_loss(self, targets, y_pred):
        return self.loss.soft_label_loss(targets, self._clipped(y_pred))

    def class_index_loss(self, labels, y_pred):
        return self.loss.class_index_loss(labels, self._clipped(y_pred))

    def loss_in_validation(self):
        evaluated = self.loss.loss_in_validation()
        return self if evaluated is self.loss else LogitClip(evaluated, self.max_norm)

    def _clipped(self, y_pred):
        _checks.check_raw(y_pred)
        return _positions.with_mask_of(y_pred, _clip(ops.cast(y_pred, self.dtype), self.max_norm))

    def get_config(self):
        return {"loss": keras.saving.serialize_keras_object(self.loss), "max_norm": self.max_norm, "name": self.name}

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "loss": keras.saving.deserialize_keras_object(config["loss"])})


def _clip(logits, max_norm):
    """`logits` scaled down to a norm of at most `max_norm`; classes with the logit -inf stay."""

    @with_gradient
    def clip(logits):
        units = ops.where(ops.isfinite(logits), logits, 0)
        # In units of the largest, because squares of large logits overflow.
        largest = ops.maximum(ops.max(ops.abs(units), axis=-1, keepdims=True), max_norm)
        units, limit = units / largest, max_norm / largest
        squares = ops.sum(ops.square(units), axis=-1, keepdims=True)
        bounded = ops.maximum(squares, ops.square(limit))
        # Exactly 1 inside; not 0 elsewhere, because 0 times -inf is NaN.
        scale = ops.maximum(limit / ops.sqrt(bounded), smallest(logits.dtype))

        def gradient(upstream):
            along = ops.sum(units * upstream, axis=-1, keepdims=True) / bounded
            along = ops.where(squares > ops.square(limit), along, 0)
            return scale * (upstream - along * units)

        return scale * logits, gradient

    return clip(logits)


def _check_loss(loss):
    """Refuses what is no loss of logits alone."""
    _validation.check_instance("loss", loss, NoisyLabelLoss, "Pass one such as CrossEntropy(num_classes).")
    kind = _validation.with_article(type(loss).__name__)
    if hasattr(loss, "num_labels"):
        raise ValueError(
            f"`loss` must have one class of several an example. Received: {kind} of {loss.num_labels} labels. Clip "
            "the two logits of each label: `MultiLabel(LogitClip(loss, max_norm), num_labels)`."
        )
    if not loss.reads_logits or loss.num_outputs != loss.num_classes:
        raise ValueError(
            f"`loss` must read logits, one for each class, and nothing else. Received: {kind}, which reads its "
            f"{loss.num_outputs} outputs otherwise. Use it without clipping."
        )
    if loss.needs_classifier or loss.build_state() is not None:
        raise ValueError(
            f"`loss` must keep nothing between steps. Received: {kind}, which has a state of its own. Use it without "
            "clipping."
        )

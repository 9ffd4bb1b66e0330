"""Several labels an example, each present or absent: any loss of two classes, label by label."""

from collections.abc import Sequence

import keras
from keras import ops
from keras.src.backend import set_keras_mask

from tfp_noise import _positions, _validation
from tfp_noise.losses import _checks
from tfp_noise.losses.base import NoisyLabelLoss, register
from tfp_noise.losses.cross_entropy import CrossEntropy


@register
class MultiLabel(NoisyLabelLoss):
    """Loss of several labels an example, each present (1) or absent (0), by a loss of two classes for each of them.

    Label l has one output, z_l, the logit of a sigmoid. Its two logits are `[0, z_l]`, whose softmax is
    `[1 - sigmoid(z_l), sigmoid(z_l)]`, and its loss is that of `loss` at these. With `num_labels=1` that is binary
    classification with one output. Every method thereby is what it is for two classes: `ForwardCorrection` takes a 2x2
    transition, in which `transition[0, 1]` is the fraction of absent labels that are given as present.

    A loss whose outputs are more than logits, such as `Heteroscedastic`, keeps its outputs for each label:
    `num_labels * loss.num_outputs` of them, first the first output of all labels, then the second one of all labels,
    and so on.

    The loss is the mean over all labels of all examples, as that of `keras.losses.BinaryCrossentropy`; labels of
    `ignore_class` are left out. With `reduction=None` it is `[batch, num_labels]`, a number for each label.
    Validation reports cross-entropy where `loss` does so. Refused are losses that keep something between steps, and
    those that compare the examples of a batch.

    Args:
        loss: a `NoisyLabelLoss` with `num_classes=2`, in whose dtype everything is computed; or a sequence of
            `num_labels` of them, one a label, such as one transition a label. Losses of a sequence have the same
            number of outputs and draw no random numbers.
        num_labels: int, L >= 1.
        name: name of the loss.
        reduction: as in `keras.losses.Loss`.
        ignore_class: number that stands for a label that nobody knows, often -1, which counts for nothing; `None`:
            every label must lie in [0, 1].

    Raises:
        TypeError: if `loss` is not a loss of this package, or `num_labels` not an integer.
        ValueError: if `loss` is none of two classes, keeps a state, compares examples, or has an `ignore_class` or
            another dtype than the others of its sequence; if a sequence does not have `num_labels` losses.

    Example:
        Two labels; of the first one a quarter is missing wherever it is present, the second one is right:

        >>> import numpy as np
        >>> from tfp_noise.losses import ForwardCorrection
        >>> transitions = [[[1.0, 0.0], [0.25, 0.75]], np.eye(2)]
        >>> loss = MultiLabel([ForwardCorrection(2, T) for T in transitions], num_labels=2, ignore_class=-1)
        >>> y_true, y_pred = np.array([[1, 0], [0, -1]]), np.zeros([2, 2])  # nobody knows the last label
        >>> loss.probabilities(y_pred).numpy().tolist()
        [[0.5, 0.5], [0.5, 0.5]]
        >>> round(float(loss(y_true, y_pred)), 4)  # -(log 0.375 + log 0.5 + log 0.625) / 3
        0.7147

    References:
        Zhang, Zhou, "A review on multi-label learning algorithms", 2014, section 3.1 (binary relevance: one problem of
        two classes a label). Collier, Mustafa, Kokiopoulou, Jenatton, Berent, "Correlated input-dependent label noise
        in large-scale image classification", 2021, whose code has a sigmoid form of `Heteroscedastic`: one normal
        logit a label, where here the difference of two is normal.
    """

    paper = "Zhang, Zhou, 2014"
    needs = "a loss of two classes; a last layer of `num_outputs` units"

    def __init__(
        self,
        loss: NoisyLabelLoss | Sequence[NoisyLabelLoss],
        num_labels: int,
        *,
        name: str | None = "multi_label",
        reduction: str | None = "sum_over_batch_size",
        ignore_class: int | None = None,
    ):
        self.num_labels = _validation.check_int("num_labels", num_labels, 1)
        self.loss = list(loss) if isinstance(loss, list | tuple) else loss
        first = _check_losses(self.loss, self.num_labels)
        super().__init__(2, name=name, reduction=reduction, dtype=first.dtype, ignore_class=ignore_class)
        self._first, self._each = first, self.loss if isinstance(self.loss, list) else [self.loss]
        self.seed_generator = first.seed_generator
        self.divergence_advice = first.divergence_advice
        if self.ignore_class in (0, 1):
            raise ValueError(
                f"`ignore_class` must be a number that is no label. Received: {ignore_class}, which says that a label "
                "is absent or present. Take -1 for labels that nobody knows."
            )

    @property
    def num_outputs(self):
        return self.num_labels * (1 if self._first.is_shift_invariant else self._first.num_outputs)

    @property
    def num_prediction_outputs(self):
        return self.num_labels * (1 if self._first.is_shift_invariant else self._first.num_prediction_outputs)

    def _prepared(self, y_true, y_pred):
        _checks.check_raw(y_pred)  # before a copy, which has no mark of Keras's activations
        return y_true, _positions.with_mask_of_labels(y_pred, self.num_labels)

    def _loss_weights(self, weights, y_pred):
        return _positions.weights_of_labels(weights, y_pred, self.num_labels)

    def call(self, y_true, y_pred):
        """Loss of each label, without reduction.

        Args:
            y_true: numbers in [0, 1], `[..., num_labels]`: 0 or 1, or the probability that a label is present. With one
                label, `[...]` too.
            y_pred: raw network outputs `[..., num_outputs]`, never probabilities.

        Returns:
            `[..., num_labels]`, in nats; 0 for a label of `ignore_class`, which Keras's reduction leaves out; NaN for
            any other number outside [0, 1].

        Raises:
            ValueError: if a shape does not fit, or `y_pred` comes from a softmax or sigmoid of Keras.
        """
        _checks.check_raw(y_pred)
        y_true, y_pred = ops.convert_to_tensor(y_true), ops.cast(y_pred, self.dtype)
        _checks.check_multi_label_shapes(self, y_true, y_pred)
        y_pred = _positions.nan_unless_sizes_fit(y_true, y_pred)
        given = ops.cast(ops.reshape(y_true, (*ops.shape(y_pred)[:-1], self.num_labels)), self.dtype)
        # An accelerator cannot raise, and would quietly take some number for a probability.
        known = (given >= 0) & (given <= 1)
        losses = self._of_each(_losses_of_labels, y_pred, ops.where(known, given, 0))
        losses = ops.where(known, losses, float("nan"))
        if self.ignore_class is None:
            return losses
        counts = given != self.ignore_class
        losses = ops.where(counts, losses, 0)
        set_keras_mask(losses, counts)  # for Keras's reduction
        return losses

    def _of_each(self, function, y_pred, *labels):
        """`function(loss, outputs, ...)` of each label, `[..., num_labels]`, for its outputs and other tensors.

        Outputs are `[..., num_labels]` if a label has one, and else `[..., num_labels, loss.num_outputs]`.
        """
        outputs, axis = y_pred, -1
        if not self._first.is_shift_invariant:
            outputs, axis = ops.stack(ops.split(y_pred, y_pred.shape[-1] // self.num_labels, axis=-1), axis=-1), -2
        if len(self._each) == 1:
            return function(self._first, outputs, *labels)
        parts = [ops.unstack(outputs, axis=axis), *(ops.unstack(one, axis=-1) for one in labels)]
        return ops.stack([function(*one) for one in zip(self._each, *parts, strict=True)], axis=-1)

    def logits(self, y_pred):
        """The logit of each label, `[..., num_labels]`, whose sigmoid the predicted probability is."""
        if self._first.is_shift_invariant and all(loss.reads_logits for loss in self._each):
            return y_pred
        return self._of_each(_log_odds, y_pred)

    def probabilities(self, y_pred):
        """Predicted probability of each label to be present, `[..., num_labels]`, each in [0, 1].

        Args:
            y_pred: float `[..., num_outputs]`, raw network outputs.
        """
        return ops.sigmoid(self.logits(ops.cast(y_pred, self.dtype)))

    def loss_in_validation(self):
        reported = [loss.loss_in_validation() for loss in self._each]
        if all(one is loss for one, loss in zip(reported, self._each, strict=True)):
            return self
        shared = {"reduction": self.reduction, "ignore_class": self.ignore_class}
        return MultiLabel(reported if isinstance(self.loss, list) else reported[0], self.num_labels, **shared)

    def evaluation_loss(self, y_true, y_pred, sample_weight=None):
        if all(type(loss).evaluation_loss is NoisyLabelLoss.evaluation_loss for loss in self._each):
            return super().evaluation_loss(y_true, y_pred, sample_weight)
        plain = CrossEntropy(2, dtype=self.dtype)
        plain = MultiLabel(plain, self.num_labels, reduction=self.reduction, ignore_class=self.ignore_class)
        logits = _positions.with_mask_of(y_pred, self.logits(ops.cast(y_pred, self.dtype)))
        return plain(y_true, logits, sample_weight)

    def get_config(self):
        own = {"loss": keras.saving.serialize_keras_object(self.loss), "num_labels": self.num_labels}
        common = {name: getattr(self, name) for name in ("name", "reduction", "ignore_class")}
        return {**own, **common}

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "loss": keras.saving.deserialize_keras_object(config["loss"])})


def _losses_of_labels(loss, outputs, present):
    """Losses `[...]` by a loss of two classes, for outputs `[...]` or `[..., loss.num_outputs]`."""
    if loss.is_shift_invariant:
        return loss.binary_loss(present, outputs)
    targets = ops.stack([1 - present, present], axis=-1)
    rows = [ops.reshape(tensor, [-1, tensor.shape[-1]]) for tensor in (targets, outputs)]
    return ops.reshape(loss.soft_label_loss(*rows), ops.shape(present))


def _log_odds(loss, outputs):
    """Logits `[...]` of the second class of two."""
    if loss.is_shift_invariant:
        outputs = ops.stack([ops.zeros_like(outputs), outputs], axis=-1)
    absent, present = ops.unstack(loss.logits(outputs), num=2, axis=-1)
    return present - absent


def _check_losses(loss, num_labels):
    """The first of the losses, if they are such that labels can be told apart by them."""
    losses = loss if isinstance(loss, list) else [loss]
    for one in losses:
        _check_loss(one)
    if isinstance(loss, list):
        _check_sequence(losses, num_labels)
    return losses[0]


def _check_loss(loss):
    kind = type(loss).__name__
    if not isinstance(loss, NoisyLabelLoss):
        raise TypeError(
            f"`loss` must be a loss of tfp_noise.losses, or a list of them. Received: {loss!r:.100}. For binary "
            "cross-entropy pass `tfp_noise.losses.CrossEntropy(2)`."
        )
    if isinstance(loss, MultiLabel) or loss.num_classes != 2:
        number = "of several labels" if isinstance(loss, MultiLabel) else f"of {loss.num_classes} classes"
        raise ValueError(
            f"`loss` must have two classes, absent and present. Received: a {kind} {number}. Make it with "
            "`num_classes=2`; how many labels there are is `num_labels`."
        )
    if reason := loss.needs_classifier or loss.needs_whole_batch:
        raise ValueError(
            f"`loss` must depend on one label at a time. Received: a {kind}, which cannot be used because {reason}. "
            "Take another loss, or other settings of this one."
        )
    if loss.ignore_class is not None:
        raise ValueError(
            f"`loss` must have no `ignore_class`. Received: a {kind} with ignore_class={loss.ignore_class}. Give it to "
            "MultiLabel: `MultiLabel(loss, num_labels, ignore_class=-1)`."
        )
    if loss.reduction != "sum_over_batch_size":
        raise ValueError(
            f"`loss` must have no `reduction` of its own. Received: a {kind} with reduction={loss.reduction!r}. Give "
            f"that to MultiLabel: `MultiLabel(loss, num_labels, reduction={loss.reduction!r})`."
        )


def _check_sequence(losses, num_labels):
    if len(losses) != num_labels:
        raise ValueError(
            f"`loss` must be one loss, or one for each of the {num_labels} labels. Received: {len(losses)} losses."
        )
    if len({(one.dtype, one.is_shift_invariant, one.num_outputs, one.num_prediction_outputs) for one in losses}) > 1:
        said = [f"{type(one).__name__} with {one.num_outputs} outputs in {one.dtype}" for one in losses]
        raise ValueError(f"`loss` must hold losses of equal outputs and dtype. Received: {', '.join(said):.200}.")
    drawing = [type(one).__name__ for one in losses if one.seed_generator is not None]
    if drawing:
        raise ValueError(
            f"`loss` must hold losses that draw no random numbers. Received: a {drawing[0]} among them. Pass one for "
            "all labels: it draws for each label anew."
        )

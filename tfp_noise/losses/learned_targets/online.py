"""Online label smoothing: soft labels are the mean predictions of the previous epoch (Zhang et al. 2021)."""

from typing import Any

import numpy as np
from keras import ops

from tfp_noise import _labels, _validation
from tfp_noise._class_rows import TopRows
from tfp_noise.losses._entropies import cross_entropy
from tfp_noise.losses._gradients import with_gradient
from tfp_noise.losses.base import register
from tfp_noise.losses.learned_targets._soft_labels import INITIAL, DenseSoftLabels, TopSoftLabels
from tfp_noise.losses.learned_targets.base import LearnedTargets


@register
class OnlineLabelSmoothing(LearnedTargets):
    """Cross-entropy to the label and to the mean prediction for its class in the previous period.

        -alpha sum_k y_k log p_k - (1 - alpha) sum_k (y S)_k log p_k,    p = softmax(y_pred)

    Row `i` of `S` is the mean of `p` over the training examples of label `i` that were classified correctly in the
    previous period, as predicted in its training steps, before each update. `S` starts uniform, so that the first
    period is label smoothing, and changes in training only. The mean is weighted by `sample_weight`; a soft label, such
    as one of mixup, counts for its largest class, and as correct if that class is predicted.

    The loss trains in a `NoisyLabelClassifier` of its own, which holds, mirrors and saves `S`; validation reports plain
    cross-entropy. In a training loop without `fit`, compute the loss of a step with
    `classifier.compute_loss(x, y, classifier(x, training=True))`, which also takes the statistics, and call
    `classifier.loss_state.end_epoch()` after each epoch.

    With `top=N` each row keeps the N classes with the largest mean predicted probability, and the others share the
    remainder equally; no `[K, K]` array exists at any time. In each period, N further classes of each row are tracked
    as candidates, the most probable ones of one example. The loss of soft labels takes about N times as long as
    cross-entropy.

    Args:
        num_classes: int, K >= 2.
        alpha: float in [0, 1], the weight of the label; 1 is cross-entropy, 0 does not converge from scratch.
        update_period: "epoch", or an int >= 1, the number of training steps after which `S` is replaced. Short periods
            are slow for large K, because each replacement writes the whole of `S`.
        top: int in [1, K - 1], the number N of entries in each row; `None` for whole rows.
        initial: the rows at the start: "uniform"; "zeros", so that the loss of the first period is `alpha` times
            cross-entropy; or "smoothed", 0.9 for the label and 0.1 spread uniformly.
        unseen: the next row of a class without a correct prediction in the period: "uniform", or "kept" for the
            previous row.
        freeze_above: float in (0, 1], or `None`; a row whose largest probability has reached it does not change any
            more. It must be above the largest probability of the initial rows.
        per_sample: bool; True takes the prediction of one example, the latest, in place of the mean. With
            `update_period=1` and `unseen="kept"` every example learns from another one of its class.
        name: name of the loss.
        **kwargs: `reduction`, `dtype` and `ignore_class`, as in `NoisyLabelLoss`; `S` is float32 under every `dtype`.

    Raises:
        TypeError: if an argument is of another type.
        ValueError: if an argument is out of range, or the loss is passed to `keras.Model.compile` of a plain model.

    Example:
        >>> import keras
        >>> import numpy as np
        >>> from tfp_noise import NoisyLabelClassifier
        >>> loss = OnlineLabelSmoothing(3)
        >>> network = keras.Sequential([keras.Input([4]), keras.layers.Dense(3)])
        >>> model = NoisyLabelClassifier(network, loss)
        >>> model.compile("adam")
        >>> history = model.fit(np.eye(4)[:3], np.arange(3), epochs=2, verbose=0)
        >>> loss.soft_labels.shape, bool(np.allclose(loss.soft_labels.sum(axis=1), 1))
        ((3, 3), True)

    References:
        Zhang et al., "Delving deep into label smoothing", 2021: Eq. 3 to 7 and Algorithm 1 (its columns are the rows
        here), Figure 7b (periods), section V-E (OLS-Single). The paper does not define the row of a class without a
        correct prediction; the authors' code makes it uniform. That code starts from zeros for CIFAR
        (`initial="zeros"`); for fine-grained data it freezes rows at 0.88 (`freeze_above=0.88`) and gives both
        cross-entropies the weight 1, which is twice the loss with `alpha=0.5`.
    """

    paper = "Zhang et al., 2021"
    needs_classifier = "its soft labels are the mean predictions of the previous epoch"

    def __init__(
        self,
        num_classes: int,
        alpha: float = 0.5,
        update_period: str | int = "epoch",
        top: int | None = None,
        *,
        initial: str = "uniform",
        unseen: str = "uniform",
        freeze_above: float | None = None,
        per_sample: bool = False,
        name: str = "online_label_smoothing",
        **kwargs: Any,
    ):
        super().__init__(num_classes, name=name, **kwargs)
        self.alpha = self._check_number("alpha", alpha, 0, 1)
        self.update_period = _check_period(update_period)
        self.top = _validation.check_top(top, self.num_classes)
        self.initial = _validation.check_choice("initial", initial, INITIAL)
        self.unseen = _validation.check_choice("unseen", unseen, ["uniform", "kept"])
        self.freeze_above = freeze_above
        if freeze_above is not None:
            self.freeze_above = self._check_number("freeze_above", freeze_above, maximum=1, above=0)
            _check_thaws(self)
        self.per_sample = _validation.check_bool("per_sample", per_sample)

    def build_state(self):
        return DenseSoftLabels(self) if self.top is None else TopSoftLabels(self)

    @property
    def state_name(self):
        counts_steps = self.update_period != "epoch"
        return super().state_name + (" by steps" if counts_steps else "")

    @property
    def soft_labels(self) -> np.ndarray | TopRows:
        """The soft labels of the present period, float32 `[K, K]`, a row for each label; with `top`, `TopRows`."""
        return self.class_rows

    def class_index_loss(self, labels, y_pred):
        rows = self.state().rows.cast(self.dtype).take(labels)
        return _cross_entropy(_labels.mix_with_one_hot(rows, labels, 1 - self.alpha), y_pred)

    def soft_label_loss(self, targets, y_pred):
        mixed = self.state().rows.cast(self.dtype).mix(targets)
        return _cross_entropy(self.alpha * targets + (1 - self.alpha) * mixed, y_pred)

    def get_config(self):
        settings = ("alpha", "update_period", "top", "initial", "unseen", "freeze_above", "per_sample")
        return {**super().get_config(), **{key: getattr(self, key) for key in settings}}


def _cross_entropy(targets, y_pred):
    """`-sum_k t_k log p_k`, `[batch]`, for targets of any sum, with a gradient by hand that needs two arrays less."""

    @with_gradient
    def measure(y_pred):
        log_p = ops.log_softmax(y_pred, axis=-1)

        def gradient(upstream):
            by_logits = ops.sum(targets, axis=-1, keepdims=True) * ops.exp(log_p) - targets
            return ops.expand_dims(upstream, -1) * by_logits

        return cross_entropy(targets, log_p), gradient

    return measure(y_pred)


def _check_period(period):
    """`period`, if it is "epoch" or a number of steps."""
    if period is None or (isinstance(period, str) and period != "epoch"):
        raise ValueError(f'`update_period` must be "epoch" or a number of training steps. Received: {period!r}.')
    return period if isinstance(period, str) else _validation.check_int("update_period", period, 1)


def _check_thaws(loss):
    """Refuses a `freeze_above` that would freeze the initial rows."""
    start = INITIAL[loss.initial]
    largest = start["label"] + start["uniform"] / loss.num_classes
    if largest >= loss.freeze_above:
        raise ValueError(
            f"`freeze_above` must be above {largest:g}, the largest probability of rows with initial={loss.initial!r}, "
            f"which would never change. Received: {loss.freeze_above}. Raise it, or choose another `initial`."
        )

"""Online label smoothing: soft labels are the mean predictions of the epoch before (Zhang et al. 2021)."""

from keras import ops

from tfp_noise import _labels, _validation
from tfp_noise.losses._entropies import cross_entropy
from tfp_noise.losses._gradients import with_gradient
from tfp_noise.losses.base import register
from tfp_noise.losses.learned_targets._soft_labels import INITIAL, DenseSoftLabels, TopSoftLabels
from tfp_noise.losses.learned_targets.base import LearnedTargets


@register
class OnlineLabelSmoothing(LearnedTargets):
    """Cross-entropy to the label and to what the network predicted for its class in the period before.

        -alpha sum_k y_k log p_k - (1 - alpha) sum_k (y S)_k log p_k,    p = softmax(y_pred)

    Row `i` of `S` is the mean of `p` over the training examples of label `i` that were classified correctly in the last
    period, as they were predicted then, before the step. `S` starts uniform, which makes the first period label
    smoothing, and changes in training steps only. Examples weigh in it as their `sample_weight` says; a soft label, as
    mixup makes it, counts for its largest class, and as correct if the prediction's largest class is the same.

    It trains in a `NoisyLabelClassifier` of its own, which holds, mirrors and saves `S`; validation reports plain
    cross-entropy. In a training loop without `fit`, take the loss of a step from
    `classifier.compute_loss(x, y, classifier(x, training=True))`, which counts its predictions, and call
    `classifier.loss_state.end_epoch()` after each epoch.

    With `top=N` each row keeps N entries and shares the remainder among all other classes; no `[K, K]` array exists at
    any time. Which entries are kept is found from the predictions: N further classes are followed beside the kept
    ones in every period, those likeliest for the first of the row's examples, and the N largest means stay. Soft
    labels cost some N times what cross-entropy does.

    Args:
        num_classes: int, K >= 2.
        alpha: float in [0, 1], weight of the label itself; 1 is cross-entropy, 0 does not converge from scratch.
        update_period: "epoch", or an int >= 1: after so many training steps `S` is replaced. Steps cost more the larger
            K is, for the whole of `S` is then written each time.
        top: int in [1, K - 1], or `None` for whole rows.
        initial: "uniform"; "zeros", with which the first period has `alpha` times cross-entropy; "smoothed", 0.9 on
            the label and 0.1 uniform.
        unseen: what a row becomes in whose class nothing was classified correctly: "uniform" or "kept".
        freeze_above: float in (0, 1], or `None`; a row with a probability that large does not change any more.
            Above what rows start with.
        per_sample: bool; True puts the prediction of one example, the latest, in place of the mean. With
            `update_period=1` and `unseen="kept"` every example learns from another one of its class.
        name: name of the loss.
        **kwargs: `reduction`, `dtype` and `ignore_class`, as in `NoisyLabelLoss`; `S` is float32 under every `dtype`.

    Raises:
        TypeError: if an argument is of another type.
        ValueError: if an argument is out of range, or the loss is used in a plain `keras.Model.compile`.

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
        Zhang et al., "Delving deep into label smoothing", 2021: Eq. 3 to 7 and Algorithm 1 (the columns there are rows
        here), Figure 7b (periods), section V-E (OLS-Single). The paper leaves open what becomes of a class without a
        correct prediction; its authors' code makes its row uniform. That code starts from zeros for CIFAR
        (`initial="zeros"`), and for fine-grained data freezes rows at 0.88 (`freeze_above=0.88`) and adds both
        cross-entropies with weight 1, which is twice the loss with `alpha=0.5`.
    """

    needs_classifier = "its soft labels are made of the predictions of the epoch before"

    def __init__(
        self,
        num_classes,
        alpha=0.5,
        update_period="epoch",
        top=None,
        *,
        initial="uniform",
        unseen="uniform",
        freeze_above=None,
        per_sample=False,
        name="online_label_smoothing",
        **kwargs,
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
        return super().state_name + ("" if self.update_period == "epoch" else " by steps")  # which are counted

    @property
    def soft_labels(self):
        """The soft labels of the present period, float32 `[K, K]`, a row per label; with `top`, `TopRows`."""
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
    """`-sum_k t_k log p_k`, `[batch]`, for targets of any sum; their gradient by hand, for it is two arrays smaller."""

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
    return (
        period if isinstance(period, str) and period == "epoch" else _validation.check_int("update_period", period, 1)
    )


def _check_thaws(loss):
    """Refuses rows that would be frozen before they have learned anything."""
    start = INITIAL[loss.initial]
    largest = start["on"] + start["spread"] / loss.num_classes
    if largest >= loss.freeze_above:
        raise ValueError(
            f"`freeze_above` must be above {largest:g}, what rows start with for initial={loss.initial!r}; they would "
            f"never change. Received: {loss.freeze_above}. Raise it, or start from another `initial`."
        )

"""PENCIL: a label distribution for each example, trained beside the network (Yi and Wu 2019)."""

from typing import Any

import numpy as np
from keras import ops
from numpy.typing import ArrayLike

from tfp_noise import _labels, _validation
from tfp_noise.losses._entropies import cross_entropy, cross_entropy_of_classes, entropy
from tfp_noise.losses._state import StateAfterWarmUp
from tfp_noise.losses.base import register
from tfp_noise.losses.example_memory import ExampleMemory, LossWithMemory

# The authors' 600 for the mean loss of a batch of 128.
_LABEL_RATE = 600 / 128


@register
class PENCIL(LossWithMemory):
    """Divergence of the prediction from a distribution over labels that each example has, and that training corrects.

    The example i with the label y has the distribution `d = softmax(initial_logit y + r_i)`, where `r_i` starts at 0.
    With `p = softmax(y_pred)` and the entropy H, the loss is, one after the other,

        for `backbone_epochs`   -sum_k y_k log p_k                  cross-entropy of the given label
        for `joint_epochs`      KL(p || d) / K + alpha L(y, d) + beta H(p) / K
        from then on            KL(p || d) / K                      with the distributions that were learned

    where `L(y, d) = -sum_k y_k log softmax(d)_k` keeps d near the label. In a step of the second phase the r of its
    examples move by `-label_rate` times the gradient of the loss; the other phases leave them alone. Both terms with K
    are small, which is why the authors raise the learning rate in the last phase: a callback such as
    `keras.callbacks.LearningRateScheduler` does so.

    What is learned, and the class of each label, belong to the classifier that trains with the loss, which saves them,
    and take `num_examples (4 num_classes + 8)` bytes. `fit(x, y)` with arrays takes positions as ids of the examples;
    batches must be `(x, {"labels": y, "ids": i})`. An id that comes with another label than before has the loss NaN,
    which ends the training. Epochs are those of `fit`; in a training loop without it, call
    `classifier.loss_state.end_epoch()` after each one. An example of `ignore_class` or with a `sample_weight` of 0
    leaves its distribution as it is, and other weights do not scale its step. Validation reports cross-entropy.

    Args:
        num_classes: int, K >= 2.
        num_examples: int in [1, 2^24], how many examples are trained on; ids lie in `[0, num_examples)`.
        alpha: float >= 0, weight of the term that keeps distributions near their labels.
        beta: float >= 0, weight of the entropy of predictions.
        label_rate: float >= 0, the step size of the distributions' logits.
        backbone_epochs: int >= 0, epochs of the first phase, fewer than the training has, or `fit` warns.
        joint_epochs: int >= 0, epochs of the second phase.
        initial_logit: float > 0, the logit of the label at the start; those of other classes are 0.
        name: name of the loss.
        **kwargs: `reduction`, `dtype` and `ignore_class`, as in `NoisyLabelLoss`; distributions are float32 under every
            `dtype`.

    Raises:
        TypeError: if an argument is of another type.
        ValueError: if a number is out of range, the distributions take more than half of RAM, or the loss is passed to
            `keras.Model.compile` of a plain model.

    Example:
        >>> import keras
        >>> from tfp_noise import NoisyLabelClassifier
        >>> loss = PENCIL(3, num_examples=4, backbone_epochs=1, joint_epochs=2)
        >>> network = keras.Sequential([keras.Input([4]), keras.layers.Dense(3)])
        >>> model = NoisyLabelClassifier(network, loss)
        >>> model.compile("adam")
        >>> labels = np.array([0, 1, 2, 2])
        >>> history = model.fit(np.eye(4), labels, epochs=4, verbose=0)
        >>> loss.label_distributions(labels).argmax(axis=1).tolist()
        [0, 1, 2, 2]

    References:
        Yi, Wu, "Probabilistic end-to-end noise correction for learning with noisy labels", 2019: losses and phases.
        The defaults and `L(y, d)` are those of the authors' code for CIFAR-10, in which the step size is 600 for the
        mean loss of 128 examples. The paper has `-sum_k y_k log d_k` for `L(y, d)`, which would keep the label the
        most probable class wherever `alpha >= 1 / K`.
    """

    paper = "Yi, Wu, 2019"

    def __init__(
        self,
        num_classes: int,
        num_examples: int,
        alpha: float = 0.4,
        beta: float = 0.1,
        label_rate: float = _LABEL_RATE,
        *,
        backbone_epochs: int = 70,
        joint_epochs: int = 130,
        initial_logit: float = 10.0,
        name: str = "pencil",
        **kwargs: Any,
    ):
        super().__init__(num_classes, num_examples, name=name, **kwargs)
        self.alpha = self._check_number("alpha", alpha, 0)
        self.beta = self._check_number("beta", beta, 0)
        self.label_rate = self._check_number("label_rate", label_rate, 0)
        cure = "Pass a number of epochs, such as {} of those of `fit`."
        self.backbone_epochs = _validation.check_int("backbone_epochs", backbone_epochs, 0, cure.format("a fifth"))
        self.joint_epochs = _validation.check_int("joint_epochs", joint_epochs, 0, cure.format("two fifths"))
        self.initial_logit = self._check_number("initial_logit", initial_logit, above=0)

    def build_state(self):
        return _LabelLogits(self.num_classes, self.num_examples, self.backbone_epochs)

    def label_distributions(self, labels: ArrayLike) -> np.ndarray:
        """The distributions over labels that have been learned, of all training examples.

        Args:
            labels: their given labels in the order of ids, class indices `[num_examples]` or distributions over
                classes `[num_examples, num_classes]`.

        Returns:
            Float32 `[num_examples, num_classes]`, rows sum to 1.

        Raises:
            TypeError: if labels are neither integers nor distributions.
            ValueError: if there are not `num_examples` labels, some are no classes, or some are others than their ids
                had in training.
        """
        labels = _validation.as_label_array("labels", labels)
        _validation.check_targets("labels", labels, self.num_classes, self.ignore_class)
        if len(labels) != self.num_examples:
            raise ValueError(
                f"`labels` must be those of all {self.num_examples} training examples. Received: {len(labels)}. Pass "
                "what `fit` was given."
            )
        self._check_order(labels)
        targets = _labels.to_distributions(labels, self.num_classes, "float32")
        return ops.convert_to_numpy(ops.softmax(self._logits(targets, self.state().rows), axis=-1))

    def _check_order(self, labels):
        """Refuses labels of which some are others than their ids had in training, because they are in another order."""
        classes, before, changed = self.changed_labels(labels, np.arange(self.num_examples))
        if changed.any():
            first = int(changed.argmax())
            raise ValueError(
                "`labels` must be those of training in the order of ids. Received: another label for "
                f"{changed.sum()} of {len(labels)} ids, first for the id {first}: class {classes[first]}, and class "
                f"{before[first]} in training. If the labels are in the order of `ids`, pass "
                "`labels[np.argsort(ids)]`."
            )

    def soft_label_loss(self, targets, y_pred, rows=None):
        return self._loss(targets, y_pred, rows, cross_entropy(targets, ops.log_softmax(y_pred, axis=-1)))

    def class_index_loss(self, labels, y_pred, rows=None):
        targets = _labels.to_distributions(labels, self.num_classes, self.dtype)
        return self._loss(targets, y_pred, rows, cross_entropy_of_classes(labels, y_pred))

    def _loss(self, targets, y_pred, rows, to_given):
        log_p = ops.log_softmax(y_pred, axis=-1)
        log_d = ops.log_softmax(self._logits(targets, ops.zeros_like(log_p) if rows is None else rows), axis=-1)
        own = entropy(log_p)
        divergence = -own - ops.sum(ops.exp(log_p) * log_d, axis=-1)
        to_label = cross_entropy(targets, ops.log_softmax(ops.exp(log_d), axis=-1))
        joint = self.alpha * to_label + self.beta / self.num_classes * own
        backbone, is_joint = self._phase()
        corrected = divergence / self.num_classes + ops.where(is_joint, joint, 0)
        return ops.where(backbone, to_given, corrected)

    def changes(self, targets, y_pred, rows):
        p = ops.exp(ops.log_softmax(y_pred, axis=-1))
        d = ops.softmax(self._logits(targets, rows), axis=-1)
        by_d = ops.softmax(d, axis=-1) - targets
        by_logits = d * (by_d - ops.sum(d * by_d, axis=-1, keepdims=True))
        slope = (d - p) / self.num_classes + self.alpha * by_logits
        return ops.where(self._phase()[1], -self.label_rate * slope, 0)

    def _logits(self, targets, rows):
        return self.initial_logit * targets + rows

    def _phase(self):
        """True in the first phase, and true in the second one."""
        state = self.state()
        has_begun, epoch = state.has_begun(), ops.convert_to_tensor(state.epochs)
        return ~has_begun, has_begun & (epoch < self.backbone_epochs + self.joint_epochs)

    def get_config(self):
        own = ("alpha", "beta", "label_rate", "backbone_epochs", "joint_epochs", "initial_logit")
        return {**super().get_config(), **{name: getattr(self, name) for name in own}}


class _LabelLogits(StateAfterWarmUp, ExampleMemory):
    """The change of each example's label logits so far, and the number of epochs that have ended."""

    def __init__(self, num_classes, num_examples, backbone_epochs):
        super().__init__(num_classes, num_examples)
        self.begin_after("backbone_epochs", backbone_epochs)

"""What every loss of the package promises; the mathematics of one method stands in the file of its name."""

import keras
import tensorflow as tf
from keras import ops

from tfp_noise import _labels, _validation


class NoisyLabelLoss(keras.losses.Loss):
    """Base of all losses: labels in, network outputs in, one loss per example out.

    A method implements `soft_label_loss`, and `class_index_loss` where integer labels have a cheaper way; both take
    outputs that are float32 or wider. A method whose network is wider than the classes overrides `num_outputs`, and
    `logits`, which says what the probabilities are the softmax of.

    Args:
        num_classes: int, K >= 2.
        name: name of the loss.
        reduction: as in `keras.losses.Loss`.
        dtype: dtype of the arithmetic, float32 (the default) or float64; mixed-precision outputs are cast up to it.
        ignore_class: int, the class index of examples that count for nothing: not in the loss, which is the mean of the
            others, nor in metrics and statistics; often -1, for "no label". Distributions all count. Keras reports, as
            for its own losses, the mean of the batches' means. `None`: every label must be a class.

    Raises:
        ValueError: for fewer than two classes or a dtype narrower than float32.
    """

    def __init__(self, num_classes, *, name=None, reduction="sum_over_batch_size", dtype=None, ignore_class=None):
        # Not Keras's default, its floatx: that may be narrower.
        dtype = dtype or ("float64" if keras.config.floatx() == "float64" else "float32")
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.num_classes = _validation.check_int("num_classes", num_classes, 2)
        if self.dtype not in ("float32", "float64"):
            raise ValueError(
                f"`dtype` must be float32 or float64. Received: {self.dtype}. A loss keeps its arithmetic wide under "
                "every mixed-precision policy; give the policy to the network, not to the loss."
            )

        self.ignore_class = ignore_class
        if ignore_class is not None:
            self.ignore_class = _validation.check_int("ignore_class", ignore_class, -(2**24))  # float32 holds it

    # The paper that proposes the loss, and what it takes besides labels and logits: `losses.available` lists both.
    paper = ""
    needs = ""
    # A loss that draws noise keeps its `keras.random.SeedGenerator` here: the classifier saves its state.
    seed_generator = None
    # What schedules go by: the classifier puts the count of its optimizer here. No attribute with the optimizer itself,
    # which Keras would save as the loss's.
    count_updates = staticmethod(lambda: 0)
    # Why the loss trains only in a `NoisyLabelClassifier` of its own; `None` if it keeps nothing between steps.
    needs_classifier = None
    # What is said of the loss when its training has diverged.
    divergence_advice = ""
    _belongs_to_a_classifier = False

    @property
    def num_outputs(self):
        """How wide the network's last layer must be."""
        return self.num_classes

    @property
    def num_prediction_outputs(self):
        """How many of the outputs, from the first on, `probabilities` reads; the rest serves training only."""
        return self.num_classes

    @property
    def reads_logits(self):
        """Whether the outputs are logits and nothing else, which may be divided by a temperature."""
        return True

    def _check_number(self, *args, **bounds):
        """A number by `check_number` that the loss's arithmetic holds."""
        return _validation.check_number(*args, **bounds, dtype=self.dtype)

    def _refuse_ignore_class(self, reason):
        """Refuses `ignore_class` in a loss of which examples are no independent terms."""
        if self.ignore_class is not None:
            raise ValueError(
                f"`ignore_class` must be None for this {type(self).__name__}, because {reason}. Received: "
                f"{self.ignore_class}. Leave those examples out of the data."
            )

    def call(self, y_true, y_pred):
        """Loss of each example, without reduction.

        Args:
            y_true: class indices `[batch]` or `[batch, 1]`, or distributions over classes `[batch, num_classes]`.
            y_pred: raw network outputs `[batch, num_outputs]`, never probabilities.

        Returns:
            `[batch]`, in nats; 0 for an example of `ignore_class`, which Keras's reduction leaves out; NaN for any
            other class index outside `[0, num_classes)`, even where its `sample_weight` is 0.

        Raises:
            ValueError: if a shape does not fit, or `y_pred` comes from a softmax or sigmoid of Keras.
        """
        if self.needs_classifier and "compile_loss" in tf.get_current_name_scope():
            raise ValueError(
                f"{type(self).__name__} must belong to a `NoisyLabelClassifier`, because {self.needs_classifier}. "
                "Received: `compile(loss=...)` of another Keras model, which keeps nothing for a loss between steps. "
                "Wrap the network: `NoisyLabelClassifier(network, loss)`."
            )
        if hasattr(y_pred, "_keras_logits"):  # Keras's mark on what its softmax and sigmoid give
            raise ValueError(
                "`y_pred` must hold raw outputs. Received: what a softmax or sigmoid gives, of which the loss would "
                "take the softmax again. Leave the activation out of the last layer."
            )
        y_pred = ops.cast(y_pred, self.dtype)
        if len(y_pred.shape) != 2 or y_pred.shape[-1] != self.num_outputs:
            raise ValueError(
                f"`y_pred` must have shape [batch, {self.num_outputs}], the outputs that {type(self).__name__} reads "
                f"for {self.num_classes} classes. Received shape {tuple(y_pred.shape)}."
            )
        y_true = ops.convert_to_tensor(y_true)
        if y_true.shape.rank is None:
            raise ValueError(
                "`y_true` must have a rank that is known when the step is traced. Received: labels of any rank: "
                "Keras traces so where columns, or distributions of the same dtype, follow class indices. Pass class "
                "indices as [batch] throughout, and distributions as floats."
            )
        if _labels.are_distributions(y_true, self.num_classes):
            return self.soft_label_loss(ops.cast(y_true, self.dtype), y_pred)
        if _labels.are_class_indices(y_true):
            labels = ops.cast(ops.reshape(y_true, [-1]), "int32")
            # An accelerator cannot raise, and would quietly take some other class.
            known = _labels.are_known(labels, self.num_classes)
            losses = ops.where(known, self.class_index_loss(ops.where(known, labels, 0), y_pred), float("nan"))
            if self.ignore_class is None:
                return losses
            valid = labels != self.ignore_class
            losses = ops.where(valid, losses, 0)
            losses._keras_mask = valid  # what Keras's reduction reads
            return losses
        raise ValueError(
            f"`y_true` must be class indices [batch] or [batch, 1], or distributions [batch, {self.num_classes}]. "
            f"Received shape {tuple(y_true.shape)}."
        )

    def soft_label_loss(self, targets, y_pred):
        """Loss `[batch]` for distributions over classes `[batch, num_classes]`."""
        raise NotImplementedError

    def class_index_loss(self, labels, y_pred):
        """Loss `[batch]` for class indices `[batch]`."""
        return self.soft_label_loss(ops.one_hot(labels, self.num_classes, dtype=self.dtype), y_pred)

    def logits(self, y_pred):
        """What the probabilities are the softmax of, `[batch, num_classes]`."""
        return y_pred

    def probabilities(self, y_pred):
        """Class probabilities `[batch, num_classes]`, rows sum to 1, from raw outputs `[batch, num_outputs]`."""
        return ops.softmax(self.logits(ops.cast(y_pred, self.dtype)), axis=-1)

    def evaluation_loss(self, y_true, y_pred, sample_weight=None):
        """The loss that validation reports, reduced: the training loss, unless its targets move or are random."""
        return self(y_true, y_pred, sample_weight)

    def build_state(self):
        """A new layer with what the loss learns or counts between steps; `None` if that is nothing."""
        return

    def attach_state(self, state):
        """Makes a classifier the owner, whose layer `state`, of `build_state`, is read from now on.

        Raises:
            ValueError: if the loss needs a classifier of its own and has one.
        """
        del state
        if self.needs_classifier and self._belongs_to_a_classifier:
            raise ValueError(
                f"`loss` must belong to one classifier, because {self.needs_classifier}. Received: a "
                f"{type(self).__name__} that belongs to another one. Make a second loss: "
                f"`{type(self).__name__}.from_config(loss.get_config())`."
            )
        self._belongs_to_a_classifier = True

    @property
    def state_name(self):
        """What a file says that the state in it is of; a loss takes that of its own name only."""
        return f"{type(self).__name__}({self.num_classes})"

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Takes statistics of a training step; the classifier calls it after the loss, before the update."""
        del y_true, y_pred, sample_weight

    def wrap_optimizer(self, optimizer, state):
        """The optimizer to train with: `optimizer`, or one that treats the variables of `state` otherwise."""
        del state
        return optimizer

    def get_config(self):
        """Constructor arguments; `from_config` gives an equal loss, matrices to the last bit."""
        own = {"num_classes": self.num_classes, "dtype": self.dtype, "ignore_class": self.ignore_class}
        return {**own, **super().get_config()}


def register(cls):
    """Registers a loss for serialisation under the package's name."""
    return keras.saving.register_keras_serializable(package="tfp_noise")(cls)

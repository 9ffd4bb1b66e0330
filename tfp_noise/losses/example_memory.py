"""The common part of losses that remember something of each example, by its id."""

from typing import Any

import keras
import numpy as np
from keras import ops

from tfp_noise import _labels, _positions, _validation
from tfp_noise.losses import _checks, _state
from tfp_noise.losses.stateful import StatefulLoss

_MOST_EXAMPLES = 2**24  # Keras converts all labels to floats, and float32 holds the integers up to this one


class ExampleMemory(_state.LossState):
    """A row of K numbers for each example, 0 at the start, and the class of its given label, -1 at the start.

    Args:
        num_classes: int, K.
        num_examples: int, how many examples there are.
    """

    def __init__(self, num_classes, num_examples):
        super().__init__(num_classes)
        # Not by `variable`, whose start would be two more arrays of that size.
        self.rows = self.add_weight(
            shape=(num_examples, num_classes),
            initializer="zeros",
            trainable=False,
            aggregation="only_first_replica",
            name="rows",
        )
        # int64, as in `variable`.
        self.classes = self.add_weight(
            shape=(num_examples,),
            dtype="int64",
            initializer=keras.initializers.Constant(-1),
            trainable=False,
            aggregation="only_first_replica",
            name="classes",
        )

    def take(self, ids, dtype):
        """The rows of the examples `[batch]`, `[batch, K]`."""
        import tensorflow as tf

        # From the variable, because its value would be a copy of all rows once some of them have been written.
        return ops.cast(tf.gather(self.rows.value, ids), dtype)

    def agree(self, ids, classes):
        """Boolean `[batch]`: True for each id that has not come with another class so far."""
        before = self._classes_before(ids)
        return (before < 0) | (before == classes)

    def add(self, ids, classes, changes, weights):
        """Adds `changes` `[batch, K]` to the rows, and keeps classes of ids that are new.

        Of an id that occurs twice, the last one with a weight counts.
        """
        ids, classes, changes, weights = _state.gather(ids, classes, changes, weights)
        last = _state.is_last(ids, weights)
        _state.add_rows(self.classes, ids, ops.where(last, classes - self._classes_before(ids), 0))
        _state.add_rows(self.rows, ids, ops.where(ops.expand_dims(last, -1), changes, 0))

    def _classes_before(self, ids):
        import tensorflow as tf

        return tf.gather(self.classes.value, ids)


def given_classes(labels, num_classes):
    """Classes `[batch]`, int64, of given labels, class indices or distributions: of these the largest entry."""
    if _labels.are_distributions(labels, num_classes):
        labels = ops.cast(labels, "float32")  # in which two almost equal entries may be equal, wherever they come from
    return ops.cast(_labels.to_class_indices(labels, num_classes), "int64")


class LossWithMemory(StatefulLoss):
    """Base class of losses that remember a row of K numbers for each training example, which its id names.

    Labels are `{"labels": labels, "ids": ids}` with ids in `[0, num_examples)`. In a training step, the loss is
    computed with the rows before the step, and the rows of the batch change after it. Evaluation needs no ids.

    An id must mean the same example in every epoch. The memory therefore keeps the class of each example's label, of a
    soft label its largest entry, from its first training step on. An id with another label has the loss NaN, which ends
    the training, and changes nothing. Examples with equal labels that share an id are not noticed.

    A loss of one's own implements `soft_label_loss(targets, y_pred, rows=None)`, where `None` stands for the rows at
    the start, and `changes(targets, y_pred, rows)`.

    Args:
        num_classes: int, K.
        num_examples: int, how many examples the rows are for.
        **kwargs: of `NoisyLabelLoss`.
    """

    needs = "a `NoisyLabelClassifier`; the number of examples"
    needs_classifier = "it remembers each example by its id"
    needs_ids = True
    divergence_advice = (
        "An id outside [0, num_examples) gives NaN, and so does one that comes with another label than before: an id "
        "must mean the same example in every epoch and every `fit`. Number examples before they are shuffled, repeated "
        "or batched; for other data, or corrected labels, make a new loss and a new classifier of the network."
    )

    def __init__(self, num_classes: int, num_examples: int, **kwargs: Any):
        super().__init__(num_classes, **kwargs)
        self.num_examples = _check_num_examples(num_examples, self.num_classes)

    def build_state(self):
        return ExampleMemory(self.num_classes, self.num_examples)

    @property
    def state_name(self):
        return f"{type(self).__name__}({self.num_classes}, num_examples={self.num_examples})"

    @property
    def memory(self) -> np.ndarray:
        """The present rows, float32 `[num_examples, K]`: one for each example, 0 before its first step."""
        return ops.convert_to_numpy(self.state().rows)

    def changed_labels(self, labels, ids):
        """Classes of labels in memory, those that their ids had in training (-1: none), and True where they differ.

        An ignored label differs from none.

        Args:
            labels: class indices `[n]` or distributions `[n, num_classes]`.
            ids: int array `[n]`.
        """
        classes = ops.convert_to_numpy(given_classes(labels, self.num_classes))
        before = ops.convert_to_numpy(self.state().classes)[ids]
        return classes, before, (before >= 0) & (classes != before) & (classes != self.ignore_class)

    def _prepared(self, y_true, y_pred):
        _checks.check_owner(self)
        labels, ids = self._split(y_true)
        ids = ops.convert_to_tensor(ids)
        dtype = keras.backend.standardize_dtype(ids.dtype)
        if not keras.backend.is_int_dtype(dtype):
            raise TypeError(
                f'`y_true["ids"]` must be integers. Received dtype {dtype}. Number the examples: `np.arange(n)`.'
            )
        labels, y_pred = super()._prepared(labels, y_pred)
        return {"labels": labels, "ids": ids}, y_pred

    def call(self, y_true, y_pred):
        """Loss of each example, without reduction.

        Args:
            y_true: `{"labels": labels, "ids": ids}`: class indices `[batch]` or `[batch, 1]` or distributions
                `[batch, num_classes]`, and integers `[batch]` in `[0, num_examples)`.
            y_pred: raw network outputs `[batch, num_outputs]`, never probabilities.

        Returns:
            `[batch]`, in nats; 0 for a label of `ignore_class`; NaN for any other number that is no class, for an id
            that no example has, and for an id that a training step has seen with another label.

        Raises:
            ValueError: if ids are missing, a shape does not fit, or outputs have a label at each position.
        """
        labels, ids = self._split(y_true)
        labels, y_pred = self._checked(labels, y_pred)
        if len(y_pred.shape) > 2:
            raise ValueError(
                f"`y_pred` must have shape [batch, {self.num_outputs}] for {type(self).__name__}, which remembers "
                f"examples and not their positions. Received shape {tuple(y_pred.shape)}. Take a loss that remembers "
                "nothing for labels at each position."
            )
        known, ids = self._known(ids)
        classes = given_classes(labels, self.num_classes)
        counted = _labels.are_known(classes, self.num_classes, self.ignore_class)
        losses = self._losses_of_examples(labels, y_pred, self.state().take(ids, self.dtype))
        # An accelerator cannot raise, and would quietly take some other row.
        right = known & (self.state().agree(ids, classes) | ~counted)
        return _positions.with_mask_of(losses, ops.where(right, losses, float("nan")))

    def class_index_loss(self, labels, y_pred, rows=None):
        return self.soft_label_loss(_labels.to_distributions(labels, self.num_classes, self.dtype), y_pred, rows)

    def changes(self, targets, y_pred, rows):
        """The numbers that a training step adds to the rows of its examples.

        Args:
            targets: float `[batch, K]`, distributions.
            y_pred: float `[batch, num_outputs]`.
            rows: float `[batch, K]`, before the step.

        Returns:
            float `[batch, K]`.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement `changes(targets, y_pred, rows)`.")

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true, ids = self._split(y_true)
        y_true = ops.convert_to_tensor(y_true)
        classes = given_classes(y_true, self.num_classes)
        labels, weights = self._labels_and_weights(classes, y_pred, sample_weight)
        y_pred = ops.stop_gradient(ops.cast(y_pred, self.dtype))
        known, ids = self._known(ids)
        targets = y_true if _labels.are_distributions(y_true, self.num_classes) else labels
        targets = _labels.to_distributions(targets, self.num_classes, self.dtype)
        changes = self.changes(targets, y_pred, self.state().take(ids, self.dtype))
        right = known & self.state().agree(ids, classes)
        self.state().add(ids, classes, ops.cast(changes, "float32"), ops.where(right, weights, 0))

    def evaluation_loss(self, y_true, y_pred, sample_weight=None):
        return super().evaluation_loss(_labels.without_ids(y_true), y_pred, sample_weight)

    def get_config(self):
        return {**super().get_config(), "num_examples": self.num_examples}

    def _split(self, y_true):
        if not _labels.have_ids(y_true):
            raise ValueError(
                f'`y_true` must be {{"labels": labels, "ids": ids}} for {type(self).__name__}, which remembers each '
                f"example by its id. Received: {type(y_true).__name__}. `NoisyLabelClassifier.fit` numbers examples in "
                "arrays by itself; batches must have the ids in them."
            )
        return y_true["labels"], y_true["ids"]

    def _known(self, ids):
        """True for ids of examples that there are; and the ids, 0 in place of others."""
        # By way of floats, as Keras converts what the loss is called with: the loss and the update then read the same
        # rows in one operation. Of two, XLA would copy all rows in each step before it changes some.
        ids = ops.cast(ops.cast(ids, self.dtype), "int64")
        if len(ids.shape) != 1:
            raise ValueError(f'`y_true["ids"]` must have shape [batch]. Received shape {tuple(ids.shape)}.')
        known = _labels.are_known(ids, self.num_examples)
        return known, ops.cast(ops.where(known, ids, 0), "int32")


def _check_num_examples(num_examples, num_classes):
    """`num_examples` as an int, if what is kept of that many examples fits into memory."""
    num_examples = _validation.check_int("num_examples", num_examples, 1)
    if num_examples > _MOST_EXAMPLES:
        raise ValueError(
            f"`num_examples` must be at most 2^24, the integers that float32 holds. Received: {num_examples}. Take a "
            "loss that remembers nothing of each example."
        )
    kept = f"their rows of {num_classes} float32 numbers and an int64"
    cure = "Train on fewer examples, or take a loss that remembers nothing of each example."
    needed = num_examples * (4 * num_classes + 8)
    _validation.check_fits_ram("num_examples", num_examples, kept, needed, cure)
    return num_examples

"""The soft labels of online label smoothing, and the predictions that the next ones are made of."""

import numpy as np
from keras import ops

from tfp_noise import _labels
from tfp_noise._class_rows import DenseRows, TopRows
from tfp_noise.losses import _state
from tfp_noise.losses.learned_targets._entries import Entries

# At the start a row has `on` more at the label than elsewhere, and besides `spread / K` for every class.
INITIAL = {
    "uniform": {"on": 0.0, "spread": 1.0},
    "zeros": {"on": 0.0, "spread": 0.0},
    "smoothed": {"on": 0.9, "spread": 0.1},
}


class SoftLabels(_state.LossState):
    """Rows that hold for a period, and the sums of the predictions of this one.

    Subclasses say how the rows are stored: a list of variables, `parts`, and what it will be, `next_parts`.

    Args:
        loss: the `OnlineLabelSmoothing` whose settings it follows.
    """

    def __init__(self, loss):
        super().__init__(loss.num_classes)
        self.start = INITIAL[loss.initial]
        self.unseen, self.freeze_above, self.single = loss.unseen, loss.freeze_above, loss.per_sample
        self.period = None if loss.update_period == "epoch" else loss.update_period
        if self.period:
            self.steps = self.variable("steps", np.zeros([], "int64"))

    def update_state(self, labels, probabilities, weights):
        """Takes in the correct predictions of a training step, and rotates if that is due after so many steps."""
        self.updated = True
        # Not argmax, which takes ten times as long.
        correct = _labels.label_entries(probabilities, labels) >= ops.max(probabilities, axis=-1)
        weights = weights * ops.cast(correct, "float32")
        self.accumulate(*_state.gather(labels, probabilities, weights))
        if self.period:
            self.steps.assign((ops.convert_to_tensor(self.steps) + 1) % self.period)
            due = ops.equal(self.steps, 0)
            # What is assigned is chosen inside, and assigned outside: replicas do not meet in a branch.
            unchanged = [ops.convert_to_tensor(part) for part in self.parts]
            self._assign(ops.cond(due, self.next_parts, lambda: unchanged))

    def end_epoch(self):
        if not self.period:
            self.check_updated()
            self._assign(self.next_parts())

    def _assign(self, values):
        for part, value in zip(self.parts, values, strict=True):
            part.assign(value)

    def stays(self, counts, largest):
        """Boolean `[K]`: the rows that this period leaves as they are."""
        frozen = ops.zeros_like(counts, dtype="bool")
        if self.freeze_above is not None:
            frozen = largest >= self.freeze_above
        return frozen | (counts == 0) if self.unseen == "kept" else frozen


class DenseSoftLabels(SoftLabels):
    """The whole square matrix."""

    def __init__(self, loss):
        super().__init__(loss)
        start = np.full([self.num_classes] * 2, self.start["spread"] / self.num_classes)
        np.fill_diagonal(start, start.diagonal() + self.start["on"])
        self.soft_labels = self.variable("soft_labels", start.astype("float32"))
        self.sums = self.variable("sums", np.zeros(start.shape, "float32"))
        self.counts = self.variable("counts", np.zeros(self.num_classes, "float32"))
        self.parts = [self.soft_labels, self.sums, self.counts]

    @property
    def rows(self):
        """The soft labels of the present period."""
        return DenseRows(ops.convert_to_tensor(self.soft_labels))

    def accumulate(self, labels, probabilities, weights):
        _state.accumulate(self.sums, self.counts, labels, probabilities, weights, self.single)

    def next_parts(self):
        old, sums, counts = (ops.convert_to_tensor(part) for part in self.parts)
        total = ops.sum(sums, axis=-1)
        seen = (counts > 0) & (total > 0)
        mean = sums / ops.expand_dims(ops.where(seen, total, 1.0), -1)
        new = ops.where(ops.expand_dims(seen, -1), mean, 1 / self.num_classes)
        stays = ops.expand_dims(self.stays(counts, ops.max(old, axis=-1)), -1)
        return [ops.where(stays, old, new), ops.zeros_like(sums), ops.zeros_like(counts)]


class TopSoftLabels(SoftLabels):
    """N entries of each row, and the rest of its probability."""

    def __init__(self, loss):
        super().__init__(loss)
        self.entries = Entries(self.num_classes, loss.top)
        each = self.start["spread"] / self.num_classes
        start = np.full([self.num_classes, loss.top], each)
        start[:, 0] += self.start["on"]  # the first entry is the label's own
        self.values = self.variable("values", start.astype("float32"))
        rest = np.full(self.num_classes, each * (self.num_classes - loss.top), "float32")
        self.remainder = self.variable("remainder", rest)

    @property
    def parts(self):
        # No attribute: Keras would save the variables of the entries as this layer's, too.
        return [self.values, self.remainder, self.entries.indices, self.entries.sums, self.entries.counts]

    @property
    def rows(self):
        """The soft labels of the present period."""
        values, remainder, indices = (ops.convert_to_tensor(part) for part in self.parts[:3])
        return TopRows(indices[:, : self.entries.top], values, remainder)

    def accumulate(self, labels, probabilities, weights):
        self.entries.update_state(labels, probabilities, weights, self.single)

    def next_parts(self):
        values, remainder, old_indices, old_sums, counts = (ops.convert_to_tensor(part) for part in self.parts)
        indices, sums, _ = self.entries.exchanged()
        seen = counts > 0
        uniform = 1 / self.num_classes
        mean = sums / ops.expand_dims(ops.where(seen, counts, 1.0), -1)
        new = ops.where(ops.expand_dims(seen, -1), mean, uniform)
        left = ops.where(seen, ops.maximum(1 - ops.sum(mean, axis=-1), 0.0), 1 - uniform * self.entries.top)
        stays = self.stays(counts, ops.max(values, axis=-1))
        column = ops.expand_dims(stays, -1)
        return [
            ops.where(column, values, new),
            ops.where(stays, remainder, left),
            ops.where(column, old_indices, indices),
            ops.zeros_like(old_sums),
            ops.zeros_like(counts),
        ]

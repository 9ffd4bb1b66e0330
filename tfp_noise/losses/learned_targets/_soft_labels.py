"""The soft labels of online label smoothing, and the sums of predictions that the next ones are computed from."""

import numpy as np
from keras import ops

from tfp_noise import _labels
from tfp_noise._class_rows import DenseRows, TopRows
from tfp_noise.losses import _state
from tfp_noise.losses.learned_targets._top_classes import TopClasses

# Initial rows: `uniform / K` for every class, and `label` more for the label.
INITIAL = {
    "uniform": {"label": 0.0, "uniform": 1.0},
    "zeros": {"label": 0.0, "uniform": 0.0},
    "smoothed": {"label": 0.9, "uniform": 0.1},
}


class SoftLabels(_state.LossState):
    """Base class: the soft labels of a period, and the sums of the correct predictions in it.

    Subclasses choose how rows are stored: `parts` lists the variables, `next_parts` gives their values at the end of
    the period, `accumulate` adds predictions to the sums.

    Args:
        loss: the `OnlineLabelSmoothing` with the settings.
    """

    def __init__(self, loss):
        super().__init__(loss.num_classes)
        self.start = INITIAL[loss.initial]
        self.unseen, self.freeze_above, self.single = loss.unseen, loss.freeze_above, loss.per_sample
        self.period = None if loss.update_period == "epoch" else loss.update_period
        if self.period:
            self.steps = self.variable("steps", np.zeros([], "int64"))

    def update_state(self, labels, probabilities, weights):
        """Adds the correct predictions of a training step, and starts a new period where that is due by steps."""
        self.updated = True
        # Not argmax, which takes ten times as long.
        correct = _labels.label_entries(probabilities, labels) >= ops.max(probabilities, axis=-1)
        weights = weights * ops.cast(correct, "float32")
        self.accumulate(*_state.gather(labels, probabilities, weights))
        if self.period:
            self.steps.assign((ops.convert_to_tensor(self.steps) + 1) % self.period)
            due = ops.equal(self.steps, 0)
            # The branch chooses values only; variables are assigned outside, where replicas are synchronised.
            unchanged = [ops.convert_to_tensor(part) for part in self.parts]
            self._assign(ops.cond(due, self.next_parts, lambda: unchanged))

    def end_epoch(self):
        if not self.period:
            self.check_updated()
            self._assign(self.next_parts())

    def _assign(self, values):
        for part, value in zip(self.parts, values, strict=True):
            part.assign(value)

    def unchanged_rows(self, counts, largest):
        """Boolean `[K]`: True for rows that stay as they are at the end of this period."""
        frozen = ops.zeros_like(counts, dtype="bool")
        if self.freeze_above is not None:
            frozen = largest >= self.freeze_above
        return frozen | (counts == 0) if self.unseen == "kept" else frozen


class DenseSoftLabels(SoftLabels):
    """Soft labels as a square matrix."""

    def __init__(self, loss):
        super().__init__(loss)
        start = np.full([self.num_classes] * 2, self.start["uniform"] / self.num_classes)
        np.fill_diagonal(start, start.diagonal() + self.start["label"])
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
        unchanged = ops.expand_dims(self.unchanged_rows(counts, ops.max(old, axis=-1)), -1)
        return [ops.where(unchanged, old, new), ops.zeros_like(sums), ops.zeros_like(counts)]


class TopSoftLabels(SoftLabels):
    """Soft labels as the N largest entries of each row, and the remainder of its probability."""

    def __init__(self, loss):
        super().__init__(loss)
        self.entries = TopClasses(self.num_classes, loss.top)
        each = self.start["uniform"] / self.num_classes
        start = np.full([self.num_classes, loss.top], each)
        start[:, 0] += self.start["label"]  # the first entry is that of the label
        self.values = self.variable("values", start.astype("float32"))
        rest = np.full(self.num_classes, each * (self.num_classes - loss.top), "float32")
        self.remainder = self.variable("remainder", rest)

    @property
    def parts(self):
        # Not an attribute, because Keras would save the variables of `entries` a second time.
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
        indices, sums, _ = self.entries.with_candidates()
        seen = counts > 0
        uniform = 1 / self.num_classes
        mean = sums / ops.expand_dims(ops.where(seen, counts, 1.0), -1)
        new = ops.where(ops.expand_dims(seen, -1), mean, uniform)
        left = ops.where(seen, ops.maximum(1 - ops.sum(mean, axis=-1), 0.0), 1 - uniform * self.entries.top)
        unchanged = self.unchanged_rows(counts, ops.max(values, axis=-1))
        column = ops.expand_dims(unchanged, -1)
        return [
            ops.where(column, values, new),
            ops.where(unchanged, remainder, left),
            ops.where(column, old_indices, indices),
            ops.zeros_like(old_sums),
            ops.zeros_like(counts),
        ]

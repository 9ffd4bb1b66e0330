"""A search, while training, for the N classes of each row with the largest mean predicted probability.

The square matrix of all means is never made. Each row tracks N top classes and C candidates, whose mean probabilities
over the period are exact. The candidates are the most probable classes outside the top of one example, the last one in
the period's first batch with the label. At the end of the period the N largest of the N + C means stay. A class that
matters becomes a candidate again and again, and leaves the top only for a class with a larger mean.
"""

import numpy as np
from keras import ops

from tfp_noise import _labels
from tfp_noise._class_rows import entry_positions
from tfp_noise.losses import _state


class TopClasses(_state.LossState):
    """Keeps, per label, the N classes with the largest mean predicted probability.

    Args:
        num_classes: int, K.
        top: int N in [1, K - 1].
    """

    def __init__(self, num_classes, top):
        super().__init__(num_classes, name="entries")  # a name in saved files
        self.top = top
        tracked = top + min(top, num_classes - top)
        start = (np.arange(num_classes)[:, None] + np.arange(tracked)) % num_classes  # the label, and any other classes
        self.indices = self.variable("indices", start.astype("int64"))  # the top classes, then the candidates
        self.sums = self.variable("sums", np.zeros(start.shape, "float32"))
        self.counts = self.variable("counts", np.zeros(num_classes, "float32"))

    def update_state(self, labels, probabilities, weights, single=False):
        """Adds the predictions `[batch, K]` of examples `[batch]`, and chooses candidates for rows without any yet."""
        is_new = (ops.take(self.counts, labels) == 0) & (weights > 0)
        tracked = ops.take(self.indices, labels, axis=0)
        top, candidates = tracked[:, : self.top], tracked[:, self.top :]

        def to_most_probable():
            excluded = -ops.ones_like(ops.reshape(top, [-1]), dtype="float32")
            others = ops.scatter_update(probabilities, entry_positions(top), excluded)
            new = ops.cast(ops.top_k(others, candidates.shape[-1])[1], "int64")
            first = is_new & _state.is_last(labels, weights)
            return ops.where(ops.expand_dims(first, -1), new - candidates, 0)

        change = ops.cond(ops.any(is_new), to_most_probable, lambda: ops.zeros_like(candidates))
        _state.add_rows(self.indices, labels, ops.concatenate([ops.zeros_like(top), change], axis=-1))
        values = _labels.label_entries(probabilities, ops.take(self.indices, labels, axis=0))
        _state.accumulate(self.sums, self.counts, labels, values, weights, single)

    def with_candidates(self):
        """The tracked classes once candidates with larger sums have replaced top classes; nothing is assigned.

        The i-th smallest top class is compared with the i-th largest candidate, so that classes that stay keep their
        place.

        Returns:
            indices: int `[K, N + C]`.
            sums: float `[K, N]`, of the top classes.
            replaced: bool `[K, N]`, True where a candidate has entered.
        """
        count = self.indices.shape[-1] - self.top
        sums, indices = ops.convert_to_tensor(self.sums), ops.convert_to_tensor(self.indices)
        top, candidates = sums[:, : self.top], sums[:, self.top :]
        ranks = ops.argsort(ops.argsort(top, axis=-1), axis=-1)
        partner = ops.take_along_axis(ops.argsort(-candidates, axis=-1), ops.minimum(ranks, count - 1), axis=-1)
        replaced = (ops.take_along_axis(candidates, partner, axis=-1) > top) & (ranks < count)
        entering = ops.take_along_axis(indices[:, self.top :], partner, axis=-1)
        chosen = ops.where(replaced, entering, indices[:, : self.top])
        return (
            ops.concatenate([chosen, indices[:, self.top :]], axis=-1),
            ops.where(replaced, ops.take_along_axis(candidates, partner, axis=-1), top),
            replaced,
        )

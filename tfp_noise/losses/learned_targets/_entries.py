"""Which entries of each row are worth keeping, found while training, without the square matrix.

Of a row the N classes are wanted to which the examples of the label give the largest mean probability. N kept and C
further classes, the candidates, are followed: their mean is exact, not estimated. The candidates of a period are the
likeliest classes, besides the kept ones, for the first example of the label in it; at its end the N largest of all
N + C stay. A class that matters is a candidate again and again, and leaves only for a larger one.
"""

import numpy as np
from keras import ops

from tfp_noise._class_rows import entry_positions
from tfp_noise.losses import _state


class Entries(_state.LossState):
    """Followed entries of each row: N kept ones, then the candidates, with the sums of their probabilities.

    Args:
        num_classes: int, K.
        top: int N in [1, K - 1].
    """

    def __init__(self, num_classes, top):
        super().__init__(num_classes, name="entries")
        self.top = top
        followed = top + min(top, num_classes - top)
        start = (np.arange(num_classes)[:, None] + np.arange(followed)) % num_classes  # the label itself, and anything
        self.indices = self.variable("indices", start.astype("int64"))
        self.sums = self.variable("sums", np.zeros(start.shape, "float32"))
        self.counts = self.variable("counts", np.zeros(num_classes, "float32"))

    def update_state(self, labels, probabilities, weights, single=False):
        """Takes in the predictions `[batch, K]` of examples `[batch]`."""
        fresh = (ops.take(self.counts, labels) == 0) & _state.is_last(labels, weights, self.num_classes)
        rows = ops.take(self.indices, labels, axis=0)
        kept, candidates = rows[:, : self.top], rows[:, self.top :]

        def likeliest():
            out = -ops.ones_like(ops.reshape(kept, [-1]), dtype="float32")
            others = ops.scatter_update(probabilities, entry_positions(kept), out)
            return ops.cast(ops.top_k(others, candidates.shape[-1])[1], "int64")

        new = ops.cond(ops.any(fresh), likeliest, lambda: candidates)
        change = ops.where(ops.expand_dims(fresh, -1), new - candidates, 0)
        _state.add_rows(self.indices, labels, ops.concatenate([ops.zeros_like(kept), change], axis=-1))
        followed = ops.take_along_axis(probabilities, ops.take(self.indices, labels, axis=0), axis=-1)
        _state.accumulate(self.sums, self.counts, labels, followed, weights, single)

    def exchanged(self):
        """The followed entries after each kept one has made way for a candidate of larger sum, if there is any left.

        The i-th smallest of the kept meets the i-th largest candidate: what stays keeps its place.

        Returns:
            indices: int `[K, N + C]`.
            sums: float `[K, N]`, of the kept ones.
            replaced: bool `[K, N]`, where another class stands now.
        """
        top, count = self.top, self.indices.shape[-1] - self.top
        sums = ops.convert_to_tensor(self.sums)
        indices = ops.convert_to_tensor(self.indices)
        kept, candidates = sums[:, :top], sums[:, top:]
        ranks = ops.argsort(ops.argsort(kept, axis=-1), axis=-1)
        partner = ops.take_along_axis(ops.argsort(-candidates, axis=-1), ops.minimum(ranks, count - 1), axis=-1)
        replaced = (ops.take_along_axis(candidates, partner, axis=-1) > kept) & (ranks < count)
        entering = ops.take_along_axis(indices[:, top:], partner, axis=-1)
        chosen = ops.where(replaced, entering, indices[:, :top])
        return (
            ops.concatenate([chosen, indices[:, top:]], axis=-1),
            ops.where(replaced, ops.take_along_axis(candidates, partner, axis=-1), kept),
            replaced,
        )

"""The matrix Q of learnable label smoothing, as logits that the optimizer trains."""

import numpy as np
from keras import ops

from tfp_noise import _labels
from tfp_noise._class_rows import DenseRows, TopRows, spread
from tfp_noise.losses import _state
from tfp_noise.losses._gradients import with_gradient
from tfp_noise.losses.learned_targets._top_classes import TopClasses

_NEVER = -1e9  # the logit of a probability of 0


class DenseTargetLogits(_state.LossState):
    """Logits of all entries of Q.

    Args:
        num_classes: int, K.
        initial_logits: float `[K, K]`, or `None` for zeros, which are uniform rows.
        with_diagonal: bool; False fixes the diagonal of Q at 0.
    """

    def __init__(self, num_classes, initial_logits=None, with_diagonal=True):
        super().__init__(num_classes)
        start = np.zeros([num_classes] * 2) if initial_logits is None else initial_logits
        self.logits = self.variable("logits", np.asarray(start, "float32"), trainable=True)
        self.with_diagonal = with_diagonal

    @property
    def rows(self):
        """Q, float32."""
        return self._rows("float32")

    def _rows(self, dtype):
        return DenseRows(self.take(ops.arange(self.num_classes), dtype))

    def take(self, labels, dtype):
        """The rows of Q of integer labels `[batch]`, `[batch, K]`; other rows are not computed."""
        logits = ops.cast(_taken(self.logits, labels), dtype)
        if not self.with_diagonal:
            logits = ops.where(ops.one_hot(labels, self.num_classes, dtype="bool"), _NEVER, logits)
        return ops.softmax(logits, axis=-1)

    def mix(self, targets):
        """`targets @ Q` for distributions `[batch, K]`."""
        return self._rows(targets.dtype).mix(targets)

    def update_state(self, labels, probabilities, weights):
        """Does nothing: gradients alone train these logits."""
        del labels, probabilities, weights


class TopTargetLogits(_state.LossState):
    """Logits of N entries of each row, and the logit that the K - N others share.

    The N entries are those of the classes with the largest mean predictions, because the gradient of the reverse
    cross-entropy increases `q_j` where `p_j` is large for the examples of the label. An entry that enters starts at the
    shared logit, the one it had before; the optimizer's momentum there is still that of the entry that left, and
    decays.

    Args:
        num_classes: int, K.
        top: int N in [1, K - 1].
    """

    def __init__(self, num_classes, top):
        super().__init__(num_classes)
        self.entries = TopClasses(num_classes, top)
        self.logits = self.variable("logits", np.zeros([num_classes, top], "float32"), trainable=True)
        self.shared_logits = self.variable("shared_logits", np.zeros(num_classes, "float32"), trainable=True)

    @property
    def rows(self):
        """Q, float32."""
        return self._rows("float32")

    def _rows(self, dtype, labels=None):
        """The rows of Q, all of them or those of integer labels `[batch]`."""
        parts = (self.entries.indices, self.logits, self.shared_logits)
        if labels is not None:
            parts = (ops.take(parts[0], labels, axis=0), *(_taken(part, labels) for part in parts[1:]))
        indices, logits, shared = parts
        top = self.entries.top
        shared = ops.expand_dims(ops.cast(shared, dtype), -1) + float(np.log(self.num_classes - top))
        probabilities = ops.softmax(ops.concatenate([ops.cast(logits, dtype), shared], axis=-1), axis=-1)
        return TopRows(ops.convert_to_tensor(indices)[:, :top], probabilities[:, :top], probabilities[:, top])

    def take(self, labels, dtype):
        """The rows of Q of integer labels `[batch]`, `[batch, K]`; other rows are not computed."""
        indices, *probabilities = self._rows(dtype, labels)

        @with_gradient  # by hand, because that of a scatter is another one
        def written_out(values, remainder):
            def gradient(upstream):
                of_values = _labels.label_entries(upstream, indices)
                of_others = ops.sum(upstream, axis=-1) - ops.sum(of_values, axis=-1)
                return of_values, of_others / (self.num_classes - self.entries.top)

            return spread(TopRows(indices, values, remainder), self.num_classes), gradient

        return written_out(*probabilities)

    def mix(self, targets):
        """`targets @ Q` for distributions `[batch, K]`."""
        return self._rows(targets.dtype).mix(targets)

    def update_state(self, labels, probabilities, weights):
        """Adds the predictions `[batch, K]` of a training step to the statistics that choose the entries."""
        self.updated = True
        self.entries.update_state(*_state.gather(labels, probabilities, weights))

    def end_epoch(self):
        self.check_updated()
        indices, _, replaced = self.entries.with_candidates()
        shared = ops.expand_dims(ops.convert_to_tensor(self.shared_logits), -1)
        self.logits.assign(ops.where(replaced, shared, ops.convert_to_tensor(self.logits)))
        self.entries.indices.assign(indices)
        self.entries.sums.assign(ops.zeros_like(self.entries.sums))
        self.entries.counts.assign(ops.zeros_like(self.entries.counts))


def _taken(variable, labels):
    """The rows of a variable of integer labels, with the sum over equal labels for a gradient.

    TensorFlow's own gradient has a slice for each label, equal ones too. Keras's Adam and RMSprop square each of them
    by itself: the second moment of Q would be too small, and Q learn faster than for the same labels in one-hot rows.
    """

    @with_gradient
    def taken(values):
        return ops.take(values, labels, axis=0), lambda upstream: ops.segment_sum(upstream, labels, values.shape[0])

    return taken(ops.cast(variable, variable.dtype))

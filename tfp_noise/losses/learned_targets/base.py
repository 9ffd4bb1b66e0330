"""The common part of losses that learn their targets during training."""

import numpy as np
from keras import ops

from tfp_noise._class_rows import TopRows
from tfp_noise.losses.stateful import StatefulLoss


class LearnedTargets(StatefulLoss):
    """Base class of losses that mix labels with the rows of a matrix, one for each label, which training changes.

    The matrix is stored in the layer that `build_state` makes. Without a classifier the loss computes with the initial
    matrix.
    """

    top = None  # the number of entries that are kept in each row, of losses that have this argument

    @property
    def state_name(self):
        return super().state_name if self.top is None else f"{type(self).__name__}({self.num_classes}, top={self.top})"

    @property
    def class_rows(self) -> np.ndarray | TopRows:
        """The present matrix, float32 `[K, K]`: a row for each label, rows sum to 1; with `top`, `TopRows`."""
        return self.state().rows.to_numpy()

    def update_state(self, y_true, y_pred, sample_weight=None):
        labels, weights = self._labels_and_weights(y_true, y_pred, sample_weight)
        y_pred = ops.stop_gradient(ops.cast(y_pred, self.dtype))
        if len(y_pred.shape) > 2:
            y_pred = ops.reshape(y_pred, [-1, self.num_classes])
        # The same expression as in the loss, so that the graph computes it once.
        probabilities = ops.cast(ops.exp(ops.log_softmax(y_pred, axis=-1)), "float32")
        self.state().update_state(labels, probabilities, weights)

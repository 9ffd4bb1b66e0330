"""The common part of losses that learn their targets during training."""

import functools
from typing import Any

import numpy as np
from keras import ops

from tfp_noise import _labels, _positions
from tfp_noise._class_rows import TopRows
from tfp_noise.losses.base import NoisyLabelLoss
from tfp_noise.losses.cross_entropy import cross_entropy_like


class LearnedTargets(NoisyLabelLoss):
    """Base class of losses that mix labels with the rows of a matrix, one for each label, which training changes.

    The matrix is stored in the layer that `build_state` makes and a `NoisyLabelClassifier` tracks. Without a classifier
    the loss computes with the initial matrix. Validation reports plain cross-entropy, because values with targets that
    move cannot be compared.
    """

    needs = "a `NoisyLabelClassifier`"
    top = None  # the number of entries that are kept in each row, of losses that have this argument

    def __init__(self, num_classes: int, **kwargs: Any):
        super().__init__(num_classes, **kwargs)

        @functools.cache
        def initial_state():
            import tensorflow as tf

            with tf.init_scope():  # the first call may be inside a function
                return self.build_state()

        # The layer stands behind a function, because Keras would save an attribute of the loss a second time.
        self.state = initial_state

    def attach_state(self, state):
        super().attach_state(state)
        self.state = lambda: state

    @property
    def state_name(self):
        return super().state_name if self.top is None else f"{type(self).__name__}({self.num_classes}, top={self.top})"

    @property
    def class_rows(self) -> np.ndarray | TopRows:
        """The present matrix, float32 `[K, K]`: a row for each label, rows sum to 1; with `top`, `TopRows`."""
        return self.state().rows.to_numpy()

    def update_state(self, y_true, y_pred, sample_weight=None):
        mask, rank = getattr(y_pred, "_keras_mask", None), len(y_pred.shape)
        y_pred = ops.stop_gradient(ops.cast(y_pred, self.dtype))
        labels = _labels.to_class_indices(ops.convert_to_tensor(y_true), self.num_classes, rank)
        labels = ops.reshape(ops.cast(labels, "int32"), [-1])
        known = _labels.are_known(labels, self.num_classes, self.ignore_class)
        if mask is not None:
            known = ops.logical_and(known, ops.reshape(mask, [-1]))
        weights = ops.cast(known, "float32")
        if sample_weight is not None:
            sample_weight = _positions.weights_of_positions(ops.cast(sample_weight, "float32"), y_pred)
            weights = weights * ops.reshape(sample_weight, [-1])
        labels = ops.where(known, labels, 0)
        if rank > 2:
            y_pred = ops.reshape(y_pred, [-1, self.num_classes])
        # The same expression as in the loss, so that the graph computes it once.
        probabilities = ops.cast(ops.exp(ops.log_softmax(y_pred, axis=-1)), "float32")
        self.state().update_state(labels, probabilities, weights)

    def loss_in_validation(self):
        return cross_entropy_like(self)

"""The common part of losses that keep something between steps."""

import functools
from typing import Any

from keras import ops
from keras.src.backend import get_keras_mask

from tfp_noise import _labels, _positions
from tfp_noise.losses.base import NoisyLabelLoss
from tfp_noise.losses.cross_entropy import cross_entropy_like


class StatefulLoss(NoisyLabelLoss):
    """Base class of losses that change during training by what they keep in the layer `self.state()`.

    A `NoisyLabelClassifier` makes the layer by `build_state` and tracks it. Without a classifier the loss computes with
    a new one. Validation reports plain cross-entropy, because values with targets that move cannot be compared.
    """

    needs = "a `NoisyLabelClassifier`"

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

    def loss_in_validation(self):
        return cross_entropy_like(self)

    def _labels_and_weights(self, y_true, y_pred, sample_weight):
        """Class indices and weights `[n]` of examples or positions; those that do not count have the weight 0."""
        mask, rank = get_keras_mask(y_pred), len(y_pred.shape)
        labels = _labels.to_class_indices(ops.convert_to_tensor(y_true), self.num_classes, rank)
        labels = ops.reshape(ops.cast(labels, "int32"), [-1])
        known = _labels.are_known(labels, self.num_classes, self.ignore_class)
        if mask is not None:
            known = ops.logical_and(known, ops.reshape(mask, [-1]))
        weights = ops.cast(known, "float32")
        if sample_weight is not None:
            sample_weight = _positions.weights_of_positions(ops.cast(sample_weight, "float32"), y_pred)
            weights = weights * ops.reshape(sample_weight, [-1])
        return ops.where(known, labels, 0), weights

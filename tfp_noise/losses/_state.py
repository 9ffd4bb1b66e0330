"""Layers with the variables that a loss keeps between steps, and the updates of such variables."""

import keras
import numpy as np
from keras import ops


class LossState(keras.layers.Layer):
    """Base class of the layers that hold a loss's variables, float32 under every policy.

    The classifier tracks the layer, so that Keras trains, mirrors, saves and restores the variables.

    Args:
        num_classes: int, K.
        name: name of the layer.
    """

    def __init__(self, num_classes, name="loss_state"):
        super().__init__(name=name, dtype="float32", autocast=False)
        self.num_classes = num_classes
        self.updated = False  # True once a training step that takes statistics has been traced
        self.built = True

    def variable(self, name, value, trainable=False):
        """A new variable of the layer that starts at `value`; integers must be int64.

        TensorFlow keeps int32 variables on the host, where a step that is compiled for a GPU cannot reach them.

        Replicas compute equal updates of variables that are not trained, from `gather`ed examples.
        """
        value = ops.convert_to_tensor(value)
        return self.add_weight(
            shape=value.shape,
            dtype=keras.backend.standardize_dtype(value.dtype),
            initializer=lambda *_, **__: value,
            trainable=trainable,
            aggregation="none" if trainable else "only_first_replica",
            name=name,
        )

    def end_epoch(self):
        """Does what is due at the end of a training epoch; `fit` calls it before any callback saves."""

    def check_updated(self):
        """Refuses the end of an epoch in which no training step was seen."""
        if not self.updated:
            raise ValueError(
                "`end_epoch` must follow training steps that this state has seen. Received: none so far. In a training "
                "loop of your own compute the loss with `model.compute_loss(x, y, model(x, training=True))`, because a "
                "call of the loss alone, as in evaluation, takes no statistics."
            )


class StateAfterWarmUp(LossState):
    """A state that counts epochs, and whose method corrects no label in the first ones.

    `fit` warns of a training that ends before labels are corrected.
    """

    def begin_after(self, argument, num_epochs):
        """Makes the variable `epochs`, how many have ended.

        Args:
            argument: text, the argument of the method that sets the number.
            num_epochs: int >= 0, epochs without a corrected label.
        """
        self.warm_up = argument, num_epochs
        self.has_warned = False
        self.epochs = self.variable("epochs", np.zeros([], "int64"))

    def has_begun(self):
        """Boolean scalar: true after the warm-up."""
        return ops.convert_to_tensor(self.epochs) >= self.warm_up[1]

    def end_epoch(self):
        self.epochs.assign(ops.convert_to_tensor(self.epochs) + 1)


def gather(*tensors):
    """Concatenates the tensors of all replicas, for statistics of the whole batch."""
    import tensorflow as tf

    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return tensors
    return tuple(context.all_gather(tensor, axis=0) for tensor in tensors)


def add_rows(variable, labels, updates):
    """Adds `updates` `[batch, ...]` to the rows of a variable that the labels name; labels may repeat.

    It is done in place, except on a TPU, whose replicas have no `scatter_add` for a variable that they keep equal.
    """
    import tensorflow as tf

    if isinstance(tf.distribute.get_strategy(), tf.distribute.TPUStrategy):
        rows, places = ops.convert_to_tensor(variable), ops.expand_dims(labels, -1)
        variable.assign(ops.scatter_update(rows, places, updates, reduction="add"))
    else:
        variable.value.scatter_add(tf.IndexedSlices(updates, labels))


def accumulate(sums, counts, labels, values, weights, single=False):
    """Adds weighted `values` `[batch, ...]` to the rows of `sums`, and the weights to `counts`.

    With `single`, the row becomes the value of the last example in the batch that has a weight, and its count 1.
    """
    if single:
        chosen = ops.cast(is_last(labels, weights), "float32")
        values, weights = values - ops.take(sums, labels, axis=0), 1 - ops.take(counts, labels)
        weights, updates = chosen * weights, ops.expand_dims(chosen, -1) * values
    else:
        updates = ops.expand_dims(weights, -1) * values
    add_rows(sums, labels, updates)
    add_rows(counts, labels, weights)


def is_last(labels, weights):
    """Boolean `[batch]`: the last example of its label, or of its id, with a weight above 0."""
    # By a stable sort, because a maximum for each label would take the time of all labels, which ids have millions of.
    counted = ops.where(weights > 0, labels, -1)
    order = ops.argsort(counted)
    ordered = ops.take(counted, order)
    following = ops.pad(ordered[1:], [[0, 1]], constant_values=-1)
    last = (ordered >= 0) & (ordered != following)
    return ops.scatter_update(ops.zeros_like(last), ops.expand_dims(order, -1), last)

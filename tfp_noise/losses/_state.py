"""What a loss keeps between steps."""

import keras
import tensorflow as tf
from keras import ops


class LossState(keras.layers.Layer):
    """Base of the layers that hold a loss's variables, float32 under every policy.

    The classifier tracks one, so that Keras trains, mirrors, saves and restores it.

    Args:
        num_classes: int, K.
        name: name of the layer.
    """

    def __init__(self, num_classes, name="loss_state"):
        super().__init__(name=name, dtype="float32", autocast=False)
        self.num_classes = num_classes
        self.updated = False  # as soon as a training step that takes statistics is traced
        self.built = True

    def variable(self, name, value, trainable=False):
        """A variable of the layer that starts at `value`; integers are int64.

        TensorFlow has no int32 variables on GPUs, where a compiled step could not reach one that stays on the host.

        Replicas compute the same update of the variables that are not trained, from `gather`ed examples.
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
        """What is due at the end of a training epoch; called by `fit`, before any callback saves."""

    def check_updated(self):
        """Refuses the end of an epoch of which nothing was seen."""
        if not self.updated:
            raise ValueError(
                "`end_epoch` must follow training steps that this state has seen. Received: none so far. In a training "
                "loop of your own take the loss from `model.compute_loss(x, y, model(x, training=True))`: a call of "
                "the loss alone, which also serves evaluation, takes no statistics."
            )


def gather(*tensors):
    """The tensors of all replicas, one after the other: what statistics of the whole batch are made of."""
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return tensors
    return tuple(context.all_gather(tensor, axis=0) for tensor in tensors)


def add_rows(variable, labels, updates):
    """Adds `updates` `[batch, ...]` to the rows of a variable; a label may come more than once.

    In place, but for a TPU, whose replicas have no `scatter_add` for a variable that they keep equal.
    """
    if isinstance(tf.distribute.get_strategy(), tf.distribute.TPUStrategy):
        rows, places = ops.convert_to_tensor(variable), ops.expand_dims(labels, -1)
        variable.assign(ops.scatter_update(rows, places, updates, reduction="add"))
    else:
        variable.value.scatter_add(tf.IndexedSlices(updates, labels))


def accumulate(sums, counts, labels, values, weights, single=False):
    """Adds weighted `values` `[batch, ...]` to the rows of `sums`, and the weights to `counts`.

    With `single`, the row becomes the value of the batch's last example of weight, and its count 1.
    """
    if single:
        chosen = ops.cast(is_last(labels, weights, counts.shape[0]), "float32")
        values, weights = values - ops.take(sums, labels, axis=0), 1 - ops.take(counts, labels)
        weights, updates = chosen * weights, ops.expand_dims(chosen, -1) * values
    else:
        updates = ops.expand_dims(weights, -1) * values
    add_rows(sums, labels, updates)
    add_rows(counts, labels, weights)


def is_last(labels, weights, num_classes):
    """Boolean `[batch]`: the last example of its label with a weight above 0."""
    positions = ops.arange(ops.shape(labels)[0])
    last = ops.segment_max(ops.where(weights > 0, positions, -1), labels, num_classes)
    return ops.take(last, labels) == positions

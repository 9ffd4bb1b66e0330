"""Moving statistics of batch normalisation that are the same on every replica."""

import keras
import tensorflow as tf


def average_batch_statistics(network):
    """Replaces the moving means and variances, in a training step on several replicas, by their means over replicas.

    Keras leaves to each replica what its own part of the batch has made of them: replicas would evaluate differently,
    and what is saved would be the first one's. They are the means of the replicas' own statistics, as
    TensorFlow's Keras 2 had them; `BatchNormalization(synchronized=True)` takes those of the whole batch, and needs
    nothing here.

    Args:
        network: the layer that has just been called with `training=True`.
    """
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return
    statistics = [
        variable
        for layer in network._flatten_layers()
        if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable and not layer.synchronized
        for variable in layer.non_trainable_variables
    ]
    if statistics:
        # Copies, for they have a device; where a variable's own value belongs one of several workers does not know.
        means = context.all_reduce(tf.distribute.ReduceOp.MEAN, [tf.identity(v.value) for v in statistics])
        for variable, mean in zip(statistics, means, strict=True):
            variable.assign(mean)

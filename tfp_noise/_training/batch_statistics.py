"""Moving statistics of batch normalisation that are the same on every replica."""

import keras
import tensorflow as tf


class AverageBatchStatistics(keras.callbacks.Callback):
    """Replaces the moving means and variances of each replica by their means over all replicas.

    In Keras 3 each replica updates them from its own part of the batch: replicas would evaluate differently, and only
    those of the first would be saved. The means over replicas are those of TensorFlow's Keras 2. Layers with
    `BatchNormalization(synchronized=True)` use the statistics of the whole batch and are left alone.

    Training does not read moving statistics, and they are linear in what each step adds. Therefore it is enough to
    average them before they are read: in validation and at the end of an epoch.

    Args:
        each_step: bool, average after each step, too, for a callback that saves then.
    """

    def __init__(self, each_step):
        super().__init__()
        self._each_step = each_step

    def on_train_begin(self, logs=None):
        del logs
        strategy = self.model.distribute_strategy
        statistics = [
            variable.value
            for layer in self.model._flatten_layers()
            if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable and not layer.synchronized
            for variable in layer.non_trainable_variables
        ]
        average = tf.function(lambda: strategy.run(_average, args=(statistics,)), autograph=False)
        self._average = average if statistics else lambda: None

    def on_train_batch_end(self, batch, logs=None):
        del batch, logs
        if self._each_step:
            self._average()

    def on_test_begin(self, logs=None):  # validation runs before `on_epoch_end`
        del logs
        self._average()

    def on_epoch_end(self, epoch, logs=None):
        del epoch, logs
        self._average()


def _average(statistics):
    # Copies, because with several workers the device of a variable's own value is not known.
    own = [tf.identity(variable) for variable in statistics]
    means = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.MEAN, own)
    for variable, mean in zip(statistics, means, strict=True):
        variable.assign(mean)

"""Moving statistics of batch normalisation that are the same on every replica."""

import keras
import tensorflow as tf


class AverageBatchStatistics(keras.callbacks.Callback):
    """Replaces the moving means and variances, on several replicas, by their means over replicas.

    Keras leaves to each replica what its own part of the batch has made of them: replicas would evaluate differently,
    and what is saved would be the first one's. They are the means of the replicas' own statistics, as
    TensorFlow's Keras 2 had them; `BatchNormalization(synchronized=True)` takes those of the whole batch, and needs
    nothing here. As they are linear in what each step adds, and training does not read them, it makes no difference
    that they are averaged where somebody reads them only: in validation, and at the end of an epoch.

    Args:
        each_step: whether to average after each step, too, for a callback that saves then.
    """

    def __init__(self, each_step):
        super().__init__()
        self._each_step = each_step

    def on_train_begin(self, logs=None):
        del logs
        strategy = self.model.distribute_strategy
        statistics = [
            variable.value
            for layer in self.model.network._flatten_layers()
            if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable and not layer.synchronized
            for variable in layer.non_trainable_variables
        ]
        average = tf.function(lambda: strategy.run(_average, args=(statistics,)), autograph=False)
        self._average = average if statistics else lambda: None

    def on_train_batch_end(self, batch, logs=None):
        del batch, logs
        if self._each_step:
            self._average()

    def on_test_begin(self, logs=None):  # validation comes before the end of the epoch
        del logs
        self._average()

    def on_epoch_end(self, epoch, logs=None):
        del epoch, logs
        self._average()


def _average(statistics):
    # Copies, for they have a device; where a variable's own value belongs one of several workers does not know.
    own = [tf.identity(variable) for variable in statistics]
    means = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.MEAN, own)
    for variable, mean in zip(statistics, means, strict=True):
        variable.assign(mean)

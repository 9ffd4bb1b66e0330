"""Different random numbers on each replica for the random layers of a classifier."""

import keras
import tensorflow as tf

from tfp_noise import _random


class SeedReplicas(keras.callbacks.Callback):
    """Each replica draws different, reproducible random numbers: its generators get new seeds at each epoch's start.

    In Keras all replicas start with one state, so that examples at the same position in the replicas' parts of a batch
    would get the same dropout mask. A replica's seed is a function of its number and of the first replica's seed. The
    first replica keeps its own seed, which is the one that is saved, so that a resumed training draws the same numbers.
    """

    def on_train_begin(self, logs=None):
        del logs
        strategy = self.model.distribute_strategy
        # Of layers only: what the loss or the classifier itself draws is already different on each replica.
        variables = [variable for layer in self.model.layers for variable in layer.variables]
        states = [variable.value for variable in variables if variable.name == "seed_generator_state"]
        self._any = bool(states)
        self._seed = tf.function(lambda: strategy.run(_seed_replica, args=(states,)), autograph=False)

    def on_epoch_begin(self, epoch, logs=None):
        del epoch, logs
        if self._any:  # in each epoch, because restoring weights gives all replicas the state of the first
            self._seed()


def _seed_replica(states):
    context = tf.distribute.get_replica_context()
    number = tf.cast(context.replica_id_in_sync_group, tf.int64)
    own = tf.stack([tf.convert_to_tensor(state) for state in states])
    first = context.all_reduce(tf.distribute.ReduceOp.SUM, tf.where(number == 0, own, tf.zeros_like(own)))
    for state, (seed, count) in zip(states, map(tf.unstack, tf.unstack(first)), strict=True):
        drawn = _random.replica_seed(tf.cast(seed, tf.int64), number)
        state.assign(tf.stack([tf.where(number == 0, seed, tf.cast(drawn, seed.dtype)), count]))

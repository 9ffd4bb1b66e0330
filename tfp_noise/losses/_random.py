"""Seeds of losses that draw noise."""

import tensorflow as tf


def draw_seed(generator):
    """The next seed of a `keras.random.SeedGenerator`, int32 `[2]`, another one on each replica.

    Replicas share the generator's state, and would otherwise draw the same noise. Keras takes no tensors as seeds, so
    noise is made of it by `tf.random.stateless_normal`.
    """
    seed = tf.cast(generator.next(), tf.int32)
    context = tf.distribute.get_replica_context()
    return seed if context is None else tf.random.fold_in(seed, context.replica_id_in_sync_group)

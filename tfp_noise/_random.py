"""Random numbers: seeds of replicas, noise that is the same in eager, graph and XLA mode, and quasi-random points."""

import keras
import tensorflow as tf


def draw_seed(generator):
    """The next seed of a `keras.random.SeedGenerator`, int32 `[2]`, different on each replica.

    Replicas share the generator's state and would otherwise draw the same noise. Keras takes no tensors as seeds;
    `uniform` and `standard_normal` do.
    """
    seed = tf.cast(generator.next(), tf.int32)
    context = tf.distribute.get_replica_context()
    return seed if context is None else fold_in(seed, context.replica_id_in_sync_group)


def fold_in(seed, number):
    """A seed `[2]` for each number, at least 0, because XLA interprets negative seeds differently."""
    return tf.bitwise.bitwise_and(tf.random.fold_in(seed, number, alg="philox"), 2**31 - 1)


def uniform(seed, shape):
    """Uniform random numbers from a seed `[2]`: float32 of this shape, odd multiples of 2^-24 in (0, 1), exact."""
    return _half_integers(seed, shape) * 2.0**-23 + 0.5


def standard_normal(seed, shape):
    """Normal random numbers from a seed `[2]`: float32 of this shape, the same in eager, graph and XLA mode.

    `tf.random.stateless_normal` gives other numbers under XLA, which transforms the same random bits differently. Here
    they become a number x in (-1, 1), exact in float32, and `sqrt(2) erfinv(x)` is normal, cut off at 5.2.
    """
    return tf.cast(2.0**0.5, tf.float32) * tf.math.erfinv(_half_integers(seed, shape) * 2.0**-22)


def _half_integers(seed, shape):
    """Odd multiples of 1/2 in (-2^22, 2^22), each as often, exact in float32."""
    bits = tf.random.stateless_uniform(shape, seed, minval=None, maxval=None, dtype=tf.int32, alg="philox")
    return tf.cast(tf.bitwise.right_shift(bits, 9), tf.float32) + 0.5


def epoch_seed(seed, epoch):
    """The seed of an epoch of data, int32 `[2]`, from an int seed and the epoch's number."""
    return tf.stack([seed, tf.cast(epoch, tf.int32)])


def hashed_uniform(seed, ids):
    """Numbers in [0, 1) that depend on the seed and an example's id alone: `SipHash(seed, id) / 2^32`.

    Args:
        seed: int in [0, 2^31).
        ids: tensor of integers or strings.

    Returns:
        Float64 tensor, shaped as `ids`; an integer and the string that spells it give one number.
    """
    keys = ids if ids.dtype == tf.string else tf.strings.as_string(ids)
    return tf.cast(tf.strings.to_hash_bucket_strong(keys, 2**32, key=[seed, 0]), tf.float64) / 2**32


def replica_seed(seed, replica):
    """The seed of a replica's random layers, int32 `[]`, from the first replica's seed and the replica's number."""
    # Nonnegative, because XLA reads negative seeds differently from the rest of TensorFlow.
    return tf.random.stateless_uniform([], [seed, replica], 0, 2**31 - 1, tf.int32, alg="philox")


class StatelessSeeds(keras.random.SeedGenerator):
    """Seeds for the draws of a Keras layer, all derived from one seed.

    Keras's own generator has a state, which every call inside `tf.data` would advance.

    Args:
        seed: int32 `[2]`.
    """

    def __init__(self, seed):  # no `super().__init__`, which makes the variable
        self.seed = seed
        self.draws = 0

    def next(self, ordered=True):
        del ordered
        self.draws += 1
        return tf.random.fold_in(self.seed, self.draws)

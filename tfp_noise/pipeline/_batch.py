"""One batch as training sees it, and what part of it a worker takes."""

import tensorflow as tf

from tfp_noise import _validation


def prepare(features, labels, augmentation, seed, num_classes):
    """A batch as training sees it: features in floats, both augmented if asked.

    Args:
        features: `[batch, ...]`.
        labels: int `[batch]`.
        augmentation: as in `batches`.
        seed: int32 `[2]`, a stateless seed.
        num_classes: int, K.

    Returns:
        Float32 features, and the labels; distributions `[batch, num_classes]` only where the augmentation changes
        them, for indices are cheaper to every loss.
    """
    inputs = to_float(features)
    if augmentation is None:
        return inputs, labels
    distributions = tf.one_hot(labels, num_classes)
    inputs, augmented = augmentation(inputs, distributions, seed)
    if augmented is distributions:
        return inputs, labels
    # `one_hot` makes a row of zeros, without an error, of a label that is out of range.
    with tf.control_dependencies([_validation.assert_labels("labels", labels, num_classes)]):
        return inputs, tf.identity(augmented)


def check_augmentation(augmentation):
    """`augmentation` if it is one, or `None`."""
    if augmentation is None:
        return None
    return _validation.check_callable("augmentation", augmentation, "Pass one such as `CropAndFlip()`.")


def to_float(features):
    """Features as float32; images (uint8) scaled from 0..255 to 0..1."""
    return tf.cast(features, tf.float32) / 255 if features.dtype == tf.uint8 else tf.cast(features, tf.float32)


def shard_batches(data):
    """`data`, of which several workers take each batch together: worker `i` the `i`-th part of it.

    Every worker makes the whole batch, so that a step sees the same examples on any number of workers. Otherwise
    TensorFlow looks for files that it could deal out to them.

    Args:
        data: a `tf.data.Dataset` of global batches, the same on all workers.

    Returns:
        A `tf.data.Dataset`.
    """
    _validation.check_instance("data", data, tf.data.Dataset)
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return data.with_options(options)

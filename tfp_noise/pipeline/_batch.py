"""A batch as training receives it, and a worker's part of it."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from tfp_noise import _validation
from tfp_noise._validation import wording
from tfp_noise._validation.tensors import assert_labels


def prepare(
    features: tf.Tensor, labels: tf.Tensor, augmentation: Callable | None, seed: ArrayLike, num_classes: int
) -> tuple[tf.Tensor, tf.Tensor]:
    """A batch as training receives it: features as floats, augmented where that is asked for.

    Args:
        features: `[batch, ...]`; images in uint8 are scaled from 0..255 to 0..1.
        labels: int `[batch]`.
        augmentation: as in `batches`.
        seed: int32 `[2]`, a stateless seed.
        num_classes: int, K.

    Returns:
        Float32 features, and the labels: as given where the augmentation leaves them alone, because class indices are
        cheaper for every loss; else distributions, float32 `[batch, num_classes]`.

    Raises:
        tf.errors.InvalidArgumentError: if an augmentation changes labels and one of them is outside [0, num_classes).

    Example:
        >>> pixels = tf.constant([[0, 255]], tf.uint8)
        >>> features, labels = prepare(pixels, tf.constant([1]), None, [0, 0], num_classes=2)
        >>> features.numpy().tolist(), labels.numpy().tolist()
        ([[0.0, 1.0]], [1])
    """
    inputs = to_float(features)
    if augmentation is None:
        return inputs, labels
    distributions = tf.one_hot(labels, num_classes)
    inputs, augmented = augmentation(inputs, distributions, seed)
    if augmented is distributions:
        return inputs, labels
    # `one_hot` makes a row of zeros, without an error, of a label that is out of range.
    with tf.control_dependencies([assert_labels("labels", labels, num_classes)]):
        return inputs, tf.identity(augmented)


def check_with_ids(with_ids, labels):
    """Refuses ids beside labels `[batch, num_classes]` that an augmentation has mixed."""
    if with_ids and labels.shape.rank == 2:
        raise ValueError(
            "`with_ids` must be False for an augmentation that mixes examples, because a mixed one has no id of its "
            "own. Received: True. Leave `Mixup` and `CutMix` out."
        )


def check_augmentation(augmentation):
    """`augmentation` if it is callable or `None`."""
    if augmentation is None:
        return None
    return _validation.check_callable("augmentation", augmentation, "Pass an instance, such as `CropAndFlip()`.")


def to_float(features: np.ndarray | tf.Tensor) -> tf.Tensor:
    """Features as float32; images in uint8 are scaled from 0..255 to 0..1.

    Args:
        features: array or tensor of numbers, of any shape.

    Returns:
        Float32, shaped as `features`.

    Raises:
        TypeError: for text, such as paths of files.

    Example:
        >>> to_float(tf.constant([0, 255], tf.uint8)).numpy().tolist()
        [0.0, 1.0]
    """
    if tf.as_dtype(features.dtype) == tf.string:
        raise TypeError(f"`features` must be numbers. Received text. {wording.TEXT_AS_IT_IS}")
    return tf.cast(features, tf.float32) / 255 if features.dtype == tf.uint8 else tf.cast(features, tf.float32)


def shard_batches(data: tf.data.Dataset) -> tf.data.Dataset:
    """`data` with the option that each of several workers takes its part of every batch: worker `i` the `i`-th.

    Every worker makes the whole batch, so that a step trains on the same examples with any number of workers. Without
    this option TensorFlow looks for input files that it could distribute among the workers.

    Args:
        data: a `tf.data.Dataset` of global batches, the same on all workers.

    Returns:
        A `tf.data.Dataset`.

    Raises:
        TypeError: if `data` is not a `tf.data.Dataset`.

    Example:
        >>> data = shard_batches(tf.data.Dataset.range(6).batch(2))
        >>> data.options().experimental_distribute.auto_shard_policy.name
        'DATA'
    """
    _validation.check_instance("data", data, tf.data.Dataset)
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return data.with_options(options)

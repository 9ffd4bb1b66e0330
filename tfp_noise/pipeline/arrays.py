"""Examples -> batches: shuffled, augmented, and a function of the seed and the epoch alone.

Arrays stay in memory as they are (uint8 images too); an epoch is a permutation of indices, and a batch is one gather,
one scaling and one augmentation, so that the model, never the input, sets the pace.
"""

import dataclasses
import math

import numpy as np
import tensorflow as tf

from tfp_noise import _validation
from tfp_noise._training.image_scale import mark_scaled
from tfp_noise.datasets.base import Dataset, Examples
from tfp_noise.pipeline._batch import check_augmentation, prepare, shard_batches, to_float


@dataclasses.dataclass(frozen=True)
class Batches:
    """What `fit` needs from one noisy data set.

    Args:
        train: endless `tf.data.Dataset` of `(features, observed labels)`, from `first_epoch` on; labels are int32
            `[batch]`, or float32 `[batch, num_classes]` where the augmentation changes them.
        steps_per_epoch: steps after which every training example has been seen once.
        validation: one pass over the validation split, observed labels.
        test: one pass over the test split, clean labels; where the data set has no test examples, an error when it is
            read.
    """

    train: tf.data.Dataset
    steps_per_epoch: int
    validation: tf.data.Dataset
    test: tf.data.Dataset

    @property
    def steps_per_execution(self):
        """Training steps for one call of the compiled function, for `compile(steps_per_execution=...)`.

        A divisor of `steps_per_epoch`, for Keras rounds an epoch up to whole calls: the largest one up to 50, or the
        whole epoch where that would be small. It nearly doubles the throughput of a small network.
        """
        divisor = max(d for d in range(1, min(50, self.steps_per_epoch) + 1) if self.steps_per_epoch % d == 0)
        return divisor if divisor >= 10 else self.steps_per_epoch


def batches(dataset, batch_size, augmentation=None, seed=0, drop_remainder=False, first_epoch=0):
    """Batches of a data set in memory.

    Features become float32, images (uint8) scaled from 0..255 to 0..1, as `Examples.inputs` has them. The order of
    epoch `e` and its augmentation are functions of `(seed, e)`: a run that resumes at epoch `e` passes `first_epoch=e`
    and sees what it would have seen.

    Args:
        dataset: a `tfp_noise.datasets.Dataset`.
        batch_size: int >= 1.
        augmentation: what `tfp_noise.pipeline.augmentation` describes, such as `CropAndFlip()` or
            `Compose((CropAndFlip(), Mixup(0.2)))`, or `None`; for training only. Where it changes labels, they become
            distributions over classes, which every loss takes.
        seed: int in [0, 2^31).
        drop_remainder: leave out the last, smaller batch of an epoch: shapes are then static, as TPUs and several
            replicas need.
        first_epoch: int >= 0.

    Returns:
        A `Batches`.

    Raises:
        ValueError: if a number is out of range, or no batch would be left.

    Example:
        >>> from tfp_noise import datasets
        >>> b = batches(datasets.load("digits"), batch_size=64, seed=1)
        >>> features, labels = next(iter(b.train))
        >>> features.shape, labels.dtype.name
        (TensorShape([64, 8, 8, 1]), 'int32')
    """
    _validation.check_instance("dataset", dataset, Dataset)
    batch_size = _validation.check_int("batch_size", batch_size, 1)
    augmentation = check_augmentation(augmentation)
    drop_remainder = _validation.check_bool("drop_remainder", drop_remainder)
    seed = _validation.check_seed(seed)
    first_epoch = _validation.check_int("first_epoch", first_epoch, 0)
    size = len(dataset.train)
    steps = size // batch_size if drop_remainder else math.ceil(size / batch_size)
    if steps == 0:
        raise ValueError(f"`batch_size` must be at most the {size} training examples. Received: {batch_size}.")
    with tf.device("CPU:0"):  # an accelerator's memory is for the model
        features, labels = tf.constant(dataset.train.features), tf.constant(dataset.train.training_labels, tf.int32)

    def epoch_of_batches(epoch):
        epoch_seed = tf.stack([seed, tf.cast(epoch, tf.int32)])
        order = tf.random.experimental.stateless_shuffle(tf.range(size), epoch_seed)

        def batch(step):
            step = tf.cast(step, tf.int32)
            indices = order[step * batch_size : (step + 1) * batch_size]
            batch_seed = tf.random.fold_in(epoch_seed, step)
            examples = tf.gather(features, indices), tf.gather(labels, indices)
            return prepare(*examples, augmentation, batch_seed, dataset.num_classes)

        return tf.data.Dataset.range(steps).map(batch)

    train = tf.data.Dataset.counter(first_epoch).flat_map(epoch_of_batches)
    if drop_remainder or size % batch_size == 0:
        train = train.map(lambda *xy: tuple(tf.ensure_shape(part, [batch_size, *part.shape[1:]]) for part in xy))
    test = _ordered(dataset.test, dataset.test.labels, batch_size)
    return Batches(
        mark_scaled(shard_batches(train.prefetch(tf.data.AUTOTUNE)), dataset.train.features),
        steps,
        _ordered(dataset.validation, dataset.validation.training_labels, batch_size),
        test if len(dataset.test) else _refused(test),
    )


def one_pass(examples, batch_size):
    """One ordered pass over `examples`, as `(features, labels for training)`, for evaluation and prediction."""
    _validation.check_instance("examples", examples, Examples)
    batch_size = _validation.check_int("batch_size", batch_size, 1)
    if not len(examples):
        raise ValueError("`examples` must hold an example. Received none. Was the data set made without this split?")
    return _ordered(examples, examples.training_labels, batch_size)


def _refused(empty):
    """`empty`, a `tf.data.Dataset`, as one that fails when it is read: Keras would score it as nothing."""
    message = (
        "`test` must hold an example, with its true label. Received none. Pass `test=(features, true_labels)` to "
        "`datasets.from_arrays`, or evaluate on `validation`, whose given labels may be wrong."
    )

    def refuse(number):
        with tf.control_dependencies([tf.debugging.Assert(number < 0, [message])]):
            return tf.identity(number)

    return tf.data.Dataset.range(1).map(refuse).flat_map(lambda _: empty)


def _ordered(examples, labels, batch_size):
    data = tf.data.Dataset.from_tensor_slices((examples.features, labels.astype(np.int32)))
    batched = data.batch(batch_size).map(lambda x, y: (to_float(x), y)).prefetch(tf.data.AUTOTUNE)
    return mark_scaled(shard_batches(batched), examples.features)

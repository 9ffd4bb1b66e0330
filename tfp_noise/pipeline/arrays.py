"""Shuffled and augmented batches of a data set in memory, a function of the seed and the epoch alone.

Arrays stay in memory in their own dtype (images in uint8, too). An epoch is a permutation of indices, and a batch takes
one gather, one scaling and one augmentation, so that making batches does not slow down training.
"""

import dataclasses
import math
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfp_noise import _backends, _random, _validation
from tfp_noise._training.image_scale import mark_scaled
from tfp_noise.datasets.base import Examples
from tfp_noise.datasets.dataset import Dataset
from tfp_noise.pipeline._batch import check_augmentation, check_with_ids, prepare, shard_batches, to_float


@dataclasses.dataclass(frozen=True)
class Batches:
    """The batches of one noisy data set for `fit` and `evaluate`, as `batches` makes them.

    Args:
        train: endless `tf.data.Dataset` of `(features, observed labels)`, from `first_epoch` on; labels are int32
            `[batch]`, or float32 `[batch, num_classes]` where the augmentation changes them; with ids,
            `{"labels": labels, "ids": positions}`.
        steps_per_epoch: int, number of batches in one pass over the training examples.
        validation: `tf.data.Dataset`, one pass over the validation split, with observed labels.
        test: `tf.data.Dataset`, one pass over the test split, with clean labels; reading it is an error if the data set
            has no test examples.

    Example:
        >>> from tfp_noise import datasets
        >>> digits = batches(datasets.load("digits"), batch_size=64)
        >>> digits.steps_per_epoch, digits.steps_per_execution
        (21, 21)
    """

    train: tf.data.Dataset
    steps_per_epoch: int
    validation: tf.data.Dataset
    test: tf.data.Dataset

    @property
    def steps_per_execution(self):
        """Number of training steps in one call of the compiled function, for `compile(steps_per_execution=...)`.

        The largest divisor of `steps_per_epoch` up to 50, because Keras rounds an epoch up to whole calls; where that
        divisor is below 10, the whole epoch. It nearly doubles the throughput of a small network.
        """
        divisor = max(d for d in range(1, min(50, self.steps_per_epoch) + 1) if self.steps_per_epoch % d == 0)
        return divisor if divisor >= 10 else self.steps_per_epoch


def batches(
    dataset: Dataset,
    batch_size: int,
    augmentation: Callable | None = None,
    seed: int = 0,
    drop_remainder: bool = False,
    first_epoch: int = 0,
    with_ids: bool = False,
) -> Batches:
    """Batches of a data set in memory.

    Features become float32, images in uint8 are scaled from 0..255 to 0..1, as in `Examples.inputs`. The order of epoch
    `e` and its augmentation are functions of `(seed, e)`: a run that resumes at epoch `e` passes `first_epoch=e` and
    gets the batches that it would have got without the interruption.

    Args:
        dataset: a `tfp_noise.datasets.Dataset`.
        batch_size: int >= 1.
        augmentation: callable as `tfp_noise.pipeline.augmentation` describes it, such as `CropAndFlip()` or
            `Compose((CropAndFlip(), Mixup(0.2)))`, or `None`; used in training only. Where it changes labels, they
            become distributions over classes, which every loss takes.
        seed: int in [0, 2^31).
        drop_remainder: bool, leave out the last, smaller batch of an epoch: shapes are then static, as TPUs and several
            replicas need.
        first_epoch: int >= 0, the epoch that `train` begins with.
        with_ids: bool, labels of `train` are `{"labels": labels, "ids": positions}`, for losses that remember each
            example; the position is that in `dataset.train`, int32 `[batch]`. All losses take such batches.

    Returns:
        A `Batches`.

    Raises:
        TypeError: if an argument is of another type.
        ValueError: if a number is out of range, `drop_remainder` leaves out every batch, or the augmentation mixes
            examples that have ids.
        RuntimeError: on another backend of Keras than TensorFlow.

    Example:
        >>> from tfp_noise import datasets
        >>> b = batches(datasets.load("digits"), batch_size=64, seed=1)
        >>> features, labels = next(iter(b.train))
        >>> features.shape, labels.dtype.name
        (TensorShape([64, 8, 8, 1]), 'int32')
    """
    _backends.require_tensorflow("batches", "TensorFlow makes its batches")
    _validation.check_instance("dataset", dataset, Dataset)
    batch_size = _validation.check_int("batch_size", batch_size, 1)
    augmentation = check_augmentation(augmentation)
    drop_remainder = _validation.check_bool("drop_remainder", drop_remainder)
    with_ids = _validation.check_bool("with_ids", with_ids)
    seed = _validation.check_seed(seed)
    first_epoch = _validation.check_int("first_epoch", first_epoch, 0)
    size = len(dataset.train)
    steps = size // batch_size if drop_remainder else math.ceil(size / batch_size)
    if steps == 0:
        raise ValueError(f"`batch_size` must be at most the {size} training examples. Received: {batch_size}.")
    with tf.device("CPU:0"):  # keeps the data out of an accelerator's memory, which the model needs
        features, labels = tf.constant(dataset.train.features), tf.constant(dataset.train.training_labels, tf.int32)

    def epoch_of_batches(epoch):
        epoch_seed = _random.epoch_seed(seed, epoch)
        order = tf.random.experimental.stateless_shuffle(tf.range(size), epoch_seed)

        def batch(step):
            step = tf.cast(step, tf.int32)
            indices = order[step * batch_size : (step + 1) * batch_size]
            batch_seed = tf.random.fold_in(epoch_seed, step)
            examples = tf.gather(features, indices), tf.gather(labels, indices)
            inputs, given = prepare(*examples, augmentation, batch_seed, dataset.num_classes)
            check_with_ids(with_ids, given)
            return inputs, {"labels": given, "ids": indices} if with_ids else given

        return tf.data.Dataset.range(steps).map(batch)

    train = tf.data.Dataset.counter(first_epoch).flat_map(epoch_of_batches)
    if drop_remainder or size % batch_size == 0:
        train = train.map(
            lambda *xy: tf.nest.map_structure(lambda part: tf.ensure_shape(part, [batch_size, *part.shape[1:]]), xy)
        )
    test = _ordered(dataset.test, dataset.test.labels, batch_size)
    return Batches(
        mark_scaled(shard_batches(train.prefetch(tf.data.AUTOTUNE)), dataset.train.features),
        steps,
        _ordered(dataset.validation, dataset.validation.training_labels, batch_size),
        test if len(dataset.test) else _refused(test),
    )


def one_pass(examples: Examples, batch_size: int) -> tf.data.Dataset:
    """One pass over `examples` in their order, for evaluation and prediction.

    Args:
        examples: a `tfp_noise.datasets.Examples`.
        batch_size: int >= 1.

    Returns:
        A `tf.data.Dataset` of `(features, labels)`: float32 `[batch, ...]` as in `batches`, and the labels that
        training may see (`Examples.training_labels`), int32 `[batch]`.

    Raises:
        TypeError: if an argument is of another type.
        ValueError: if `batch_size` is below 1.
        RuntimeError: on another backend of Keras than TensorFlow.

    Example:
        >>> from tfp_noise import datasets
        >>> digits = datasets.load("digits")
        >>> features, labels = next(iter(one_pass(digits.test, batch_size=360)))
        >>> bool((labels.numpy() == digits.test.labels).all())
        True
    """
    _backends.require_tensorflow("one_pass", "TensorFlow makes its batches")
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

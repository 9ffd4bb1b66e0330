"""Batches of data sets that do not fit into memory: label noise by id, order by seed and epoch, a shard per worker."""

from collections.abc import Callable

import tensorflow as tf
from numpy.typing import ArrayLike

from tfp_noise import _backends, _random, _validation, noise
from tfp_noise._training.image_scale import mark_scaled
from tfp_noise.pipeline._batch import check_augmentation, check_with_ids, prepare, shard_batches


def stream(
    source: tf.data.Dataset,
    transition: ArrayLike,
    batch_size: int,
    seed: int = 0,
    augmentation: Callable | None = None,
    shuffle_buffer: int = 10_000,
    drop_remainder: bool = False,
    first_epoch: int = 0,
    input_context: tf.distribute.InputContext | None = None,
    with_ids: bool = False,
) -> tf.data.Dataset:
    """Endless batches from a `tf.data.Dataset` that does not fit into memory, with label noise drawn on the way.

    Noise is drawn from the example's id, so that an example has the same observed label in every epoch, on every
    worker, and in an array. The order of epoch `e` and its augmentation are functions of `(seed, e)`: a run that
    resumes at epoch `e` passes `first_epoch=e` and gets the batches that it would have got without the interruption.

    On several machines each worker reads its own shard, in its own order. Pass to `fit`:

        strategy.distribute_datasets_from_function(
            lambda context: stream(datasets.stream(name, "train", input_context=context), ..., input_context=context)
        )

    Args:
        source: a finite dataset of single examples `(features, label, id)`, always in the same order, such as
            `tfp_noise.datasets.stream` returns; `label` is an integer, `id` an integer or string. With `input_context`,
            the worker's shard, of the same size on all workers, because all take the same number of steps.
        transition: float `[K, K]`, rows sum to 1.
        batch_size: int >= 1, the global batch size: examples in one step of all replicas of all workers.
        seed: int in [0, 2^31).
        augmentation: as in `batches`.
        shuffle_buffer: int >= 1, number of examples that are held in memory to be shuffled.
        drop_remainder: bool, leave out the last, smaller batch of an epoch; with several replicas it always is.
        first_epoch: int >= 0, the epoch that the stream begins with.
        input_context: the `tf.distribute.InputContext` of the worker; `None` for one worker, whose replicas, if there
            are several, divide each batch.
        with_ids: bool, labels are `{"labels": observed, "ids": ids}` with the ids of `source`, which must be integers,
            for losses that remember each example.

    Returns:
        A `tf.data.Dataset` of `(features, observed labels)`, as in `Batches.train`; with `input_context`, batches for
        single replicas, one after the other.

    Raises:
        TypeError: if an argument is of another type.
        ValueError: if a number is out of range, the elements of `source` are not `(features, label, id)`, `batch_size`
            is not a multiple of the number of replicas, or the augmentation mixes examples that have ids.
        RuntimeError: on another backend of Keras than TensorFlow.

    Example:
        >>> number = tf.data.Dataset.range(6)
        >>> source = number.map(lambda n: (tf.cast([n], tf.float32), n % 2, n))
        >>> features, labels = next(iter(stream(source, noise.symmetric(2, 0.2), batch_size=4)))
        >>> features.shape, labels.dtype.name
        (TensorShape([4, 1]), 'int32')
    """
    _backends.require_tensorflow("stream", "TensorFlow makes its batches")
    transition = _validation.check_transition("transition", transition)
    seed = _validation.check_seed(seed)
    _validation.check_instance("source", source, tf.data.Dataset)
    augmentation = check_augmentation(augmentation)
    drop_remainder = _validation.check_bool("drop_remainder", drop_remainder)
    with_ids = _validation.check_bool("with_ids", with_ids)
    if input_context is not None:
        _validation.check_instance("input_context", input_context, tf.distribute.InputContext)
    if not (isinstance(source.element_spec, tuple) and len(source.element_spec) == 3):
        raise ValueError(
            f"`source` must have elements (features, label, id). Received: {source.element_spec}. Make them by "
            "`datasets.stream`, or take ids from `enumerate()` of a dataset with a fixed order."
        )
    if with_ids and not source.element_spec[2].dtype.is_integer:
        raise TypeError(
            f"`with_ids` must be False for a `source` whose ids are no integers. Received: True, with ids of dtype "
            f"{source.element_spec[2].dtype.name}. Number the examples: take ids from `enumerate()`."
        )
    shuffle_buffer = _validation.check_int("shuffle_buffer", shuffle_buffer, 1)
    first_epoch = _validation.check_int("first_epoch", first_epoch, 0)
    worker = input_context or tf.distribute.InputContext()
    replicas = worker.num_replicas_in_sync
    batch_size = _validation.check_batch_size(batch_size, replicas)
    whole_batches = drop_remainder or replicas > 1

    def epoch_of_batches(epoch):
        epoch_seed = tf.random.fold_in(_random.epoch_seed(seed, epoch), worker.input_pipeline_id)
        # The seed of this function's graph; without it the program's global seed would change the order, too.
        tf.compat.v1.set_random_seed(1)
        order = tf.random.stateless_uniform([], epoch_seed, minval=None, maxval=None, dtype=tf.int64)
        shuffled = source.shuffle(shuffle_buffer, seed=order, reshuffle_each_iteration=False)

        def batch(step, examples):
            features, labels, ids = examples
            observed = noise.corrupt(labels, transition, seed, ids=ids)
            batch_seed = tf.random.fold_in(epoch_seed, step)
            inputs, given = prepare(features, observed, augmentation, batch_seed, len(transition))
            check_with_ids(with_ids, given)
            return inputs, {"labels": given, "ids": ids} if with_ids else given

        return shuffled.batch(batch_size // worker.num_input_pipelines, whole_batches).enumerate().map(batch)

    train = tf.data.Dataset.counter(first_epoch).flat_map(epoch_of_batches)
    if replicas > worker.num_input_pipelines:
        train = train.rebatch(batch_size // replicas, drop_remainder=True)
    # A fixed number, because the one that TensorFlow chooses grows while training runs, and with it the memory in use.
    return mark_scaled(shard_batches(train.prefetch(4)), source.element_spec[0])

"""Batches of what does not fit into memory: noise by id, order by seed and epoch, a share for each worker."""

import tensorflow as tf

from tfp_noise import _validation, noise
from tfp_noise._training.image_scale import mark_scaled
from tfp_noise.pipeline._batch import check_augmentation, prepare, shard_batches


def stream(
    source,
    transition,
    batch_size,
    seed=0,
    augmentation=None,
    shuffle_buffer=10_000,
    drop_remainder=False,
    first_epoch=0,
    input_context=None,
):
    """Endless batches from a `tf.data.Dataset` that does not fit into memory, with label noise drawn on the way.

    Noise goes by the example's id, so that an example has the same observed label in every epoch, on every worker, and
    in an array. The order of epoch `e` and its augmentation are functions of `(seed, e)`: a run that resumes at epoch
    `e` passes `first_epoch=e` and sees what it would have seen.

    On several machines each worker reads a share of its own, in its own order; `fit` takes what this gives:

        strategy.distribute_datasets_from_function(
            lambda context: stream(datasets.stream(name, "train", input_context=context), ..., input_context=context)
        )

    Args:
        source: a finite dataset of `(features, label, id)`, one example each, always in the same order; `label` an
            integer, `id` an integer or string: what `tfp_noise.datasets.stream` gives. With `input_context` the
            worker's share, of the same size on all workers, for they step together.
        transition: `[K, K]`, rows sum to 1.
        batch_size: int >= 1, the global one: what all replicas of all workers take in a step.
        seed: int in [0, 2^31).
        augmentation: as in `batches`.
        shuffle_buffer: int >= 1, examples that are shuffled at a time, and held in memory.
        drop_remainder: leave out the last, smaller batch of an epoch; several replicas always do.
        first_epoch: int >= 0.
        input_context: the `tf.distribute.InputContext` of the worker; `None` for one worker, whose replicas, if there
            are several, divide the batches.

    Returns:
        A `tf.data.Dataset` of `(features, observed labels)` as `Batches.train` gives them; with `input_context` a
        replica's part of a batch after the other.

    Raises:
        ValueError: if a number is out of range, `source` gives something else, or the replicas do not divide
            `batch_size`.

    Example:
        >>> number = tf.data.Dataset.range(6)
        >>> source = number.map(lambda n: (tf.cast([n], tf.float32), n % 2, n))
        >>> features, labels = next(iter(stream(source, noise.symmetric(2, 0.2), batch_size=4)))
        >>> features.shape, labels.dtype.name
        (TensorShape([4, 1]), 'int32')
    """
    transition = _validation.check_transition("transition", transition)
    seed = _validation.check_seed(seed)
    _validation.check_instance("source", source, tf.data.Dataset)
    augmentation = check_augmentation(augmentation)
    drop_remainder = _validation.check_bool("drop_remainder", drop_remainder)
    if input_context is not None:
        _validation.check_instance("input_context", input_context, tf.distribute.InputContext)
    if not (isinstance(source.element_spec, tuple) and len(source.element_spec) == 3):
        raise ValueError(
            f"`source` must give (features, label, id) for each example. Received: {source.element_spec}. "
            "`datasets.stream` gives that; elsewhere ids may come from `enumerate()` of a fixed order."
        )
    shuffle_buffer = _validation.check_int("shuffle_buffer", shuffle_buffer, 1)
    first_epoch = _validation.check_int("first_epoch", first_epoch, 0)
    worker = input_context or tf.distribute.InputContext()
    replicas = worker.num_replicas_in_sync
    batch_size = _validation.check_batch_size(batch_size, replicas)
    whole_batches = drop_remainder or replicas > 1

    def epoch_of_batches(epoch):
        epoch_seed = tf.random.fold_in(tf.stack([seed, tf.cast(epoch, tf.int32)]), worker.input_pipeline_id)
        tf.compat.v1.set_random_seed(1)  # of this function's graph: else the program's own would change the order
        order = tf.random.stateless_uniform([], epoch_seed, minval=None, maxval=None, dtype=tf.int64)
        shuffled = source.shuffle(shuffle_buffer, seed=order, reshuffle_each_iteration=False)

        def batch(step, examples):
            features, labels, ids = examples
            observed = noise.corrupt(labels, transition, seed, ids=ids)
            return prepare(features, observed, augmentation, tf.random.fold_in(epoch_seed, step), len(transition))

        return shuffled.batch(batch_size // worker.num_input_pipelines, whole_batches).enumerate().map(batch)

    train = tf.data.Dataset.counter(first_epoch).flat_map(epoch_of_batches)
    if replicas > worker.num_input_pipelines:
        train = train.rebatch(batch_size // replicas, drop_remainder=True)
    # A fixed number: TensorFlow's own choice grows with the time that training takes, and with it the memory.
    return mark_scaled(shard_batches(train.prefetch(4)), source.element_spec[0])

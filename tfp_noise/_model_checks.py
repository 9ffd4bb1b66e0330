"""What is looked at before a model trains: features and labels, in memory or on their way."""

import math
import numbers
import warnings

import keras
import numpy as np
import tensorflow as tf

from tfp_noise import _validation, distribute
from tfp_noise.distribute._lost_workers import is_multi_worker


def check_data(x, y, num_classes, prefix=""):
    """Both after a look at them; a dataset of `(x, y)` or `(x, y, weights)` comes back with the look built in.

    A column of class indices comes back as `[n]`: a model that has seen both would be traced for labels of any rank.
    """
    if isinstance(x, tf.data.Dataset):
        # Looked at while the step before is computed: within the step it would take some hundredths of its time.
        return x.map(lambda *batch: _check_batch(batch, num_classes, prefix)).prefetch(2), y
    for leaf in keras.tree.flatten(x):
        if _is_array(leaf):
            _validation.check_features(f"{prefix}x", np.asarray(leaf))
    if _is_array(y):
        _validation.check_targets(f"{prefix}y", np.asarray(y), num_classes)
        if np.ndim(y) == 2 and np.shape(y)[1] == 1:
            y = np.asarray(y).reshape(-1)
    return x, y


def check_batches(x, batch_size, validation_split, strategy):
    """Refuses training batches that the replicas cannot divide, where their size is known before they come.

    Where it is not, and for a last batch of an epoch that they cannot divide, there is a warning: the replicas' means
    count alike, however few examples they are of.
    """
    if strategy.num_replicas_in_sync == 1:
        return
    if isinstance(x, tf.data.Dataset):
        sizes = {spec.shape[0] for spec in tf.nest.flatten(x.element_spec) if spec.shape.rank}
        for size in sizes - {None}:
            distribute.check_batch_size(size, strategy)
        if None in sizes:
            warnings.warn(
                f"The {strategy.num_replicas_in_sync} replicas should divide every batch. Those of this dataset have a "
                "size that is not known before they come; in one that they cannot divide, examples on the replica with "
                "fewer of them weigh more. Make it with `batch(..., drop_remainder=True)`.",
                stacklevel=3,
            )
    elif arrays := [leaf for leaf in keras.tree.flatten(x) if _is_array(leaf)]:
        batch_size = batch_size or 32  # Keras's own
        distribute.check_batch_size(batch_size, strategy)
        whole, rest = divmod(math.floor(len(arrays[0]) * (1 - validation_split)), batch_size)  # as Keras splits
        if rest % strategy.num_replicas_in_sync:
            warnings.warn(
                f"The {strategy.num_replicas_in_sync} replicas should divide every batch. The last one of an epoch has "
                f"{rest} examples: those on the replica with fewer of them weigh more. Leave them out: the others make "
                f"{whole} whole batches.",
                stacklevel=3,
            )


def check_workers_alike(strategy, **sizes):
    """Refuses, on every one of several workers, a `fit` that is another one on some worker.

    They step together: whoever had more to do would wait for the others, or train on what the others evaluate.

    Args:
        strategy: a `tf.distribute.Strategy`.
        **sizes: a number, `None`, or data, of which the number of examples or batches counts.
    """
    if is_multi_worker(strategy):
        said = ", ".join(f"{name} {_size(size)}" for name, size in sizes.items() if size is not None)
        distribute.wait_for_all(strategy, f"`fit` of {said}")


def _size(value):
    """The number itself, or that of the examples of arrays or of the batches of a dataset; below 0 if not known."""
    if isinstance(value, numbers.Number | str):
        return value
    if isinstance(value, tf.data.Dataset):
        return int(value.cardinality())
    arrays = [leaf for leaf in keras.tree.flatten(value) if _is_array(leaf)]
    return len(arrays[0]) if arrays else -1


def _is_array(value):
    """Whether the values are at hand: NumPy, pandas and eager tensors, but no symbolic ones and no generators."""
    return hasattr(value, "__array__") and not keras.backend.is_keras_tensor(value)


def _check_batch(batch, num_classes, prefix):
    """A batch of a `tf.data.Dataset` with assertions on its way: on the host, where a TPU's input is made too."""
    if len(batch) < 2:
        return batch
    x, y = batch[:2]
    floats = [leaf for leaf in tf.nest.flatten(x) if isinstance(leaf, tf.Tensor) and leaf.dtype.is_floating]
    checks = [tf.debugging.assert_all_finite(leaf, f"`{prefix}x` must be finite") for leaf in floats]
    if not (y.shape.rank == 2 and y.shape[-1] == num_classes):
        inside = tf.reduce_all((y >= 0) & (y < num_classes))
        message = f"`{prefix}y` must lie in [0, {num_classes}). Received:"
        checks.append(tf.debugging.Assert(inside, [message, y, "Do the labels start at 1?"]))
    column = y.shape.rank == 2 and y.shape[-1] == 1
    with tf.control_dependencies([check for check in checks if check is not None]):
        return (x, tf.reshape(y, [-1]) if column else tf.identity(y), *batch[2:])

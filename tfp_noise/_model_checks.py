"""What is looked at before a model trains: its last layer, features and labels, in memory or on their way."""

import math
import warnings

import keras
import numpy as np
import tensorflow as tf

from tfp_noise import _validation, distribute


def check_raw_outputs(name, network):
    """Refuses a network that ends in a softmax, be it a layer, an activation or an operation, also of a model in it."""
    last = network
    while outputs := _symbolic_outputs(last):
        last = outputs[0]._keras_history.operation
    if isinstance(last, keras.Model) and last.layers:  # a subclassed one: the order of declaration is all there is
        last = last.layers[-1]
    softmax = getattr(last, "activation", None) in (keras.activations.softmax, keras.ops.softmax)
    operation = type(last).__module__.startswith("keras.") and type(last).__name__ == "Softmax"  # or the layer
    if softmax or operation:
        raise ValueError(
            f"`{name}` must end in raw outputs. Received: {last.name!r} with a softmax. Leave the softmax out: "
            "the loss takes logits, and `predict` gives probabilities."
        )


def _symbolic_outputs(model):
    """What a Functional or built Sequential model ends in; nothing for any other layer or operation."""
    outputs = getattr(model, "outputs", None) if isinstance(model, keras.Model) else None
    symbolic = isinstance(outputs, list) and outputs and keras.backend.is_keras_tensor(outputs[0])
    return outputs if symbolic else []


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

"""The number of axes of a classifier's outputs, which decides what its labels are."""

import keras
import tensorflow as tf

from tfp_noise import _labels
from tfp_noise._training.input_checks import is_array


def outputs_rank(model, x, labels):
    """The number of axes of a classifier's outputs: 2 for one label an example, more for labels at each position.

    A model that has not been built is built if labels leave it open: integers `[n, 3]` may be one-hot rows, or class
    indices of three positions.

    Args:
        model: a classifier.
        x: features in arrays, or a `tf.data.Dataset` of batches.
        labels: array, or `tf.TensorSpec` of a batch.
    """
    if not model.built:
        rank, dtype = _labels.rank_of(labels), keras.backend.standardize_dtype(labels.dtype)
        if rank in (None, 1):
            return 2
        if "float" in dtype and labels.shape[-1] == model._label_kind.width > 1:  # distributions, or several labels
            return rank
        build_on(model, x)
    return model._outputs_rank or 2


def build_on(model, x):
    """Builds a classifier on the first example of arrays, or on the shapes of a `tf.data.Dataset`."""
    if isinstance(x, tf.data.Dataset):
        spec = x.element_spec
        like = keras.tree.map_structure(lambda leaf: keras.KerasTensor(leaf.shape, leaf.dtype.name), spec[0])
    elif all(map(is_array, keras.tree.flatten(x))):
        like = keras.tree.map_structure(lambda leaf: keras.ops.convert_to_tensor(leaf[:1]), x)
    else:
        return
    with model.distribute_strategy.scope():
        model(like)

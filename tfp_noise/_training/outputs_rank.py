"""The number of axes of a classifier's outputs, which decides what its labels are."""

import keras
import tensorflow as tf

from tfp_noise import _labels
from tfp_noise._training.input_checks import is_array


def outputs_rank(model, x, labels):
    """The number of axes of a classifier's outputs: 2 for one label an example, more for labels at each position.

    A model that has not been built is built if labels have more than one axis: those of `[n, 3]` may be distributions,
    or class indices of three positions.

    Args:
        model: a classifier.
        x: features in arrays, or a `tf.data.Dataset` of batches.
        labels: array, or `tf.TensorSpec` of a batch.
    """
    if not model.built:
        if _labels.rank_of(labels) in (None, 1):
            return 2
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

"""NaN among features: allowed if the network masks or imputes them, so that its outputs are finite."""

import keras
import numpy as np
import tensorflow as tf

from tfp_noise._training.input_checks import is_array
from tfp_noise._training.outputs_rank import build_on


def takes_missing(model, x):
    """True for a network with finite outputs for the NaN in `x`, or, if `x` comes in batches, for inputs of NaN alone.

    Args:
        model: a classifier; it is built on the first example if arrays are given. The answer for batches is kept.
        x: features, or an iterator of batches.
    """
    if not model.built and not isinstance(x, tf.data.Dataset):
        build_on(model, x)
    arrays = [np.asarray(leaf) for leaf in keras.tree.flatten(x) if is_array(leaf)]
    if arrays and model.built:  # on examples with NaN, because a network may impute only the one column that has gaps
        missing = np.any([np.isnan(a).reshape(len(a), -1).any(1) for a in arrays if a.dtype.kind == "f"], axis=0)
        return _takes_nan(model, keras.tree.map_structure(lambda leaf: np.asarray(leaf)[missing][:32], x))
    if model._takes_nan is None and model.built:
        model._takes_nan = _takes_nan(model)
    return model._takes_nan


def _takes_nan(model, inputs=None):
    """True for a network with finite outputs for inputs with NaN, by default NaN alone; keeps the random states."""
    randomness = [(variable, variable.numpy()) for variable in model._random_states()]
    try:
        if inputs is None:
            inputs = keras.tree.map_structure(_missing_input, model.symbolic_inputs())
        outputs = model(keras.tree.map_structure(keras.ops.convert_to_tensor, inputs), training=False)
    except Exception:  # a dimension of unspecified size may have to be larger than 1
        return False
    finally:
        for variable, value in randomness:
            variable.assign(value)
    return bool(np.isfinite(keras.ops.convert_to_numpy(outputs)).all())


def _missing_input(like):
    """One example like a symbolic tensor, with NaN in place of floats."""
    shape = [1] + [size or 1 for size in like.shape[1:]]
    dtype = tf.as_dtype(like.dtype)
    return tf.fill(shape, tf.constant(np.nan if dtype.is_floating else "" if dtype == tf.string else 0, dtype))

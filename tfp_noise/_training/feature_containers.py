"""Features in containers that Keras has no dtype for: text, tables and objects become tensors and arrays."""

import types

import keras
import numpy as np
import tensorflow as tf

from tfp_noise import _validation


def as_keras_takes(features, name="x"):
    """Features or batches with tensors of text, and arrays of numbers in place of objects and mixed tables.

    Keras has no dtype for text of NumPy or pandas, for objects, nor for the nullable numbers of pandas.

    Args:
        features: as in `fit`.
        name: text, the argument's name in errors.

    Raises:
        TypeError: for lists, and for tables and objects of other than numbers or text.
    """
    if isinstance(features, keras.utils.PyDataset):
        return BatchesAsKerasTakes(features)
    if isinstance(features, types.GeneratorType):
        return (_as_keras_takes(batch, name) for batch in features)
    check_are_arrays(name, features)
    return _as_keras_takes(features, name)


def check_are_arrays(name, features):
    """Refuses lists of single numbers or texts, each of which Keras would take for all examples of an input."""
    for path, leaf in keras.tree.flatten_with_path(features):
        if isinstance(leaf, (str, bytes, int, float, np.generic)):
            place = name.split()[-1] + (f"[{path[0]!r}]" if isinstance(features, dict) else "")
            kind = ", dtype=object" if isinstance(leaf, (str, bytes)) else ""
            raise TypeError(
                f"`{name}` must hold arrays, with one entry for each example. Received: {leaf!r:.100}, a single entry, "
                f"as in a list. Pass `np.array({place}{kind})`."
            )


def _as_keras_takes(features, name="x"):
    """Features in memory, or a batch, whose labels may be lists."""
    if not any(map(_needs_conversion, keras.tree.flatten(features))):
        return features
    return keras.tree.map_structure(lambda leaf: _converted(leaf, name) if _needs_conversion(leaf) else leaf, features)


def _needs_conversion(leaf):
    """True for text, objects, and tables of pandas without columns or with others than floats and integers.

    Tables are not all refused here: bools and nullable numbers become numbers. T is NumPy's `StringDType`.
    """
    if isinstance(leaf, np.generic):
        return False  # which `check_are_arrays` refuses among features
    of_pandas = hasattr(leaf, "iloc")
    dtypes = leaf.dtypes if hasattr(leaf, "columns") and of_pandas else [getattr(leaf, "dtype", None)]
    kinds = "bOSTUmM" if of_pandas else "OSTU"
    return not len(dtypes) or any(dtype.kind in kinds if isinstance(dtype, np.dtype) else of_pandas for dtype in dtypes)


def _converted(leaf, name):
    """A tensor of text, or an array of numbers."""
    array = np.asarray(leaf)
    if hasattr(leaf, "iloc") and array.ndim == 1:
        array = array[:, np.newaxis]  # as Keras takes a column of numbers
    if array.dtype.kind in "STU" or (
        array.dtype == object and all(isinstance(one, (str, bytes)) for one in array.flat)
    ):
        return tf.constant(array.astype(object) if array.dtype.kind == "T" else array)
    if hasattr(leaf, "columns"):
        _validation.check_columns(name, leaf)
        if array.dtype == object:  # of bools beside numbers, or of nullable numbers
            return np.asarray(leaf.astype(float))
    return _validation.as_numbers(name, array)


class BatchesAsKerasTakes(keras.utils.PyDataset):
    """The batches of a `PyDataset`, each by `as_keras_takes`."""

    def __init__(self, batches):
        own = ("workers", "use_multiprocessing", "max_queue_size")
        super().__init__(**{name: getattr(batches, name) for name in own})
        self._batches = batches

    def __len__(self):
        return len(self._batches)

    @property
    def num_batches(self):
        return self._batches.num_batches

    def __getitem__(self, index):
        return _as_keras_takes(self._batches[index])

    def on_epoch_begin(self):
        self._batches.on_epoch_begin()

    def on_epoch_end(self):
        self._batches.on_epoch_end()

"""Checks of features and labels before they train, in memory or on their way, with one wording for every container."""

import types

import keras
import tensorflow as tf

from tfp_noise import _validation


def check_data(x, y, num_classes, prefix="", ignored=None, takes_nan=lambda: False, look=None):
    """Both after a look at them; batches that come one by one are looked at as they come.

    Labels come back as an array, and a column of class indices as `[n]`: a model that has seen both would be traced for
    labels of any rank.

    Args:
        x: features, or a `tf.data.Dataset`, `keras.utils.PyDataset` or generator of `(x, y)` or `(x, y, weights)`.
        y: labels in any container, or `None`.
        num_classes: int, K.
        prefix: text before the argument's name in errors.
        ignored: int, class index of examples without a label, or `None`.
        takes_nan: function without arguments, says whether NaN features are right; asked only if it matters.
        look: callable `(name, features)` for the features or the dataset, or the first of batches that come one by one;
            or `None`.

    Returns:
        `x` and `y` to train with.

    Raises:
        TypeError: for labels of another type than integers or distributions.
        ValueError: for labels outside `[0, num_classes)`, rows that are no distributions, or features that are not
            finite.
    """
    settings = (num_classes, prefix, ignored, takes_nan)
    if isinstance(x, tf.data.Dataset):
        if look:
            look(f"{prefix}x", x)
        spec = x.element_spec
        if isinstance(spec, tuple) and len(spec) > 1 and isinstance(spec[1], tf.TensorSpec):
            _check_spec(f"{prefix}y", spec[1], num_classes)
        # Looked at while the step before is computed: within the step it would take some hundredths of its time.
        asked = takes_nan()  # here, not in the dataset's graph
        return x.map(lambda *batch: _check_batch(batch, num_classes, prefix, ignored, asked)).prefetch(2), y
    if isinstance(x, keras.utils.PyDataset):
        return _CheckedBatches(x, look, *settings), y
    if isinstance(x, types.GeneratorType):
        return _checked_batches(x, look, *settings), y
    if look:
        look(f"{prefix}x", x)
    for leaf in keras.tree.flatten(x):
        if is_array(leaf):
            _validation.check_features(f"{prefix}x", leaf, takes_nan)
    if y is None or keras.backend.is_keras_tensor(y) or isinstance(y, dict):
        return x, y
    y = _validation.as_label_array(f"{prefix}y", y)
    _validation.check_targets(f"{prefix}y", y, num_classes, ignored)
    if y.ndim == 2 and y.shape[1] == 1:
        return x, y.reshape(-1)
    return x, y.astype(
        keras.config.floatx()
    ) if y.ndim == 2 and y.dtype.kind in "biu" else y  # one kind of distribution


def is_array(value):
    """True for values that are at hand: NumPy, pandas and eager tensors, but no symbolic ones and no generators."""
    return hasattr(value, "__array__") and not keras.backend.is_keras_tensor(value)


def check_examples(name, features, size):
    """Refuses features that are not arrays or data frames of so many examples; NaN may be among them.

    Args:
        name: text, the argument's name.
        features: an array, or a dict, tuple or list of arrays.
        size: int, how many examples there are.

    Raises:
        TypeError: for what is no array, such as batches, and for arrays of other than numbers or text.
        ValueError: for another number of examples, or infinite features.
    """
    leaves = keras.tree.flatten_with_path(features)
    if not leaves:
        raise ValueError(f"`{name}` must hold at least one array. Received: {features!r:.100}.")
    for path, leaf in leaves:
        place = name + "".join(f"[{key!r}]" for key in path)
        if not is_array(leaf) or not getattr(leaf, "shape", ()):
            raise TypeError(
                f"`{place}` must be an array or a data frame of all examples. Received: {leaf!r:.100}. Gather batches "
                "into arrays first: examples are taken by position."
            )
        _validation.check_features(place, leaf, takes_nan=lambda: True)
        if leaf.shape[0] != size:
            raise ValueError(f"`{place}` must hold {size} examples, as `labels` do. Received: {leaf.shape[0]}.")


def _check_spec(name, spec, num_classes):
    """Refuses a dataset whose labels cannot be right, by their dtype and shape."""
    shape, dtype = spec.shape, spec.dtype
    if shape.rank is None:
        return
    width = shape[-1] if shape.rank == 2 else None
    if shape.rank not in (1, 2) or width not in (None, 1, num_classes):
        raise ValueError(
            f"`{name}` must be class indices [n] or [n, 1], or distributions [n, {num_classes}]. Received a dataset "
            f"with labels of shape {tuple(shape)}. Is `num_classes` right, and the dataset batched?"
        )
    if dtype.is_integer or (width == num_classes and (dtype.is_floating or dtype.is_bool)):
        return
    cures = {
        tf.string: "Number the names by `keras.layers.StringLookup(vocabulary=class_names, num_oov_indices=0)`.",
        tf.bool: 'Cast them: `dataset.map(lambda x, y: (x, tf.cast(y, "int32")))`.',
    }
    raise TypeError(
        f"`{name}` must be integer class indices, or distributions [n, {num_classes}]. Received a dataset with labels "
        f"of dtype {dtype.name} and shape {tuple(shape)}. "
        + cures.get(dtype, "Give whole numbers an integer dtype, or each example a row of probabilities.")
    )


def _check_arrays(batch, *settings):
    """A batch `(x, y, ...)` of arrays after a look at it."""
    if not isinstance(batch, tuple) or len(batch) < 2:
        return batch
    return *check_data(*batch[:2], *settings), *batch[2:]


def _checked_batches(batches, look, *settings):
    """The batches of a generator, each looked at when it is made."""
    for batch in batches:
        yield _check_arrays(batch, *settings, look)
        look = None


class _CheckedBatches(keras.utils.PyDataset):
    """The batches of a `PyDataset`, each looked at when it is made."""

    def __init__(self, batches, look, *settings_of_checks):
        own = ("workers", "use_multiprocessing", "max_queue_size")
        super().__init__(**{name: getattr(batches, name) for name in own})
        self._batches, self._look, self._settings = batches, look, settings_of_checks

    def __len__(self):
        return len(self._batches)

    @property
    def num_batches(self):
        return self._batches.num_batches

    def __getitem__(self, index):
        look, self._look = self._look, None  # Keras asks for the first one before it starts other processes
        return _check_arrays(self._batches[index], *self._settings, look)

    def on_epoch_begin(self):
        self._batches.on_epoch_begin()

    def on_epoch_end(self):
        self._batches.on_epoch_end()


def _check_batch(batch, num_classes, prefix, ignored, takes_nan):
    """A batch of a `tf.data.Dataset` with assertions on its way: on the host, where a TPU's input is made too."""
    if len(batch) < 2:
        return batch
    x, y = batch[:2]
    floats = [leaf for leaf in tf.nest.flatten(x) if isinstance(leaf, tf.Tensor) and leaf.dtype.is_floating]
    if takes_nan:
        floats = [tf.where(tf.math.is_nan(leaf), tf.zeros_like(leaf), leaf) for leaf in floats]
    message = f"`{prefix}x` must be finite (where the network handles NaN itself, call the model on a batch first)"
    checks = [tf.debugging.assert_all_finite(leaf, message) for leaf in floats]
    name = f"`{prefix}y`"
    if y.shape.rank == 2 and y.shape[-1] == num_classes:
        rows = tf.cast(y, tf.float32)
        sums = tf.reduce_sum(rows, axis=-1)
        right = (tf.abs(sums - 1) <= _validation.DISTRIBUTION_TOLERANCE) & (tf.reduce_min(rows, axis=-1) >= 0)
        message = f"{name} must be at least 0, with rows that sum to 1. Received:"
        cure = "Divide each row by its sum, or pass class indices."
        checks.append(tf.debugging.Assert(tf.reduce_all(right), [message, y, cure]))
    else:
        indices = tf.cast(y, tf.int64)  # bounds of a narrow type would wrap
        inside = (indices >= 0) & (indices < num_classes)
        if ignored is not None:
            inside |= indices == ignored
        message = f"{name} must lie in [0, {num_classes}). Received:"
        checks.append(tf.debugging.Assert(tf.reduce_all(inside), [message, y, "Do the labels start at 1?"]))
    for weights in batch[2:]:
        if isinstance(weights, tf.Tensor) and weights.dtype.is_floating:
            checks.append(tf.debugging.assert_all_finite(weights, f"`{prefix}sample_weight` must be finite"))
    column = y.shape.rank == 2 and y.shape[-1] == 1
    with tf.control_dependencies([check for check in checks if check is not None]):
        return (x, tf.reshape(y, [-1]) if column else tf.identity(y), *batch[2:])

"""Checks of features and labels before they train a model, with one wording for arrays, datasets and generators."""

import types

import keras
import tensorflow as tf

from tfp_noise import _positions, _validation
from tfp_noise._training import example_ids
from tfp_noise._training.feature_containers import BatchesAsKerasTakes, check_are_arrays

_CHECKED = "_tfp_noise_checked"


def check_data(x, y, kind, prefix, takes_nan, rank_of, num_examples=None, check_scale=None):
    """Checks `x` and `y` at once if they are in memory; batches of a dataset or generator are checked one by one.

    Labels are returned as an array in one form, such as class indices `[n, 1]` as `[n]`: a model that has been given
    both shapes would be traced again, for labels of any rank.

    Args:
        x: features, or a `tf.data.Dataset`, `keras.utils.PyDataset` or generator of `(x, y)` or `(x, y, weights)`.
        y: labels in any container, or `None`.
        kind: the kind of labels that the model's loss takes, by `label_kinds`.
        prefix: text before the argument's name in errors.
        takes_nan: function without arguments, called if features hold NaN, and for every dataset: true if that is
            allowed.
        rank_of: function of features and labels, or of a dataset and the `tf.TensorSpec` of its labels: how many axes
            the model's outputs have.
        num_examples: int, how many examples the loss remembers, whose ids must stand beside the labels; `None`: ids
            that do so are left out.
        check_scale: callable `(name, features)`, or `None`; called once, with the features in memory, with the dataset,
            or with the first batch of a generator.

    Returns:
        `x` and `y` to train with.

    Raises:
        TypeError: if labels are of another kind.
        ValueError: if labels are none of this kind, or features are not finite.
    """
    settings = (kind, prefix, takes_nan, rank_of, num_examples)
    if isinstance(x, tf.data.Dataset):
        return _checked_dataset(x, check_scale, *settings), y
    if isinstance(x, keras.utils.PyDataset):
        return _CheckedBatches(x, check_scale, *settings), y
    if isinstance(x, types.GeneratorType):
        return _checked_batches(x, check_scale, *settings), y
    check_are_arrays(f"{prefix}x", x)
    if check_scale:
        check_scale(f"{prefix}x", x)
    for leaf in keras.tree.flatten(x):
        if is_array(leaf):
            _validation.check_features(f"{prefix}x", leaf, takes_nan)
    return x, y if y is None else _check_labels(x, y, *settings)


def _check_weights_spec(labels, weights, rank, num_labels):
    """Refuses weights of a dataset whose shapes are known and do not fit its labels."""
    for one in weights:
        if isinstance(one, tf.TensorSpec) and None not in (labels.shape.rank, one.shape.rank):
            _positions.check_weights(one, tuple(labels.shape)[: rank - 1], num_labels)


def is_array(value):
    """True for NumPy arrays, tables and eager tensors, whose values can be read; not for symbolic tensors."""
    return hasattr(value, "__array__") and not keras.backend.is_keras_tensor(value)


def check_examples(name, features, size):
    """Refuses features that are not arrays or data frames of so many examples; NaN may be among them.

    Args:
        name: text, the argument's name.
        features: an array, or a dict, tuple or list of arrays.
        size: int, how many examples there are.

    Raises:
        TypeError: for what is no array, such as lists or batches, and for arrays of other than numbers or text.
        ValueError: for another number of examples, or infinite features.
    """
    check_are_arrays(name, features)
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
            raise ValueError(f"`{place}` must hold {size} examples, one for each label. Received: {leaf.shape[0]}.")


def _check_labels(x, y, kind, prefix, takes_nan, rank_of, num_examples):
    """Labels in memory, with their ids if these are needed."""
    del takes_nan
    y, ids = example_ids.split(f"{prefix}y", y, num_examples)
    if keras.backend.is_keras_tensor(y):
        return y
    y = _validation.as_label_array(f"{prefix}y", y)
    y = kind.check_array(f"{prefix}y", y, rank_of(x, y))
    if ids is None:
        return y
    return {"labels": y, "ids": example_ids.check_array(f"{prefix}y", ids, len(y), num_examples)}


def _checked_dataset(x, check_scale, kind, prefix, takes_nan, rank_of, num_examples):
    """A `tf.data.Dataset` whose batches are checked when they are made.

    The dataset keeps it for the next call, because TensorFlow takes as long as several steps of a small network to
    trace and to optimise the checks.
    """
    if check_scale:
        check_scale(f"{prefix}x", x)
    spec, rank = x.element_spec, 2
    if isinstance(spec, tuple) and len(spec) > 1:
        labels, ids = example_ids.split(f"{prefix}y", spec[1], num_examples)
        if isinstance(labels, tf.TensorSpec):
            rank = rank_of(x, labels)
            kind.check_spec(f"{prefix}y", labels, rank)
            _check_weights_spec(labels, spec[2:], rank, kind.num_labels)
        if ids is not None:
            example_ids.check_spec(f"{prefix}y", ids)
    allows_nan = takes_nan()  # called here, because inside the dataset's graph the model cannot be called
    settings = (kind.labels, prefix, allows_nan, rank, num_examples)
    last, checked = getattr(x, _CHECKED, (None, None))
    if last != settings:
        # Batches are checked while the step before them is computed; within the step that would take some percent of
        # its time.
        checked = x.map(lambda *batch: _check_batch(batch, kind, *settings[1:])).prefetch(2)
        setattr(x, _CHECKED, (settings, checked))
    return checked


def _check_arrays(batch, *settings):
    """A batch `(x, y, ...)` of arrays, checked by `check_data`."""
    if not isinstance(batch, tuple) or len(batch) < 2:
        return batch
    x, y, *weights = batch
    _validation.check_one_order(dict(zip(("x", "y", "sample_weight"), batch, strict=False)))
    return *check_data(x, y, *settings), *weights


def _checked_batches(batches, check_scale, *settings):
    """The batches of a generator, each checked when it is made."""
    for batch in batches:
        yield _check_arrays(batch, *settings, check_scale)
        check_scale = None


class _CheckedBatches(BatchesAsKerasTakes):
    """The batches of a `PyDataset`, each checked when it is made."""

    def __init__(self, batches, check_scale, *settings):
        super().__init__(batches)
        self._check_scale, self._settings = check_scale, settings

    def __getitem__(self, index):
        # Keras reads the first batch before it starts other processes, so that this one checks the scale.
        check_scale, self._check_scale = self._check_scale, None
        return _check_arrays(self._batches[index], *self._settings, check_scale)


def _check_batch(batch, kind, prefix, allows_nan, rank, num_examples):
    """A batch of a `tf.data.Dataset` with assertions; they run on the host, where a TPU's input is made, too."""
    if len(batch) < 2:
        return batch
    x, (y, ids) = batch[0], example_ids.split(f"{prefix}y", batch[1], num_examples)
    leaves = tf.nest.flatten(x, expand_composites=True)  # also the values of sparse and ragged features
    floats = [leaf for leaf in leaves if isinstance(leaf, tf.Tensor) and leaf.dtype.is_floating]
    if allows_nan:
        floats = [tf.where(tf.math.is_nan(leaf), tf.zeros_like(leaf), leaf) for leaf in floats]
    message = f"`{prefix}x` must be finite (if the network handles NaN itself, call the model on a batch first)"
    checks = [_assert_finite(leaf, message) for leaf in floats]
    check, converted = kind.check_tensor(f"{prefix}y", y, rank)
    checks.append(check)
    if ids is not None:
        checks.append(example_ids.assert_ids(f"{prefix}y", ids, num_examples))
    for weights in batch[2:]:
        if isinstance(weights, tf.Tensor) and weights.dtype.is_floating:
            checks.append(_assert_finite(weights, f"`{prefix}sample_weight` must be finite"))
    with tf.control_dependencies([check for check in checks if check is not None]):
        y = converted(tf.identity(y))
        return (x, y if ids is None else {"labels": y, "ids": ids}, *batch[2:])


def _assert_finite(tensor, message):
    """An operation that fails for numbers that are NaN or infinite."""
    if tensor.dtype.size < 4:  # the sum of half floats soon overflows
        return tf.debugging.assert_all_finite(tensor, message)
    # Nothing infinite or NaN has a finite sum, which takes less time than TensorFlow's own assertion. That looks again
    # where the sum is none, because the sum of large numbers may overflow.
    is_finite = tf.math.is_finite(tf.reduce_sum(tensor))
    return tf.cond(is_finite, tf.no_op, lambda: tf.group(tf.debugging.assert_all_finite(tensor, message)))

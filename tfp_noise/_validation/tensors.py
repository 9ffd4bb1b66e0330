"""Checks of labels inside a graph: assertions on a batch, and the labels' dtype and shape before there is one.

The package does not export them, because they need TensorFlow.
"""

import tensorflow as tf

from tfp_noise import _labels
from tfp_noise._validation import wording
from tfp_noise._validation.labels import DISTRIBUTION_TOLERANCE
from tfp_noise._validation.multi_labels import check_multi_label_shape


def assert_labels(name, labels, num_classes, ignored=None):
    """An operation that fails unless all `labels` lie in [0, num_classes) or equal `ignored`.

    Args:
        name: text, the argument's name in errors.
        labels: integer tensor of any shape.
        num_classes: int, K.
        ignored: int, class index of examples without a label, or `None`.
    """
    indices = tf.cast(labels, tf.int64)  # `num_classes` may be too large for a narrow integer type
    inside = _labels.are_known(indices, num_classes)
    if ignored is not None:
        inside |= indices == ignored
    message = f"{wording.label_range(name, num_classes)} Received:"
    cures = [wording.FROM_1] + [wording.NO_LABEL_255] * (labels.dtype == tf.uint8)
    return tf.debugging.Assert(tf.reduce_all(inside), [message, _where_not(inside, labels), *cures])


def assert_distributions(name, rows, ignored=None):
    """An operation that fails unless all `rows`, numbers or booleans `[..., num_classes]`, are distributions.

    Args:
        name: text, the argument's name in errors.
        rows: tensor.
        ignored: int, class index of examples without a label, or `None`, for the cure.
    """
    numbers = tf.cast(rows, tf.float32)
    sums = tf.reduce_sum(numbers, axis=-1)
    right = (tf.abs(sums - 1) <= DISTRIBUTION_TOLERANCE) & (tf.reduce_min(numbers, axis=-1) >= 0)
    message = f"{wording.distributions(name)} Received:"
    return tf.debugging.Assert(tf.reduce_all(right), [message, rows, wording.NORMALISE, wording.no_class(ignored)])


def assert_multi_labels(name, labels, ignored=None):
    """An operation that fails unless all `labels` lie in [0, 1] or equal `ignored`."""
    numbers = tf.cast(labels, tf.float32)
    inside = (numbers >= 0) & (numbers <= 1)
    if ignored is not None:
        inside |= numbers == ignored
    message = f"{wording.multi_label_range(name)} Received:"
    wrong = _where_not(inside, labels)
    cures = [wording.UNKNOWN_LABEL] + [wording.UNKNOWN_LABEL_255] * (labels.dtype == tf.uint8)
    return tf.debugging.Assert(tf.reduce_all(inside), [message, wrong, *cures])


def _where_not(right, labels):
    """The labels that are not right, `[n]`; the rank of the tensors need not be known."""
    return tf.boolean_mask(tf.reshape(labels, [-1]), tf.reshape(~right, [-1]))


def check_multi_label_spec(name, spec, num_labels, rank=2):
    """Refuses several labels of a dataset, a `tf.TensorSpec` of a batch, for outputs of `rank` axes."""
    if not (spec.dtype.is_integer or spec.dtype.is_floating or spec.dtype.is_bool):
        raise TypeError(
            f"`{name}` must hold numbers in [0, 1], one a label. Received a dataset with labels of dtype "
            f"{spec.dtype.name}. Make them by `keras.layers.StringLookup(vocabulary=names, num_oov_indices=0, "
            'output_mode="multi_hot")`.'
        )
    if spec.shape.rank is not None:
        check_multi_label_shape(name, spec.shape, num_labels, rank, f"a dataset with labels of shape {spec.shape}")


def check_label_spec(name, spec, num_classes, rank=2):
    """Refuses the labels of a dataset if their dtype or shape is wrong, before any batch is made.

    Args:
        name: text, the argument's name in errors.
        spec: `tf.TensorSpec` of a batch of labels.
        num_classes: int, K.
        rank: int, how many axes the outputs have.
    """
    shape, dtype = spec.shape, spec.dtype
    if shape.rank is None:
        raise ValueError(
            f"`{name}` must have a known number of axes. Received a dataset with labels of any shape, such as a Python "
            "function returns. Say which: `tf.ensure_shape(labels, [None])` in `dataset.map` for class indices, "
            f"`[None, {num_classes}]` for distributions."
        )
    width = shape[-1] if shape.rank == rank else None
    if shape.rank not in (rank - 1, rank) or width not in (None, 1, num_classes):
        raise ValueError(
            f"{wording.label_shapes(name, num_classes, rank)} Received a dataset with labels of shape {tuple(shape)}. "
            f"Is `num_classes` right, and the dataset batched? {wording.SEVERAL_LABELS}"
        )
    distributions = _labels.are_distributions(spec, num_classes, rank)
    if dtype.is_integer or (distributions and (dtype.is_floating or dtype.is_bool)):
        return
    cures = {
        tf.string: "Number the names by `keras.layers.StringLookup(vocabulary=class_names, num_oov_indices=0)`.",
        tf.bool: 'Cast them: `dataset.map(lambda x, y: (x, tf.cast(y, "int32")))`.',
    }
    raise TypeError(
        f"`{name}` must be integer class indices, or distributions [n, {num_classes}]. Received a dataset with labels "
        f"of dtype {dtype.name} and shape {tuple(shape)}. "
        + cures.get(
            dtype,
            "Give whole numbers an integer dtype, or each example a row of probabilities. " + wording.NOT_REGRESSION,
        )
    )

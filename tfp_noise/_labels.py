"""Labels in both of their forms: class indices `[batch]` or `[batch, 1]`, and distributions `[batch, num_classes]`.

The functions take NumPy arrays and tensors alike, also those of a trace.
"""

from keras import ops


def rank(labels):
    """The number of axes; `None` where a trace of TensorFlow leaves it open."""
    return labels.shape.rank if hasattr(labels.shape, "rank") else len(labels.shape)


def are_distributions(labels, num_classes):
    """True for labels that hold a row of `num_classes` probabilities for each example."""
    return rank(labels) == 2 and labels.shape[1] == num_classes


def are_class_indices(labels):
    """True for labels that hold one number for each example, as a vector or as a column."""
    return rank(labels) == 1 or (rank(labels) == 2 and labels.shape[1] == 1)


def to_class_indices(labels, num_classes):
    """Class indices `[batch]`: those given, or the largest class of each distribution."""
    return ops.argmax(labels, axis=-1) if are_distributions(labels, num_classes) else ops.reshape(labels, [-1])


def to_distributions(labels, num_classes, dtype=None):
    """Distributions `[batch, num_classes]`: those given, or the one-hot rows of class indices."""
    if are_distributions(labels, num_classes):
        return ops.cast(labels, dtype) if dtype else labels
    return ops.one_hot(ops.reshape(labels, [-1]), num_classes, dtype=dtype)


def are_known(indices, num_classes, ignored=None):
    """True for each class index that lies in `[0, num_classes)` and is not the index `ignored`."""
    known = (indices >= 0) & (indices < num_classes)
    return known if ignored is None else known & (indices != ignored)


def mix_with_one_hot(rows, indices, weight):
    """`(1 - weight) one_hot(indices) + weight rows`, for rows `[batch, num_classes]`, in one array."""
    flat, own = ops.reshape(weight * rows, [-1]), _flat_positions(rows, indices)
    mixed = ops.scatter_update(flat, ops.expand_dims(own, -1), 1 - weight + ops.take(flat, own))
    return ops.reshape(mixed, ops.shape(rows))


def label_entries(rows, indices):
    """The entry of its label in each row `[batch, num_classes]`; a tenth of the cost of `ops.take_along_axis`."""
    return ops.take(ops.reshape(rows, [-1]), _flat_positions(rows, indices))


def _flat_positions(rows, indices):
    """The positions of the labels' entries in the flattened rows."""
    return ops.arange(ops.shape(indices)[0], dtype="int32") * rows.shape[-1] + indices

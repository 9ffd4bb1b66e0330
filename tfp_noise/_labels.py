"""Labels in both of their forms: class indices `[...]` or `[..., 1]`, and distributions `[..., num_classes]`.

The dots stand for the axes of the outputs `[..., num_outputs]` but the last: `[batch]` for one label an example, and
`[batch, height, width]` for one label a pixel. How many axes the outputs have, `rank`, decides the form: labels
`[batch, 3]` are distributions over 3 classes beside outputs of rank 2, and class indices beside those of rank 3.

The functions take NumPy arrays and tensors alike, also those of a trace.
"""

from collections.abc import Mapping

from keras import ops

NO_CLASS = -(2**25)  # below every `ignore_class`; float32 holds it


def are_distributions(labels, num_classes, rank=2):
    """True for labels that hold a row of `num_classes` probabilities for each position."""
    return rank_of(labels) == rank and labels.shape[-1] == num_classes


def are_class_indices(labels, rank=2):
    """True for labels that hold one number for each position, with or without a last axis of size 1."""
    return rank_of(labels) == rank - 1 or (rank_of(labels) == rank and labels.shape[-1] == 1)


def rank_of(labels):
    """The number of axes; `None` where a trace does not know it."""
    shape = labels.shape
    return shape.rank if hasattr(shape, "rank") else len(shape)


def to_class_indices(labels, num_classes, rank=2):
    """Class indices `[...]`: those given, or the largest class of each distribution."""
    if are_distributions(labels, num_classes, rank):
        return ops.argmax(labels, axis=-1)
    return ops.squeeze(labels, -1) if rank_of(labels) == rank else labels


def to_distributions(labels, num_classes, dtype=None, rank=2):
    """Distributions `[..., num_classes]`: those given, or the one-hot rows of class indices."""
    if are_distributions(labels, num_classes, rank):
        return ops.cast(labels, dtype) if dtype else labels
    return ops.one_hot(to_class_indices(labels, num_classes, rank), num_classes, dtype=dtype)


def have_ids(labels):
    """True for labels beside the ids of their examples, `{"labels": labels, "ids": ids}`."""
    return isinstance(labels, Mapping) and set(labels) == {"labels", "ids"}


def without_ids(labels):
    """Labels alone, whether ids stand beside them or not; weights, which Keras repeats for both, likewise."""
    return labels["labels"] if have_ids(labels) else labels


def without_fractions(labels, rank):
    """Class indices with a number that is no class in place of fractions, such as targets of a regression."""
    floats = "float" in str(getattr(labels, "dtype", ""))
    if not floats or not are_class_indices(labels, rank):
        return labels
    return ops.where(ops.equal(labels, ops.floor(labels)), labels, NO_CLASS)


def are_known(indices, num_classes, ignored=None):
    """True for each class index that lies in `[0, num_classes)` and is not the index `ignored`."""
    known = (indices >= 0) & (indices < num_classes)
    return known if ignored is None else known & (indices != ignored)


def mix_with_one_hot(rows, indices, weight):
    """`(1 - weight) one_hot(indices) + weight rows`, for rows `[batch, num_classes]`."""
    # Not by a scatter, which XLA does label by label.
    is_label = ops.one_hot(indices, rows.shape[-1], dtype="bool")
    return weight * rows + ops.where(is_label, ops.convert_to_tensor(1 - weight, rows.dtype), 0)


def label_entries(rows, indices):
    """Entries of each row, such as that of its label; a tenth of the cost of `ops.take_along_axis`.

    Args:
        rows: `[batch, num_classes]`.
        indices: int `[batch]` or, for several entries of each row, `[batch, n]`.
    """
    return ops.take(ops.reshape(rows, [-1]), _flat_positions(rows, indices))


def _flat_positions(rows, indices):
    """The positions of the labels' entries in the flattened rows."""
    starts = ops.arange(ops.shape(indices)[0], dtype="int32") * ops.shape(rows)[-1]
    return (starts if len(indices.shape) == 1 else ops.expand_dims(starts, -1)) + ops.cast(indices, "int32")

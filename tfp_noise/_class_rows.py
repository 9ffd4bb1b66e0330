"""A distribution over classes for each label: as a square matrix, or as the largest entries of each row."""

from typing import NamedTuple

from keras import ops


class TopRows(NamedTuple):
    """Rows of a `[K, K]` matrix of probabilities by their N kept entries; the others of a row are equal.

    Args:
        indices: int `[K, N]`, the classes whose entries are kept, different ones in each row.
        values: float `[K, N]`, their probabilities.
        remainder: float `[K]`, the probability of all other K - N classes together, which share it equally.
    """

    indices: object
    values: object
    remainder: object


def cast(rows, dtype):
    """The rows with probabilities of that dtype."""
    if not isinstance(rows, TopRows):
        return ops.cast(rows, dtype)
    return TopRows(rows.indices, ops.cast(rows.values, dtype), ops.cast(rows.remainder, dtype))


def take(rows, labels):
    """The rows of integer labels `[batch]`, as `[batch, K]`; nothing larger than the batch's rows is made."""
    if not isinstance(rows, TopRows):
        return ops.take(rows, labels, axis=0)
    return spread(TopRows(*(ops.take(part, labels, axis=0) for part in rows)), rows.indices.shape[0])


def spread(rows, num_classes):
    """The `TopRows` of a batch as `[batch, num_classes]`."""
    share = ops.expand_dims(rows.remainder / (num_classes - rows.values.shape[-1]), -1)
    whole = ops.broadcast_to(share, [ops.shape(share)[0], num_classes])
    return ops.scatter_update(whole, places(rows.indices), ops.reshape(rows.values, [-1]))


def places(indices):
    """Where the columns `indices` `[batch, N]` of each row are, `[batch * N, 2]`."""
    examples = ops.expand_dims(ops.arange(ops.shape(indices)[0], dtype=indices.dtype), -1)
    examples = ops.broadcast_to(examples, ops.shape(indices))
    return ops.stack([ops.reshape(examples, [-1]), ops.reshape(indices, [-1])], axis=-1)


def with_labels(rows, labels, weight):
    """`(1 - weight) one_hot(labels) + weight rows`, for rows `[batch, K]` of integer labels, in one array."""
    flat, own = ops.reshape(weight * rows, [-1]), _positions(rows, labels)
    mixed = ops.scatter_update(flat, ops.expand_dims(own, -1), 1 - weight + ops.take(flat, own))
    return ops.reshape(mixed, ops.shape(rows))


def entries_of(rows, labels):
    """The entry of its label in each of the rows `[batch, K]`; a tenth of the operations of `ops.take_along_axis`."""
    return ops.take(ops.reshape(rows, [-1]), _positions(rows, labels))


def _positions(rows, labels):
    """Where the entries of integer labels are in the flattened rows."""
    return ops.arange(ops.shape(labels)[0], dtype="int32") * rows.shape[-1] + labels


def mix(rows, targets):
    """`targets @ rows` for distributions `[batch, K]`; of `TopRows` without the square matrix, in N sums of a batch."""
    if not isinstance(rows, TopRows):
        return targets @ rows
    num_classes, kept = rows.values.shape
    share = rows.remainder / (num_classes - kept)
    mixed = targets @ ops.expand_dims(share, -1) + ops.zeros_like(targets)
    for n in range(kept):
        added = targets * (rows.values[:, n] - share)
        mixed = mixed + ops.transpose(ops.segment_sum(ops.transpose(added), rows.indices[:, n], num_classes))
    return mixed

"""Checks and sums of the distributions over classes, one a label, that a loss has learned: `loss.class_rows`."""

import numpy as np
from keras import ops
from scipy.special import entr

from tfp_noise import _class_rows, _validation
from tfp_noise.losses import TopRows


def check_rows(name, rows, num_classes=None, *, complete=False):
    """`rows` as a float64 `[K, K]` array or as `TopRows` of float64, whose rows are distributions.

    Unless `complete`, rows of zeros pass too: soft labels that start from them and have not been learned yet.
    """
    if not isinstance(rows, TopRows):
        matrix = _validation.check_matrix(name, rows, num_classes)
        _check_distributions(name, matrix, complete)
        return matrix
    indices, values, remainder = (
        _validation.as_numbers(f"{name}.{field}", part) for field, part in rows._asdict().items()
    )
    if indices.ndim != 2 or values.shape != indices.shape or remainder.shape != indices.shape[:1]:
        raise ValueError(
            f"`{name}` must have `indices` [K, N], `values` [K, N] and `remainder` [K]. Received shapes "
            f"{indices.shape}, {values.shape}, {remainder.shape}."
        )
    if num_classes not in (None, len(indices)):
        raise ValueError(f"`{name}` must have rows for {num_classes} classes. Received: {len(indices)} rows.")
    _validation.check_labels(f"{name}.indices", indices.reshape(-1), len(indices))
    repeated = (np.diff(np.sort(indices, axis=1), axis=1) == 0).any(axis=1)
    if repeated.any() or indices.shape[1] == len(indices):
        at = f"row {int(repeated.argmax())} twice holds a class" if repeated.any() else f"all {len(indices)} classes"
        raise ValueError(f"`{name}.indices` must hold different classes, and not all of them. Received: {at}.")
    whole = np.concatenate([values, remainder[:, None]], axis=1).astype(np.float64)
    _check_distributions(name, whole, complete)
    return TopRows(indices, whole[:, :-1], whole[:, -1])


def count_classes(rows):
    """K of rows `[K, K]` or of `TopRows`."""
    return len(rows.indices) if isinstance(rows, TopRows) else len(rows)


def to_matrix(rows):
    """The square `[K, K]` of rows that may be `TopRows`."""
    return block(rows, np.arange(count_classes(rows)))


def block(rows, chosen):
    """Rows and columns of the classes `chosen`; of `TopRows` without the square of all classes."""
    return ops.convert_to_numpy(_class_rows.take(rows, chosen))[:, chosen]


def mean_diagonal(rows):
    """The mean probability that a row gives its own label."""
    if not isinstance(rows, TopRows):
        return np.trace(rows) / len(rows)
    own = rows.indices == np.arange(len(rows.indices))[:, None]
    return np.where(own.any(axis=1), np.sum(rows.values * own, axis=1), _share(rows)).mean()


def mean_entropy(rows):
    """The mean entropy of a row, in nats."""
    if not isinstance(rows, TopRows):
        return entr(rows).sum(axis=1).mean()
    size, kept = rows.indices.shape
    return (entr(rows.values).sum(axis=1) + (size - kept) * entr(_share(rows))).mean()


def _share(rows):
    """What each class that a row does not keep gets of its remainder."""
    size, kept = rows.indices.shape
    return rows.remainder / (size - kept)


def _check_distributions(name, rows, complete):
    learned = rows.any(axis=1, keepdims=True) | complete
    cure = "Pass the `class_rows` of a loss: probabilities, not logits or counts."
    _validation.check_distributions(name, np.where(learned, rows, 1 / rows.shape[1]), cure)

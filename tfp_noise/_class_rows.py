"""A distribution over classes for each label: a square matrix, or the largest entries of each of its rows.

`DenseRows` and `TopRows` have the same methods. Losses compute with them on tensors; what users see is NumPy, either a
plain matrix or `TopRows`, and `as_rows` and `check_rows` give that the methods again.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from keras import ops
from scipy.special import entr

from tfp_noise import _validation


class DenseRows(NamedTuple):
    """All entries of all rows; the methods are explained at `TopRows`.

    Args:
        matrix: float `[K, K]`.
    """

    matrix: Any

    @property
    def num_classes(self):
        return self.matrix.shape[0]

    def cast(self, dtype):
        return DenseRows(ops.cast(self.matrix, dtype))

    def take(self, labels):
        return ops.take(self.matrix, labels, axis=0)

    def mix(self, targets):
        return targets @ self.matrix

    def block(self, classes):
        return np.asarray(self.matrix)[np.ix_(classes, classes)]

    def to_numpy(self):
        return ops.convert_to_numpy(self.matrix)

    def mean_diagonal(self):
        return np.trace(self.matrix) / self.num_classes

    def mean_entropy(self):
        return entr(self.matrix).sum(axis=1).mean()

    def _checked(self, name, num_classes, complete):
        matrix = _validation.check_matrix(name, self.matrix, num_classes)
        _check_distributions(name, matrix, complete)
        return DenseRows(matrix)


class TopRows(NamedTuple):
    """Rows of a `[K, K]` matrix of probabilities by their N largest entries; all other entries of a row are equal.

    The `class_rows` of a loss with `top=N`, which never makes the square matrix.

    Args:
        indices: int `[K, N]`, the classes whose entries are kept, different ones in each row.
        values: float `[K, N]`, their probabilities.
        remainder: float `[K]`, the probability of all other K - N classes together, which share it equally.

    Raises:
        ValueError: by the functions that take rows, for shapes that do not fit and rows that are no distributions.

    Example:
        >>> rows = TopRows(np.array([[1], [0], [0]]), np.array([[0.8], [0.6], [0.5]]), np.array([0.2, 0.4, 0.5]))
        >>> rows.block(range(3)).tolist()
        [[0.1, 0.8, 0.1], [0.6, 0.2, 0.2], [0.5, 0.25, 0.25]]
    """

    indices: Any
    values: Any
    remainder: Any

    @property
    def num_classes(self) -> int:
        """K."""
        return self.indices.shape[0]

    def cast(self, dtype: str) -> "TopRows":
        """The same rows with probabilities of another dtype.

        Args:
            dtype: name of a floating dtype.

        Returns:
            `TopRows` of tensors.

        Raises:
            ValueError: for a name that is not that of a dtype.
        """
        return TopRows(self.indices, ops.cast(self.values, dtype), ops.cast(self.remainder, dtype))

    def take(self, labels: Any) -> Any:
        """Whole rows of the given labels.

        Args:
            labels: int `[batch]`, class indices.

        Returns:
            A float tensor `[batch, K]`; nothing larger is made on the way.

        Raises:
            tf.errors.InvalidArgumentError: for labels that are not a vector, or classes that do not exist.
        """
        return spread(TopRows(*(ops.take(part, labels, axis=0) for part in self)), self.num_classes)

    def mix(self, targets: Any) -> Any:
        """`targets @ rows` in N sums over the batch, without the square matrix.

        Args:
            targets: float `[batch, K]`, distributions over classes.

        Returns:
            A float tensor `[batch, K]`.

        Raises:
            tf.errors.InvalidArgumentError: for targets of another width.
        """
        share = _share(self, self.num_classes)
        mixed = targets @ ops.expand_dims(share, -1) + ops.zeros_like(targets)
        for n in range(self.values.shape[-1]):
            added = targets * (self.values[:, n] - share)
            summed = ops.segment_sum(ops.transpose(added), self.indices[:, n], self.num_classes)
            mixed = mixed + ops.transpose(summed)
        return mixed

    def block(self, classes: Sequence[int]) -> np.ndarray:
        """The part of the matrix that some classes make among themselves.

        Args:
            classes: C class indices; `range(rows.num_classes)` gives the whole matrix.

        Returns:
            A float array `[C, C]`; of the other classes only the chosen rows are made.

        Raises:
            tf.errors.InvalidArgumentError: for classes that do not exist.
        """
        chosen = np.asarray(classes)
        return ops.convert_to_numpy(self.take(chosen))[:, chosen]

    def to_numpy(self) -> "TopRows":
        """The same rows as NumPy arrays.

        Returns:
            `TopRows` of arrays.
        """
        return TopRows(*map(ops.convert_to_numpy, self))

    def mean_diagonal(self) -> float:
        """The mean probability that a row gives to its own label.

        Returns:
            A number from 0 to 1.
        """
        own = self.indices == np.arange(self.num_classes)[:, None]
        kept = np.sum(self.values * own, axis=1)
        return np.where(own.any(axis=1), kept, _share(self, self.num_classes)).mean()

    def mean_entropy(self) -> float:
        """The mean entropy of a row.

        Returns:
            A number from 0 to log K, in nats.
        """
        others = self.num_classes - self.indices.shape[1]
        return (entr(self.values).sum(axis=1) + others * entr(_share(self, self.num_classes))).mean()

    def _checked(self, name, num_classes, complete):
        parts = {field: _validation.as_numbers(f"{name}.{field}", part) for field, part in self._asdict().items()}
        indices, values, remainder = parts.values()
        if indices.ndim != 2 or values.shape != indices.shape or remainder.shape != indices.shape[:1]:
            raise ValueError(
                f"`{name}` must have `indices` [K, N], `values` [K, N] and `remainder` [K]. Received shapes "
                f"{indices.shape}, {values.shape}, {remainder.shape}."
            )
        size, kept = indices.shape
        if num_classes not in (None, size):
            raise ValueError(f"`{name}` must have rows for {num_classes} classes. Received: {size} rows.")
        _validation.check_labels(f"{name}.indices", indices.reshape(-1), size)
        repeated = (np.diff(np.sort(indices, axis=1), axis=1) == 0).any(axis=1)
        if repeated.any() or kept == size:
            at = f"a class twice in row {int(repeated.argmax())}" if repeated.any() else f"all {size} classes"
            raise ValueError(
                f"`{name}.indices` must hold different classes in each row, and not all of them. Received: {at}."
            )
        whole = np.concatenate([values, remainder[:, None]], axis=1).astype(np.float64)
        _check_distributions(name, whole, complete)
        return TopRows(indices, whole[:, :-1], whole[:, -1])


def as_rows(rows):
    """`DenseRows` of a matrix, `TopRows` as they are."""
    return rows if isinstance(rows, TopRows) else DenseRows(rows)


def rows_of_arrays(arrays):
    """The rows whose `_asdict` is `arrays`, or `None` if other names are in it."""
    return next((kind(**arrays) for kind in (DenseRows, TopRows) if set(kind._fields) == set(arrays)), None)


def check_rows(name, rows, num_classes=None, *, complete=False):
    """`DenseRows` or `TopRows` of float64 arrays, from what a user gives; refuses rows that are no distributions.

    Unless `complete`, rows of zeros pass too: soft labels that start from them and have not been learned yet.
    """
    return as_rows(rows)._checked(name, num_classes, complete)


def _share(rows, num_classes):
    """The probability of each single class that a row does not keep, `[rows]`."""
    return rows.remainder / (num_classes - rows.values.shape[-1])


def spread(rows, num_classes):
    """The `TopRows` of a batch written out, `[batch, num_classes]`."""
    share = ops.expand_dims(_share(rows, num_classes), -1)
    whole = ops.broadcast_to(share, [ops.shape(share)[0], num_classes])
    return ops.scatter_update(whole, entry_positions(rows.indices), ops.reshape(rows.values, [-1]))


def entry_positions(indices):
    """The positions `[rows * N, 2]` of the entries in columns `indices` `[rows, N]`."""
    rows = ops.expand_dims(ops.arange(ops.shape(indices)[0], dtype=indices.dtype), -1)
    rows = ops.broadcast_to(rows, ops.shape(indices))
    return ops.stack([ops.reshape(rows, [-1]), ops.reshape(indices, [-1])], axis=-1)


def _check_distributions(name, rows, complete):
    learned = rows.any(axis=1, keepdims=True) | complete
    cure = "Pass the `class_rows` of a loss: probabilities, not logits or counts."
    _validation.check_distributions(name, np.where(learned, rows, 1 / rows.shape[1]), lambda _: cure)

"""How alike classes are, as learned by a loss: kept in a file, cut to fewer classes, and taught to another network."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from tfp_noise import _class_rows, _validation
from tfp_noise._saving import packed_arrays
from tfp_noise._saving.atomic_files import atomic_write
from tfp_noise.losses import LabelSmearing, TopRows

__all__ = ["ClassSimilarities"]

_SMALLEST = 1e-7  # a class with less probability has a logit so far below the others that it hardly moves any more


@dataclasses.dataclass(frozen=True, eq=False)
class ClassSimilarities:
    """A distribution over classes for each label, learned by a loss, with the names of the classes.

    What stays of a training with `losses.LearnableLabelSmoothing` (the matrix Q) or `losses.OnlineLabelSmoothing`
    (the matrix S) when the network is gone. Row `y` says which classes examples labelled `y` resemble.

    Args:
        rows: `loss.class_rows` after training: float `[K, K]`, a row per label, or a `losses.TopRows`; rows sum to 1.
        class_names: a name for each of the K classes; two classes may share one.

    Raises:
        TypeError: class names that are not strings.
        ValueError: rows that are no distributions, as the zeros that soft labels may start with, or names that are not
            one a class.

    Example:
        >>> rows = [[0.0, 0.75, 0.25], [0.5, 0.0, 0.5], [0.5, 0.5, 0.0]]
        >>> learned = ClassSimilarities(rows, ("cat", "dog", "truck"))
        >>> learned.subset(["truck", "cat"]).rows.tolist()
        [[0.0, 1.0], [1.0, 0.0]]

    References:
        "LLS: regulating neural network training via learnable label smoothing", sections 3.4 and 5.3, appendix D.
    """

    rows: np.ndarray | TopRows
    class_names: tuple

    def __post_init__(self):
        rows = _class_rows.check_rows("rows", self.rows, complete=True)
        names = _validation.check_class_names(self.class_names, rows.num_classes)
        object.__setattr__(self, "rows", rows.to_numpy())
        object.__setattr__(self, "class_names", names)

    @property
    def num_classes(self):
        """K."""
        return len(self.class_names)

    @property
    def matrix(self):
        """float64 `[K, K]`, rows sum to 1."""
        return _class_rows.as_rows(self.rows).block(range(self.num_classes))

    @property
    def logits(self):
        """float64 `[K, K]`, what the matrix is the softmax of: `initial_logits` of a loss that learns on from here.

        Rows have mean 0: of all logits with this softmax, those that weight decay leaves most alone. Probabilities
        below 1e-7 count as that.
        """
        logits = np.log(np.maximum(self.matrix, _SMALLEST))
        return logits - logits.mean(axis=1, keepdims=True)

    def subset(self, classes):
        """The same for some of the classes, or for all in another order.

        `rows[i, j] / sum_k rows[i, k]` for i, j, k among the chosen: the softmax of the chosen logits alone.

        Args:
            classes: at least two different classes, each by its name or its index, in the order wanted:
                `dataset.class_names` puts rows and columns in the order of a data set's labels.

        Returns:
            A `ClassSimilarities` with a `[len(classes), len(classes)]` matrix, also where this one has `TopRows`.

        Raises:
            TypeError: a class that is neither a name nor an index.
            ValueError: an unknown class, a name that several classes share, a class twice, fewer than two classes, or
                a row that leaves nothing to the chosen.

        References:
            "LLS", appendix D.
        """
        chosen = self._positions(classes)
        block = _class_rows.as_rows(self.rows).block(chosen)
        sums = block.sum(axis=1, keepdims=True)
        if not sums.all():
            name = self.class_names[chosen[int(np.argmin(sums))]]
            raise ValueError(
                f"`classes` must get some probability from the row of each. Received: {list(classes)}, and the row of "
                f"{name!r} is 0 for all of them. Leave that class out."
            )
        return ClassSimilarities(block / sums, tuple(self.class_names[one] for one in chosen))

    def substitute_teacher(self, num_classes, alpha=0.1):
        """A loss that teaches a network these similarities, in the place of a teacher network.

        `LabelSmearing` by `(1 - alpha) I + alpha Q`: the target of label `y` is `(1 - alpha) onehot(y) + alpha Q_y`,
        the one that Q was learned for, but fixed. The one-hot part has to stay: training pushes the diagonal of Q
        towards 0, so that the rows alone teach any class but the label's.

        The paper says that the student has these rows only, and not with which loss: this one is cross-entropy.

        Args:
            num_classes: int, K, the classes of the student's data, in the order of `class_names`.
            alpha: float in [0, 1], the weight of the rows.

        Returns:
            A `losses.LabelSmearing`, whose matrix is `[K, K]` also where these are `TopRows`.

        Raises:
            TypeError, ValueError: another number of classes than these; `alpha` out of range.

        Example:
            >>> learned = ClassSimilarities([[0.0, 1.0], [1.0, 0.0]], ("cat", "dog"))
            >>> learned.substitute_teacher(2, alpha=0.25).matrix.tolist()
            [[0.75, 0.25], [0.25, 0.75]]

        References:
            "LLS", section 5.3, "LLS-ST" of Tables 5 to 7.
        """
        if _validation.check_int("num_classes", num_classes, 2) != self.num_classes:
            raise ValueError(
                f"`num_classes` must be {self.num_classes}, as these similarities have. Received: {num_classes}. "
                "Were they learned on another data set? Take the `subset` of its class names first."
            )
        alpha = _validation.check_number("alpha", alpha, 0, 1)
        return LabelSmearing(self.num_classes, (1 - alpha) * np.eye(self.num_classes) + alpha * self.matrix)

    def save(self, path):
        """Writes a `.npz` file, whole or not at all.

        Args:
            path: a path that ends in `.npz`.

        Raises:
            ValueError: for another ending.
        """
        path = _validation.check_path("path", path)
        if path.suffix != ".npz":
            raise ValueError(f"`path` must end in .npz. Received: {path}.")
        arrays = _class_rows.as_rows(self.rows)._asdict()
        atomic_write(path, lambda file: np.savez_compressed(file, class_names=np.array(self.class_names), **arrays))

    @classmethod
    def load(cls, path):
        """What `save` wrote.

        Args:
            path: a path.

        Returns:
            A `ClassSimilarities`, equal to the last bit.

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: if it is not one of `save`.
        """
        path = _validation.check_path("path", path)
        try:
            arrays = packed_arrays.read_npz(path)
            names = arrays.pop("class_names", None)
            rows = _class_rows.rows_of_arrays(arrays)
            if names is None or rows is None:
                raise ValueError(f"Beside class names it holds {', '.join(sorted(arrays)) or 'nothing'}")
            return cls(rows.to_numpy(), names.tolist())
        except FileNotFoundError:
            raise
        except Exception as error:  # a damaged archive can raise anything
            raise ValueError(
                f"{path} is not a file of `ClassSimilarities.save`: {error}. Load another copy, or save it again."
            ) from error

    def _positions(self, classes):
        if isinstance(classes, (str, bytes)) or not isinstance(classes, (Sequence, np.ndarray)):
            raise TypeError(
                f"`classes` must be several names or indices. Received: {classes!r:.100}. Put them in a list, whose "
                "order counts."
            )
        if isinstance(classes, np.ndarray):
            classes = classes.tolist()
        positions = [self._position(one) for one in classes]
        if len(set(positions)) != len(positions) or len(positions) < 2:
            raise ValueError(f"`classes` must be at least two different ones. Received: {list(classes)}.")
        return np.array(positions)

    def _position(self, one):
        if not isinstance(one, str):
            if _validation.check_int("classes", one, 0) >= self.num_classes:
                raise ValueError(f"`classes` must lie in [0, {self.num_classes}). Received: {one}.")
            return int(one)
        _validation.check_choice("classes", one, set(self.class_names), "class")
        if self.class_names.count(one) > 1:
            raise ValueError(
                f"`classes` must name each class by a name of its own. Received: {one!r}, which "
                f"{self.class_names.count(one)} classes share. Give indices."
            )
        return self.class_names.index(one)

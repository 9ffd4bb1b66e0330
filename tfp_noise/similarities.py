"""Class similarities learned by a loss: saved to a file, restricted to fewer classes, taught to another network."""

import dataclasses
import os
from collections.abc import Sequence

import numpy as np

from tfp_noise import _class_rows, _validation
from tfp_noise._saving import packed_arrays
from tfp_noise._saving.atomic_files import atomic_write
from tfp_noise.losses import LabelSmearing, TopRows

__all__ = ["ClassSimilarities"]

_SMALLEST = 1e-7  # a class with less probability has a logit so low that training hardly moves it


@dataclasses.dataclass(frozen=True, eq=False)
class ClassSimilarities:
    """Distribution over classes for each label, learned by a loss, with the names of the classes.

    It holds what a training with `losses.LearnableLabelSmoothing` (the matrix Q) or `losses.OnlineLabelSmoothing` (the
    matrix S) has learned about classes, independently of the network. Row `y` says which classes the examples labelled
    `y` resemble.

    Args:
        rows: `loss.class_rows` after training: float `[K, K]`, one row per label, or a `losses.TopRows`; rows sum to 1.
        class_names: sequence of strings, one name for each of the K classes; names may occur twice.

    Raises:
        TypeError: if class names are not strings.
        ValueError: if rows are not distributions, such as soft labels that are still zero, or there is not one name per
            class.

    Example:
        >>> rows = [[0.0, 0.75, 0.25], [0.5, 0.0, 0.5], [0.5, 0.5, 0.0]]
        >>> learned = ClassSimilarities(rows, ("cat", "dog", "truck"))
        >>> learned.subset(["truck", "cat"]).rows.tolist()
        [[0.0, 1.0], [1.0, 0.0]]

    References:
        "LLS: regulating neural network training via learnable label smoothing", sections 3.4 and 5.3, appendix D.
    """

    rows: np.ndarray | TopRows
    class_names: Sequence[str]

    def __post_init__(self):
        rows = _class_rows.check_rows("rows", self.rows, complete=True)
        names = _validation.check_class_names(self.class_names, rows.num_classes)
        object.__setattr__(self, "rows", rows.to_numpy())
        object.__setattr__(self, "class_names", names)

    @property
    def num_classes(self) -> int:
        """Number of classes, K."""
        return len(self.class_names)

    @property
    def matrix(self) -> np.ndarray:
        """Rows as a matrix, float64 `[K, K]`, also if they are `TopRows`; rows sum to 1."""
        return _class_rows.as_rows(self.rows).block(range(self.num_classes))

    @property
    def logits(self) -> np.ndarray:
        """Logits whose softmax is the matrix, float64 `[K, K]`: `initial_logits` for a loss that continues learning.

        Rows have mean 0, because weight decay changes these less than all other logits with the same softmax.
        Probabilities below 1e-7 count as 1e-7.
        """
        logits = np.log(np.maximum(self.matrix, _SMALLEST))
        return logits - logits.mean(axis=1, keepdims=True)

    def subset(self, classes: Sequence[str | int] | np.ndarray) -> "ClassSimilarities":
        """Similarities of some of the classes, or of all classes in another order.

        Entries are `rows[i, j] / sum_k rows[i, k]` with i, j, k among the chosen classes, which is the softmax of the
        chosen logits.

        Args:
            classes: names or indices of at least two different classes, in the order of the result.
                `dataset.class_names` gives rows and columns in the order of a data set's labels.

        Returns:
            A `ClassSimilarities` with a `[len(classes), len(classes)]` matrix, also if this one has `TopRows`.

        Raises:
            TypeError: if a class is neither a name nor an index.
            ValueError: if a class is unknown or given twice, a name belongs to several classes, there are fewer than
                two classes, or a row has no probability for the chosen classes.

        References:
            "LLS", appendix D.
        """
        chosen = self._positions(classes)
        block = _class_rows.as_rows(self.rows).block(chosen)
        sums = block.sum(axis=1, keepdims=True)
        if not sums.all():
            name = self.class_names[chosen[int(np.argmin(sums))]]
            raise ValueError(
                f"`classes` must have some probability in the row of each of them. Received: {list(classes)}, and the "
                f"row of {name!r} is 0 for all of them. Leave that class out."
            )
        return ClassSimilarities(block / sums, tuple(self.class_names[one] for one in chosen))

    def substitute_teacher(self, num_classes: int, alpha: float = 0.1) -> LabelSmearing:
        """Loss that teaches these similarities to a network, instead of a teacher network.

        The loss is `LabelSmearing` by `(1 - alpha) I + alpha Q`: the target of label `y` is
        `(1 - alpha) onehot(y) + alpha Q_y`, the same as when Q was learned, but constant. The one-hot part is needed
        because training drives the diagonal of Q towards 0, so that rows alone would teach every class but the label.

        The paper does not name the loss of the student; this one is cross-entropy.

        Args:
            num_classes: int, K, number of classes of the student's data, which are in the order of `class_names`.
            alpha: float in [0, 1], weight of the rows.

        Returns:
            A `losses.LabelSmearing` with a `[K, K]` matrix, also if the rows are `TopRows`.

        Raises:
            TypeError: if `num_classes` is not an integer or `alpha` is not a number.
            ValueError: if `num_classes` is not the number of these classes, or `alpha` is out of range.

        Example:
            >>> learned = ClassSimilarities([[0.0, 1.0], [1.0, 0.0]], ("cat", "dog"))
            >>> learned.substitute_teacher(2, alpha=0.25).matrix.tolist()
            [[0.75, 0.25], [0.25, 0.75]]

        References:
            "LLS", section 5.3, "LLS-ST" of Tables 5 to 7.
        """
        if _validation.check_int("num_classes", num_classes, 2) != self.num_classes:
            raise ValueError(
                f"`num_classes` must be {self.num_classes}, the number of these classes. Received: {num_classes}. "
                "Were they learned on another data set? Take the `subset` of its class names first."
            )
        alpha = _validation.check_number("alpha", alpha, 0, 1)
        return LabelSmearing(self.num_classes, (1 - alpha) * np.eye(self.num_classes) + alpha * self.matrix)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the rows and the names to a `.npz` file, atomically.

        Args:
            path: path that ends in `.npz`.

        Raises:
            TypeError: if `path` is not a path.
            ValueError: if `path` has another ending.
        """
        path = _validation.check_path("path", path)
        if path.suffix != ".npz":
            raise ValueError(f"`path` must end in .npz. Received: {path}.")
        arrays = _class_rows.as_rows(self.rows)._asdict()
        atomic_write(path, lambda file: np.savez_compressed(file, class_names=np.array(self.class_names), **arrays))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "ClassSimilarities":
        """Reads a file that `save` wrote.

        Args:
            path: path of the file.

        Returns:
            A `ClassSimilarities`, bit for bit equal to the one that was saved.

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: if the file is damaged or was not written by `save`.
        """
        path = _validation.check_path("path", path)
        try:
            arrays = packed_arrays.read_npz(path)
            names = arrays.pop("class_names", None)
            rows = _class_rows.rows_of_arrays(arrays)
            if names is None or rows is None:
                raise ValueError(f"besides class names it holds {', '.join(sorted(arrays)) or 'nothing'}")
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
                f"`classes` must be a sequence of names or indices. Received: {classes!r:.100}. Put them in a list, in "
                "the order of the rows that you want."
            )
        if isinstance(classes, np.ndarray):
            classes = classes.tolist()
        positions = [self._position(one) for one in classes]
        if len(set(positions)) != len(positions) or len(positions) < 2:
            raise ValueError(f"`classes` must be at least two different classes. Received: {list(classes)}.")
        return np.array(positions)

    def _position(self, one):
        if not isinstance(one, str):
            if _validation.check_int("classes", one, 0) >= self.num_classes:
                raise ValueError(f"`classes` must lie in [0, {self.num_classes}). Received: {one}.")
            return int(one)
        _validation.check_choice("classes", one, set(self.class_names), "class")
        if self.class_names.count(one) > 1:
            raise ValueError(
                f"`classes` must identify each class. Received: {one!r}, the name of "
                f"{self.class_names.count(one)} classes. Pass indices."
            )
        return self.class_names.index(one)

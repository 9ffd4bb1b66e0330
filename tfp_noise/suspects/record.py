"""Result of a ranking: a score, a suggestion and a flag for each example, and estimated numbers of wrong labels."""

import csv
import dataclasses
import functools
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from tfp_noise import _extras, _validation
from tfp_noise._saving.atomic_files import atomic_write
from tfp_noise.suspects import _pictures

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

_COLUMNS = ("id", "given", "suggested", "score", "is_suspect")


@dataclasses.dataclass(frozen=True)
class Suspects:
    """Examples of a data set with what speaks for and against their given labels, in the order of the data set.

    Three ways to act on it: `Dataset.without` leaves the suspects out, `Dataset.relabelled` gives them the suggested
    classes, and `fit(..., sample_weight=suspects.score)` lets each label count by how well it fits.

    Args:
        labels: int `[n]`, the given labels.
        suggested: int `[n]`, the class that is suggested instead; the given label where there is no better one.
        score: float `[n]` in [0, 1], low is suspicious.
        is_suspect: bool `[n]`, true for labels that are taken to be wrong.
        joint: float64 `[K, K]`, `joint[i, j]` is the estimated number of examples of class i with the label j.

    Raises:
        TypeError, ValueError: if the arrays do not fit one another.

    Example:
        >>> suspects = Suspects([0, 1, 0], [0, 1, 1], [0.9, 0.8, 0.1], [False, False, True], [[1, 0], [1, 1]])
        >>> suspects.order.tolist(), suspects.estimated_count, suspects.count_by_label.tolist()
        ([2, 1, 0], 1, [1.0, 0.0])
        >>> suspects
        Suspects(1 of 3 labels of 2 classes look wrong; about 1 are)
    """

    labels: np.ndarray
    suggested: np.ndarray
    score: np.ndarray
    is_suspect: np.ndarray
    joint: np.ndarray

    def __post_init__(self) -> None:
        _validation.check_one_order({name: value for name, value in vars(self).items() if name != "joint"})
        joint = _validation.check_matrix("joint", self.joint)
        if joint.min() < 0:
            raise ValueError(f"`joint` must hold numbers of examples, at least 0. Received: {joint.min():g}.")
        score = _validation.as_numbers("score", self.score)
        _validation.check_finite("score", score, "example")
        if score.size and not (score.min() >= 0 and score.max() <= 1):
            raise ValueError(f"`score` must lie in [0, 1]. Received: {score.min():g} to {score.max():g}.")
        checked = {
            "labels": _validation.check_labels("labels", self.labels, len(joint)),
            "suggested": _validation.check_labels("suggested", self.suggested, len(joint)),
            "score": score.astype(np.float64),
            "is_suspect": _validation.check_flags("is_suspect", self.is_suspect),
        }
        for name, value in checked.items():
            if value.shape != (len(checked["labels"]),):
                raise ValueError(
                    f"`{name}` must have shape [{len(checked['labels'])}], a value a label. Received: {value.shape}."
                )
            object.__setattr__(self, name, value)
        object.__setattr__(self, "joint", joint)

    def __repr__(self) -> str:
        counts = f"{self.is_suspect.sum():,} of {len(self):,} labels of {len(self.joint)} classes look wrong"
        return f"{type(self).__name__}({counts}; about {self.estimated_count:,} are)"

    def __len__(self) -> int:
        return len(self.labels)

    @functools.cached_property
    def order(self) -> np.ndarray:
        """Int `[n]`, positions of the examples, the most suspicious first."""
        return np.argsort(self.score, kind="stable")

    @property
    def estimated_count(self) -> int:
        """Estimated number of wrong labels; `is_suspect` flags fewer if some of them are themselves suggested."""
        return round(float(self.joint.sum() - np.trace(self.joint)))

    @property
    def count_by_label(self) -> np.ndarray:
        """Float64 `[K]`, estimated number of wrong labels among those given as each class; `joint` has the pairs."""
        return self.joint.sum(axis=0) - np.diag(self.joint)

    def to_csv(
        self, path: str | os.PathLike[str], ids: ArrayLike | None = None, class_names: Sequence[str] | None = None
    ) -> None:
        """Writes a table, a row an example, the most suspicious first.

        Args:
            path: the file, which is written whole or not at all.
            ids: int or str `[n]`, an identity for each example, each once; by default its position.
            class_names: a name a class, each once; by default the indices.

        Raises:
            TypeError, ValueError: if the identities or names do not fit.
            OSError: if the file cannot be written.

        Example:
            >>> import pathlib, tempfile
            >>> suspects = Suspects([0, 1], [1, 1], [0.25, 1.0], [True, False], [[0, 0], [1, 1]])
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     path = pathlib.Path(folder) / "suspects.csv"
            ...     suspects.to_csv(path, ids=["a.png", "b.png"], class_names=["cat", "dog"])
            ...     print(path.read_text(), end="")
            id,given,suggested,score,is_suspect
            a.png,cat,dog,0.25,True
            b.png,dog,dog,1.0,False
        """
        path = _validation.check_path("path", path)
        identities = np.arange(len(self)) if ids is None else _validation.check_ids("ids", ids)
        if identities.shape != self.labels.shape:
            raise ValueError(f"`ids` must have shape [{len(self)}]. Received: {identities.shape}.")
        different, counts = np.unique(identities, return_counts=True)
        if len(different) < len(identities):
            raise ValueError(
                f"`ids` must identify each example. Received: {different[counts.argmax()].item()!r} for "
                f"{counts.max()} examples. Leave `ids` out to identify them by their positions."
            )
        names = np.array(self._names(class_names), object)

        def write(temporary):
            with open(temporary, "w", newline="", encoding="utf-8") as file:
                table = csv.writer(file, lineterminator="\n")
                table.writerow(_COLUMNS)
                at = self.order
                columns = (identities[at], names[self.labels[at]], names[self.suggested[at]])
                rounded = [float(f"{score:.6g}") for score in self.score[at]]
                table.writerows(zip(*columns, rounded, self.is_suspect[at], strict=True))

        atomic_write(path, write)

    def to_dict(self) -> dict[str, Any]:
        """Everything as lists and numbers, ready for JSON.

        Returns:
            A dict of the arrays, `order`, `estimated_count` and `count_by_label` by their names.

        Example:
            >>> suspects = Suspects([0, 1], [1, 1], [0.25, 1.0], [True, False], [[0, 0], [1, 1]])
            >>> suspects.to_dict()["estimated_count"], suspects.to_dict()["order"]
            (1, [0, 1])
        """
        arrays = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        arrays |= {"order": self.order, "count_by_label": self.count_by_label}
        return {name: array.tolist() for name, array in arrays.items()} | {"estimated_count": self.estimated_count}

    def to_frame(self, index: ArrayLike | None = None, class_names: Sequence[str] | None = None) -> "pandas.DataFrame":
        """Makes a data frame, a row an example in the order of the examples.

        Args:
            index: `[n]`, the index of the frame, such as that of the table with the features; by default positions.
            class_names: a name a class, each once; by default the indices.

        Returns:
            A `pandas.DataFrame` with the columns `given`, `suggested`, `score` and `is_suspect`.

        Raises:
            ImportError: if pandas is not installed.
            TypeError, ValueError: if the index or the names do not fit.

        Example:
            >>> suspects = Suspects([0, 1], [1, 1], [0.25, 1.0], [True, False], [[0, 0], [1, 1]])
            >>> suspects.to_frame(index=["a.png", "b.png"], class_names=["cat", "dog"])
                  given suggested  score  is_suspect
            a.png   cat       dog   0.25        True
            b.png   dog       dog   1.00       False
        """
        pandas = _extras.load("pandas", "`Suspects.to_frame`")
        if index is not None and np.shape(index) != self.labels.shape:
            raise ValueError(f"`index` must have shape [{len(self)}], a value an example. Received: {np.shape(index)}.")
        names = np.array(self._names(class_names), object) if class_names is not None else np.arange(len(self.joint))
        columns = {
            "given": names[self.labels],
            "suggested": names[self.suggested],
            "score": self.score,
            "is_suspect": self.is_suspect,
        }
        return pandas.DataFrame(columns, index=index)

    def figure(
        self, images: ArrayLike, class_names: Sequence[str] | None = None, count: int = 25, title: str | None = None
    ) -> "Figure":
        """The most suspicious pictures, each with its given label and the suggested one.

        Args:
            images: `[n, height, width]` or `[n, height, width, channels]` with 1 or 3 channels, the pictures of all
                examples; integers from 0 to 255 or floats in [0, 1].
            class_names: a name a class, each once; by default the indices.
            count: int, how many pictures; fewer are drawn where there are fewer suspects.
            title: text above the pictures.

        Returns:
            A `matplotlib.figure.Figure`.

        Raises:
            TypeError, ValueError: if the pictures or names do not fit, or there is no suspect.
            ImportError: if matplotlib is not installed.

        Example:
            >>> suspects = Suspects([0, 1], [1, 1], [0.25, 1.0], [True, False], [[0, 0], [1, 1]])
            >>> figure = suspects.figure(np.zeros([2, 8, 8]), class_names=["cat", "dog"])
            >>> [axes.get_title() for axes in figure.axes]
            ['cat → dog?']
        """
        _extras.load("matplotlib", "`Suspects.figure`")
        pictures = _pictures.check_images("images", images, len(self))
        names, count = self._names(class_names), _validation.check_int("count", count, 1)
        shown = self.order[self.is_suspect[self.order]][:count]
        if not len(shown):
            raise ValueError("`is_suspect` must be true for at least one example. Received: none, nothing to draw.")
        captions = [f"{names[self.labels[i]]} → {names[self.suggested[i]]}?" for i in shown]
        return _pictures.grid(pictures[shown], captions, title)

    def _names(self, class_names):
        names = list(map(str, range(len(self.joint)))) if class_names is None else class_names
        return _validation.check_class_names(names, len(self.joint), once=True)

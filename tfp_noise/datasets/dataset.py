"""A classification problem: train, validation and test examples, and the names of its classes."""

import dataclasses
import warnings

import numpy as np

from tfp_noise import _validation
from tfp_noise.datasets.base import Examples, true_labels
from tfp_noise.suspects.record import Suspects


@dataclasses.dataclass(frozen=True)
class Dataset:
    """Train, validation and test examples of one classification problem.

    Noisy labels of the training and validation splits are in `Examples.observed`; the test split stays clean.

    Args:
        name: text, the name of the data set.
        train: the training split.
        validation: examples held out of the training split. Their labels have the same noise, so that hyperparameters
            are not chosen by true labels.
        test: the test split, with true labels; of length 0 if there is none.
        class_names: a name for each class.
        transition: float64 `[num_classes, num_classes]`, the matrix that the given labels were drawn from, or, for
            human annotators, the one counted from their labels; `None` if the labels are true, nobody knows the true
            ones, or suspects were left out or relabelled.
        feature_names: a name for each column of features `[n, d]`, such as "age" or "colour=red"; `None` if they have
            none.

    Raises:
        TypeError: if a split is not an `Examples`, or class names are not strings.
        ValueError: if labels lie outside `[0, num_classes)`, `transition` is for another number of classes, or feature
            names do not fit the features.

    Example:
        >>> split = Examples(np.zeros([3, 2]), labels=[0, 1, 1], ids=[7, 8, 9])
        >>> data = Dataset("made up", split, split, split, class_names=("cat", "dog"))
        >>> data.num_classes, data.input_shape, data.effective_rate
        (2, (2,), 0.0)
    """

    name: str
    train: Examples
    validation: Examples
    test: Examples
    class_names: tuple[str, ...]
    transition: np.ndarray | None = None
    feature_names: tuple[str, ...] | None = None

    def __post_init__(self):
        object.__setattr__(self, "class_names", _validation.check_class_names(self.class_names))
        for split in ("train", "validation", "test"):
            examples = _validation.check_instance(split, getattr(self, split), Examples)
            if examples.labels is not None:
                _validation.check_labels(f"{split}.labels", examples.labels, self.num_classes)
            _validation.check_labels(f"{split}.training_labels", examples.training_labels, self.num_classes)
            if examples.votes is not None and examples.votes.shape[1] != self.num_classes:
                raise ValueError(
                    f"`{split}.votes` must have a column for each of the {self.num_classes} classes. Received: "
                    f"{examples.votes.shape[1]} columns. Name in `class_names` all that annotators could choose."
                )
        true_labels("test", self.test)
        if self.transition is not None:
            _validation.check_transition("transition", self.transition, self.num_classes)
        if self.feature_names is not None:
            object.__setattr__(self, "feature_names", self._check_feature_names())

    @property
    def num_classes(self):
        """Int, the number of classes."""
        return len(self.class_names)

    @property
    def input_shape(self):
        """Tuple of ints, the shape of one example's features."""
        return self.train.features.shape[1:]

    @property
    def effective_rate(self):
        """Fraction of training labels that differ from the true ones; an error if nobody knows those."""
        return float(np.mean(self.train.training_labels != true_labels("train", self.train)))

    def without(self, suspects: Suspects) -> "Dataset":
        """A data set whose training split has no suspects; the other examples keep their ids and labels.

        Args:
            suspects: of the training split, in its order: `suspects.rank(probabilities, data.train.training_labels)`.

        Returns:
            Another `Dataset`, with the same validation and test splits.

        Raises:
            TypeError: if `suspects` is no `Suspects`.
            ValueError: if it is of other examples or labels than those of the training split, or all are suspects.

        Warns:
            UserWarning: if every example of a class is a suspect, because a model cannot learn that class any more.

        Example:
            >>> found = Suspects([0, 1, 1], [0, 1, 0], [0.9, 0.8, 0.1], [False, False, True], [[1, 1], [0, 1]])
            >>> split = Examples(np.zeros([3, 2]), labels=None, ids=[7, 8, 9], observed=[0, 1, 1])
            >>> nothing = Examples(np.zeros([0, 2]), labels=np.zeros(0, int), ids=np.zeros(0, int))
            >>> data = Dataset("made up", split, nothing, nothing, class_names=("cat", "dog"))
            >>> data.without(found).train.ids.tolist()
            [7, 8]
        """
        kept = ~self._check_suspects(suspects).is_suspect
        lost = np.setdiff1d(suspects.labels, suspects.labels[kept])
        if not kept.any():
            raise ValueError(
                f"`suspects` must leave some examples. Received: all {len(kept)} are suspects. Rank by predictions of "
                "a model that has learnt more, or keep all examples and train with a robust loss."
            )
        if len(lost):
            names = ", ".join(repr(self.class_names[one]) for one in lost)
            warnings.warn(
                f"`suspects` should leave examples of every class. Received: all examples given as {names} are "
                "suspects. Look at them; if their labels are right, keep them and train with a robust loss.",
                stacklevel=2,
            )
        return dataclasses.replace(self, train=self.train.take(kept), transition=None)

    def relabelled(self, suspects: Suspects) -> "Dataset":
        """A data set in which training examples that are suspects have the suggested class as their given label.

        `train.observed` changes; the true classes, `train.labels`, stay, and so do votes.

        Args:
            suspects: of the training split, in its order: `suspects.rank(probabilities, data.train.training_labels)`.

        Returns:
            Another `Dataset`, with the same validation and test splits.

        Raises:
            TypeError: if `suspects` is no `Suspects`.
            ValueError: if it is of other examples or labels than those of the training split.

        Example:
            >>> found = Suspects([0, 1, 1], [0, 1, 0], [0.9, 0.8, 0.1], [False, False, True], [[1, 1], [0, 1]])
            >>> split = Examples(np.zeros([3, 2]), labels=None, ids=[7, 8, 9], observed=[0, 1, 1])
            >>> nothing = Examples(np.zeros([0, 2]), labels=np.zeros(0, int), ids=np.zeros(0, int))
            >>> data = Dataset("made up", split, nothing, nothing, class_names=("cat", "dog"))
            >>> data.relabelled(found).train.observed.tolist()
            [0, 1, 0]
        """
        found = self._check_suspects(suspects)
        observed = np.where(found.is_suspect, found.suggested, found.labels).astype(np.int32)
        return dataclasses.replace(self, train=dataclasses.replace(self.train, observed=observed), transition=None)

    def _check_suspects(self, suspects):
        """`suspects`, whose labels must be those of the training split, example by example."""
        found, given = _validation.check_instance("suspects", suspects, Suspects), self.train.training_labels
        cure = "Rank that split alone, in its order: `suspects.rank(probabilities, data.train.training_labels)`."
        if len(found) != len(given):
            raise ValueError(
                f"`suspects` must be of the {len(given)} training examples. Received: "
                f"{_validation.counted(len(found), 'example')}. {cure}"
            )
        if len(found.joint) != self.num_classes:
            raise ValueError(
                f"`suspects` must be of the {self.num_classes} classes of the data set. Received: {len(found.joint)} "
                f"classes. Rank by predictions with a column for each class, [{len(given)}, {self.num_classes}]."
            )
        differ = np.flatnonzero(found.labels != given)
        if len(differ):
            first = differ[0]
            raise ValueError(
                f"`suspects` must be of the training labels, in their order. Received: {len(differ)} other labels, the "
                f"first at position {first}: {self.class_names[found.labels[first]]!r} where the data set has "
                f"{self.class_names[given[first]]!r}. {cure}"
            )
        return found

    def _check_feature_names(self):
        names = self.feature_names
        are_strings = isinstance(names, (list, tuple)) and all(isinstance(name, str) for name in names)
        if not are_strings or (len(names),) != self.input_shape:
            raise ValueError(
                f"`feature_names` must be as many strings as features, for features of shape {list(self.input_shape)}. "
                f"Received: {names!r:.100}. Leave them out for images."
            )
        return tuple(names)

"""A classification problem: train, validation and test examples, and the names of its classes."""

import dataclasses

import numpy as np

from tfp_noise import _validation
from tfp_noise.datasets.base import Examples, true_labels


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
            human annotators, the one counted from their labels; `None` if the labels are true, or nobody knows the true
            ones.
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

    def _check_feature_names(self):
        names = self.feature_names
        are_strings = isinstance(names, (list, tuple)) and all(isinstance(name, str) for name in names)
        if not are_strings or (len(names),) != self.input_shape:
            raise ValueError(
                f"`feature_names` must be as many strings as features, for features of shape {list(self.input_shape)}. "
                f"Received: {names!r:.100}. Leave them out for images."
            )
        return tuple(names)

"""Examples with their true labels, their given ones, or both; data sets of three splits of them."""

import dataclasses

import numpy as np

from tfp_noise import _validation


@dataclasses.dataclass(frozen=True)
class Examples:
    """One split of a data set, as NumPy arrays, whatever containers it was given in.

    NumPy arrays are indexed by position; a pandas column that was shuffled would be indexed by its row names.

    Args:
        features: `[n, ...]`; uint8 for images, float32 otherwise. `inputs` has them as networks take them.
        labels: int32 `[n]`, the true class of each example; `None` if nobody knows it.
        ids: int64 or strings `[n]`, one that identifies an example wherever it is read; label noise is drawn from it.
        observed: int32 `[n]`, the given label of each example; `None` if the true ones were given.
        votes: int `[n, num_classes]`, the number of annotators who gave each class; `None` if they were not counted.

    Raises:
        TypeError: if labels are not integers, or ids neither integers nor strings.
        ValueError: if the arrays differ in length, labels or ids are not `[n]`, features are not finite, or neither
            `labels` nor `observed` are given.

    Example:
        >>> examples = Examples(np.zeros([3, 2]), labels=[0, 1, 1], ids=[7, 8, 9], observed=[0, 1, 0])
        >>> examples.mislabelled.tolist()
        [False, False, True]
    """

    features: np.ndarray
    labels: np.ndarray | None
    ids: np.ndarray
    observed: np.ndarray | None = None
    votes: np.ndarray | None = None

    def __post_init__(self):
        if self.labels is None and self.observed is None:
            raise ValueError(
                "`labels` must be the true classes, int [n], or `observed` the given ones. Received: None for both. "
                "Pass labels of unknown truth as `observed`."
            )
        object.__setattr__(self, "features", _validation.check_features("features", self.features))
        for field in ("labels", "observed"):
            if getattr(self, field) is not None:
                object.__setattr__(self, field, _validation.check_indices(field, getattr(self, field)))
        object.__setattr__(self, "ids", _validation.check_ids("ids", self.ids))
        if self.ids.ndim != 1:
            raise ValueError(f"`ids` must have shape [n]. Received shape {self.ids.shape}.")
        if self.votes is not None:
            object.__setattr__(self, "votes", check_votes(self.votes))
        sizes = {
            field.name: len(value)
            for field in dataclasses.fields(self)
            if (value := getattr(self, field.name)) is not None
        }
        if len(set(sizes.values())) != 1:
            raise ValueError(
                f"The arguments {', '.join(f'`{name}`' for name in sizes)} must have one length. Received: {sizes}."
            )

    def __len__(self):
        return len(self.ids)

    @property
    def inputs(self):
        """Float32 `[n, ...]`, the features as networks take them: images in uint8 are scaled from 0..255 to 0..1.

        `pipeline.batches` converts batch by batch; this converts all examples at once, which takes four times the
        memory of uint8.
        """
        features = np.asarray(self.features, np.float32)
        return features / np.float32(255) if self.features.dtype == np.uint8 else features

    @property
    def training_labels(self):
        """Int32 `[n]`, the labels that training may see: the given ones if there are any, else the true ones."""
        return self.labels if self.observed is None else self.observed

    @property
    def mislabelled(self):
        """Boolean `[n]`, true where the given label is not the true one; an error if nobody knows the true ones."""
        return self.training_labels != true_labels("examples", self)

    @property
    def soft_labels(self):
        """Float32 `[n, num_classes]`, the fraction of annotators who gave each class; losses take it as labels."""
        votes = self._counted_votes()
        return (votes / votes.sum(axis=1, keepdims=True)).astype(np.float32)

    @property
    def agreement(self):
        """Float64 `[n]`, the fraction of annotators who gave the most frequent class of each example."""
        votes = self._counted_votes()
        return votes.max(axis=1) / votes.sum(axis=1)

    def _counted_votes(self):
        if self.votes is None:
            raise ValueError(
                "`votes` must be there for soft labels and agreement. Received: None. Make the data by "
                "`datasets.from_votes`."
            )
        return self.votes

    def take(self, indices: np.ndarray | slice) -> "Examples":
        """The examples at `indices`.

        Args:
            indices: integer or boolean array, or slice, of positions.

        Returns:
            Another `Examples`.

        Raises:
            IndexError: if a position is out of range.
        """
        given = {name: part for name, part in vars(self).items() if part is not None}
        return dataclasses.replace(self, **{name: part[indices] for name, part in given.items()})


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


def true_labels(name, examples):
    """int32 `[n]`, the true classes of `examples`; an error if nobody knows them.

    Args:
        name: the argument that `examples` are, for the error.
        examples: `Examples`.
    """
    if examples.labels is None:
        raise ValueError(
            f"`{name}` must have true labels. Received: {len(examples)} examples with given labels only, whose "
            "true ones are unknown. Compare with the given ones, `training_labels`; or, where the true ones "
            "are known, pass them: `datasets.from_arrays(..., true_labels=..., test=(features, true_labels))`."
        )
    return examples.labels


def check_votes(votes):
    """`votes` as an int array `[n, num_classes]` of counts, at least one vote an example."""
    counts = _validation.as_numbers("votes", votes)
    if counts.ndim != 2 or counts.shape[1] < 2:
        raise ValueError(
            f"`votes` must be counts [n, num_classes], of two classes or more. Received shape {counts.shape}. Pass a "
            "table of single votes as a dict of its columns 'item', 'annotator' and 'label'."
        )
    _validation.check_finite("votes", counts, "example", "Leave out the examples without votes.")
    wrong = (counts < 0) | (counts != np.floor(counts))
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise ValueError(
            f"`votes` must be counts: 0, 1, 2 and so on. Received: {counts[row, column]:g} for example {row}, class "
            f"{column}. Multiply fractions by the number of annotators."
        )
    unseen = np.flatnonzero(counts.sum(axis=1) == 0)
    if len(unseen):
        raise ValueError(
            f"`votes` must hold a vote for every example. Received: {len(unseen)} examples without any, the first at "
            f"position {unseen[0]}. Leave those out, of the features too."
        )
    return counts.astype(np.int64)


def hold_out(examples, fraction, seed=0):
    """Splits `examples` into those kept and a fraction held out, by a permutation that depends on `seed` alone."""
    order = np.random.default_rng(seed).permutation(len(examples))
    size = round(fraction * len(examples))
    return examples.take(np.sort(order[size:])), examples.take(np.sort(order[:size]))

"""Examples with their true labels, their given ones, or both."""

import dataclasses

import numpy as np

from tfp_noise import _validation
from tfp_noise._validation import wording


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
        _validation.check_one_order(vars(self))
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

        Raises:
            TypeError: for text, such as paths of files.
        """
        if self.features.dtype.kind not in "biufV":  # bfloat16 is of NumPy's kind V
            raise TypeError(
                f"`features` must be numbers. Received text, first {self.features.flat[0]!r:.50}. "
                f"{wording.TEXT_AS_IT_IS}"
            )
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


def true_labels(name, examples):
    """int32 `[n]`, the true classes of `examples`; an error if nobody knows them.

    Args:
        name: the argument that `examples` are, for the error.
        examples: `Examples`.
    """
    if examples.labels is None:
        raise ValueError(
            f"`{name}` must have true labels. Received: {_validation.counted(len(examples), 'example')} with given "
            "labels only, whose true ones are unknown. Compare with the given ones, `training_labels`; or, if true "
            "ones are known, pass them: `datasets.from_arrays(..., true_labels=..., test=(features, true_labels))`."
        )
    return examples.labels


def check_votes(votes, cure=""):
    """`votes` as an int array `[n, num_classes]` of counts, at least one vote an example.

    Args:
        votes: numbers in any container.
        cure: text, further advice for numbers that are no counts.
    """
    counts = _validation.as_numbers("votes", votes)
    if counts.ndim != 2 or counts.shape[1] < 2:
        raise ValueError(
            f"`votes` must be counts [n, num_classes], of two classes or more. Received shape {counts.shape}. Pass a "
            "table of single votes as a dict of its columns 'item', 'annotator' and 'label'."
        )
    _validation.check_finite("votes", counts, "example", f"Leave out the examples without votes. {cure}")
    wrong = (counts < 0) | (counts != np.floor(counts))
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise ValueError(
            f"`votes` must be counts: 0, 1, 2 and so on. Received: {counts[row, column]:g} for example {row}, class "
            f"{column}. Multiply fractions by the number of annotators. {cure}".rstrip()
        )
    unseen = np.flatnonzero(counts.sum(axis=1) == 0)
    if len(unseen):
        raise ValueError(
            "`votes` must hold a vote for every example. Received: "
            f"{_validation.counted(len(unseen), 'example')} without any, the first at position "
            f"{unseen[0]}. Leave those out, of the features too. {cure}".rstrip()
        )
    return counts.astype(np.int64)


def hold_out(examples, fraction, seed=0):
    """Splits `examples` into those kept and a fraction held out, by a permutation that depends on `seed` alone."""
    order = np.random.default_rng(seed).permutation(len(examples))
    size = round(fraction * len(examples))
    return examples.take(np.sort(order[size:])), examples.take(np.sort(order[:size]))

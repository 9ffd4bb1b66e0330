"""Examples with clean and, once labels are noisy, observed labels; data sets of three splits of them."""

import dataclasses

import numpy as np

from tfp_noise import _validation


@dataclasses.dataclass(frozen=True)
class Examples:
    """One split of a data set, as NumPy arrays, whatever containers it was given in.

    NumPy arrays are indexed by position; a pandas column that was shuffled would be indexed by its row names.

    Args:
        features: `[n, ...]`; uint8 for images, float32 otherwise. `inputs` has them as networks take them.
        labels: int32 `[n]`, the clean class of each example.
        ids: int64 `[n]`, one that identifies an example wherever it is read; label noise is drawn from it.
        observed: int32 `[n]`, the noisy label of each example; `None` where there is no noise.

    Raises:
        TypeError: if labels are not integers, or ids neither integers nor strings.
        ValueError: if the arrays differ in length, labels or ids are not `[n]`, or features are not finite.

    Example:
        >>> examples = Examples(np.zeros([3, 2]), labels=[0, 1, 1], ids=[7, 8, 9], observed=[0, 1, 0])
        >>> examples.mislabelled.tolist()
        [False, False, True]
    """

    features: np.ndarray
    labels: np.ndarray
    ids: np.ndarray
    observed: np.ndarray | None = None

    def __post_init__(self):
        object.__setattr__(self, "features", _validation.check_features("features", self.features))
        object.__setattr__(self, "labels", _validation.check_indices("labels", self.labels))
        object.__setattr__(self, "ids", _validation.check_ids("ids", self.ids))
        if self.ids.ndim != 1:
            raise ValueError(f"`ids` must have shape [n]. Received shape {self.ids.shape}.")
        if self.observed is not None:
            object.__setattr__(self, "observed", _validation.check_indices("observed", self.observed))
        sizes = {
            field.name: len(value)
            for field in dataclasses.fields(self)
            if (value := getattr(self, field.name)) is not None
        }
        if len(set(sizes.values())) != 1:
            raise ValueError(f"`features`, `labels`, `ids` and `observed` must have one length. Received: {sizes}.")

    def __len__(self):
        return len(self.labels)

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
        """Int32 `[n]`, the labels that training may see: the observed ones if there are any, else the clean ones."""
        return self.labels if self.observed is None else self.observed

    @property
    def mislabelled(self):
        """Boolean `[n]`, true where the observed label is not the clean one."""
        return self.training_labels != self.labels

    def take(self, indices: np.ndarray | slice) -> "Examples":
        """The examples at `indices`.

        Args:
            indices: integer or boolean array, or slice, of positions.

        Returns:
            Another `Examples`.

        Raises:
            IndexError: if a position is out of range.
        """
        observed = None if self.observed is None else self.observed[indices]
        return Examples(self.features[indices], self.labels[indices], self.ids[indices], observed)


@dataclasses.dataclass(frozen=True)
class Dataset:
    """Train, validation and test examples of one classification problem.

    Noisy labels of the training and validation splits are in `Examples.observed`; the test split stays clean.

    Args:
        name: text, the name of the data set.
        train: the training split.
        validation: examples held out of the training split. Their labels have the same noise, so that hyperparameters
            are not chosen by clean labels.
        test: the test split, with clean labels.
        class_names: a name for each class.
        transition: float64 `[num_classes, num_classes]`, the matrix that the observed labels were drawn from, or, for
            human annotators, the one counted from their labels; `None` where the labels are clean.

    Raises:
        TypeError: if a split is not an `Examples`, or class names are not strings.
        ValueError: if labels lie outside `[0, num_classes)`, or `transition` is for another number of classes.

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

    def __post_init__(self):
        object.__setattr__(self, "class_names", _validation.check_class_names(self.class_names))
        for split in ("train", "validation", "test"):
            examples = _validation.check_instance(split, getattr(self, split), Examples)
            _validation.check_labels(f"{split}.labels", examples.labels, self.num_classes)
            _validation.check_labels(f"{split}.training_labels", examples.training_labels, self.num_classes)
        if self.transition is not None:
            _validation.check_transition("transition", self.transition, self.num_classes)

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
        """Float in [0, 1], the fraction of training labels that differ from the clean ones."""
        return float(self.train.mislabelled.mean())


def hold_out(examples, fraction, seed=0):
    """Splits `examples` into those kept and a fraction held out, by a permutation that depends on `seed` alone."""
    order = np.random.default_rng(seed).permutation(len(examples))
    size = round(fraction * len(examples))
    return examples.take(np.sort(order[size:])), examples.take(np.sort(order[:size]))

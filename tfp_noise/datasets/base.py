"""What a data set is: three splits of examples with clean labels, and, once noise has passed, observed ones."""

import dataclasses

import numpy as np

from tfp_noise import _validation


@dataclasses.dataclass(frozen=True)
class Examples:
    """One split of a data set, as NumPy arrays whatever containers it was given in.

    An array is indexed by position: a pandas column that was shuffled would be indexed by label.

    Args:
        features: `[n, ...]`; uint8 for images, float32 otherwise. `inputs` are these as networks take them.
        labels: int32 `[n]`, the clean class of each example.
        ids: int64 `[n]`, an identity that stays with an example wherever it is read; label noise is drawn by it.
        observed: int32 `[n]`, the label an annotator gave; `None` where no noise has passed.
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
        """Float32 `[n, ...]`, the features as networks take them: images (uint8) scaled from 0..255 to 0..1.

        What `pipeline.batches` makes of them batch by batch, for all examples at once, in four times the memory.
        """
        features = np.asarray(self.features, np.float32)
        return features / np.float32(255) if self.features.dtype == np.uint8 else features

    @property
    def training_labels(self):
        """int32 `[n]`: what training may see: the observed labels where there are any, else the clean ones."""
        return self.labels if self.observed is None else self.observed

    @property
    def mislabelled(self):
        """Boolean `[n]`: where the observed label is not the clean one."""
        return self.training_labels != self.labels

    def take(self, indices):
        """The examples at `indices`, as another `Examples`."""
        return Examples(
            *(None if (v := getattr(self, f.name)) is None else v[indices] for f in dataclasses.fields(self))
        )


@dataclasses.dataclass(frozen=True)
class Dataset:
    """Train, validation and test examples of one classification problem.

    Training and validation labels are noisy once noise has passed (`Examples.observed`); the test split stays clean.

    Args:
        name: the name it was loaded by.
        train: what is trained on.
        validation: held out of the training set; it carries the same noise, so that nothing is chosen by clean labels.
        test: clean.
        class_names: a name per class.
        transition: float64 `[num_classes, num_classes]`, the matrix that made the observed labels, or, for
            human annotators, the one counted from them; `None` where the labels are clean.
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
        """How many classes there are."""
        return len(self.class_names)

    @property
    def input_shape(self):
        """Shape of one example's features."""
        return self.train.features.shape[1:]

    @property
    def effective_rate(self):
        """Share of training labels that differ from the clean ones."""
        return float(self.train.mislabelled.mean())


def hold_out(examples, share, seed=0):
    """`examples` in two parts, kept and held out, split by a permutation that depends on `seed` alone."""
    order = np.random.default_rng(seed).permutation(len(examples))
    size = round(share * len(examples))
    return examples.take(np.sort(order[size:])), examples.take(np.sort(order[:size]))

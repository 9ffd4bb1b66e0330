"""Parts of a data set's examples, cut from arrays or from a stream."""

import dataclasses

import numpy as np
import tensorflow as tf

from tfp_noise import _validation
from tfp_noise.datasets import base


@dataclasses.dataclass(frozen=True)
class Part:
    """The base of all parts."""

    def of_arrays(self, data):
        """Return the part of a `tfp_noise.datasets.Dataset` with clean labels."""
        raise NotImplementedError

    def of_stream(self, examples, name, num_classes, is_training):
        """Return the part of one split.

        Args:
            examples: a `tf.data.Dataset` of (image, label, id), whose number of elements is known.
            name: text, the data set's name.
            num_classes: int, what `class_names` leaves.
            is_training: bool, whether this is the training split.

        Returns:
            A `tf.data.Dataset`, whose number of elements is known.
        """
        raise NotImplementedError

    def class_names(self, names, name):
        """Return the names of the classes that are left.

        Args:
            names: tuple of text, those of all classes.
            name: text, the data set's name.
        """
        del name
        return names


@dataclasses.dataclass(frozen=True)
class FirstExamples(Part):
    """The first examples of the training split; validation and test split whole.

    Args:
        count: int >= 1, how many training examples.
    """

    count: int

    def __post_init__(self):
        _validation.check_int("count", self.count, 1)

    def of_arrays(self, data):
        self._check(len(data.train), data.name)
        return dataclasses.replace(data, train=data.train.take(slice(self.count)))

    def of_stream(self, examples, name, num_classes, is_training):
        if not is_training:
            return examples
        self._check(int(examples.cardinality()), name)
        return examples.take(self.count)

    def _check(self, size, name):
        if self.count > size:
            most = f"{size}, the training examples of {name!r}"
            raise ValueError(f"`count` must be at most {most}. Received: {self.count}.")


@dataclasses.dataclass(frozen=True)
class RandomExamples(Part):
    """Random examples of the training split, always the same; validation and test split whole.

    Args:
        example_share: float in (0, 1), the fraction of the training examples.
    """

    example_share: float

    def __post_init__(self):
        _validation.check_number("example_share", self.example_share, above=0, below=1)

    def of_arrays(self, data):
        _, part = base.hold_out(data.train, self.example_share)
        return dataclasses.replace(data, train=part)

    def of_stream(self, examples, name, num_classes, is_training):
        if not is_training:
            return examples
        # The first ones are random ones, because TFDS keeps the examples of a split in one random order.
        return examples.take(round(self.example_share * int(examples.cardinality())))


@dataclasses.dataclass(frozen=True)
class FirstClasses(Part):
    """The examples of the first classes in all three splits; the other classes do not exist.

    From a stream, each epoch reads all classes, and before the first one the splits are read to count the examples.

    Args:
        class_share: float in (0, 1), the fraction of the classes, in the order of their numbers, which they keep.
    """

    class_share: float

    def __post_init__(self):
        _validation.check_number("class_share", self.class_share, above=0, below=1)

    def of_arrays(self, data):
        if data.train.observed is not None:
            raise ValueError(f"`dataset` must have clean labels, to be cut to some classes. Received: {data.name!r}.")
        names = self.class_names(data.class_names, data.name)
        splits = {
            split: examples.take(np.flatnonzero(examples.labels < len(names)))
            for split, examples in (("train", data.train), ("validation", data.validation), ("test", data.test))
        }
        return dataclasses.replace(data, **splits, class_names=names)

    def of_stream(self, examples, name, num_classes, is_training):
        kept = examples.filter(lambda _, label, __: label < num_classes)
        size = kept.reduce(np.int64(0), lambda seen, _: seen + 1)
        return kept.apply(tf.data.experimental.assert_cardinality(size))

    def class_names(self, names, name):
        count = round(self.class_share * len(names))
        if count < 2:
            classes = f"at least two of the {len(names)} classes of {name!r}"
            raise ValueError(f"`class_share` must leave {classes}. Received: {self.class_share}, which leaves {count}.")
        return names[:count]

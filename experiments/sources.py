"""Where a run's examples come from: arrays, or a stream of a data set that does not fit into memory."""

import dataclasses

import numpy as np
import tensorflow as tf

from tfp_noise import _validation, datasets, pipeline
from tfp_noise.datasets import base

_SAMPLE = 5_000


@dataclasses.dataclass(frozen=True)
class InMemory:
    """All examples as arrays."""

    def load(self, name, data_dir):
        """A `tfp_noise.datasets.Dataset`."""
        return datasets.load(name, data_dir=data_dir)

    def batches(self, noisy, experiment, data_dir, first_epoch=0):
        """A `tfp_noise.pipeline.Batches` for training under the present strategy, from an epoch on."""
        del data_dir
        return pipeline.batches(
            noisy,
            experiment.batch_size,
            experiment.augmentation,
            experiment.training_seed,
            # A smaller last batch would weigh replicas that get less of it as much as the others.
            drop_remainder=tf.distribute.get_strategy().num_replicas_in_sync > 1,
            first_epoch=first_epoch,
        )


@dataclasses.dataclass(frozen=True)
class HeldOut(InMemory):
    """All examples as arrays, with another share of the training split held out than the usual tenth.

    Args:
        share: float in (0, 1), as `validation_share` of `tfp_noise.datasets.load`; every run's temperature is fitted to
            what is held out, so that it cannot be nothing.
    """

    share: float

    def __post_init__(self):
        _validation.check_number("share", self.share, above=0, below=1)

    def load(self, name, data_dir):
        """A `tfp_noise.datasets.Dataset`."""
        return datasets.load(name, data_dir, self.share)


@dataclasses.dataclass(frozen=True)
class FirstExamples(InMemory):
    """Part of the training split as arrays; validation and test split whole.

    Args:
        count: int >= 1, how many of the first training examples.
    """

    count: int

    def __post_init__(self):
        _validation.check_int("count", self.count, 1)

    def load(self, name, data_dir):
        """A `tfp_noise.datasets.Dataset`."""
        data = super().load(name, data_dir)
        if self.count > len(data.train):
            size = f"{len(data.train)}, the training examples of {name!r}"
            raise ValueError(f"`count` must be at most {size}. Received: {self.count}.")
        return dataclasses.replace(data, train=data.train.take(slice(self.count)))


@dataclasses.dataclass(frozen=True)
class RandomExamples(InMemory):
    """Part of the training split as arrays, always the same random one; validation and test split whole.

    Args:
        example_share: float in (0, 1), how much of the training examples.
    """

    example_share: float

    def __post_init__(self):
        _validation.check_number("example_share", self.example_share, above=0, below=1)

    def load(self, name, data_dir):
        """A `tfp_noise.datasets.Dataset`."""
        data = super().load(name, data_dir)
        _, part = base.hold_out(data.train, self.example_share)
        return dataclasses.replace(data, train=part)


@dataclasses.dataclass(frozen=True)
class FirstClasses(InMemory):
    """The examples of the first classes as arrays, in all three splits; the other classes do not exist.

    Args:
        class_share: float in (0, 1), how many of the classes, in the order of their numbers, which they keep.
    """

    class_share: float

    def __post_init__(self):
        _validation.check_number("class_share", self.class_share, above=0, below=1)

    def load(self, name, data_dir):
        """A `tfp_noise.datasets.Dataset`."""
        data = super().load(name, data_dir)
        if data.train.observed is not None:
            raise ValueError(f"`dataset` must have clean labels, to be cut to some classes. Received: {name!r}.")
        count = count_classes(self.class_share, data.num_classes, name)
        splits = {
            split: examples.take(np.flatnonzero(examples.labels < count))
            for split, examples in (("train", data.train), ("validation", data.validation), ("test", data.test))
        }
        return dataclasses.replace(data, **splits, class_names=data.class_names[:count])


@dataclasses.dataclass(frozen=True)
class Stream:
    """Images of any size, read one by one from TensorFlow Datasets or from folders of images.

    In memory are a sample of the training split, to look at, and the test split. Training images are cut to their
    central square and resized to `stored_size`, from which the experiment's augmentation crops; the others likewise,
    and then to their centre of `image_size`.

    Args:
        train: the split to train on, as TFDS writes it.
        validation: the split whose noisy labels are held out; at most 5,000 examples of it are read.
        test: the split with clean labels.
        stored_size: int, height and width of what training images are cropped from.
        image_size: int, height and width of what the network sees.
    """

    train: str
    validation: str
    test: str
    stored_size: int
    image_size: int

    def load(self, name, data_dir):
        """A `tfp_noise.datasets.Dataset`, its `train` a sample."""
        validation, test = (self.examples(name, split, data_dir) for split in (self.validation, self.test))
        splits = self.training_examples(name, data_dir).take(_SAMPLE), validation.take(_SAMPLE), test
        return datasets.Dataset(name, *map(self._read, splits), self.class_names(name, data_dir))

    def batches(self, noisy, experiment, data_dir, first_epoch=0):
        """A `tfp_noise.pipeline.Batches` as of `InMemory`: of the whole split, with the noise that the sample has."""
        if experiment.noise.exact:
            raise ValueError("`noise` must not be exact for a stream, whose labels cannot be counted first.")
        sizes = []

        def read(worker):
            source = self.training_examples(noisy.name, data_dir, worker)
            sizes.append(int(source.cardinality()) * worker.num_input_pipelines)
            return pipeline.stream(
                source.map(lambda x, y, i: (_square(x, self.stored_size), y, i), tf.data.AUTOTUNE),
                noisy.transition,
                experiment.batch_size,
                experiment.seed,  # the noise's, too
                experiment.augmentation,
                drop_remainder=True,
                first_epoch=first_epoch,
                input_context=worker,
            )

        train = tf.distribute.get_strategy().distribute_datasets_from_function(read)
        held_out = (pipeline.one_pass(split, experiment.batch_size) for split in (noisy.validation, noisy.test))
        return pipeline.Batches(train, sizes[0] // experiment.batch_size, *held_out)

    def class_names(self, name, data_dir):
        """As of `datasets`."""
        return datasets.class_names(name, data_dir)

    def examples(self, name, split, data_dir, worker=None):
        """A split of which the number of examples is known, or a worker's share of it, as of `datasets.stream`."""
        return datasets.stream(name, split, data_dir, worker)

    def training_examples(self, name, data_dir, worker=None):
        """What is trained on, or a worker's share of it, likewise."""
        return self.examples(name, self.train, data_dir, worker)

    def _read(self, examples):
        """A finite stream as arrays."""
        margin = (self.stored_size - self.image_size) // 2

        def prepare(image, label, number):
            image = _square(image, self.stored_size)
            return tf.image.crop_to_bounding_box(image, margin, margin, self.image_size, self.image_size), label, number

        stream = examples.map(prepare, tf.data.AUTOTUNE)
        size = int(stream.cardinality())
        images = np.empty([size, *stream.element_spec[0].shape], np.uint8)
        labels, numbers = np.empty(size, np.int32), np.empty(size, np.int64)
        for i, example in enumerate(stream.as_numpy_iterator()):
            images[i], labels[i], numbers[i] = example
        return datasets.Examples(images, labels, numbers)


def count_classes(share, num_classes, name):
    """How many classes of a data set `share` of them are, two or more."""
    count = round(share * num_classes)
    if count < 2:
        classes = f"at least two of the {num_classes} classes of {name!r}"
        raise ValueError(f"`class_share` must leave {classes}. Received: {share}, which leaves {count}.")
    return count


def is_part(source, whole):
    """Whether all examples of `source` are of the same split of `whole`, so that nothing held out there is trained on.

    Args:
        source: where a run's examples come from.
        whole: likewise.
    """
    if isinstance(source, HeldOut):  # it may train on what others hold out
        return source == whole
    if isinstance(source, Stream):
        fields = dataclasses.fields(Stream)
        return type(whole) is Stream and all(getattr(source, one.name) == getattr(whole, one.name) for one in fields)
    return source == whole or (isinstance(source, InMemory) and whole == InMemory())


def _square(image, size):
    """The central square of an image, uint8 `[size, size, channels]`."""
    height, width = tf.shape(image)[0], tf.shape(image)[1]
    side = tf.minimum(height, width)
    square = tf.image.crop_to_bounding_box(image, (height - side) // 2, (width - side) // 2, side, side)
    return tf.cast(tf.round(tf.image.resize(square, [size, size], antialias=True)), image.dtype)

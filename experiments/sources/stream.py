"""Images that are read while they are trained on, because all of them would not fit into memory."""

import dataclasses

import numpy as np
import tensorflow as tf

from experiments.sources.base import Source
from experiments.sources.parts import Part
from tfp_noise import datasets, pipeline
from tfp_noise.datasets import published

_SAMPLE = 5_000


@dataclasses.dataclass(frozen=True)
class Stream(Source):
    """Images of any size, read one by one from TensorFlow Datasets or from folders of images.

    In memory are a sample of the training split, to look at, and the test split. Training images are cut to their
    central square and resized to `stored_size`, from which the augmentation crops; the others likewise, and then to
    their centre of `image_size`. Labels become noisy while they are read, with the noise that the sample has.

    Args:
        train: the split to train on, as TFDS writes it.
        validation: the split whose noisy labels are held out; at most 5,000 examples of it are read.
        test: the split with clean labels.
        stored_size: int, height and width of what training images are cropped from.
        image_size: int, height and width of what the network sees.
        part: a `Part` of the examples, or `None` for all.
    """

    train: str
    validation: str
    test: str
    stored_size: int
    image_size: int
    part: Part | None = None

    def load(self, name, data_dir):
        splits = [self.examples(name, split, data_dir) for split in (self.train, self.validation, self.test)]
        splits[:2] = (split.take(_SAMPLE) for split in splits[:2])
        names = (self.train, self.validation, self.test)
        read = [published.examples_of(name, split, *self._read(one)) for split, one in zip(names, splits, strict=True)]
        return datasets.Dataset(name, *read, self._class_names(name, data_dir))

    def batches(self, noisy, *, batch_size, augmentation, seed, noise_seed, data_dir, first_epoch=0):
        del seed  # order and augmentation follow the noise's
        # Given labels stay as they are.
        transition = np.eye(noisy.num_classes) if noisy.train.labels is None else noisy.transition
        sizes = []

        def read(worker):
            source = self.examples(noisy.name, self.train, data_dir, worker)
            sizes.append(int(source.cardinality()) * worker.num_input_pipelines)
            return pipeline.stream(
                source.map(lambda x, y, i: (_square(x, self.stored_size), y, i), tf.data.AUTOTUNE),
                transition,
                batch_size,
                noise_seed,
                augmentation,
                drop_remainder=True,
                first_epoch=first_epoch,
                input_context=worker,
            )

        train = tf.distribute.get_strategy().distribute_datasets_from_function(read)
        held_out = (pipeline.one_pass(split, batch_size) for split in (noisy.validation, noisy.test))
        return pipeline.Batches(train, sizes[0] // batch_size, *held_out)

    def examples(self, name, split, data_dir, worker=None):
        """Return the examples of a split.

        Args:
            name: text, the data set's name.
            split: one of `train`, `validation` and `test`.
            data_dir: as in `load`.
            worker: a `tf.distribute.InputContext`, for one worker's shard of them, or `None` for all.

        Returns:
            A `tf.data.Dataset` of (image, label, id), whose number of elements is known.
        """
        if self.part is None:
            return datasets.stream(name, split, data_dir, worker)
        num_classes = len(self._class_names(name, data_dir))
        whole = datasets.stream(name, split, data_dir)
        return _shard(self.part.of_stream(whole, name, num_classes, is_training=split == self.train), worker)

    def _class_names(self, name, data_dir):
        names = datasets.class_names(name, data_dir)
        return names if self.part is None else self.part.class_names(names, name)

    def _whole(self):
        return dataclasses.replace(self, part=None)

    def _read(self, examples):
        """The images, labels and ids of a finite stream."""
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
        return images, labels, numbers


def _shard(examples, worker):
    """One worker's shard of `examples`, as large as any other's; it reads the others' too, and lets them pass."""
    if worker is None:
        return examples
    count = worker.num_input_pipelines
    return examples.shard(count, worker.input_pipeline_id).take(int(examples.cardinality()) // count)


def _square(image, size):
    """The central square of an image, uint8 `[size, size, channels]`."""
    height, width = tf.shape(image)[0], tf.shape(image)[1]
    side = tf.minimum(height, width)
    square = tf.image.crop_to_bounding_box(image, (height - side) // 2, (width - side) // 2, side, side)
    return tf.cast(tf.round(tf.image.resize(square, [size, size], antialias=True)), image.dtype)

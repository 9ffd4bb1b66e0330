"""Images of Clothing1M from their published files."""

import dataclasses
import functools
import pathlib

import numpy as np
import tensorflow as tf

from experiments.sources.base import Source
from tfp_noise import datasets, pipeline
from tfp_noise.datasets import clothing1m, published

_SAMPLE = 5_000


@dataclasses.dataclass(frozen=True)
class Clothing1M(Source):
    """Images read one by one from the published folder, `clothing1m` in the data directory.

    Training draws as many images of each noisy class for every epoch, resizes the shorter side of each to
    `shorter_side`, and cuts a square of `image_size` at a random place; the augmentation `CropAndFlip(pad=0)`
    mirrors it. In memory, cut to their centre, are validation and test images and at most 5,000 that have a
    clean label beside the noisy one, for a host with 20 GB to spare. Those 5,000 stand for the training split in the
    scores. None of them is trained on; the images that are have no clean label, by which they could be scored.
    The labels are those that `Noise("human")` wants.

    Args:
        per_class: int, images of each class in an epoch.
        shorter_side: int.
        image_size: int, at most `shorter_side`: height and width of what the network sees.
    """

    per_class: int = clothing1m.PER_CLASS
    shorter_side: int = 256
    image_size: int = 224

    def load(self, name, data_dir):
        files = _files(data_dir)
        few = files.trusted.take(np.random.default_rng(0).permutation(len(files.trusted))[:_SAMPLE])
        train, validation, test = (self._read(split) for split in (few, files.validation, files.test))
        return datasets.Dataset(name, train, validation, test, files.class_names, files.transition)

    def batches(self, noisy, *, batch_size, augmentation, seed, noise_seed, data_dir, first_epoch=0):
        del noise_seed
        files = _files(data_dir)
        source = clothing1m.balanced_stream(files.noisy, self.per_class, seed)
        steps = noisy.num_classes * self.per_class // batch_size
        # An epoch that is no multiple of the batch goes on in the next one: nothing is left out.
        left = source.enumerate().skip(first_epoch * steps * batch_size)
        cut = left.map(lambda n, example: self._cut_at_random(seed, n, *example), tf.data.AUTOTUNE)

        def augment(step, images, labels):
            seeds = tf.stack([seed, tf.cast(step, tf.int32)])
            return pipeline.prepare(images, labels, augmentation, seeds, noisy.num_classes)

        batches = cut.batch(batch_size, drop_remainder=True).enumerate(first_epoch * steps)
        train = batches.map(lambda step, batch: augment(step, *batch)).prefetch(tf.data.AUTOTUNE)
        held_out = (pipeline.one_pass(split, batch_size) for split in (noisy.validation, noisy.test))
        return pipeline.Batches(pipeline.shard_batches(train), steps, *held_out)

    def _cut_at_random(self, seed, number, image, label, _):
        image = _resize(image, self.shorter_side)
        shape = [self.image_size, self.image_size, 3]
        seeds = tf.random.fold_in(tf.stack([seed, 0]), number)
        return tf.ensure_shape(tf.image.stateless_random_crop(image, shape, seeds), shape), label

    def _read(self, examples):
        """The images of `examples`, cut to their centre."""
        size = self.image_size
        images = np.empty([len(examples), size, size, 3], np.uint8)
        cut = lambda image, *_: tf.image.resize_with_crop_or_pad(_resize(image, self.shorter_side), size, size)  # noqa: E731
        for i, image in enumerate(clothing1m.stream(examples).map(cut, tf.data.AUTOTUNE).as_numpy_iterator()):
            images[i] = image
        return dataclasses.replace(examples, features=images)


@functools.lru_cache(maxsize=1)  # read once for the examples and their batches: a million keys
def _files(data_dir):
    return clothing1m.load(pathlib.Path(published.root(data_dir)).expanduser() / "clothing1m")


def _resize(image, shorter_side):
    """The image with its shorter side of that length, in its own proportions and dtype."""
    shape = tf.cast(tf.shape(image)[:2], tf.float32)
    scaled = tf.cast(tf.round(shape * (shorter_side / tf.reduce_min(shape))), tf.int32)
    return tf.cast(tf.round(tf.image.resize(image, scaled, antialias=True)), image.dtype)

"""Augmentations that change images and leave labels alone."""

import dataclasses

import keras
import tensorflow as tf

from tfp_noise import _validation
from tfp_noise.pipeline._keras_layers import check_images, seeded_layer


@dataclasses.dataclass(frozen=True)
class CropAndFlip:
    """Pads images with zeros, crops each at a random place, and mirrors each with probability 1/2.

    Args:
        pad: int >= 0, pixels added on each side.
        flip: bool, whether to mirror left and right.
        size: int >= 1, height and width of the crop in pixels; `None` for those of the images.

    Raises:
        TypeError: if an argument is of another type.
        ValueError: if `pad` or `size` is too small, or, when called, if an image with its padding is smaller than the
            crop.

    Example:
        >>> images, labels = CropAndFlip(pad=2)(tf.ones([4, 8, 8, 1]), tf.eye(4), seed=[0, 1])
        >>> images.shape
        TensorShape([4, 8, 8, 1])
    """

    pad: int = 4
    flip: bool = True
    size: int | None = None

    def __post_init__(self):
        _validation.check_int("pad", self.pad, 0)
        _validation.check_bool("flip", self.flip)
        if self.size is not None:
            _validation.check_int("size", self.size, 1)

    def __call__(self, images, labels, seed):
        check_images(images)
        batch, *shape = tf.shape(images)[0], images.shape[1], images.shape[2]
        height, width = (self.size, self.size) if self.size else shape
        room = [before + 2 * self.pad - after for before, after in zip(shape, (height, width), strict=True)]
        if min(room) < 0:
            raise ValueError(
                f"`images` must be at least {self.size} high and wide with {self.pad} pixels of padding on each side. "
                f"Received: {tuple(shape)}. Give a smaller `size`."
            )
        seeds = tf.random.split(seed, 3)
        down, right = (
            tf.random.stateless_uniform([batch, 1], seeds[i], maxval=room[i] + 1, dtype=tf.int32) for i in range(2)
        )
        padded = tf.pad(images, [[0, 0], [self.pad, self.pad], [self.pad, self.pad], [0, 0]])
        columns = tf.range(width)[tf.newaxis]
        if self.flip:
            mirrored = tf.random.stateless_uniform([batch, 1], seeds[2]) < 0.5
            columns = tf.where(mirrored, width - 1 - columns, columns)
        rows = tf.gather(padded, down + tf.range(height)[tf.newaxis], axis=1, batch_dims=1)
        moved = tf.gather(tf.transpose(rows, [0, 2, 1, 3]), right + columns, axis=1, batch_dims=1)
        return tf.transpose(moved, [0, 2, 1, 3]), labels


@dataclasses.dataclass(frozen=True)
class Cutout:
    """Sets a square of each image, at a random place, to 0.

    Computed by `keras.layers.RandomErasing`: the square lies in the image as a whole, where the paper's may stick out,
    and because of Keras's rounding it never begins in the first row or column.

    Args:
        fraction: float in (0, 1), the side of the square as a fraction of the image's. The paper's 16 of CIFAR-10's 32
            pixels are 0.5, its 8 for CIFAR-100 are 0.25.

    Raises:
        TypeError: if `fraction` is not a number.
        ValueError: if `fraction` lies outside (0, 1).

    Example:
        >>> images, _ = Cutout(0.5)(tf.ones([2, 8, 8, 1]), tf.eye(2), seed=[0, 1])
        >>> tf.reduce_mean(images, axis=[1, 2, 3]).numpy().tolist()  # 4 x 4 of 8 x 8 pixels are 0
        [0.75, 0.75]

    References:
        DeVries, Taylor. Improved regularization of convolutional neural networks with Cutout. 2017.
    """

    fraction: float = 0.5

    def __post_init__(self):
        _validation.check_number("fraction", self.fraction, above=0, below=1)

    def __call__(self, images, labels, seed):
        check_images(images)
        area = self.fraction**2
        settings = {"factor": (1.0, 1.0), "scale": (area, area), "fill_value": 0.0, "value_range": (0, 1)}
        layer = seeded_layer(keras.layers.RandomErasing, seed, **settings)
        return layer.transform_images(images, layer.get_random_transformation(images)), labels


@dataclasses.dataclass(frozen=True)
class RandAugment:
    """Applies `num_ops` operations to each image, each drawn from eleven: shears, colours, contrast and the like.

    Computed by `keras.layers.RandAugment`, which departs from the paper: it has eleven operations, not fourteen, and it
    draws the strength of each between 0 and `factor` of its range, in one direction only, where the paper fixes it (a
    rotation goes up to `factor` of a full turn). Keras draws the operations once for a batch, and equalises all images
    by one histogram; here each image has its own operations and its own histogram. All eleven are computed for every
    image, so this costs far more time than crops.

    Args:
        num_ops: int >= 1, the paper's N.
        factor: float in (0, 1], the greatest strength as a fraction of an operation's range.

    Raises:
        TypeError: if an argument is of another type.
        ValueError: if `num_ops` is below 1, or `factor` lies outside (0, 1].

    Example:
        >>> images, _ = RandAugment(num_ops=1)(tf.ones([2, 8, 8, 3]), tf.eye(2), seed=[0, 1])
        >>> images.shape
        TensorShape([2, 8, 8, 3])

    References:
        Cubuk, Zoph, Shlens, Le. RandAugment: Practical automated data augmentation with a reduced search space. 2020.
    """

    num_ops: int = 2
    factor: float = 0.5

    def __post_init__(self):
        _validation.check_int("num_ops", self.num_ops, 1)
        _validation.check_number("factor", self.factor, maximum=1, above=0)

    def __call__(self, images, labels, seed):
        check_images(images)
        layer = seeded_layer(
            keras.layers.RandAugment, seed, value_range=(0, 1), num_ops=self.num_ops, factor=self.factor
        )
        equalize = layer.equalization.transform_images
        layer.equalization.transform_images = lambda batch, _: tf.map_fn(
            lambda x: equalize(x[tf.newaxis], None)[0], batch
        )
        drawn = layer.get_random_transformation(images)
        shape = [self.num_ops, tf.shape(images)[0], 1, 1, 1]
        drawn["layer_idxes"] = keras.random.randint(shape, 0, len(drawn["transforms"]), seed=layer.generator)
        return layer.transform_images(images, drawn), labels

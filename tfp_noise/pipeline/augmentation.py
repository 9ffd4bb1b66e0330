"""Random changes of a training batch: of its images, or of images and labels together.

An augmentation is a callable `(images, labels, seed) -> (images, labels)`, a pure function of its arguments: images
float `[batch, height, width, channels]` in [0, 1], labels distributions over classes, float `[batch, num_classes]`, and
seed a stateless one, int32 `[2]`. One that concerns images alone returns the labels it got.

The classes below are settings: frozen, equal where their fields are, with a `repr` that says all. What Keras has as a
layer is Keras's, its randomness replaced by the seed.
"""

import dataclasses

import keras
import tensorflow as tf

from tfp_noise import _validation

__all__ = ["Compose", "CropAndFlip", "CutMix", "Cutout", "Mixup", "RandAugment"]


@dataclasses.dataclass(frozen=True)
class CropAndFlip:
    """Pads images with zeros, crops each at a random place, and mirrors each with probability 1/2.

    Args:
        pad: int >= 0, pixels added on each side.
        flip: whether to mirror left and right.
        size: int >= 1, height and width of the crop; `None` for the images' own.
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
        _check_images(images)
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

    By `keras.layers.RandomErasing`: the square lies in the image as a whole, where the paper's may stick out, and
    Keras's rounding never lets it begin in the first row or column.

    Args:
        fraction: number in (0, 1), side of the square as a share of the image's. The paper's 16 of CIFAR-10's
            32 pixels are 0.5, its 8 for CIFAR-100 are 0.25.

    References:
        DeVries, Taylor. Improved regularization of convolutional neural networks with Cutout. 2017.
    """

    fraction: float = 0.5

    def __post_init__(self):
        _validation.check_number("fraction", self.fraction, above=0, below=1)

    def __call__(self, images, labels, seed):
        _check_images(images)
        area = self.fraction**2
        settings = {"factor": (1.0, 1.0), "scale": (area, area), "fill_value": 0.0, "value_range": (0, 1)}
        layer = _layer(keras.layers.RandomErasing, seed, **settings)
        return layer.transform_images(images, layer.get_random_transformation(images)), labels


@dataclasses.dataclass(frozen=True)
class RandAugment:
    """Applies `num_ops` operations to each image, each drawn from eleven: shears, colours, contrast and the like.

    By `keras.layers.RandAugment`, which departs from the paper: it has eleven operations, not fourteen, and draws the
    strength of each between 0 and `factor` of its range, one way only, where the paper fixes it (a rotation goes up to
    `factor` of a full turn). Keras draws the operations once a batch, and equalises all images by one histogram; here
    each image has its own of both. All eleven are computed for every image, so this costs far more than crops.

    Args:
        num_ops: int >= 1, the paper's N.
        factor: number in (0, 1], the greatest strength.

    References:
        Cubuk, Zoph, Shlens, Le. RandAugment: Practical automated data augmentation with a reduced search space. 2020.
    """

    num_ops: int = 2
    factor: float = 0.5

    def __post_init__(self):
        _validation.check_int("num_ops", self.num_ops, 1)
        _validation.check_number("factor", self.factor, maximum=1, above=0)

    def __call__(self, images, labels, seed):
        _check_images(images)
        layer = _layer(keras.layers.RandAugment, seed, value_range=(0, 1), num_ops=self.num_ops, factor=self.factor)
        equalize = layer.equalization.transform_images
        layer.equalization.transform_images = lambda batch, _: tf.map_fn(
            lambda x: equalize(x[tf.newaxis], None)[0], batch
        )
        drawn = layer.get_random_transformation(images)
        shape = [self.num_ops, tf.shape(images)[0], 1, 1, 1]
        drawn["layer_idxes"] = keras.random.randint(shape, 0, len(drawn["transforms"]), seed=layer.generator)
        return layer.transform_images(images, drawn), labels


@dataclasses.dataclass(frozen=True)
class Mixup:
    """Mixes each example with another of the batch: `w x_i + (1 - w) x_j`, and their labels alike.

    By `keras.layers.MixUp`: w is drawn from Beta(alpha, alpha) for each example, where the authors' code has one for
    the batch.

    Args:
        alpha: number above 0; the smaller, the closer w to 0 or 1. Below 0.05 float32 cannot hold what Beta draws, and
            puts some weights at 1/2.

    References:
        Zhang, Cissé, Dauphin, Lopez-Paz. mixup: Beyond empirical risk minimization. 2018, Eq. 1.
    """

    alpha: float = 0.2

    def __post_init__(self):
        _validation.check_number("alpha", self.alpha, above=0)

    def __call__(self, images, labels, seed):
        _check_images(images)
        _check_labels(labels)
        layer = _layer(keras.layers.MixUp, seed, alpha=float(self.alpha))
        drawn = layer.get_random_transformation(images)
        return layer.transform_images(images, drawn), layer.transform_labels(labels, drawn)


@dataclasses.dataclass(frozen=True)
class CutMix:
    """Puts a rectangle of another example of the batch into each image, and mixes their labels by its share of pixels.

    By `keras.layers.CutMix`: the rectangle lies in the image as a whole, where the paper's may stick out, and never
    begins in the first row or column, as in `Cutout`; one is drawn for each example, not for the batch. Keras weighs
    labels by the area before it is rounded to pixels; here it is the share of pixels, as in the paper.

    Args:
        alpha: number in (0, 1]; the share of the rectangle is drawn from Beta(alpha, alpha).

    References:
        Yun, Han, Oh, Chun, Choe, Yoo. CutMix: Regularization strategy to train strong classifiers with localizable
        features. 2019, Eq. 1 and 2.
    """

    alpha: float = 1.0

    def __post_init__(self):
        _validation.check_number("alpha", self.alpha, maximum=1, above=0)

    def __call__(self, images, labels, seed):
        _check_images(images)
        _check_labels(labels)
        layer = _layer(keras.layers.CutMix, seed, factor=(self.alpha, self.alpha))
        drawn = layer.get_random_transformation(images)
        drawn["mix_weight"] = 1 - tf.reduce_mean(tf.cast(drawn["batch_masks"], tf.float32), axis=[1, 2, 3])
        return layer.transform_images(images, drawn), layer.transform_labels(labels, drawn)


@dataclasses.dataclass(frozen=True)
class Compose:
    """Several augmentations, one after the other, each with a seed of its own.

    Args:
        steps: tuple of augmentations.

    Raises:
        TypeError: if `steps` is not a tuple of callables.

    Example:
        >>> augment = Compose((CropAndFlip(pad=2), Mixup(0.2)))
        >>> images, labels = augment(tf.ones([4, 8, 8, 1]), tf.eye(4), seed=[0, 1])
        >>> images.shape, tf.reduce_sum(labels, axis=1).numpy().round(5).tolist()
        (TensorShape([4, 8, 8, 1]), [1.0, 1.0, 1.0, 1.0])
    """

    steps: tuple

    def __post_init__(self):
        if not (isinstance(self.steps, tuple) and all(map(_is_augmentation, self.steps))):
            raise TypeError(
                f"`steps` must be a tuple of augmentations. Received: {self.steps!r}. "
                "Write `Compose((CropAndFlip(), Mixup()))`."
            )

    def __call__(self, images, labels, seed):
        for i, step in enumerate(self.steps):
            images, labels = step(images, labels, tf.random.fold_in(seed, i))
        return images, labels


def _is_augmentation(step):
    return callable(step) and not isinstance(step, type)


class _Draws(keras.random.SeedGenerator):
    """A new seed for each draw, all from one, in place of a generator with a state that `tf.data` would advance."""

    def __init__(self, seed):  # no `super().__init__`, which makes the variable
        self.seed = seed
        self.draws = 0

    def next(self, ordered=True):
        del ordered
        self.draws += 1
        return tf.random.fold_in(self.seed, self.draws)


def _layer(layer_class, seed, **settings):
    """A layer of Keras, in float32 under every dtype policy, whose draws are a function of `seed`."""
    with tf.Graph().as_default():  # its own generator makes a variable, which no function of `tf.data` may
        layer = layer_class(dtype="float32", **settings)
    layer.generator = _Draws(seed)
    return layer


def _check_images(images):
    if images.shape.rank != 4:
        raise ValueError(f"`images` must have shape [batch, height, width, channels]. Received: {images.shape}.")


def _check_labels(labels):
    if labels.shape.rank != 2 or not labels.dtype.is_floating:
        raise ValueError(
            "`labels` must be distributions over classes, float [batch, num_classes]. Received: "
            f"{labels.dtype.name} {labels.shape}. Pass `tf.one_hot(labels, num_classes)`."
        )

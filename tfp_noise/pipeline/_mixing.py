"""Augmentations that mix each example of a batch with another one, and their labels too."""

import dataclasses

import keras
import tensorflow as tf

from tfp_noise import _validation
from tfp_noise.pipeline._keras_layers import check_images, seeded_layer


@dataclasses.dataclass(frozen=True)
class Mixup:
    """Weighted means of each example and another of the batch: `w x_i + (1 - w) x_j`, and `w y_i + (1 - w) y_j`.

    Computed by `keras.layers.MixUp`, which draws w from Beta(alpha, alpha) for each example; the authors' code draws
    one w for the whole batch.

    Args:
        alpha: float above 0; the smaller, the closer w is to 0 or 1. Below 0.05 float32 cannot represent many of the
            numbers that Beta draws, and some weights become 1/2.

    Raises:
        TypeError: if `alpha` is not a number.
        ValueError: if `alpha` is not above 0.

    Example:
        >>> images, labels = Mixup(alpha=1.0)(tf.ones([4, 8, 8, 1]), tf.eye(4), seed=[0, 1])
        >>> tf.reduce_sum(labels, axis=1).numpy().round(5).tolist()
        [1.0, 1.0, 1.0, 1.0]

    References:
        Zhang, Cissé, Dauphin, Lopez-Paz. mixup: Beyond empirical risk minimization. 2018, Eq. 1.
    """

    alpha: float = 0.2

    def __post_init__(self):
        _validation.check_number("alpha", self.alpha, above=0)

    def __call__(self, images, labels, seed):
        check_images(images)
        _check_labels(labels)
        layer = seeded_layer(keras.layers.MixUp, seed, alpha=float(self.alpha))
        drawn = layer.get_random_transformation(images)
        return layer.transform_images(images, drawn), layer.transform_labels(labels, drawn)


@dataclasses.dataclass(frozen=True)
class CutMix:
    """Puts a rectangle of another image of the batch into each image, and mixes their labels by its fraction of pixels.

    Computed by `keras.layers.CutMix`, which departs from the paper: the rectangle lies in the image as a whole, where
    the paper's may stick out; it never begins in the first row or column, because of Keras's rounding; and one is drawn
    for each example, not for the batch. Keras weighs labels by the rectangle's area before it is rounded to pixels;
    here, as in the paper, the weight is the fraction of pixels.

    Args:
        alpha: float in (0, 1]; the rectangle's fraction of the image is drawn from Beta(alpha, alpha).

    Raises:
        TypeError: if `alpha` is not a number.
        ValueError: if `alpha` lies outside (0, 1].

    Example:
        >>> images, labels = CutMix()(tf.ones([4, 8, 8, 1]), tf.eye(4), seed=[0, 1])
        >>> tf.reduce_sum(labels, axis=1).numpy().round(5).tolist()
        [1.0, 1.0, 1.0, 1.0]

    References:
        Yun, Han, Oh, Chun, Choe, Yoo. CutMix: Regularization strategy to train strong classifiers with localizable
        features. 2019, Eq. 1 and 2.
    """

    alpha: float = 1.0

    def __post_init__(self):
        _validation.check_number("alpha", self.alpha, maximum=1, above=0)

    def __call__(self, images, labels, seed):
        check_images(images)
        _check_labels(labels)
        layer = seeded_layer(keras.layers.CutMix, seed, factor=(self.alpha, self.alpha))
        drawn = layer.get_random_transformation(images)
        drawn["mix_weight"] = 1 - tf.reduce_mean(tf.cast(drawn["batch_masks"], tf.float32), axis=[1, 2, 3])
        return layer.transform_images(images, drawn), layer.transform_labels(labels, drawn)


def _check_labels(labels):
    if labels.shape.rank != 2 or not labels.dtype.is_floating:
        raise ValueError(
            "`labels` must be distributions over classes, float [batch, num_classes]. Received: "
            f"{labels.dtype.name} {labels.shape}. Pass `tf.one_hot(labels, num_classes)`."
        )

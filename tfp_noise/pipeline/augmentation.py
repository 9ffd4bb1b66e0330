"""Random changes of a training batch: of its images, or of images and labels together.

An augmentation is a callable `(images, labels, seed) -> (images, labels)`, a pure function of its arguments: `images`
are float `[batch, height, width, channels]` in [0, 1], `labels` are distributions over classes, float
`[batch, num_classes]`, and `seed` is a stateless seed, int32 `[2]`. One that changes only images returns the very
labels that it was given.

The classes are frozen dataclasses: two with equal fields are equal, and `repr` shows every field. Operations that Keras
has as layers are computed by those layers, with the seed in place of their random generators.
"""

import dataclasses
from collections.abc import Callable

import tensorflow as tf

from tfp_noise.pipeline._image_augmentation import CropAndFlip, Cutout, RandAugment
from tfp_noise.pipeline._mixing import CutMix, Mixup

__all__ = ["Compose", "CropAndFlip", "CutMix", "Cutout", "Mixup", "RandAugment"]


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

    steps: tuple[Callable, ...]

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

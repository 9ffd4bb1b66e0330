"""Input pipelines: noisy data in, shuffled and augmented batches out."""

from tfp_noise.pipeline._batch import prepare, shard_batches, to_float
from tfp_noise.pipeline._streams import stream
from tfp_noise.pipeline.arrays import Batches, batches, one_pass
from tfp_noise.pipeline.augmentation import Compose, CropAndFlip, CutMix, Cutout, Mixup, RandAugment

__all__ = [
    "Batches",
    "Compose",
    "CropAndFlip",
    "CutMix",
    "Cutout",
    "Mixup",
    "RandAugment",
    "batches",
    "one_pass",
    "prepare",
    "shard_batches",
    "stream",
    "to_float",
]

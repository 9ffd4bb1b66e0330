"""All examples of a data set, or a part of them, as arrays."""

import dataclasses

import tensorflow as tf

from experiments.sources.base import Source
from experiments.sources.parts import Part
from tfp_noise import _validation, datasets, pipeline


@dataclasses.dataclass(frozen=True)
class InMemory(Source):
    """Examples as arrays.

    Args:
        share: float in (0, 1), the fraction of the training split that is held out; `None` for the usual tenth. It
            cannot be 0, because every run fits a temperature to what is held out.
        part: a `Part` of the examples, or `None` for all.
    """

    gives_ids = True

    share: float | None = None
    part: Part | None = None

    def __post_init__(self):
        if self.share is not None:
            _validation.check_number("share", self.share, above=0, below=1)

    def load(self, name, data_dir):
        held_out = {} if self.share is None else {"validation_share": self.share}
        data = datasets.load(name, data_dir=data_dir, **held_out)
        return data if self.part is None else self.part.of_arrays(data)

    def batches(self, noisy, *, batch_size, augmentation, seed, noise_seed, data_dir, first_epoch=0, with_ids=False):
        del noise_seed, data_dir
        return pipeline.batches(
            noisy,
            batch_size,
            augmentation,
            seed,
            # A smaller last batch would weigh replicas that get less of it as much as the others.
            drop_remainder=tf.distribute.get_strategy().num_replicas_in_sync > 1,
            first_epoch=first_epoch,
            with_ids=with_ids,
        )

    def _whole(self):
        return dataclasses.replace(self, part=None)

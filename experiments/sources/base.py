"""The base class of all sources of examples."""

import dataclasses
from typing import ClassVar


@dataclasses.dataclass(frozen=True)
class Source:
    """Reads a data set, and makes the batches of a training.

    Where `gives_ids`, `batches` takes `with_ids`, as `tfp_noise.pipeline.batches` does.
    """

    gives_ids: ClassVar[bool] = False

    def load(self, name, data_dir):
        """Read a data set.

        Args:
            name: text, the data set's name.
            data_dir: where TensorFlow Datasets keeps its data; its own default if `None`.

        Returns:
            A `tfp_noise.datasets.Dataset` to make noisy and to be scored on. Its training split may be a sample.
        """
        raise NotImplementedError

    def batches(self, noisy, *, batch_size, augmentation, seed, noise_seed, data_dir, first_epoch=0):
        """Make the batches of a training under the present `tf.distribute` strategy.

        Args:
            noisy: what `load` gave, with noisy labels.
            batch_size: int, examples a step.
            augmentation: as in `tfp_noise.pipeline.batches`.
            seed: int, of order and augmentation.
            noise_seed: int, of the noise, for a source that draws the labels while it reads.
            data_dir: as in `load`.
            first_epoch: int, the epoch that the batches begin with.

        Returns:
            A `tfp_noise.pipeline.Batches`.
        """
        raise NotImplementedError

    def settings(self):
        """Return the fields that are not `None` as plain JSON; those of the part stand beside the others."""
        plain = {key: value for key, value in dataclasses.asdict(self).items() if value is not None}
        part = plain.pop("part", {})
        return plain | part

    def is_part_of(self, whole):
        """Return whether `whole` is this source or has all its examples, each in the same split.

        A model that was trained on `whole` has then seen no example that is held out here.

        Args:
            whole: a `Source`.
        """
        return whole in (self, self._whole())

    def _whole(self):
        """This source without its part."""
        return self

"""Parts of a stream, as `sources` has them of arrays: random training examples, and the first classes."""

import dataclasses

import numpy as np
import tensorflow as tf

from experiments import sources
from tfp_noise import _validation


@dataclasses.dataclass(frozen=True)
class RandomExamples(sources.Stream):
    """A stream whose training split is cut to its first examples; validation and test split whole.

    They are random ones, always the same, for TFDS keeps the examples of a split in one random order.

    Args:
        example_share: float in (0, 1), how much of the training examples.
    """

    example_share: float

    def __post_init__(self):
        _validation.check_number("example_share", self.example_share, above=0, below=1)

    def training_examples(self, name, data_dir, worker=None):
        """As of `Stream`."""
        examples = super().training_examples(name, data_dir)
        return _share(examples.take(round(self.example_share * int(examples.cardinality()))), worker)


@dataclasses.dataclass(frozen=True)
class FirstClasses(sources.Stream):
    """A stream of the examples of the first classes, in all three splits; the other classes do not exist.

    Each epoch reads all classes, and before the first the splits are read to count the examples that stay.

    Args:
        class_share: float in (0, 1), how many of the classes, in the order of their numbers, which they keep.
    """

    class_share: float

    def __post_init__(self):
        _validation.check_number("class_share", self.class_share, above=0, below=1)

    def class_names(self, name, data_dir):
        """As of `Stream`."""
        names = super().class_names(name, data_dir)
        return names[: sources.count_classes(self.class_share, len(names), name)]

    def examples(self, name, split, data_dir, worker=None):
        """As of `Stream`."""
        count = len(self.class_names(name, data_dir))
        kept = super().examples(name, split, data_dir).filter(lambda _, label, __: label < count)
        size = kept.reduce(np.int64(0), lambda seen, _: seen + 1)
        return _share(kept.apply(tf.data.experimental.assert_cardinality(size)), worker)


def _share(examples, worker):
    """A worker's share of `examples`, as large as any other's; the others' are read too, and let pass."""
    if worker is None:
        return examples
    count = worker.num_input_pipelines
    return examples.shard(count, worker.input_pipeline_id).take(int(examples.cardinality()) // count)

"""Streams of the examples of data sets that TensorFlow Datasets has prepared."""

import numpy as np
import tensorflow as tf


class Prepared:
    """The examples of a TFDS builder, each with its number in the whole split.

    Args:
        builder: a TFDS builder of a prepared data set with features `image` and `label`.
    """

    def __init__(self, builder):
        self._builder, self.info = builder, builder.info

    def read(self, split):
        """Single examples in a fixed order.

        Their number is the publisher's where the builder keeps it, else the position in the split's files.

        Args:
            split: as in `as_dataset` of a TFDS builder.

        Returns:
            A `tf.data.Dataset` of `(image, label, number)`.
        """
        import tensorflow_datasets as tfds

        if "id" in self.info.features:  # "train_00017" is the 18th in the publisher's order
            number = lambda e: tf.strings.to_number(tf.strings.split(e["id"], "_")[-1], tf.int64)  # noqa: E731
            return self._builder.as_dataset(split).map(lambda e: (e["image"], e["label"], number(e)))
        splits = self.info.splits.values()
        files = tf.constant([file for split in splits for file in split.filenames])
        starts = np.concatenate([np.cumsum([0, *split.shard_lengths[:-1]]) for split in splits])

        def number_by_file(e):
            file, position = tf.unstack(tf.strings.split(e["tfds_id"], "__"), num=2)
            return tf.gather(starts, tf.argmax(files == file)) + tf.strings.to_number(position, tf.int64)

        # Several files are read in parallel, so that examples do not come in the order of their numbers.
        examples = self._builder.as_dataset(split, read_config=tfds.ReadConfig(add_tfds_id=True))
        return examples.map(lambda e: (e["image"], e["label"], number_by_file(e)))

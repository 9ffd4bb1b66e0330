"""Data sets that TensorFlow Datasets has prepared, one example at a time."""

import numpy as np
import tensorflow as tf


class Prepared:
    """The examples of a TFDS builder, each with the number that it has in its whole split.

    Args:
        builder: a TFDS builder whose files are there, with features `image` and `label`.
    """

    def __init__(self, builder):
        self._builder, self.info = builder, builder.info

    def read(self, split):
        """Examples one by one, in a fixed order.

        Their number is that of the publisher where the builder has kept it, else the position in the split's files.

        Args:
            split: what `as_dataset` of a builder takes.

        Returns:
            A `tf.data.Dataset` of `(image, label, number)`.
        """
        import tensorflow_datasets as tfds

        if "id" in self.info.features:  # "train_00017" is the 18th of the publisher's order, which other labels go by
            number = lambda e: tf.strings.to_number(tf.strings.split(e["id"], "_")[-1], tf.int64)  # noqa: E731
            return self._builder.as_dataset(split).map(lambda e: (e["image"], e["label"], number(e)))
        splits = self.info.splits.values()
        files = tf.constant([file for split in splits for file in split.filenames])
        starts = np.concatenate([np.cumsum([0, *split.shard_lengths[:-1]]) for split in splits])

        def number_by_file(e):
            file, position = tf.unstack(tf.strings.split(e["tfds_id"], "__"), num=2)
            return tf.gather(starts, tf.argmax(files == file)) + tf.strings.to_number(position, tf.int64)

        # Several files are read side by side: the order in which examples come is not that of their numbers.
        examples = self._builder.as_dataset(split, read_config=tfds.ReadConfig(add_tfds_id=True))
        return examples.map(lambda e: (e["image"], e["label"], number_by_file(e)))

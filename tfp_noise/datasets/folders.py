"""Image data sets whose files are read where they lie, a folder a split and in it a folder a class.

    DATA_DIR/NAME/SPLIT/CLASS/*.jpg        (or .jpeg, .png)

SPLIT is "train" or "test"; others may lie beside them, to be streamed. NAME, and what its publisher gives, is

- `tiny_imagenet`: 200 classes, 100,000 and 10,000 images of 64x64. `train/CLASS/images/*` belong in `train/CLASS`, and
  `val/images/*`, by `val_annotations.txt`, in `test/CLASS`. The publisher's own `test` has no labels and stays out.
- `imagenet100`: 100 classes of ImageNet, of which there are several choices; images of any size, so to be streamed.
  ImageNet's `val` is the test split.
- `animals10n`: 10 classes, 50,000 and 5,000 images of 64x64. A file's name starts with its class, which in the training
  split is what people said, not always what it is; it stands for the clean label, for no other is published.
- `fgvc_aircraft`: 100 variants of aircraft, 6,667 and 3,333 images of any size, so to be streamed. The publisher's
  `trainval` is the training split.
"""

import numpy as np

NAMES = ("tiny_imagenet", "imagenet100", "animals10n", "fgvc_aircraft")


class Folder:
    """The examples of folders of images; any split may be a slice, as "train[10%:]".

    Args:
        path: where the splits are, a `pathlib.Path`.

    Raises:
        FileNotFoundError: `path` has no `train` or no `test`.
        ValueError: a split has other classes than `train`.
    """

    def __init__(self, path):
        import tensorflow_datasets as tfds

        _check_layout(path)
        self._path, self._builder = path, tfds.ImageFolder(str(path))
        self.info = self._builder.info

    def read(self, split):
        """Examples one by one, never shuffled anew: TFDS lists the files in one random, always equal order.

        Args:
            split: a split or a slice of one, or a sum of them.

        Returns:
            A `tf.data.Dataset` of `(image, label, number)`; a number is the position in the whole split.
        """
        import tensorflow_datasets as tfds

        parts = tfds.core.ReadInstruction.from_spec(split).to_absolute(self.info.splits)
        first, *others = map(self._read_part, parts)
        for other in others:
            first = first.concatenate(other)
        return first

    def _read_part(self, part):
        """The examples of a TFDS read instruction; what it leaves out is not opened."""
        import tensorflow as tf

        start = part.from_ or 0
        # The list behind the builder's `as_dataset`, which reads every file of a split.
        files = self._builder._split_examples[part.splitname][start : part.to]
        label = self.info.features["label"].str2int
        decode = self.info.features["image"].decode_example
        examples = tf.data.Dataset.from_tensor_slices(
            ([file.image_path for file in files], np.array([label(file.label) for file in files], np.int64))
        ).enumerate(start)
        return examples.map(lambda n, file: (decode(tf.io.read_file(file[0])), file[1], n), tf.data.AUTOTUNE)


def _check_layout(path):
    missing = [split for split in ("train", "test") if not (path / split).is_dir()]
    if missing:
        raise FileNotFoundError(
            f"{path.name!r} must be folders of images. Looked for {' and '.join(str(path / s) for s in missing)}. Put "
            f"its images in {path / 'SPLIT' / 'CLASS'}, SPLIT being train or test, as {__name__} says."
        )
    classes = {
        split.name: {c.name for c in split.iterdir() if c.is_dir()} for split in path.iterdir() if split.is_dir()
    }
    for split, found in classes.items():
        wrong = sorted(found ^ classes["train"])
        if wrong:
            raise ValueError(
                f"{str(path / split)!r} must have the classes of 'train', a folder each. Received: {len(found)} and "
                f"{len(classes['train'])} folders, {wrong[0]!r} in one of them only. Are its images sorted by class?"
            )

"""Image data sets as TensorFlow Datasets prepares or lists them, as arrays or one example at a time."""

import pathlib

import numpy as np

from tfp_noise import _validation
from tfp_noise.datasets import base, folders

NAMES = ("mnist", "fashion_mnist", "cifar10", "cifar100", "svhn_cropped")


def load(name, data_dir):
    """Reads a data set whole.

    Args:
        name: one of `NAMES`, or of `folders.NAMES` where all images have one size.
        data_dir: the directory TFDS keeps its data sets in; `None` for its own.

    Returns:
        `(train, test, class_names, None)`: two `Examples` with uint8 features `[n, height, width, channels]`, and a
        tuple of strings. No transition matrix, since the labels are clean.

    Raises:
        FileNotFoundError: it is not prepared there.
    """
    builder = _builder(name, data_dir)
    train, test = (_read(builder, split) for split in ("train", "test"))
    return train, test, class_names(name, data_dir), None


def stream(name, split, data_dir=None):
    """Examples of an image data set one by one, for those that do not fit into memory.

    Args:
        name: any data set that TensorFlow Datasets knows, with features `image` and `label`, such as
            "caltech_birds2011", "oxford_flowers102" or "cars196"; or one of folders of images, as "imagenet100".
        split: as in TFDS, for instance "train" or "validation[:10%]".
        data_dir: the directory TFDS keeps its data sets in; `None` for its own.

    Returns:
        A `tf.data.Dataset` of `(image, label, id)` in a fixed order: uint8 `[height, width, channels]`, int64, int64.
        The ids are those of `load` for the whole split, so that noise drawn by id is the same.

    Raises:
        ValueError: an unknown name.
        FileNotFoundError: it is not prepared there.
    """
    import tensorflow as tf
    import tensorflow_datasets as tfds

    known = [*folders.NAMES, *tfds.list_builders(with_community_datasets=False)]
    builder = _builder(_validation.check_choice("data set", name, known), data_dir)
    examples = builder.as_dataset(split=split)
    if "id" in builder.info.features:
        number = lambda e: tf.strings.to_number(tf.strings.split(e["id"], "_")[-1], tf.int64)  # noqa: E731
        return examples.map(lambda e: (e["image"], e["label"], number(e)))
    return examples.enumerate().map(lambda position, e: (e["image"], e["label"], position))


def class_names(name, data_dir=None):
    """Names of the classes of an image data set.

    Args:
        name: as in `stream`.
        data_dir: as in `stream`.

    Returns:
        A tuple of strings.

    Raises:
        FileNotFoundError: it is not prepared there.
    """
    return tuple(_builder(name, data_dir).info.features["label"].names)


def _builder(name, data_dir):
    """What reads a data set that is ready to be read.

    Raises:
        FileNotFoundError: it is not there.
    """
    import tensorflow_datasets as tfds

    if name in folders.NAMES:
        return folders.Folder(root(data_dir).expanduser() / name)

    builder = tfds.builder(name, data_dir=data_dir)
    if not (pathlib.Path(builder.data_dir) / "dataset_info.json").exists():
        home = str(builder.data_dir_root)
        from_files = (
            "\nor, from the publisher's files in DIR,\n"
            f"  python -m tfp_noise.datasets.prepare {name} --raw DIR --data-dir {home}"
        )
        raise FileNotFoundError(
            f"{name!r} is not prepared: looked in {str(builder.data_dir)!r}. With internet, run\n"
            f'  python -c "import tensorflow_datasets as tfds; tfds.load({name!r}, data_dir={home!r})"'
            f"{from_files if name in NAMES else ''}"
        )
    return builder


def root(data_dir):
    """The directory that `data_dir` means: itself, or for `None` the one TFDS uses."""
    if data_dir is not None:
        return pathlib.Path(data_dir)
    import tensorflow_datasets as tfds

    return pathlib.Path(tfds.builder(NAMES[0]).data_dir_root)


def _read(builder, split):
    import tensorflow_datasets as tfds

    columns = tfds.as_numpy(builder.as_dataset(split=split, batch_size=-1))
    labels = columns["label"].astype(np.int32)
    # TFDS stores examples shuffled; "train_00017" is the 18th of the publisher's order, by which other labels are kept.
    numbers = [int(name.split(b"_")[1]) for name in columns["id"]] if "id" in columns else range(len(labels))
    return base.Examples(columns["image"], labels, np.array(numbers, dtype=np.int64))

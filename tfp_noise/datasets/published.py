"""Image data sets as TensorFlow Datasets prepares them, read whole into arrays."""

import pathlib

import numpy as np

from tfp_noise.datasets import base

NAMES = ("mnist", "fashion_mnist", "cifar10", "cifar100", "svhn_cropped")


def load(name, data_dir):
    """Reads a prepared data set.

    Args:
        name: one of `NAMES`.
        data_dir: the directory TFDS keeps its data sets in; `None` for its own.

    Returns:
        `(train, test, class_names, None)`: two `Examples` with uint8 features `[n, height, width, channels]`, and a
        tuple of strings. No transition matrix, since the labels are clean.

    Raises:
        FileNotFoundError: it is not prepared there.
    """
    import tensorflow_datasets as tfds

    builder = tfds.builder(name, data_dir=data_dir)
    if not (pathlib.Path(builder.data_dir) / "dataset_info.json").exists():
        home = str(builder.data_dir_root)
        raise FileNotFoundError(
            f"{name!r} is not prepared: looked in {str(builder.data_dir)!r}. With internet, run\n"
            f'  python -c "import tensorflow_datasets as tfds; tfds.load({name!r}, data_dir={home!r})"\n'
            "or, from the publisher's files in DIR,\n"
            f"  python -m tfp_noise.datasets.prepare {name} --raw DIR --data-dir {home}"
        )
    train, test = (_read(builder, split) for split in ("train", "test"))
    return train, test, tuple(builder.info.features["label"].names), None


def root(data_dir):
    """The directory that `data_dir` means: itself, or for `None` the one TFDS uses."""
    if data_dir is not None:
        return pathlib.Path(data_dir)
    import tensorflow_datasets as tfds

    return pathlib.Path(tfds.builder(NAMES[0]).data_dir_root)


def _read(builder, split):
    import tensorflow_datasets as tfds

    columns = tfds.as_numpy(builder.as_dataset(split=split, batch_size=-1, shuffle_files=False))
    labels = columns["label"].astype(np.int32)
    # TFDS stores examples shuffled; "train_00017" is the 18th of the publisher's order, by which other labels are kept.
    numbers = [int(name.split(b"_")[1]) for name in columns["id"]] if "id" in columns else range(len(labels))
    return base.Examples(columns["image"], labels, np.array(numbers, dtype=np.int64))

"""Image data sets of TensorFlow Datasets and of folders, as arrays or as streams."""

import os
import pathlib

import numpy as np
import tensorflow as tf

from tfp_noise import _extras, _validation
from tfp_noise.datasets import base, folders, prepared

NAMES = ("mnist", "fashion_mnist", "cifar10", "cifar100", "svhn_cropped")


def load(name, data_dir):
    """Reads a whole data set into memory.

    Args:
        name: one of `NAMES`, or of `folders.NAMES` where all images have one size.
        data_dir: directory of TFDS's data sets; `None` for TFDS's default.

    Returns:
        `(train, test, class_names, None)`: two `Examples` with uint8 features `[n, height, width, channels]`, and a
        tuple of strings. The `None` is the transition matrix, because labels are clean, or, in the training split of
        `folders.ANNOTATED`, given ones whose noise nobody knows.

    Raises:
        FileNotFoundError: if the data set is not prepared in `data_dir`.
        ValueError: if its images differ in size, or a file is damaged.
    """
    reader = _reader(name, data_dir)
    try:
        train, test = (_as_arrays(name, reader, split) for split in ("train", "test"))
    except Exception as error:  # damaged files can raise anything
        if isinstance(reader, folders.Folder):
            raise
        raise _damaged(root(data_dir) / name, error) from error
    return train, test, class_names(name, data_dir), None


def stream(
    name: str,
    split: str,
    data_dir: str | os.PathLike | None = None,
    input_context: tf.distribute.InputContext | None = None,
) -> tf.data.Dataset:
    """Single examples of an image data set, for data sets that do not fit into memory.

    Args:
        name: any data set of TensorFlow Datasets (TFDS) with features `image` and `label`, such as "caltech_birds2011",
            "oxford_flowers102" or "cars196"; or one that is read from folders, such as "imagenet100".
        split: text, as in TFDS, for instance "train" or "validation[:10%]".
        data_dir: directory of TFDS's data sets; `None` for TFDS's default.
        input_context: the `tf.distribute.InputContext` of a worker that reads only its own shard; `None` for the whole
            split. Shards have equal size, because all workers take the same number of steps: the last examples of a
            split, fewer than the number of workers, may be in no shard.

    Returns:
        A `tf.data.Dataset` of `(image, label, id)` in a fixed order: uint8 `[height, width, channels]`, int64, int64.
        An example's id is that of `load`, its number in the whole split, whatever slice or shard is read, so that
        noise drawn from it is the same. In a sum of splits two examples may have the same id, and then get the same
        random number.

    Raises:
        FileNotFoundError: if the data set is not prepared in `data_dir`.
        TypeError: if an argument is of another type.
        ValueError: if `name` is unknown.
    """
    tfds = _extras.load("tensorflow_datasets", "`datasets.stream`")
    if input_context is not None:
        _validation.check_instance("input_context", input_context, tf.distribute.InputContext)
    reader = _reader(_check_name(name), data_dir)
    if input_context is not None:
        shards = tfds.even_splits(split, input_context.num_input_pipelines, drop_remainder=True)
        split = shards[input_context.input_pipeline_id]
    return reader.read(split)


def class_names(name: str, data_dir: str | os.PathLike | None = None) -> tuple[str, ...]:
    """The names of the classes of an image data set.

    Args:
        name: as in `stream`.
        data_dir: as in `stream`.

    Returns:
        A tuple of strings, in the order of the class indices.

    Raises:
        FileNotFoundError: if the data set is not prepared in `data_dir`.
        ValueError: if `name` is unknown.
    """
    return tuple(_reader(_check_name(name), data_dir).info.features["label"].names)


def examples_of(name: str, split: str, images: np.ndarray, labels: np.ndarray, ids: np.ndarray) -> base.Examples:
    """Examples that were read from a split, with their labels as true ones or as given ones.

    Args:
        name: as in `stream`.
        split: as in `stream`.
        images: uint8 `[n, height, width, channels]`.
        labels: int `[n]`.
        ids: int `[n]`.

    Returns:
        `Examples`. `labels` is `None` and `observed` has the labels if they are an annotator's.
    """
    is_given = name in folders.ANNOTATED and split.startswith("train")
    return base.Examples(images, None if is_given else labels, ids, labels if is_given else None)


def _check_name(name):
    """`name` if it is a data set that can be streamed."""
    tfds = _extras.load("tensorflow_datasets", f"The data set {name!r:.50}")
    known = [*folders.NAMES, *tfds.list_builders(with_community_datasets=False)]
    return _validation.check_choice("name", name, known, "data set")


def _reader(name, data_dir):
    """The reader of a data set: a `Folder`, or a `Prepared`.

    Raises:
        FileNotFoundError: if the data set is missing.
    """
    tfds = _extras.load("tensorflow_datasets", f"The data set {name!r}")
    if name in folders.NAMES:
        return folders.Folder(root(data_dir).expanduser() / name)

    try:
        builder = tfds.builder(name, data_dir=data_dir if data_dir is None else root(data_dir))
    except Exception as error:  # a damaged description can raise anything
        raise _damaged(root(data_dir) / name, error) from error
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
    return prepared.Prepared(builder)


def root(data_dir):
    """`data_dir` as a path; for `None` TFDS's default directory."""
    if data_dir is not None:
        return _validation.check_path("data_dir", data_dir)
    tfds = _extras.load("tensorflow_datasets", "The default of `data_dir`")
    return pathlib.Path(tfds.builder(NAMES[0]).data_dir_root)


def _as_arrays(name, reader, split):
    examples = reader.read(split)
    try:
        images, labels, numbers = examples.batch(len(examples)).get_single_element()
    except tf.errors.InvalidArgumentError as error:
        if not isinstance(reader, folders.Folder):
            raise
        raise ValueError(
            f"Images of {name!r} must have one size to be loaded as arrays. Received: {reader.differing(split)}. Read "
            "them by `datasets.stream`, or resize the files."
        ) from error
    if len(labels) != len(examples):
        raise ValueError(f"{name!r} must have {len(examples)} examples. Received: {len(labels)}")
    return examples_of(name, split, images.numpy(), labels.numpy().astype(np.int32), numbers.numpy())


def _damaged(place, error):
    return ValueError(f"The data set in {str(place)!r} cannot be read: {error}. Delete it, and prepare it again.")

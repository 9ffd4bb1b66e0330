"""Clothing1M from its published folder: a million images with noisy labels, and some with clean ones."""

import dataclasses
import os

import numpy as np
import tensorflow as tf

from tfp_noise import _random, _validation
from tfp_noise.datasets import base, human

__all__ = ["Clothing1M", "balanced_stream", "load", "stream"]

PUBLISHER = "https://github.com/Cysu/noisy_label"
NUM_CLASSES = 14
PER_CLASS = 18_976  # epochs of 14 * 18,976 = 265,664 images

_CLASS_NAMES = "category_names_eng.txt"
_CURE = "Copy it again from the release."
_LABELS = {"clean": "clean_label_kv.txt", "noisy": "noisy_label_kv.txt"}
_KEYS = {
    "noisy_train": "noisy_train_key_list.txt",
    "clean_train": "clean_train_key_list.txt",
    "validation": "clean_val_key_list.txt",
    "test": "clean_test_key_list.txt",
}


@dataclasses.dataclass(frozen=True)
class Clothing1M:
    """The labels of all images, as `load` reads them. The features of all examples are paths of files, strings `[n]`.

    Args:
        noisy: the million images to train on; `observed` holds their noisy labels, and `labels` is `None`, because the
            clean ones are not known.
        trusted: the images of the clean training split that also have a noisy label, as `observed`; they are not in
            `noisy`.
        validation: images with clean labels.
        test: images with clean labels.
        class_names: 14 strings.
    """

    noisy: base.Examples
    trusted: base.Examples
    validation: base.Examples
    test: base.Examples
    class_names: tuple[str, ...]

    @property
    def transition(self):
        """Float64 `[14, 14]`: the fraction of each clean class (row) with each noisy label, counted over `trusted`."""
        return human.count_transition(base.true_labels("trusted", self.trusted), self.trusted.observed, NUM_CLASSES)


def load(directory: str | os.PathLike) -> Clothing1M:
    """Reads the paths and labels of all images, but no image.

    `directory` has the published layout: the seven text files (`noisy_label_kv.txt`, `clean_label_kv.txt`, a list of
    keys for each of the splits, `category_names_eng.txt`) and `images/0/...` to `images/9/...`, unpacked. A key is a
    path such as `images/7/23/1.jpg`; a line of the label files is a key and a class from 0 to 13.

    Args:
        directory: path of the published folder.

    Returns:
        A `Clothing1M`. Ids, int64 `[n]`, are positions in the split's list of keys.

    Raises:
        FileNotFoundError: if a text file or an image is missing.
        TypeError: if `directory` is not a path.
        ValueError: if a text file has another format than the published one.

    References:
        Xiao, Xia, Yang, Huang, Wang. Learning from massive noisy labeled data for image classification. CVPR 2015.
    """
    folder = _validation.check_path("directory", directory).expanduser()
    missing = [file for file in [_CLASS_NAMES, *_LABELS.values(), *_KEYS.values()] if not (folder / file).is_file()]
    if missing:
        raise FileNotFoundError(
            f"{str(folder)!r} must have the published files of Clothing1M. Missing: {', '.join(missing)}. They and "
            f"the images are given out by their authors on request, see {PUBLISHER}; put them there unchanged."
        )
    class_names = tuple(_read_text(folder / _CLASS_NAMES).strip().splitlines())
    if len(class_names) != NUM_CLASSES:
        raise ValueError(
            f"{str(folder / _CLASS_NAMES)!r} must name {NUM_CLASSES} classes, one in each line. "
            f"Received: {len(class_names)}. {_CURE}"
        )
    labels = {kind: _read_labels(folder / file) for kind, file in _LABELS.items()}
    keys = {split: _read_text(folder / file).split() for split, file in _KEYS.items()}
    twice = [key for key in keys["clean_train"] if key in labels["noisy"]]
    _check_images(folder, {**keys, "clean_train": twice})

    def read(split_keys, kind):
        unknown = [key for key in split_keys if key not in labels[kind]]
        if unknown:
            raise ValueError(
                f"{str(folder / _LABELS[kind])!r} must label every key of the lists. Received: {len(unknown)} keys "
                f"without a label, the first {unknown[0]!r}. Are all files of one release? {_CURE}"
            )
        return np.array([labels[kind][key] for key in split_keys], np.int32)

    def examples(split_keys, *kinds):
        files = np.array([f"{folder}/{key}" for key in split_keys], dtype=object)
        true, given = (read(split_keys, kind) if kind in kinds else None for kind in ("clean", "noisy"))
        return base.Examples(files, true, np.arange(len(split_keys)), given)

    return Clothing1M(
        examples(keys["noisy_train"], "noisy"),
        examples(twice, "clean", "noisy"),
        examples(keys["validation"], "clean"),
        examples(keys["test"], "clean"),
        class_names,
    )


def stream(examples: base.Examples) -> tf.data.Dataset:
    """Single images with their labels, in the order of `examples`.

    Args:
        examples: a split of a `Clothing1M`, or a part of one.

    Returns:
        A `tf.data.Dataset` of `(image, label, id)`: uint8 `[height, width, 3]`, int32, int64; labels are those that
        training may see.

    Raises:
        TypeError: if `examples` is not a `datasets.Examples`.
    """
    _validation.check_instance("examples", examples, base.Examples)
    columns = examples.features, examples.training_labels, examples.ids
    return tf.data.Dataset.from_tensor_slices(columns).map(_read_image, tf.data.AUTOTUNE)


def balanced_stream(
    examples: base.Examples, per_class: int = PER_CLASS, seed: int = 0, first_epoch: int = 0
) -> tf.data.Dataset:
    """Endless epochs with the same number of images of each class, drawn without replacement and shuffled.

    Classes are those of the noisy labels, which training sees. Epoch `e` is a function of `(seed, e)`.

    Args:
        examples: a split of a `Clothing1M`, or a part of one.
        per_class: int >= 1; an epoch has `14 per_class` images.
        seed: int in [0, 2^31).
        first_epoch: int >= 0, the epoch that the stream begins with, for runs that resume.

    Returns:
        An endless `tf.data.Dataset` with elements as in `stream`.

    Raises:
        TypeError: if an argument is of another type.
        ValueError: if a number is out of range, or a class has fewer than `per_class` images.

    References:
        Li, Socher, Hoi. DivideMix: learning with noisy labels as semi-supervised learning. ICLR 2020. The default makes
        epochs of 265,664 images, as in Englesson et al. 2023.
    """
    _validation.check_instance("examples", examples, base.Examples)
    per_class = _validation.check_int("per_class", per_class, 1)
    seed = _validation.check_seed(seed)
    first_epoch = _validation.check_int("first_epoch", first_epoch, 0)
    sizes = np.bincount(examples.training_labels, minlength=NUM_CLASSES)
    if sizes.min() < per_class:
        raise ValueError(
            f"`per_class` must be at most {sizes.min()}, the size of the smallest class ({sizes.argmin()}). Received: "
            f"{per_class}."
        )
    with tf.device("CPU:0"):
        columns = [tf.constant(c) for c in (examples.features, examples.training_labels, examples.ids)]
    starts = np.cumsum(sizes) - sizes

    def epoch_of_examples(epoch):
        seeds = tf.random.split(_random.epoch_seed(seed, epoch))
        shuffled = tf.random.experimental.stateless_shuffle(tf.range(len(examples)), seeds[0])
        by_class = tf.gather(shuffled, tf.argsort(tf.gather(columns[1], shuffled), stable=True))
        first = tf.gather(by_class, tf.reshape(starts[:, None] + np.arange(per_class), [-1]))
        order = tf.random.experimental.stateless_shuffle(first, seeds[1])
        return tf.data.Dataset.from_tensor_slices(tuple(tf.gather(column, order) for column in columns))

    return tf.data.Dataset.counter(first_epoch).flat_map(epoch_of_examples).map(_read_image, tf.data.AUTOTUNE)


def _read_image(path, label, number):
    return tf.io.decode_jpeg(tf.io.read_file(path), channels=3), label, number


def _read_text(path):
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{str(path)!r} must be UTF-8 text, as published. Received: {error}. {_CURE}") from error


def _read_labels(path):
    """`{key: class}` of a label file."""
    labels = {}
    for number, line in enumerate(_read_text(path).splitlines(), 1):
        key, _, label = line.strip().rpartition(" ")
        if not (key and label.isdecimal() and len(label) <= 2 and int(label) < NUM_CLASSES):
            raise ValueError(
                f"{str(path)!r} must hold lines such as 'images/7/23/1.jpg 5', with a class below {NUM_CLASSES}. "
                f"Received: {line!r:.100} in line {number}. {_CURE}"
            )
        labels[key] = int(label)
    return labels


def _check_images(directory, keys):
    """Refuses keys without an image. Each folder is listed once, because a million single look-ups would be slow."""
    there = {
        f"{folder}/{name}"
        for folder in {key.rpartition("/")[0] for split in keys.values() for key in split}
        if (directory / folder).is_dir()
        for name in os.listdir(directory / folder)
    }
    missing = [(key, _KEYS[split]) for split, wanted in keys.items() for key in wanted if key not in there]
    if missing:
        key, file = missing[0]
        raise FileNotFoundError(
            f"{str(directory)!r} must hold the images of Clothing1M. Missing: {len(missing)} of "
            f"{sum(map(len, keys.values()))}, the first, in {file!r}, {key!r}. Unpack the publisher's 0.tar to 9.tar "
            f"in {str(directory / 'images')!r}. Is that list itself damaged? {_CURE}"
        )

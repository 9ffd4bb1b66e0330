"""A user's own images as a data set: a folder for each class, or an index of files and labels."""

import collections
import concurrent.futures
import itertools
import os
import pathlib
import warnings
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from PIL import ExifTags, Image

from tfp_noise import _validation
from tfp_noise.datasets import csv_columns, folders, own_arrays, own_labels
from tfp_noise.datasets.dataset import Dataset

_LISTED = 10
# EXIF's orientation -> quarter turns against the clock, and whether left and right are swapped afterwards.
_TURNS = {2: (0, True), 3: (2, False), 4: (2, True), 5: (3, True), 6: (3, False), 7: (1, True), 8: (1, False)}


def from_directory(
    path: str | os.PathLike[str],
    image_size: int | tuple[int, int] | None = None,
    *,
    labels: str | os.PathLike[str] | None = None,
    file: str = "file",
    label: str = "label",
    class_names: Sequence[str] | None = None,
    validation_share: float = 0.1,
    seed: int = 0,
) -> Dataset:
    """Makes a data set of image files, whose labels may be wrong.

    The files lie in a folder for each class, `path/CLASS/*.jpg` (or .jpeg, .png; or in a folder `images` there), or
    anywhere in `path`, with a CSV file that gives each its label. Files and folders whose names begin with a dot are
    passed over. Images that cannot be read are left out. All others are in memory at once, turned as their camera noted
    in them (EXIF).

    Args:
        path: a folder.
        image_size: height and width in pixels, or one number for both, to which all images are resized, their
            proportions given up; `None` for images that have one size.
        labels: a CSV file that lists files and labels; `None` where folders are the classes.
        file: its column of files, paths in `path`.
        label: its column of labels.
        class_names: all classes in their order; `None` for those that occur, sorted.
        validation_share: float in [0, 1), the fraction of the examples that is held out, with the classes in the
            proportions of the given labels.
        seed: int in [0, 2^31), which decides what is held out.

    Returns:
        A `Dataset` with the name of the folder. Features are uint8 `[n, height, width, 3]`, `observed` holds the given
        labels, `labels` is `None`, and `ids` are the files, strings such as "cat/1.jpg".

    Raises:
        FileNotFoundError: there is no such folder, index, or file of the index.
        ValueError: images of several sizes without `image_size`; a folder without images that can be read; a column
            that is not there; labels that `from_arrays` refuses.

    Warns:
        UserWarning: images that cannot be read, or are of another format, are left out.

    Example:
        >>> import keras, pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp())
        >>> for name in ("cat", "dog"):
        ...     (path / name).mkdir()
        ...     for number in range(5):
        ...         keras.utils.save_img(path / name / f"{number}.png", np.full([4, 4, 3], number), scale=False)
        >>> data = from_directory(path, validation_share=0.2)
        >>> data.class_names, data.input_shape, len(data.train), str(data.train.ids[0])
        (('cat', 'dog'), (4, 4, 3), 8, 'cat/0.png')
    """
    folder = _validation.check_path("path", path).expanduser()
    size = _check_size(image_size)
    for argument, column in (("file", file), ("label", label)) if labels is None else ():
        if not isinstance(column, str) or column != argument:
            raise ValueError(f"`{argument}` is a column of `labels`. Received: {column!r:.100} without it. Pass both.")
    if not folder.is_dir():
        raise FileNotFoundError(f"`path` must be a folder of images. Received: {str(folder)!r}, which is none.")
    files, given, others = (
        _by_folder(folder) if labels is None else _by_index(folder, labels, (file, label), class_names)
    )
    images, kept = _read(folder, files, size)
    _warn_of_left_out(folder, files, kept, others)
    known = list(itertools.compress(given, kept))
    lost = sorted(set(given) - set(known))
    name = "path" if labels is None else "labels"
    if lost:
        raise ValueError(
            f"`{name}` must have an image of each class that can be read. Received: none of {lost[0]!r}. Copy its "
            "images again, or leave the class out."
        )
    if labels is None:
        known = own_labels.from_text(known, class_names)
    classes, indices = own_labels.find(name, known, class_names)
    return own_arrays.make(
        folder.resolve().name,
        images,
        indices,
        classes,
        ids=np.array(files)[kept],
        validation_share=validation_share,
        seed=seed,
    )


def _check_size(size):
    if size is None:
        return None
    height, width = size if isinstance(size, (tuple, list)) and len(size) == 2 else (size, size)
    return tuple(_validation.check_int("image_size", one, 1) for one in (height, width))


def _by_folder(path):
    """Files relative to `path`, their labels, and files of other formats, in a folder for each class."""
    found, others = [], []
    for folder in folders.subfolders(path):
        below = [one for one in folders.subfolders(folder) if one.name != "images"]
        if below:
            raise ValueError(
                f"`path` must hold a folder of images for each class. Received: the folder {below[0].name!r} in "
                f"{folder.name!r}. If the folders in {str(folder)!r} are the classes, pass that; else move the images."
            )
        files = [one for part in (folder, folder / "images") if part.is_dir() for one in sorted(part.iterdir())]
        files = [one for one in files if not one.name.startswith(".")]
        images = [one for one in files if one.suffix.lower() in folders.READ]
        others += [_relative(path, one) for one in files if one.suffix.lower() in folders.NOT_READ]
        if not images:
            raise ValueError(
                f"`path` must hold a folder of images for each class, as {', '.join(folders.READ)}. Received none in "
                f"{folder.name!r}. Take that folder away, or convert its images, by Pillow: "
                "`Image.open(file).convert('RGB').save(file.with_suffix('.png'))`."
            )
        found += [(_relative(path, one), folder.name) for one in images]
    if not found:
        raise ValueError(
            f"`path` must hold a folder of images for each class. Received no folders in {str(path)!r}. Give the "
            "labels of images that lie in one folder by a CSV file that lists files and labels, as `labels`."
        )
    return [file for file, _ in found], [label for _, label in found], others


def _relative(path, file):
    return file.relative_to(path).as_posix()


def _by_index(path, labels, names, class_names):
    """Files relative to `path`, their labels, and files of other formats, as a CSV file lists them."""
    index = _validation.check_path("labels", labels).expanduser()
    columns = csv_columns.read(index)
    for argument, name in zip(("file", "label"), names, strict=True):
        _validation.check_choice(argument, name, columns, f"column of {index.name!r}")
    files, given = (columns[name] for name in names)
    given = csv_columns.labels("labels", index, names[1], given, class_names)
    missing = [file for file in files if not (path / file).is_file()]
    if missing:
        raise FileNotFoundError(
            f"`labels` must name files in {str(path)!r}. Received: {len(missing)} of {len(files)} that are not there, "
            f"such as {missing[0]!r}. Give the folder that the paths in {index.name!r} start from as `path`; or take "
            "the lines of files that are lost out of it."
        )
    twice = [file for file, count in collections.Counter(files).items() if count > 1]
    if twice:
        raise ValueError(
            f"`labels` must name every file once. Received: {len(twice)} more than once in {index.name!r}, such as "
            f"{twice[0]!r}. Votes of several annotators go by `datasets.from_votes`."
        )
    is_read = [pathlib.PurePath(file).suffix.lower() in folders.READ for file in files]
    if not any(is_read):
        raise ValueError(
            f"`labels` must name images, as {', '.join(folders.READ)}. Received: none among {len(files)} files, such "
            f"as {files[0]!r}. Convert them, by Pillow: `Image.open(file).convert('RGB').save('file.png')`."
        )
    others = [file for file, read in zip(files, is_read, strict=True) if not read]
    return list(itertools.compress(files, is_read)), list(itertools.compress(given, is_read)), others


def _read(path, files, size):
    """The images that can be read, uint8 `[n, height, width, 3]`, and bool `[len(files)]`, which these are."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        images = list(pool.map(lambda file: _image(path / file, size), files))
    kept = np.array([image is not None for image in images], bool)
    shapes = {image.shape: file for image, file in zip(images, files, strict=True) if image is not None}
    if len(shapes) > 1:
        (first, one), (second, other) = list(shapes.items())[:2]
        raise ValueError(
            f"`image_size` must be given for images of several sizes. Received: None, with {one!r} of {first[0]} x "
            f"{first[1]} pixels and {other!r} of {second[0]} x {second[1]}. Pass the height and width to resize to."
        )
    images = [image for image in images if image is not None]
    return np.stack(images) if images else np.zeros([0, 1, 1, 3], np.uint8), kept


def _image(file, size):
    """An image, uint8 `[height, width, 3]`, or `None` if it cannot be read."""
    try:
        image = folders.decode(tf.io.read_file(str(file)))
    except tf.errors.OpError:
        return None
    pixels = _turned(image.numpy(), file)
    if size is not None and pixels.shape[:2] != size:
        pixels = tf.cast(tf.round(tf.image.resize(pixels, size, antialias=True)), tf.uint8).numpy()
    return pixels


def _turned(pixels, file):
    """An image as it was seen; a camera that was held on its side notes that in the file, and stores it unturned."""
    try:
        with Image.open(file) as opened:
            turns, is_mirrored = _TURNS.get(opened.getexif().get(ExifTags.Base.Orientation), (0, False))
    except Exception:  # of any kind, as damaged metadata of images raise
        return pixels
    pixels = np.rot90(pixels, turns)
    return pixels[:, ::-1] if is_mirrored else pixels


def _warn_of_left_out(path, files, kept, others):
    for left_out, fault, cure in (
        (list(itertools.compress(files, ~kept)), "could not be read", "Copy such files again"),
        (others, f"had another format than {', '.join(folders.READ)}", "Convert such files"),
    ):
        if left_out:
            listed = ", ".join(map(repr, left_out[:_LISTED])) + (" and so on" if len(left_out) > _LISTED else "")
            warnings.warn(
                f"{len(left_out)} of {len(files) + len(others)} files in {str(path)!r} {fault} and had to be left out: "
                f"{listed}. {cure}, or delete them.",
                stacklevel=3,
            )

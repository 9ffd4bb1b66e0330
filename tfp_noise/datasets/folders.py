"""Image data sets that are read from folders: one for each split, and in it one for each class.

    DATA_DIR/NAME/SPLIT/CLASS/*.jpg        (or .jpeg, .png)

SPLIT is "train" or "test"; folders of other splits may be beside them, to be streamed. NAME is one of the following,
listed with the numbers of training and test images:

- `tiny_imagenet`: 200 classes, 100,000 and 10,000 images of 64x64, read as published: the training split from
  `train/CLASS/images/*`, the test split from `val/images/*` and `val/val_annotations.txt`. The publisher's own `test`
  has no labels and is not read.
- `imagenet100`: 100 classes of ImageNet, for which several choices are in use. Images differ in size, so that they can
  only be streamed. ImageNet's `val` is the test split.
- `animals10n`: 10 classes, 50,000 and 5,000 images of 64x64. A file's name starts with its class. In the training split
  that is an annotator's label, which may be wrong; the true ones are not published. `load` has it in
  `Examples.observed`, and `None` in `Examples.labels`.
- `fgvc_aircraft`: 100 variants of aircraft, 6,667 and 3,333 images that differ in size, so that they can only be
  streamed. The publisher's `trainval` is the training split.

The images of a class may also be in a folder `images` inside the folder of the class. Files and folders whose names
begin with a dot are ignored, and so are files that are not images; images in other formats and truncated files are
errors that name the file. Damage in the middle of a file is found when the image is decoded: `load` then raises an
error, and in a stream TensorFlow ends the training. Images are not turned as a camera's EXIF entry asks; Pillow can do
that beforehand: `ImageOps.exif_transpose(Image.open(file)).save(file)`.
"""

import concurrent.futures
import pathlib
import random
import types

import numpy as np

NAMES = ("tiny_imagenet", "imagenet100", "animals10n", "fgvc_aircraft")
# Training splits whose labels are those of annotators, with true ones that nobody knows.
ANNOTATED = frozenset(["animals10n"])
# Endings of the images that are read, and of those that are not.
READ = (".jpg", ".jpeg", ".png")
NOT_READ = frozenset(
    (".avif", ".bmp", ".gif", ".heic", ".heif", ".jfif", ".jp2", ".jpe", ".pbm", ".pgm", ".ppm", ".tif", ".tiff")
    + (".webp",)
)
# First and last bytes of complete files.
_JPEG, _PNG = (b"\xff\xd8\xff", b"\xff\xd9"), (b"\x89PNG\r\n\x1a\n", b"IEND")


class Folder:
    """The examples of folders of images; any split may be a slice, such as "train[10%:]".

    Args:
        path: `pathlib.Path` of the folder that has the splits.

    Raises:
        FileNotFoundError: if `path` has no `train` or no `test`.
        ValueError: if a split has other classes than `train`, a class has no image, or a file has another format.
    """

    def __init__(self, path):
        import tensorflow_datasets as tfds

        splits = _published_tiny_imagenet(path) or _splits(path)
        names = sorted(splits["train"])
        self._files = {split: _in_order(split, classes, names) for split, classes in splits.items()}
        sizes = [
            tfds.core.SplitInfo(name=split, shard_lengths=[len(files)], num_bytes=0)
            for split, files in self._files.items()
        ]
        self.info = types.SimpleNamespace(
            features={"label": tfds.features.ClassLabel(names=names)}, splits=tfds.core.SplitDict(sizes)
        )

    def read(self, split):
        """Single examples in a random order that is always the same.

        Args:
            split: a split or a slice of one, or a sum of them.

        Returns:
            A `tf.data.Dataset` of `(image, label, number)`; a number is the position in the whole split.

        Raises:
            ValueError: if a file is empty, truncated, or not an image.
        """
        first, *others = (self._read(*part) for part in self._parts(split))
        for other in others:
            first = first.concatenate(other)
        return first

    def differing(self, split):
        """Text that names two images of different shapes, and the shapes.

        Raises:
            ValueError: if one of the images cannot be read; the message names it.
        """
        first = None
        for files, _ in self._parts(split):
            for file, _ in files:
                shape = _shape(file)
                if shape is None:
                    raise _damaged([file], len(files))
                first = first or (shape, file)
                if shape != first[0]:
                    return f"{first[0]} in {first[1]!r} and {shape} in {file!r}"
        return "several"

    def _parts(self, split):
        """The files of each slice in a sum of slices, each with the position of its first file in the split."""
        import tensorflow_datasets as tfds

        for part in tfds.core.ReadInstruction.from_spec(split).to_absolute(self.info.splits):
            start = part.from_ or 0
            yield self._files[part.splitname][start : part.to], start

    def _read(self, files, start):
        import tensorflow as tf

        _check_whole([file for file, _ in files])
        paths, labels = [file for file, _ in files], np.array([label for _, label in files], np.int64)
        examples = tf.data.Dataset.from_tensor_slices((paths, labels)).enumerate(start)
        return examples.map(lambda n, file: (decode(tf.io.read_file(file[0])), file[1], n), tf.data.AUTOTUNE)


def decode(content):
    """The pixels of an encoded image, uint8 `[height, width, 3]`."""
    import tensorflow as tf

    image = tf.io.decode_image(content, channels=3, expand_animations=False)
    image.set_shape([None, None, 3])
    return image


def _shape(file):
    """Shape of an image, or `None` if it cannot be read."""
    import tensorflow as tf

    try:
        return tuple(decode(tf.io.read_file(file)).shape)
    except tf.errors.OpError:
        return None


def _in_order(split, classes, names):
    """Files and class indices in the order of TFDS's `ImageFolder`, which determines the ids."""
    files = [(str(file), label) for label, name in enumerate(names) for file in classes[name]]
    random.Random(split).shuffle(files)
    return files


def _check_whole(files):
    """Refuses files that are empty, truncated, or not images; those with unusual first or last bytes are decoded."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        doubtful = [file for file, whole in zip(files, pool.map(_has_ends, files), strict=True) if not whole]
    if damaged := [file for file in doubtful if _shape(file) is None]:
        raise _damaged(damaged, len(files))


def _has_ends(file):
    with open(file, "rb") as stream:
        begin = stream.read(8)
        stream.seek(-min(64, stream.seek(0, 2)), 2)
        end = stream.read()
    return any(begin.startswith(first) and last in end for first, last in (_JPEG, _PNG))


def _damaged(files, count):
    return ValueError(
        f"{files[0]!r} must be a complete JPEG or PNG image. Received {pathlib.Path(files[0]).stat().st_size} bytes "
        f"that are not; there are {len(files)} such files among {count}. Fetch them again, or delete them: "
        + ", ".join(map(repr, files[:10]))
        + ("." if len(files) <= 10 else " and so on.")
    )


def _splits(path):
    """`{split: {class: files}}` of folders of classes in folders of splits."""
    missing = [split for split in ("train", "test") if not (path / split).is_dir()]
    if missing:
        raise FileNotFoundError(
            f"{path.name!r} must be folders of images. Looked for {' and '.join(str(path / s) for s in missing)}. Put "
            f"its images in {path / 'SPLIT' / 'CLASS'}, where SPLIT is train or test, as {__name__} describes."
        )
    classes = {split.name: {one.name: one for one in subfolders(split)} for split in subfolders(path)}
    for split, found in classes.items():
        wrong = sorted(found.keys() ^ classes["train"].keys())
        if wrong:
            raise ValueError(
                f"{str(path / split)!r} must have the classes of 'train', one folder for each. Received: {len(found)} "
                f"and {len(classes['train'])} folders, {wrong[0]!r} in only one of them. Are images sorted by class?"
            )
    return {split: {name: _images(one) for name, one in found.items()} for split, found in classes.items()}


def _published_tiny_imagenet(path):
    """`{split: {class: files}}` of Tiny-ImageNet in its published layout; `None` for another layout."""
    annotations = path / "val" / "val_annotations.txt"
    if not annotations.is_file() or not (path / "train").is_dir():
        return None
    train = {one.name: _images(one) for one in subfolders(path / "train")}
    test = {name: [] for name in train}
    for number, line in enumerate(annotations.read_text().splitlines(), 1):
        file, name = [*line.split("\t"), ""][:2]
        if name not in test or not (path / "val" / "images" / file).is_file():
            raise ValueError(
                f"{str(annotations)!r} must name an image in 'images' beside it and its class in each line. Received: "
                f"{line!r:.100} in line {number}. Are all files unpacked, and of one release?"
            )
        test[name].append(path / "val" / "images" / file)
    return {"train": train, "test": {name: sorted(files) for name, files in test.items()}}


def subfolders(path):
    """The folders in `path`, sorted, without hidden ones."""
    return sorted(one for one in path.iterdir() if one.is_dir() and not one.name.startswith("."))


def _images(folder):
    """The images of a class, sorted; those in a folder `images` in it, if there is one."""
    entries = sorted(one for one in folder.iterdir() if not one.name.startswith("."))
    below = [one for one in entries if one.is_dir()]
    if [one.name for one in below] == ["images"]:
        return _images(below[0])
    wrong = below + [one for one in entries if one.suffix.lower() in NOT_READ]
    if wrong:
        raise ValueError(
            f"{str(folder)!r} must hold the images of one class, as {', '.join(READ)}. Received: "
            f"{'the folder' if below else 'the file'} {wrong[0].name!r}, one of {len(wrong)} such. "
            + (
                f"Move its images to {str(folder)!r}, or remove the folder."
                if below
                else "Convert such files by Pillow: `Image.open(file).convert('RGB').save(file.with_suffix('.png'))`. "
                "Then delete them."
            )
        )
    images = [one for one in entries if one.suffix.lower() in READ]
    if not images:
        raise ValueError(
            f"{str(folder)!r} must hold images of its class, as {', '.join(READ)}. Received none. Put them there, or "
            "remove the class's folder from all splits."
        )
    return images

"""Other files in folders of images: ignored, or refused by name before training."""

import io
import shutil

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image

from tfp_noise import datasets
from tfp_noise.datasets import folders

CLASSES = ("cat", "dog")
NAME = "animals10n"


def encoded(number, kind="JPEG", size=(16, 16)):
    pixels = np.random.default_rng(number).integers(256, size=(*size, 3)).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


@pytest.fixture
def train(tmp_path):
    """The training folder of a small data set in `tmp_path`, six images in each split."""
    for split in ("train", "test"):
        for name in CLASSES:
            (tmp_path / NAME / split / name).mkdir(parents=True)
            for number in range(3):
                (tmp_path / NAME / split / name / f"{number}.jpg").write_bytes(encoded(number))
    return tmp_path / NAME / "train"


def load(data_dir, name=NAME):
    return datasets.load(name, data_dir, validation_share=0)


DAMAGED = {
    "empty": b"",
    "web page": b"<html><body>404 Not Found</body></html>",
    "archive": b"PK\x03\x04" + bytes(40),
    "cut JPEG": encoded(0)[:-20],
    "half a JPEG": encoded(0)[: len(encoded(0)) // 2],
    "head of a JPEG": encoded(0)[:10],
    "cut PNG": encoded(0, "PNG")[:-20],
    "half a PNG": encoded(0, "PNG")[: len(encoded(0, "PNG")) // 2],
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_file_that_is_no_whole_image_is_named(content, train, tmp_path):
    (train / "cat" / "1.jpg").write_bytes(content)
    for read in (lambda: load(tmp_path), lambda: datasets.stream(NAME, "train", tmp_path)):
        with pytest.raises(
            ValueError, match=rf"cat/1\.jpg' must be a complete JPEG or PNG image. Received {len(content)} "
        ):
            read()
    assert len(list(datasets.stream(NAME, "test", tmp_path))) == 6


def test_a_file_with_a_damaged_middle_is_named_where_it_is_read_whole(train, tmp_path):
    content = bytearray(encoded(0, "PNG"))
    content[len(content) // 2] ^= 255
    (train / "cat" / "1.jpg").write_bytes(bytes(content))
    with pytest.raises(ValueError, match=r"cat/1\.jpg' must be a complete JPEG or PNG image"):
        load(tmp_path)


def test_whole_images_with_more_behind_them_and_under_another_ending_are_read(train, tmp_path):
    (train / "cat" / "1.jpg").write_bytes(encoded(1, "PNG"))
    (train / "cat" / "2.jpg").write_bytes(encoded(2) + bytes(200))
    assert len(load(tmp_path).train) == 6


def test_several_damaged_files_are_counted(train, tmp_path):
    for number in range(2):
        (train / "dog" / f"{number}.jpg").write_bytes(b"")
    with pytest.raises(ValueError, match=r"2 such files among 6\. .*delete them: '.*\.jpg', '.*\.jpg'\."):
        datasets.stream(NAME, "train", tmp_path)


@pytest.mark.parametrize("ending", [*sorted(folders.NOT_READ), ".BMP", ".Tif"])
def test_images_of_other_formats_are_refused_by_name(ending, train, tmp_path):
    (train / "cat" / f"other{ending}").write_bytes(b"anything")
    with pytest.raises(ValueError, match=rf"cat' must hold .* Received: the file 'other\{ending}', one of 1 such"):
        load(tmp_path)


def test_the_formats_that_pillow_writes_are_read_or_refused():
    known = {*folders.READ, *folders.NOT_READ}
    Image.init()
    common = {"AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP"}
    endings = {ending for ending, kind in Image.registered_extensions().items() if kind in common}
    assert endings - known <= {".apng", ".avifs", ".dib", ".j2c", ".j2k", ".jpc", ".jpf", ".jpx", ".pfm", ".pnm"}


def test_what_is_hidden_or_no_image_is_passed_over(train, tmp_path):
    before = load(tmp_path)
    for split in ("train", "test"):
        (train.parent / split / ".ipynb_checkpoints").mkdir()
    (train.parent / ".git" / "objects").mkdir(parents=True)
    (train / "cat" / ".ipynb_checkpoints").mkdir()
    (train / "cat" / "._0.jpg").write_bytes(b"\0\5\26\7Mac OS X")
    for name in ("Thumbs.db", "labels.csv", "README"):
        (train / "cat" / name).write_bytes(b"anything")
    after = load(tmp_path)
    assert after.class_names == before.class_names == CLASSES
    for part in ("features", "observed", "ids"):
        np.testing.assert_array_equal(getattr(after.train, part), getattr(before.train, part))


def test_a_class_without_images_is_named(train, tmp_path):
    shutil.rmtree(train / "dog")
    (train / "dog").mkdir()
    with pytest.raises(ValueError, match=r"train/dog' must hold images of its class, .* Received none"):
        load(tmp_path)


def test_a_folder_in_a_class_is_named(train, tmp_path):
    (train / "dog" / "more").mkdir()
    with pytest.raises(ValueError, match=r"Received: the folder 'more', one of 1 such. Move its images to"):
        load(tmp_path)


def test_images_of_other_sizes_are_named(train, tmp_path):
    (train / "cat" / "1.jpg").write_bytes(encoded(1, size=(16, 12)))
    with pytest.raises(
        ValueError, match=r"\(16, (16|12), 3\) in '.*jpg' and \(16, (12|16), 3\) in '.*jpg'\. Read them"
    ):
        load(tmp_path)


def test_the_order_is_that_of_tfds(train, tmp_path):
    """Ids are positions in that order, so that noisy labels do not change."""
    listed = tfds.ImageFolder(str(train.parent))._split_examples["train"]
    expected = [tf.io.decode_image(tf.io.read_file(file.image_path)).numpy() for file in listed]
    found = load(tmp_path).train
    np.testing.assert_array_equal(found.ids, np.arange(6))
    np.testing.assert_array_equal(found.features, expected)
    np.testing.assert_array_equal(found.observed, [CLASSES.index(file.label) for file in listed])


@pytest.fixture
def tiny_imagenet(tmp_path):
    """Tiny-ImageNet in the publisher's layout, and the same images sorted into one folder for each class."""
    root, sorted_by_class = tmp_path / "published" / "tiny_imagenet", tmp_path / "sorted" / "tiny_imagenet"
    lines = []
    for label, name in enumerate(("n01", "n02")):
        for folder in (root / "train" / name / "images", sorted_by_class / "train" / name):
            folder.mkdir(parents=True)
            for number in range(3):
                (folder / f"{name}_{number}.JPEG").write_bytes(encoded(10 * label + number))
        (root / "train" / name / f"{name}_boxes.txt").write_text("boxes")
        for folder in (root / "val" / "images", root / "test" / "images", sorted_by_class / "test" / name):
            folder.mkdir(parents=True, exist_ok=True)
            for number in range(2):
                (folder / f"val_{2 * label + number}.JPEG").write_bytes(encoded(100 + 2 * label + number))
        lines += [f"val_{2 * label + number}.JPEG\t{name}\t0\t32\t44\t62" for number in range(2)]
    (root / "val" / "val_annotations.txt").write_text("\n".join(lines) + "\n")
    return root.parent, sorted_by_class.parent


def test_tiny_imagenet_is_read_as_published(tiny_imagenet):
    published, by_class = (load(data_dir, "tiny_imagenet") for data_dir in tiny_imagenet)
    assert published.class_names == by_class.class_names == ("n01", "n02")
    for split in ("train", "test"):
        for part in ("features", "labels", "ids"):
            np.testing.assert_array_equal(
                getattr(getattr(published, split), part), getattr(getattr(by_class, split), part)
            )
    assert len(published.test) == 4


@pytest.mark.parametrize("line", ["val_9.JPEG\tn01", "val_0.JPEG\tn99", "val_0.JPEG", "nonsense"])
def test_annotations_that_fit_no_image_are_named(line, tiny_imagenet):
    path = tiny_imagenet[0] / "tiny_imagenet" / "val" / "val_annotations.txt"
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(ValueError, match=r"val_annotations.txt' must name an image .* in line 5"):
        load(tiny_imagenet[0], "tiny_imagenet")

"""A user's folder of images as a data set: classes by folder or index, and files that are left out or refused."""

import io
import itertools
import warnings

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageOps

from tfp_noise import datasets

CLASSES = ("cat", "dog", "emu")
COUNT = 5


def pixels(number, size=(6, 4)):
    return np.random.default_rng(number).integers(256, size=(*size, 3)).astype(np.uint8)


def write(file, image, **arguments):
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(file, **arguments)


@pytest.fixture
def folder(tmp_path):
    """Three classes of five images, whose pixels are those of `pixels` of their class and number."""
    for label, number in itertools.product(range(len(CLASSES)), range(COUNT)):
        write(tmp_path / "pets" / CLASSES[label] / f"{number}.png", pixels(10 * label + number))
    return tmp_path / "pets"


def by_file(data):
    """`{file: (pixels, name of the given label)}` of training and validation examples."""
    parts = [(split.ids, split.features, split.observed) for split in (data.train, data.validation)]
    return {
        str(file): (image.tobytes(), data.class_names[label])
        for part in parts
        for file, image, label in zip(*part, strict=True)
    }


def expected(classes=CLASSES):
    return {
        f"{name}/{number}.png": (pixels(10 * label + number).tobytes(), name)
        for label, name in enumerate(classes)
        for number in range(COUNT)
    }


def test_a_folder_a_class(folder):
    data = datasets.from_directory(folder, validation_share=0.2)
    assert (data.name, data.class_names, data.input_shape) == ("pets", CLASSES, (6, 4, 3))
    assert (len(data.train), len(data.validation), len(data.test)) == (12, 3, 0)
    assert by_file(data) == expected()
    assert (data.train.labels, data.train.features.dtype) == (None, "uint8")
    assert sorted(data.validation.observed) == [0, 1, 2]


def test_images_may_lie_in_a_folder_of_that_name(folder):
    (folder / "cat" / "images").mkdir()
    (folder / "cat" / "0.png").rename(folder / "cat" / "images" / "0.png")
    found = by_file(datasets.from_directory(str(folder), validation_share=0.2))
    assert found["cat/images/0.png"] == expected()["cat/0.png"]


def test_classes_are_sorted_by_number_or_in_the_order_of_their_names(folder):
    for old, new in zip(CLASSES, ("10", "9", "1"), strict=True):
        (folder / old).rename(folder / new)
    data = datasets.from_directory(folder, validation_share=0.2)
    assert data.class_names == ("1", "9", "10")
    assert by_file(data)["9/2.png"] == (pixels(12).tobytes(), "9")
    named = datasets.from_directory(folder, class_names=["9", "10", "1"], validation_share=0.2)
    assert named.class_names == ("9", "10", "1")
    assert by_file(named) == by_file(data)


def test_an_index_gives_labels_to_files_anywhere(folder, tmp_path):
    lines = [f"{name}/{number}.png,{'odd' if number % 2 else 'even'}" for name in CLASSES for number in range(COUNT)]
    index = tmp_path / "index.csv"
    index.write_text("\n".join(["file,label", *lines[1:]]))  # a file that is not listed is not read
    data = datasets.from_directory(folder, labels=index, validation_share=0.2)
    assert data.class_names == ("even", "odd")
    assert by_file(data) == {
        file: (image, "odd" if int(file[4]) % 2 else "even")
        for file, (image, _) in expected().items()
        if file != "cat/0.png"
    }
    index.write_text(index.read_text().replace("even", "0").replace("odd", "1"))
    data = datasets.from_directory(folder, labels=str(index), class_names=["even", "odd"], validation_share=0.2)
    assert by_file(data)["dog/3.png"][1] == "odd"
    index.write_text(index.read_text().replace("file,label", "photo,parity"))
    renamed = datasets.from_directory(
        folder, labels=index, file="photo", label="parity", class_names=["even", "odd"], validation_share=0.2
    )
    assert by_file(renamed) == by_file(data)


def test_images_are_resized_to_the_size_that_is_asked_for(folder):
    flat = np.full([20, 30, 3], 7, np.uint8)
    write(folder / "cat" / "0.png", flat)
    with pytest.raises(
        ValueError, match=r"`image_size` must be .* 'cat/0.png' of 20 x 30 pixels and 'emu/4.png' of 6 x 4"
    ):
        datasets.from_directory(folder, validation_share=0.2)
    data = datasets.from_directory(folder, image_size=(6, 4), validation_share=0.2)
    found = by_file(data)
    assert found.pop("cat/0.png") == (np.full([6, 4, 3], 7, np.uint8).tobytes(), "cat")
    assert found == {file: image for file, image in expected().items() if file != "cat/0.png"}  # as they were
    assert datasets.from_directory(folder, image_size=8, validation_share=0.2).input_shape == (8, 8, 3)


def test_a_large_image_is_averaged(folder):
    """One row in four is 200: four rows become one of 50, and none is dropped."""
    write(folder / "cat" / "0.png", np.tile(np.array([200, 0, 0, 0], np.uint8)[:, None, None], (8, 8, 3)))
    data = datasets.from_directory(folder, image_size=8, validation_share=0)
    image = data.train.features[data.train.ids.tolist().index("cat/0.png")]
    assert abs(image[2:-2].astype(int) - 50).max() <= 1


def test_grey_and_jpeg_images_have_three_channels(folder):
    write(folder / "cat" / "grey.png", pixels(0)[:, :, 0])
    write(folder / "cat" / "photo.JPG", np.full([6, 4, 3], 90, np.uint8), format="JPEG")
    data = datasets.from_directory(folder, validation_share=0)
    found = dict(zip(data.train.ids.tolist(), data.train.features, strict=True))
    np.testing.assert_array_equal(found["cat/grey.png"], np.repeat(pixels(0)[:, :, :1], 3, axis=2))
    np.testing.assert_array_equal(found["cat/photo.JPG"], 90)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_images_are_turned_as_their_camera_noted(folder, orientation):
    """Pillow is the oracle; the sizes and pixels of a PNG are kept exactly."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    write(folder / "cat" / "0.png", pixels(3, (7, 9)), exif=exif.tobytes())
    with Image.open(folder / "cat" / "0.png") as image:
        expected = np.asarray(ImageOps.exif_transpose(image))
    found = datasets.own_images._image(folder / "cat" / "0.png", None)
    np.testing.assert_array_equal(found, expected)


def half_a_jpeg():
    stream = io.BytesIO()
    Image.fromarray(pixels(0, (64, 64))).save(stream, "JPEG")
    return stream.getvalue()[: len(stream.getvalue()) // 2]


DAMAGED = {"empty": b"", "web page": b"<html><body>404 Not Found</body></html>", "half a JPEG": half_a_jpeg()}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_unreadable_images_are_named_counted_and_left_out(folder, content):
    (folder / "cat" / "0.png").write_bytes(content)
    (folder / "dog" / "new.jpg").write_bytes(content)
    with pytest.warns(
        UserWarning, match=r"2 of 16 files .* could not be read and had to be left out: 'cat/0.png', 'dog/new.jpg'"
    ):
        data = datasets.from_directory(folder, validation_share=0.25)
    assert by_file(data) == {file: image for file, image in expected().items() if file != "cat/0.png"}


def test_other_formats_are_named_counted_and_left_out(folder):
    write(folder / "cat" / "0.webp", pixels(1))
    write(folder / "cat" / "1.TIF", pixels(1))
    with pytest.warns(
        UserWarning,
        match=r"2 of 17 files .* had another format than \.jpg, .*: 'cat/0.webp', 'cat/1.TIF'",
    ):
        data = datasets.from_directory(folder, validation_share=0.2)
    assert by_file(data) == expected()


def test_other_formats_in_an_index(folder, tmp_path):
    index = tmp_path / "index.csv"
    write(folder / "a.webp", pixels(1))
    lines = [f"{name}/{number}.png,{name}" for name in CLASSES for number in range(COUNT)]
    index.write_text("\n".join(["file,label", "a.webp,cat", *lines]))
    with pytest.warns(UserWarning, match=r"1 of 16 files .*: 'a.webp'\. Convert"):
        assert by_file(datasets.from_directory(folder, labels=index, validation_share=0.2)) == expected()
    index.write_text("file,label\na.webp,cat")
    with pytest.raises(ValueError, match=r"`labels` must name images.* none among 1 files, such as 'a.webp'"):
        datasets.from_directory(folder, labels=index)


def test_hidden_files_and_texts_are_passed_over(folder):
    (folder / ".git" / "objects").mkdir(parents=True)
    (folder / "cat" / ".ipynb_checkpoints").mkdir()
    for file in ("cat/._0.png", "cat/Thumbs.db", "README", "cat/labels.csv"):
        (folder / file).write_bytes(b"anything")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert by_file(datasets.from_directory(folder, validation_share=0.2)) == expected()


def test_refused_folders(folder, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"`path` must be a folder of images.*nowhere', which is none"):
        datasets.from_directory(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"Received: the folder 'cat' in 'pets'\. If the folders in '.*pets' are"):
        datasets.from_directory(tmp_path)
    with pytest.raises(ValueError, match=r"Received no folders in '.*cat'\. Give the labels"):
        datasets.from_directory(folder / "cat")
    with pytest.raises(ValueError, match=r"`validation_share` must leave an example of each class"):
        datasets.from_directory(folder)  # a tenth of 15 images is less than the classes
    (folder / "fox").mkdir()
    with pytest.raises(ValueError, match=r"Received none in 'fox'\. Take that folder away"):
        datasets.from_directory(folder, validation_share=0.2)
    (folder / "fox" / "0.png").write_bytes(b"")
    with (
        pytest.warns(UserWarning, match="1 of 16"),
        pytest.raises(ValueError, match=r"`path` must have an image of each class .* none of 'fox'"),
    ):
        datasets.from_directory(folder, validation_share=0.2)
    write(folder / "fox" / "0.png", pixels(0))
    with pytest.raises(ValueError, match=r"`path` must give each class two examples .* one example of 'fox'"):
        datasets.from_directory(folder, validation_share=0.2)
    (folder / "fox").rename(folder / "Cat")
    with pytest.raises(ValueError, match=r"`path` must spell each class in one way.* 'Cat' \(1 times\) and 'cat' \(5"):
        datasets.from_directory(folder, validation_share=0.2)


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        ("image,label\n", ValueError, "must have a header line and examples"),
        (
            "image,class\na,b\n",
            ValueError,
            "Unknown column of 'index.csv': 'file'. Known: class, image. Received as `file`",
        ),
        ("file,labels\na,b\n", ValueError, "column of 'index.csv': 'label'. Did you mean 'labels'. .* as `label`"),
        ("file,label\ncat/0.png,a\nno.png,b\n", FileNotFoundError, "Received: 1 of 2 .*, such as 'no.png'. Give"),
        ("file,label\ncat/0.png,a\ncat/0.png,b\n", ValueError, "Received: 1 more than once in .*, such as 'cat/0.png'"),
        ("file,label\ncat/0.png,a\ncat/1.png,\n", ValueError, "`labels` must .* 1 of 2 missing in 'label' .* row 1"),
    ],
)
def test_refused_indices(folder, tmp_path, content, error, message):
    (tmp_path / "index.csv").write_text(content)
    with pytest.raises(error, match=message):
        datasets.from_directory(folder, labels=tmp_path / "index.csv")


def test_columns_of_no_index_are_refused(folder):
    for argument in ("file", "label"):
        with pytest.raises(ValueError, match=rf"`{argument}` is a column of `labels`\. Received: 'photo' without it"):
            datasets.from_directory(folder, **{argument: "photo"})


@pytest.mark.parametrize("size", [0, (4, 0), (1, 2, 3), "4", 1.5])
def test_refused_sizes(folder, size):
    with pytest.raises((TypeError, ValueError), match="`image_size` must be"):
        datasets.from_directory(folder, size)

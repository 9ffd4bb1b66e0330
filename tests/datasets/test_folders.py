"""Folders of images: images, classes, slices of splits, and errors about other layouts."""

import keras
import numpy as np
import pytest

from experiments import sources
from experiments.experiment import CROSS_ENTROPY, Experiment, Noise
from experiments.run import run
from tfp_noise import datasets, pipeline
from tfp_noise.datasets import folders

CLASSES = ("ant", "bee", "cat")
SIZES = {"train": 20, "test": 4}


def write(folder, number, size=(8, 8, 3)):
    """One image whose pixels encode its class and number."""
    folder.mkdir(parents=True, exist_ok=True)
    image = np.random.default_rng([CLASSES.index(folder.name), number]).integers(256, size=size)
    keras.utils.save_img(folder / f"{number}.png", image, data_format="channels_last", scale=False)
    return image.astype(np.uint8)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A data directory with a small `tiny_imagenet`, and `{split: {image bytes: class}}`."""
    data_dir = tmp_path_factory.mktemp("data")
    images = {
        split: {
            write(data_dir / "tiny_imagenet" / split / name, number + 100 * (split == "test")).tobytes(): label
            for label, name in enumerate(CLASSES)
            for number in range(count)
        }
        for split, count in SIZES.items()
    }
    return data_dir, images


def as_dict(examples):
    return {image.tobytes(): label for image, label in zip(examples.features, examples.labels, strict=True)}


def test_arrays_hold_every_file_with_its_class(written):
    data_dir, images = written
    data = datasets.load("tiny_imagenet", data_dir, validation_share=0.1)
    assert data.class_names == CLASSES
    assert (data.input_shape, data.train.features.dtype) == ((8, 8, 3), np.uint8)
    assert as_dict(data.train) | as_dict(data.validation) == images["train"]
    assert as_dict(data.test) == images["test"]
    assert (len(data.train), len(data.validation), len(data.test)) == (54, 6, 12)
    assert sorted([*data.train.ids, *data.validation.ids]) == list(range(60))
    assert len(set(data.train.labels[:10])) == len(CLASSES)  # files are mixed, not class after class


def test_stream_gives_the_examples_of_the_arrays(written):
    data_dir, _ = written
    train = datasets.load("tiny_imagenet", data_dir, validation_share=0).train
    for image, label, number in datasets.stream("tiny_imagenet", "train", data_dir).as_numpy_iterator():
        np.testing.assert_array_equal(image, train.features[number])
        assert label == train.labels[number]
    assert datasets.class_names("tiny_imagenet", data_dir) == CLASSES


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        ("train[:10%]", np.r_[:6]),
        ("train[50%:]", np.r_[30:60]),
        ("train[6:8]", np.r_[6:8]),
        ("train[:2]+train[58:]", np.r_[0, 1, 58, 59]),
    ],
)
def test_slices_are_cut_in_the_order_of_the_whole(split, expected, written):
    data_dir, _ = written
    whole = datasets.load("tiny_imagenet", data_dir, validation_share=0).train
    stream = datasets.stream("tiny_imagenet", split, data_dir)
    assert int(stream.cardinality()) == len(expected)
    found = np.stack([image for image, *_ in stream.as_numpy_iterator()])
    np.testing.assert_array_equal(found, whole.features[expected])


def test_a_split_beside_train_and_test_may_be_streamed(written, tmp_path):
    for split in ("train", "test", "validation"):
        image = write(tmp_path / "imagenet100" / split / "ant", 0, size=(9, 7, 3))
    ((found, label, number),) = datasets.stream("imagenet100", "validation", tmp_path).as_numpy_iterator()
    np.testing.assert_array_equal(found, image)
    assert (label, number) == (0, 0)


@pytest.mark.filterwarnings("ignore:The best temperature")  # noise alone: nothing to calibrate
@pytest.mark.thorough
def test_run_from_folders_of_images_of_any_size(tmp_path):
    for split, count in SIZES.items():
        for name in CLASSES:
            for number in range(count):
                write(tmp_path / "imagenet100" / split / name, number, size=(20 + number, 16, 3))
    experiment = Experiment(
        name="small/folders/CE",
        dataset="imagenet100",
        noise=Noise("none"),
        model="digits_cnn",
        method=CROSS_ENTROPY,
        epochs=1,
        batch_size=9,
        optimizer=("Adam", {"learning_rate": 1e-3}),
        augmentation=pipeline.CropAndFlip(pad=0, size=8),
        source=sources.Stream("train[10%:]", "train[:10%]", "test", stored_size=12, image_size=8),
    )
    scores = run(experiment, tmp_path / "results", tmp_path)["scores"]
    assert scores["test_accuracy"] * 12 == pytest.approx(round(scores["test_accuracy"] * 12))
    assert scores["train_effective_noise_rate"] == 0


def test_images_of_several_sizes_are_no_arrays(tmp_path):
    for split in SIZES:
        write(tmp_path / "imagenet100" / split / "ant", 0)
        write(tmp_path / "imagenet100" / split / "ant", 1, size=(9, 8, 3))
    with pytest.raises(ValueError, match=r"imagenet100' must have one size .* Read them by `datasets.stream`"):
        datasets.load("imagenet100", tmp_path)


@pytest.mark.parametrize("name", folders.NAMES)
def test_missing_folders_are_named(name, tmp_path):
    (tmp_path / name / "train").mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match=rf"'{name}' must be folders of images. Looked for .*{name}/test\. Put"):
        datasets.load(name, tmp_path)


def test_a_split_of_other_classes_is_named(tmp_path):
    write(tmp_path / "tiny_imagenet" / "train" / "ant", 0)
    (tmp_path / "tiny_imagenet" / "test" / "images").mkdir(parents=True)
    with pytest.raises(ValueError, match=r"test' must have the classes of 'train'.* 1 and 1 folders, 'ant' in"):
        datasets.load("tiny_imagenet", tmp_path)


def test_what_tfds_prepares_from_the_internet_alone_has_one_cure(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        datasets.stream("caltech_birds2011", "train", tmp_path)
    assert "tfds.load('caltech_birds2011'" in str(caught.value)
    assert "datasets.prepare" not in str(caught.value)

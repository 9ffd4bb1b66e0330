"""Clothing1M from a tiny copy of its published layout: labels, images, balance, and a run."""

import collections
import itertools

import numpy as np
import pytest
import tensorflow as tf

from experiments.experiment import CROSS_ENTROPY, Experiment, Noise
from experiments.run import run
from experiments.sources.clothing1m import Clothing1M
from tfp_noise import datasets, pipeline
from tfp_noise.datasets import clothing1m

NOISY, TRUSTED, CLEAN_ONLY, HELD_OUT = 60, 20, 5, 14
EXPERIMENT = Experiment(
    name="small/clothing1m/CE",
    dataset="clothing1m",
    noise=Noise("human"),
    model="resnet8",
    method=CROSS_ENTROPY,
    epochs=2,
    batch_size=4,
    optimizer=("SGD", {"learning_rate": 0.01}),
    augmentation=pipeline.CropAndFlip(pad=0),
    source=Clothing1M(per_class=2, shorter_side=40, image_size=32),
)


def key(number):
    return f"images/{number % 10}/{number % 3}/{number},{number}.jpg"


def level(image):
    """The number of the image with this grey value, which JPEG changes slightly."""
    return int(np.round(np.mean(image) / 2))


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    """Image `number` has the grey value `2 number` and the noisy class `number % 14`, or 0 at the end of the split."""
    folder = tmp_path_factory.mktemp("data") / "clothing1m"
    splits = np.split(
        np.arange(NOISY + TRUSTED + CLEAN_ONLY + 2 * HELD_OUT), np.cumsum([NOISY, TRUSTED + CLEAN_ONLY, HELD_OUT])
    )
    for number in np.concatenate(splits):
        path = folder / key(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        image = np.full((44 + number % 7, 44 + number % 11, 3), 2 * number, np.uint8)
        path.write_bytes(tf.io.encode_jpeg(image, quality=100).numpy())
    noisy = {n: n % 14 if n < 42 or n >= NOISY else 0 for n in range(NOISY + TRUSTED)}
    clean = {n: (n + n % 2) % 14 for n in range(NOISY, NOISY + TRUSTED + CLEAN_ONLY + 2 * HELD_OUT)}
    for name, labels in {"noisy": noisy, "clean": clean}.items():
        (folder / f"{name}_label_kv.txt").write_text("".join(f"{key(n)} {label}\n" for n, label in labels.items()))
    for name, numbers in zip(("noisy_train", "clean_train", "clean_val", "clean_test"), splits, strict=True):
        (folder / f"{name}_key_list.txt").write_text("".join(f"{key(n)}\n" for n in numbers))
    (folder / "category_names_eng.txt").write_text("".join(f"Class {k}\n" for k in range(14)))
    return folder.parent


@pytest.fixture(scope="module")
def files(data_dir):
    return clothing1m.load(data_dir / "clothing1m")


def test_splits_are_the_published_ones(files):
    sizes = [len(split) for split in (files.noisy, files.trusted, files.validation, files.test)]
    assert sizes == [NOISY, TRUSTED, HELD_OUT, HELD_OUT]
    assert files.noisy.observed.tolist() == [n % 14 for n in range(42)] + [0] * 18
    assert files.noisy.labels is None
    assert files.trusted.observed.tolist() == [n % 14 for n in range(NOISY, NOISY + TRUSTED)]
    assert files.trusted.labels.tolist() == [(n + n % 2) % 14 for n in range(NOISY, NOISY + TRUSTED)]
    assert files.validation.observed is None
    assert files.class_names[13] == "Class 13"


def test_transition_is_the_share_of_each_label_among_images_with_both(files):
    expected = np.zeros((14, 14))
    for n in range(NOISY, NOISY + TRUSTED):
        expected[(n + n % 2) % 14, n % 14] += 1
    unseen = expected.sum(1) == 0
    expected[unseen, unseen] = 1
    np.testing.assert_allclose(files.transition, expected / expected.sum(1, keepdims=True))
    assert not np.array_equal(files.transition, np.eye(14))


def test_stream_gives_images_labels_and_ids_in_order(files):
    found = [(level(image), int(label), int(i)) for image, label, i in clothing1m.stream(files.trusted)]
    assert found == [(NOISY + i, (NOISY + i) % 14, i) for i in range(TRUSTED)]
    image, _, _ = next(iter(clothing1m.stream(files.trusted)))
    assert image.shape == (44 + NOISY % 7, 44 + NOISY % 11, 3)
    assert image.dtype == "uint8"


def epochs(files, count, **arguments):
    source = clothing1m.balanced_stream(files.noisy, per_class=3, **arguments).as_numpy_iterator()
    return [[(level(image), label, i) for image, label, i in itertools.islice(source, 42)] for _ in range(count)]


def test_balanced_epochs_have_as_many_of_each_class_each_once(files):
    for epoch in epochs(files, 2):
        assert collections.Counter(label for _, label, _ in epoch) == dict.fromkeys(range(14), 3)
        assert len({i for _, _, i in epoch}) == 42
        assert all(number == i and files.noisy.observed[i] == label for number, label, i in epoch)
        assert [label for _, label, _ in epoch] != sorted(label for _, label, _ in epoch)


def test_balanced_epochs_are_drawn_anew_by_seed_and_epoch_alone(files):
    first, second, third = epochs(files, 3)
    assert first != second
    assert {i for _, _, i in first} != {i for _, _, i in second}  # of the 21 of class 0, other ones
    assert epochs(files, 1) == [first]
    assert epochs(files, 1, first_epoch=2) == [third]
    assert epochs(files, 1, seed=1) != [first]


@pytest.mark.thorough
def test_every_image_of_a_large_class_is_equally_likely(files):
    """In 200 epochs each of 21 images is drawn 29 times, within five standard deviations."""
    large = files.noisy.take(np.flatnonzero(files.noisy.observed == 0)[:21])
    others = files.noisy.take(np.arange(1, 14).repeat(3) + np.tile([0, 14, 28], 13))
    both = datasets.Examples(
        labels=None,
        **{f: np.concatenate([getattr(large, f), getattr(others, f)]) for f in ("features", "ids", "observed")},
    )
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(clothing1m, "_read_image", lambda path, label, number: (path, label, number))
        source = clothing1m.balanced_stream(both, per_class=3)
        drawn = collections.Counter(i for _, label, i in source.take(200 * 42).as_numpy_iterator() if label == 0)
    assert len(drawn) == 21
    assert max(abs(count - 200 / 7) for count in drawn.values()) < 5 * np.sqrt(200 / 7 * 6 / 7)


def test_source_shows_the_centre_of_images_and_both_labels(data_dir, files):
    noisy = EXPERIMENT.noise.apply(EXPERIMENT.source.load("clothing1m", data_dir), 0)
    assert noisy.input_shape == (32, 32, 3)
    assert noisy.train.features.dtype == np.uint8
    assert sorted(zip(noisy.train.ids, noisy.train.observed, strict=True)) == list(enumerate(files.trusted.observed))
    assert [level(image) for image in noisy.train.features] == (NOISY + noisy.train.ids).tolist()
    assert noisy.effective_rate == pytest.approx(0.5)
    np.testing.assert_array_equal(noisy.transition, files.transition)
    assert noisy.validation.observed is None


def test_sample_is_no_larger_than_asked(data_dir, monkeypatch):
    monkeypatch.setattr("experiments.sources.clothing1m._SAMPLE", 3)
    assert len(EXPERIMENT.source.load("clothing1m", data_dir).train) == 3


def test_training_batches_are_balanced_crops(data_dir):
    noisy = EXPERIMENT.source.load("clothing1m", data_dir)
    batches = EXPERIMENT.batches(noisy, data_dir)
    assert batches.steps_per_epoch == 7
    labels, numbers = [], []
    for images, some in itertools.islice(batches.train.as_numpy_iterator(), 7):
        assert images.shape == (4, 32, 32, 3)
        assert images.dtype == "float32"
        numbers += [level(255 * image) for image in images]
        labels += some.tolist()
    assert collections.Counter(labels) == dict.fromkeys(range(14), 2)
    assert all(label == (n % 14 if n < 42 else 0) for n, label in zip(numbers, labels, strict=True))
    again = EXPERIMENT.batches(noisy, data_dir)
    for (a, _), (b, _) in itertools.islice(zip(batches.train, again.train, strict=True), 2):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("axis", [0, 1])
def test_crops_are_at_random_places_of_the_resized_image(axis):
    """Stairs of 40 levels on 80 pixels become 40 pixels, of which 32 are cut; the other side is longer."""
    ramp = np.broadcast_to(4 * np.arange(40, dtype=np.uint8).repeat(2)[:, None, None], (80, 120, 3))
    image = np.swapaxes(ramp, 0, axis)
    cut = [EXPERIMENT.source._cut_at_random(0, n, image, 5, 7) for n in range(100)]
    assert {label for _, label in cut} == {5}
    crops = [np.swapaxes(crop, 0, axis)[:, :, 0].astype(int) for crop, _ in cut]
    assert len({crop[0, 0] for crop in crops}) == 40 - 32 + 1
    for crop in crops:
        assert abs(crop[-1, 0] - crop[0, 0] - 4 * 31) <= 1
        assert np.ptp(crop, axis=1).max() == 0


@pytest.mark.filterwarnings("ignore:The best temperature")  # noise alone: nothing to calibrate
@pytest.mark.thorough
def test_run(data_dir, tmp_path):
    result = run(EXPERIMENT, tmp_path, data_dir)
    assert result["settings"]["source"] == {"per_class": 2, "shorter_side": 40, "image_size": 32}
    assert 0 <= result["scores"]["test_accuracy"] <= 1
    assert result["scores"]["train_effective_noise_rate"] == pytest.approx(0.5)


@pytest.fixture
def changed(data_dir, tmp_path):
    """A copy of the text files, with links to the images; `changed(name, text)` replaces one of them."""
    for path in (data_dir / "clothing1m").glob("*.txt"):
        (tmp_path / path.name).write_text(path.read_text())
    (tmp_path / "images").symlink_to(data_dir / "clothing1m" / "images")

    def load(name, text):
        (tmp_path / name).write_text(text)
        return clothing1m.load(tmp_path)

    return load


@pytest.mark.parametrize(
    ("name", "text", "error", "message"),
    [
        ("clean_val_key_list.txt", "images/1/1/no.jpg\n", FileNotFoundError, "1 of 95, .*'images/1/1/no.jpg'. Unpack"),
        ("clean_test_key_list.txt", f"{key(3)}\n", ValueError, "label every key.* 1 keys without a label, .*one rel"),
        ("noisy_label_kv.txt", f"{key(3)} 3\n{key(4)} 14\n", ValueError, "a class below 14. Received: .* in line 2"),
        ("noisy_label_kv.txt", f"{key(3)}\n", ValueError, "must hold lines such as .* in line 1"),
        ("category_names_eng.txt", "Class\n", ValueError, "must name 14 classes, one in each line. Received: 1"),
    ],
)
def test_wrong_files_are_refused(changed, name, text, error, message):
    with pytest.raises(error, match=message):
        changed(name, text)


def test_missing_files_are_named_before_anything_is_read(data_dir, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"Missing: category_names_eng.txt, clean_label_kv.txt, .*on request"):
        clothing1m.load(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"Missing: category_names_eng\.txt"):
        run(EXPERIMENT, tmp_path / "runs", tmp_path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "`per_class` must be at most 3, the size of the smallest class .* Received: 18976"),
        ({"per_class": 0}, "`per_class` must be at least 1"),
        ({"per_class": 1, "first_epoch": -1}, "`first_epoch` must be at least 0"),
        ({"per_class": 1, "seed": -1}, "`seed` must be at least 0"),
    ],
)
def test_bad_settings_of_a_balanced_stream(files, arguments, message):
    with pytest.raises(ValueError, match=message):
        clothing1m.balanced_stream(files.noisy, **arguments)

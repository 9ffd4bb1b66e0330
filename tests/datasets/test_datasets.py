import numpy as np
import pytest
from sklearn.datasets import load_digits

from tfp_noise import datasets
from tfp_noise.datasets import embedded, published

SPLITS = ("train", "validation", "test")


def all_ids(data):
    return np.concatenate([getattr(data, split).ids for split in SPLITS])


def test_digits_are_scikit_learns():
    images, labels = load_digits(return_X_y=True)
    data = datasets.load("digits")
    for split in SPLITS:
        examples = getattr(data, split)
        np.testing.assert_array_equal(examples.features[..., 0] * 16, images[examples.ids].reshape(-1, 8, 8))
        np.testing.assert_array_equal(examples.labels, labels[examples.ids])
        assert examples.observed is None
    assert sorted(all_ids(data)) == list(range(1797))
    assert data.class_names == ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9")
    assert data.input_shape == (8, 8, 1)
    assert data.transition is None


def test_digits_test_split_is_stratified():
    _, labels = load_digits(return_X_y=True)
    shares = np.bincount(datasets.load("digits").test.labels) / np.bincount(labels)
    np.testing.assert_allclose(shares, 0.2, atol=0.005)


@pytest.mark.parametrize("name", embedded.LOADERS)
def test_embedded_sets_have_the_promised_types_and_repeat(name):
    data, again = datasets.load(name), datasets.load(name)
    for split in SPLITS:
        examples = getattr(data, split)
        assert (examples.features.dtype, examples.labels.dtype, examples.ids.dtype) == ("float32", "int32", "int64")
        np.testing.assert_array_equal(examples.features, getattr(again, split).features)
    assert len(np.unique(all_ids(data))) == len(all_ids(data))


def test_digit_pairs_are_two_digits_of_the_same_split():
    digits, pairs = datasets.load("digits", validation_share=0), datasets.load("digit_pairs", validation_share=0)
    assert pairs.num_classes == 100
    assert pairs.class_names[37] == "37"
    for split in ("train", "test"):
        known = {
            image.tobytes(): label
            for image, label in zip(getattr(digits, split).features, getattr(digits, split).labels, strict=True)
        }
        examples = getattr(pairs, split)
        for image, label in zip(examples.features[:500], examples.labels[:500], strict=True):
            halves = known[image[:, :8].tobytes()], known[image[:, 8:].tobytes()]
            assert label == 10 * halves[0] + halves[1]


@pytest.mark.parametrize("split", SPLITS)
def test_two_moons_lie_on_two_half_circles(split):
    examples = getattr(datasets.load("two_moons"), split)
    centres = np.array([[0, 0], [1, 0.5]])[examples.labels]
    distance = np.linalg.norm(examples.features - centres, axis=1)
    assert distance.mean() == pytest.approx(1, abs=0.03)
    assert distance.std() == pytest.approx(0.1, abs=0.03)
    side = np.where(examples.labels == 0, 1, -1)
    assert np.all(side * (examples.features - centres)[:, 1] > -0.5)


@pytest.mark.parametrize("split", SPLITS)
def test_two_circles_have_their_radii(split):
    examples = getattr(datasets.load("two_circles"), split)
    radius = np.linalg.norm(examples.features, axis=1)
    assert radius[examples.labels == 0].mean() == pytest.approx(1, abs=0.05)
    assert radius[examples.labels == 1].mean() == pytest.approx(0.5, abs=0.05)
    assert examples.labels.mean() == pytest.approx(0.5, abs=0.15)


@pytest.mark.parametrize(("share", "size"), [(0, 0), (0.1, 100), (0.25, 250)])
def test_validation_share_is_held_out_of_the_training_split(share, size):
    data = datasets.load("two_moons", validation_share=share)
    assert (len(data.train), len(data.validation), len(data.test)) == (1000 - size, size, 1000)
    train_side = np.concatenate([data.train.ids, data.validation.ids])
    assert sorted(train_side) == sorted(set(range(2000)) - set(data.test.ids))


def test_unknown_name_is_refused_with_the_near_ones():
    with pytest.raises(ValueError, match=r"Unknown data set: 'cifar10n:worse'\. Did you mean .*'cifar10n:worst'"):
        datasets.load("cifar10n:worse")


@pytest.mark.parametrize("share", [-0.1, 1, float("nan")])
def test_validation_share_outside_its_range_is_refused(share):
    with pytest.raises(ValueError, match="`validation_share` must be finite and at least 0 and below 1"):
        datasets.load("digits", validation_share=share)


def test_validation_share_must_be_a_number():
    with pytest.raises(TypeError, match="`validation_share` must be a number"):
        datasets.load("digits", validation_share="0.1")


@pytest.mark.parametrize("name", ["digits", "mnist", "cifar10n:worst"])
def test_a_data_dir_that_is_not_there_is_refused(name, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"`data_dir` must be an existing directory.*nowhere"):
        datasets.load(name, data_dir=tmp_path / "nowhere")


@pytest.mark.parametrize("name", published.NAMES)
def test_what_is_not_prepared_names_the_place_and_both_cures(name, tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        datasets.load(name, data_dir=tmp_path)
    message = str(caught.value)
    assert f"{name!r} is not prepared: looked in '{tmp_path / name}" in message
    assert f"tfds.load({name!r}, data_dir={str(tmp_path)!r})" in message
    assert f"python -m tfp_noise.datasets.prepare {name} --raw DIR --data-dir {tmp_path}" in message
    assert not list(tmp_path.iterdir())

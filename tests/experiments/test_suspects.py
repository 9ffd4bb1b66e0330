"""Measurements of detectors: what is counted, and that the committed table is that of the committed results."""

import pathlib

import numpy as np
import pytest
from scipy.spatial import distance

from experiments.suspects import detectors, features, measure, predictions, sets, table
from tfp_noise import losses, noise

RESULTS = pathlib.Path(__file__).parents[2] / "results" / "suspects"


def test_table_is_that_of_the_results():
    assert (RESULTS / "table.md").read_text(encoding="utf-8") == table.table(RESULTS)


def test_quality_is_counted():
    """Three of the four pairs of a wrong and a right label are in order."""
    found = measure.quality(np.array([0.1, 0.6, 0.5, 0.9]), np.array([True, True, False, False]))
    assert found == {"auroc": 0.75, "precision_at_true_count": 0.5}


def test_flags_and_suggestions_are_counted():
    true = np.tile([0, 1], 50)
    given = true.copy()
    given[:10] = 1 - given[:10]
    probabilities = np.where(np.eye(2, dtype=bool)[true], 0.9, 0.1)
    found = measure.measured(probabilities, given, true)
    assert found["estimated"] == 10
    for score in measure.SCORES:
        assert found[score] == {
            **{"auroc": 1.0, "precision_at_true_count": 1.0, "precision": 1.0, "recall": 1.0},
            "suggestions_right": 1.0,
        }


@pytest.mark.parametrize("name", sets.EMBEDDED)
def test_noise_of_a_set_is_as_declared(name):
    features, true, given = sets.SETS[name].load(0)
    assert len(features) == len(true) == len(given)
    assert features.dtype == np.float32
    shares = np.bincount(true, minlength=len(sets.SETS[name].transition)) / len(true)
    expected = 1 - shares @ np.diag(sets.SETS[name].transition)
    assert np.mean(given != true) == pytest.approx(expected, abs=4 * np.sqrt(expected / len(true)))
    np.testing.assert_array_equal(given, noise.corrupt(true, sets.SETS[name].transition, 0))


@pytest.mark.parametrize("name", sets.PREPARED)
def test_a_set_that_is_not_prepared_names_the_command(name, tmp_path):
    expected = f"python -m tfp_noise.datasets.prepare {name.partition('_')[0]} --raw DIR --data-dir {tmp_path}"
    with pytest.raises(FileNotFoundError, match=expected):
        sets.SETS[name].load(0, str(tmp_path))


def test_labels_of_people_are_given_whatever_the_seed(monkeypatch):
    """Features are computed from the images, and kept, for the first images in the publisher's order."""
    given = np.array([1, 0, 1], np.int32)
    stored = sets.datasets.Examples(np.zeros([3, 2, 2, 3], np.uint8), [0, 0, 1], [5, 3, 4], given)
    whole = sets.datasets.Dataset("cifar10n:worst", stored, stored.take(np.s_[:0]), stored, ("a", "b"))
    monkeypatch.setattr(sets.datasets, "load", lambda *args, **kwargs: whole)
    monkeypatch.setattr(sets, "patch_features", lambda images: np.arange(2 * len(images)).reshape(-1, 2) * 1.0)
    for seed in (0, 1):
        found = sets.SETS["cifar10n_worst"].load(seed)
        for array, expected in zip(found, ([[0, 1], [2, 3], [4, 5]], [0, 1, 0], [0, 1, 1]), strict=True):
            np.testing.assert_array_equal(array, expected)


def test_activations_are_summed_over_quadrants():
    """Patches of 6 x 6 at every second pixel of 12 x 12: rows and columns 0, 2, 4, 6, two of them in each half."""
    images = np.random.default_rng(0).integers(0, 256, [2, 12, 12, 3], np.uint8)
    centroids = np.random.default_rng(1).normal(size=[4, 108])

    class Words:
        transform = staticmethod(lambda rows: distance.cdist(rows, centroids))

    class Whitening:
        transform = staticmethod(lambda rows: 2 * rows)

    expected = np.zeros([2, 2, 2, 4])
    for image, row, column in np.ndindex(2, 4, 4):
        patch = images[image, 2 * row : 2 * row + 6, 2 * column : 2 * column + 6].transpose(2, 0, 1).ravel() / 1.0
        patch = (patch - patch.mean()) / np.sqrt(patch.var() + 10)
        distances = np.linalg.norm(2 * patch - centroids, axis=1)
        expected[image, row // 2, column // 2] += np.maximum(distances.mean() - distances, 0)
    found = features._pooled(images, Whitening, Words)
    np.testing.assert_allclose(found, expected.reshape(2, 16), rtol=1e-4, atol=1e-4)


@pytest.mark.thorough
def test_features_do_not_see_brightness(monkeypatch):
    for constant, value in {"_PATCHES": 300, "_WORDS": 5, "_COMPONENTS": 3}.items():
        monkeypatch.setattr(features, constant, value)
    images = np.random.default_rng(0).integers(0, 200, [30, 12, 12, 3], np.uint8)
    found = features.patch_features(images)
    assert found.shape == (30, 3)
    assert found.std() == pytest.approx(1)
    np.testing.assert_allclose(features.patch_features(images + np.uint8(50)), found, atol=1e-2)


def test_mixture_separates_two_heaps_of_losses():
    rng = np.random.default_rng(0)
    wrong = np.arange(200) % 4 == 0
    own = np.where(wrong, rng.uniform(0.01, 0.05, 200), rng.uniform(0.8, 0.99, 200))
    labels = rng.integers(0, 2, 200)
    probabilities = np.where(np.eye(2, dtype=bool)[labels], own[:, None], 1 - own[:, None])
    np.testing.assert_array_equal(detectors.loss_mixture(probabilities, labels) < 0.5, wrong)


@pytest.mark.parametrize("covariance", ["identity", "low_rank"])
def test_residual_is_that_of_the_full_matrix(covariance):
    loss = losses.LogisticNormal(3, temperature=0.7, min_scale=0.4, target_smoothing=0.05, covariance=covariance)
    outputs = np.random.default_rng(0).normal(size=[5, loss.num_outputs]).astype(np.float32)
    labels = np.array([0, 1, 2, 0, 1])
    for found, row, label in zip(detectors.standardised_residual(outputs, labels, loss), outputs, labels, strict=True):
        smoothed = np.append(0.95 * np.eye(3)[label], 0) + 0.05 / 4  # the last is the dummy class
        target = 0.7 * np.log(smoothed[:3] / smoothed[3])
        scale = np.eye(3) if covariance == "identity" else np.outer(row[3:], row[3:]) + 0.4 * np.eye(3)
        error = np.linalg.solve(scale, target - row[:3])
        assert found == pytest.approx(-error @ error, rel=1e-5)


def test_kept_predictions_are_read_and_not_trained_for(tmp_path, monkeypatch):
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8]], np.float32)
    monkeypatch.setattr(predictions, "cross_predict", lambda *args, **kwargs: probabilities)
    monkeypatch.setattr(predictions, "_trained_on_all", lambda *args: {"area_under_margin": np.array([1.0, 2.0])})
    data = (np.zeros([2, 3]), np.array([0, 1]), np.array([1, 1]))
    arguments = (tmp_path, "CE", sets.SETS["breast_cancer30"], data, 0)
    predictions.predictions(*arguments)
    monkeypatch.delattr(predictions, "_trained_on_all")
    _, in_sample = predictions.predictions(*arguments)
    expected = {"area_under_margin": [1, 2], "true": [0, 1], "given": [1, 1]}
    assert {name: array.tolist() for name, array in in_sample.items()} == expected
    with np.load(tmp_path / predictions.OUT_OF_SAMPLE) as file:
        np.testing.assert_array_equal(file["probabilities"], probabilities)
        np.testing.assert_array_equal(file["given"], [1, 1])

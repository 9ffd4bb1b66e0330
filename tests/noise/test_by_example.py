"""Noise that differs between the examples of a class: its rates by another algorithm, its draws, and its laws."""

import dataclasses
import re

import numpy as np
import pytest
from scipy import optimize, special, stats

from tfp_noise import datasets, metrics, noise

K, N = 4, 400


def example(seed=0, sharpness=2.0):
    """Probabilities of a made-up model, and true classes that mostly agree with it."""
    rng = np.random.default_rng(seed)
    logits = sharpness * rng.normal(size=[N, K])
    return special.softmax(logits, axis=1), np.where(rng.random(N) < 0.7, logits.argmax(axis=1), rng.integers(0, K, N))


def by_root_finding(probabilities, labels, rate):
    """The definition, example by example, with the factor found by bisection."""
    difficulty = np.array([sum(np.delete(row, y)) for row, y in zip(probabilities, labels, strict=True)])
    factor = optimize.brentq(lambda c: np.mean(np.minimum(1, c * difficulty)) - rate, 0, 1e9, xtol=1e-15)
    rows = []
    for row, y, d in zip(probabilities, labels, difficulty, strict=True):
        flip = min(1, factor * d)
        rows.append([1 - flip if j == y else flip * p / d for j, p in enumerate(row)])
    return np.array(rows)


@pytest.mark.parametrize("rate", [0.0, 0.01, 0.2, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("sharpness", [0.5, 6.0])
def test_rows_are_those_of_the_definition(rate, sharpness):
    probabilities, labels = example(sharpness=sharpness)
    rows = noise.instance_dependent(probabilities, labels, rate)
    if 0 < rate < 1:
        np.testing.assert_allclose(rows, by_root_finding(probabilities, labels, rate), atol=1e-9)
    np.testing.assert_allclose(rows.sum(axis=1), 1, atol=1e-12)
    assert rows.min() >= 0
    assert 1 - rows[np.arange(N), labels].mean() == pytest.approx(rate, abs=1e-12)


def test_hard_examples_are_mislabelled_more_often_and_the_hardest_always():
    probabilities, labels = example(sharpness=6.0)
    kept = noise.instance_dependent(probabilities, labels, 0.5)[np.arange(N), labels]
    order = np.argsort(probabilities[np.arange(N), labels])
    assert (np.diff(kept[order]) >= -1e-12).all()
    assert kept[order[0]] == 0
    assert (kept > 0.5).any()


def test_uniform_probabilities_give_symmetric_noise():
    labels = np.arange(N) % K
    rows = noise.instance_dependent(np.full([N, K], 1 / K), labels, 0.3)
    np.testing.assert_allclose(rows, noise.symmetric(K, 0.3, include_true=False)[labels], atol=1e-12)
    np.testing.assert_allclose(noise.mean_transition(rows, labels), noise.symmetric(K, 0.3, include_true=False))


def test_certain_predictions_flip_always_or_never():
    certain = np.eye(K)[[0, 1, 2, 3]]
    rows = noise.instance_dependent(certain, [0, 1, 3, 0], 0.5)
    np.testing.assert_array_equal(rows, certain)  # the two that the model takes for another class become that class
    np.testing.assert_array_equal(noise.instance_dependent(certain, [0, 1, 2, 3], 0.0), certain)
    half = noise.instance_dependent(certain, [0, 1, 3, 0], 0.25)
    np.testing.assert_allclose(half[2], [0, 0, 0.5, 0.5])
    with pytest.raises(ValueError, match=r"`rate` must be at most 0.5, the fraction .* Received: 0.6. Soften"):
        noise.instance_dependent(certain, [0, 1, 3, 0], 0.6)
    with pytest.raises(ValueError, match=r"`rate` must be at most 0,"):
        noise.instance_dependent(certain, [0, 1, 2, 3], 0.1)


def test_the_way_out_of_certain_predictions_works():
    probabilities = np.float32([[1, 1e-12, 0], [1, 0, 1e-12], [1, 0, 0], [1, 0, 0]])
    with pytest.raises(ValueError, match=r"at most 0\.5") as caught:
        noise.instance_dependent(probabilities, np.zeros(4, int), 0.6)
    (advice,) = re.findall(r"`(metrics\..*?)`", str(caught.value))
    softer = eval(advice, {"metrics": metrics, "probabilities": probabilities})
    assert 1 - noise.instance_dependent(softer, np.zeros(4, int), 0.6)[:, 0].mean() == pytest.approx(0.6)


def test_order_of_the_examples_changes_nothing():
    probabilities, labels = example()
    order = np.random.default_rng(1).permutation(N)
    rows = noise.instance_dependent(probabilities, labels, 0.3)
    moved = noise.instance_dependent(probabilities[order], labels[order], 0.3)
    np.testing.assert_array_equal(moved, rows[order])
    drawn = noise.draw_labels(rows, seed=5)
    np.testing.assert_array_equal(noise.draw_labels(moved, seed=5, ids=order), drawn[order])
    assert (noise.draw_labels(rows, seed=6) != drawn).any()
    assert drawn.dtype == np.int32


@pytest.mark.parametrize("ids", [None, np.arange(7, 7 + N), np.array([f"train_{i}" for i in range(N)])])
def test_rows_of_a_transition_are_drawn_as_by_corrupt(ids):
    labels = np.arange(N) % K
    transition = np.array([[0.7, 0.0, 0.3, 0.0], [0.0, 1.0, 0.0, 0.0], [0.25] * 4, [0.0, 0.01, 0.0, 0.99]])
    expected = noise.corrupt(labels, transition, seed=3, ids=ids)
    np.testing.assert_array_equal(noise.draw_labels(transition[labels], seed=3, ids=ids), expected)


def test_drawn_labels_have_the_rate_and_the_mean_transition():
    probabilities, labels = (np.concatenate([part] * 50) for part in example())
    rows = noise.instance_dependent(probabilities, labels, 0.3)
    drawn = noise.draw_labels(rows, seed=0)
    assert stats.binomtest(int((drawn != labels).sum()), len(labels), 0.3).pvalue > 1e-4
    transition = noise.mean_transition(rows, labels)
    for label, expected in enumerate(transition):
        counts = np.bincount(drawn[labels == label], minlength=K)
        assert stats.chisquare(counts, expected * counts.sum()).pvalue > 1e-4
    # A class that the model rules out is never drawn.
    probabilities[:, 1] = 0
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    drawn = noise.draw_labels(noise.instance_dependent(probabilities, labels, 0.3), seed=0)
    assert not ((drawn == 1) & (labels != 1)).any()


def test_mean_transition_keeps_a_class_without_examples():
    rows = np.array([[0.5, 0.5, 0.0], [0.1, 0.9, 0.0]])
    np.testing.assert_allclose(noise.mean_transition(rows, [0, 0]), [[0.3, 0.7, 0], [0, 1, 0], [0, 0, 1]])


@pytest.fixture(scope="module")
def digits():
    data = datasets.load("digits")
    rng = np.random.default_rng(0)
    return data, [special.softmax(rng.normal(size=[len(split), 10]), axis=1) for split in (data.train, data.validation)]


def test_both_splits_of_a_data_set_get_one_noise(digits):
    data, probabilities = digits
    noisy = noise.corrupt_dataset_by_example(data, probabilities, 0.3, seed=4)
    assert noisy.test is data.test
    labels = np.concatenate([data.train.labels, data.validation.labels])
    ids = np.concatenate([data.train.ids, data.validation.ids])
    rows = noise.instance_dependent(np.concatenate(probabilities), labels, 0.3)
    expected = noise.draw_labels(rows, 4, ids)
    np.testing.assert_array_equal(np.concatenate([noisy.train.observed, noisy.validation.observed]), expected)
    np.testing.assert_array_equal(noisy.train.labels, data.train.labels)
    np.testing.assert_allclose(noisy.transition.diagonal() @ np.bincount(labels), 0.7 * len(labels))
    # Another cut of the same examples into splits gives each of them the same label.
    order = np.random.default_rng(1).permutation(len(labels))
    features = np.concatenate([data.train.features, data.validation.features])
    cut = [datasets.Examples(features[part], labels[part], ids[part]) for part in (order[:600], order[600:])]
    again = noise.corrupt_dataset_by_example(
        dataclasses.replace(data, train=cut[0], validation=cut[1]),
        [np.concatenate(probabilities)[part] for part in (order[:600], order[600:])],
        0.3,
        seed=4,
    )
    np.testing.assert_array_equal(again.train.observed, expected[order[:600]])


def test_no_validation_split_is_needed():
    data = datasets.load("two_moons", validation_share=0)
    noisy = noise.corrupt_dataset_by_example(data, [np.full([len(data.train), 2], 0.5), np.empty([0, 2])], 0.2, seed=0)
    assert noisy.effective_rate == pytest.approx(0.2, abs=0.05)


P, Y = example()
BAD = {
    "logits": (
        lambda: noise.instance_dependent(np.log(P), Y, 0.2),
        r"`probabilities` must .* Are they logits\?",
    ),
    "no distributions": (lambda: noise.instance_dependent(P / 2, Y, 0.2), "`probabilities` must"),
    "rate": (lambda: noise.instance_dependent(P, Y, 1.2), "`rate` must be .* at most 1"),
    "length": (lambda: noise.instance_dependent(P, Y[1:], 0.2), "must have the same length. Received: 400 and 399"),
    "classes": (lambda: noise.instance_dependent(P, Y + 1, 0.2), r"`labels` must lie in \[0, 4\)"),
    "ids": (lambda: noise.draw_labels(P, 0, ids=[1]), r"`ids` must have shape \[400\].*Received shape \(1,\)"),
    "rows": (lambda: noise.draw_labels(np.log(P), 0), "`distributions` must"),
    "means": (lambda: noise.mean_transition(P, Y[1:]), "must have the same length"),
}


@pytest.mark.parametrize(("call", "message"), BAD.values(), ids=BAD)
def test_bad_input_is_told(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_equal_ids_are_warned_of():
    with pytest.warns(UserWarning, match="`ids` should differ"):
        noise.draw_labels(P, 0, ids=np.zeros(N, int))


def test_data_sets_that_do_not_fit_are_told(digits):
    data, probabilities = digits
    with pytest.raises(TypeError, match=r"`probabilities` must be a list of two arrays.*Received: ndarray"):
        noise.corrupt_dataset_by_example(data, probabilities[0], 0.2, seed=0)
    with pytest.raises(ValueError, match=r"`probabilities\[1\]` must have shape \(144, 10\).* of the validation split"):
        noise.corrupt_dataset_by_example(data, [probabilities[0], probabilities[0]], 0.2, seed=0)
    noisy = noise.corrupt_dataset_by_example(data, probabilities, 0.2, seed=0)
    with pytest.raises(ValueError, match="`dataset` must have clean labels"):
        noise.corrupt_dataset_by_example(noisy, probabilities, 0.2, seed=0)

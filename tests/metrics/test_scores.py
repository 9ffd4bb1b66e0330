"""Scores against float64 NumPy loops and cases worked out by hand."""

import doctest
import functools

import numpy as np
import pytest
from scipy import stats

from tfp_noise import metrics
from tfp_noise.datasets.base import Examples
from tfp_noise.metrics import calibration, scores, temperature

# Four examples, three classes; right, right, wrong, wrong.
HAND = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.6, 0.3, 0.1], [0.25, 0.25, 0.5]])
HAND_LABELS = np.array([0, 1, 1, 0])

# Every function of (probabilities, labels).
SCORES = [
    metrics.accuracy,
    functools.partial(metrics.top_k_accuracy, k=1),
    metrics.negative_log_likelihood,
    metrics.brier_score,
    metrics.expected_calibration_error,
    metrics.reliability_curve,
    metrics.classwise_calibration_error,
    metrics.adaptive_calibration_error,
    metrics.fit_temperature,
]


def random_predictions(n=500, num_classes=7, seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.full(num_classes, 0.4), size=n)
    return probabilities.astype(dtype), rng.integers(0, num_classes, n)


def test_by_hand():
    assert metrics.accuracy(HAND, HAND_LABELS) == 0.5
    nll = -(np.log(0.7) + np.log(0.8) + np.log(0.3) + np.log(0.25)) / 4
    np.testing.assert_allclose(metrics.negative_log_likelihood(HAND, HAND_LABELS), nll, rtol=1e-12)
    # (0.09 + 0.04 + 0.01) + (0.01 + 0.04 + 0.01) + (0.36 + 0.49 + 0.01) + (0.5625 + 0.0625 + 0.25)
    np.testing.assert_allclose(metrics.brier_score(HAND, HAND_LABELS), (0.14 + 0.06 + 0.86 + 0.875) / 4, rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scores_match_loops(dtype):
    probabilities, labels = random_predictions(dtype=dtype)
    rows = list(zip(probabilities.astype(np.float64), labels, strict=True))
    nll = np.mean([-np.log(row[label]) for row, label in rows])
    brier = np.mean([sum((p - (k == label)) ** 2 for k, p in enumerate(row)) for row, label in rows])
    np.testing.assert_allclose(metrics.accuracy(probabilities, labels), np.mean([r.argmax() == y for r, y in rows]))
    np.testing.assert_allclose(metrics.negative_log_likelihood(probabilities, labels), nll, rtol=1e-5)
    np.testing.assert_allclose(metrics.brier_score(probabilities, labels), brier, rtol=1e-5)


def test_top_k_accuracy_by_hand_and_by_loop():
    assert [metrics.top_k_accuracy(HAND, HAND_LABELS, k) for k in (1, 2, 3)] == [0.5, 1.0, 1.0]
    probabilities, labels = random_predictions()
    for k in range(1, 8):
        hits = [sum(p > row[y] for p in row) < k for row, y in zip(probabilities, labels, strict=True)]
        np.testing.assert_allclose(metrics.top_k_accuracy(probabilities, labels, k), np.mean(hits))


def test_of_equal_probabilities_the_first_classes_are_the_prediction():
    equal = np.full([4, 4], 0.25)
    for k in range(1, 5):
        assert metrics.top_k_accuracy(equal, np.arange(4), k) == k / 4
        assert metrics.top_k_accuracy(equal, np.zeros(4, int), k) == 1
    assert metrics.top_k_accuracy(equal, np.arange(4), 1) == metrics.accuracy(equal, np.arange(4))


@pytest.mark.parametrize(
    ("k", "error", "message"),
    [
        (0, ValueError, "`k` must be at least 1. Received: 0"),
        (4, ValueError, "`k` must be at most 3, the number of classes. Received: 4"),
        (2.0, TypeError, "`k` must be an integer"),
    ],
)
def test_top_k_accuracy_refuses(k, error, message):
    with pytest.raises(error, match=message):
        metrics.top_k_accuracy(HAND, HAND_LABELS, k)


def test_mean_kl_divergence_is_scipys_over_the_examples_that_count():
    probabilities, labels = random_predictions()
    targets, _ = random_predictions(seed=1)
    targets[:100] = np.eye(7)[labels[:100]]
    each = stats.entropy(targets, probabilities, axis=1)
    np.testing.assert_allclose(metrics.mean_kl_divergence(targets, probabilities), each.mean(), rtol=1e-9)
    right = probabilities.argmax(axis=1) == labels
    assert 20 < right.sum() < 400
    value = metrics.mean_kl_divergence(targets, probabilities, where=right)
    np.testing.assert_allclose(value, each[right].mean(), rtol=1e-9)
    # Of one-hot targets it is the negative log-likelihood.
    hot = metrics.mean_kl_divergence(np.eye(7)[labels], probabilities)
    np.testing.assert_allclose(hot, metrics.negative_log_likelihood(probabilities, labels), rtol=1e-12)
    assert metrics.mean_kl_divergence(targets, targets) == pytest.approx(0, abs=1e-12)
    assert metrics.mean_kl_divergence(np.eye(2), np.eye(2)[::-1]) == pytest.approx(126 * np.log(2))


@pytest.mark.parametrize(
    ("targets", "probabilities", "where", "error", "message"),
    [
        (HAND * 2, HAND, None, ValueError, "`targets` must be at least 0, with rows that sum to 1"),
        (HAND, HAND - 1, None, ValueError, "`probabilities` must be at least 0, with rows that sum to 1"),
        (HAND[:3], HAND, None, ValueError, r"must have the same shape. Received: \(3, 3\) and \(4, 3\)"),
        (HAND, HAND, np.arange(4), TypeError, "`where` must be boolean. Received dtype int64"),
        (HAND, HAND, np.ones(3, bool), ValueError, r"`where` must have shape \(4,\).* Received shape \(3,\)"),
        (HAND, HAND, np.zeros(4, bool), ValueError, "be true for at least one example. Received shape .* 0 examples"),
    ],
)
def test_mean_kl_divergence_refuses(targets, probabilities, where, error, message):
    with pytest.raises(error, match=message):
        metrics.mean_kl_divergence(targets, probabilities, where)


def test_certain_predictions_stay_finite():
    certain = np.eye(3)
    right, wrong = np.arange(3), np.array([1, 2, 0])
    assert metrics.negative_log_likelihood(certain, right) == 0
    np.testing.assert_allclose(metrics.negative_log_likelihood(certain, wrong), 126 * np.log(2), rtol=1e-12)
    np.testing.assert_allclose([metrics.brier_score(certain, right), metrics.brier_score(certain, wrong)], [0, 2])


def test_rows_are_divided_by_their_sums():
    scaled = HAND * (1 + np.array([[5e-4], [-5e-4], [0], [9e-4]]))
    for score in SCORES:
        np.testing.assert_allclose(score(scaled, HAND_LABELS), score(HAND, HAND_LABELS), rtol=1e-5)


def examples(clean, observed):
    clean = np.array(clean)
    return Examples(
        np.zeros([len(clean), 1]), clean, np.arange(len(clean)), None if observed is None else np.array(observed)
    )


def test_split_accuracy_by_hand():
    predicted = [0, 1, 2, 1, 0, 1, 2]
    clean = [0, 1, 0, 0, 0, 0, 2]
    observed = [0, 1, 2, 0, 1, 2, 1]  # the wrong ones: 2, 4, 5, 6
    expected = {
        "accuracy": 4 / 7,  # 0, 1, 4, 6
        "accuracy_clean": 2 / 3,  # 0, 1 of 0, 1, 3
        "accuracy_mislabelled_true": 2 / 4,  # 4, 6
        "accuracy_mislabelled": 1 / 4,  # 2; 5 is neither
    }
    assert metrics.split_accuracy(np.eye(3)[predicted], examples(clean, observed)) == expected
    predicted[4] = 1  # from the true class to the wrong label
    moved = metrics.split_accuracy(np.eye(3)[predicted], examples(clean, observed))
    expected |= {"accuracy": 3 / 7, "accuracy_mislabelled_true": 1 / 4, "accuracy_mislabelled": 2 / 4}
    assert moved == expected


def test_split_accuracy_of_an_empty_part_is_none():
    clean = metrics.split_accuracy(np.eye(2), examples([0, 1], [0, 1]))
    assert clean == {
        "accuracy": 1.0,
        "accuracy_clean": 1.0,
        "accuracy_mislabelled_true": None,
        "accuracy_mislabelled": None,
    }
    assert metrics.split_accuracy(np.eye(2), examples([0, 1], [1, 0]))["accuracy_clean"] is None


def test_split_accuracy_needs_observed_labels():
    with pytest.raises(ValueError, match="`examples` must have observed labels"):
        metrics.split_accuracy(np.eye(2), examples([0, 1], None))
    with pytest.raises(ValueError, match=r"must have the same length. Received: 3 and 2"):
        metrics.split_accuracy(np.eye(3), examples([0, 1], [1, 0]))


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize(
    ("probabilities", "labels", "error", "message"),
    [
        ([[0.5, 0.5], [2.0, -1.0]], [0, 1], ValueError, "row 1 has the minimum -1 and the sum 1. Are these logits"),
        ([[0.5, 0.5], [0.5, 0.502]], [0, 1], ValueError, "row 1 has the minimum 0.5 and the sum 1.002"),
        ([[0.5, 0.5], [np.nan, 0.5]], [0, 1], ValueError, "NaN or infinity in row 1"),
        ([0.5, 0.5], [0, 1], ValueError, r"must have shape \[n, num_classes\].* Received shape \(2,\)"),
        (np.zeros([0, 2]), np.zeros([0], int), ValueError, r"Received shape \(0, 2\)"),
        ([[0.5, 0.5]], [0, 1], ValueError, "must have the same length. Received: 1 and 2"),
        ([[0.5, 0.5]], [2], ValueError, r"`labels` must lie in \[0, 2\)"),
        ([[0.5, 0.5]], [0.0], TypeError, "`labels` must be integer"),
    ],
)
def test_refuses_what_is_not_a_prediction(score, probabilities, labels, error, message):
    with pytest.raises(error, match=message):
        score(np.array(probabilities), np.array(labels))


def test_examples_in_docstrings():
    for module in (scores, calibration, temperature):
        result = doctest.testmod(module)
        assert result.attempted >= 2
        assert result.failed == 0

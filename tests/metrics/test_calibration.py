"""Calibration errors and temperature scaling against float64 loops, cases worked out by hand, and laws."""

import itertools

import numpy as np
import pytest
from scipy import special

from tfp_noise import metrics, noise

# Four examples, three classes; right, right, wrong, wrong.
HAND = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.6, 0.3, 0.1], [0.25, 0.25, 0.5]])
HAND_LABELS = np.array([0, 1, 1, 0])

ERRORS = [
    metrics.expected_calibration_error,
    metrics.classwise_calibration_error,
    metrics.adaptive_calibration_error,
]


def random_predictions(n=500, num_classes=7, seed=0):
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.full(num_classes, 0.4), size=n), rng.integers(0, num_classes, n)


def drawn_from(probabilities):
    """One label per example, drawn from its probabilities, which are therefore calibrated."""
    uniform = np.random.default_rng(1).random((len(probabilities), 1))
    return (probabilities[:, :-1].cumsum(axis=1) < uniform).sum(axis=1)


def calibrated_predictions(n):
    probabilities = np.random.default_rng(0).dirichlet(np.ones(4), size=n)
    return probabilities, drawn_from(probabilities)


def equal_width_bins(pairs, num_bins):
    """(probability, hit) pairs in each bin, by comparison with the bin's ends."""
    bins = [[] for _ in range(num_bins)]
    for probability, hit in pairs:
        for b in range(num_bins):
            if b / num_bins <= probability < (b + 1) / num_bins or (b == num_bins - 1 and probability >= 1):
                bins[b].append((probability, hit))
    return bins


def equal_count_bins(pairs, num_bins):
    """(probability, hit) pairs in ranges of equal counts: rank `r` of `n` is in `floor(r / n * num_bins)`."""
    bins = [[] for _ in range(num_bins)]
    for rank, pair in enumerate(sorted(pairs)):
        bins[int(np.floor(rank / len(pairs) * num_bins + 1e-9))].append(pair)
    return bins


def error_of(bins):
    """The mean over examples of |mean hit - mean probability| in the example's bin."""
    gaps = [len(b) * abs(np.mean([hit for _, hit in b]) - np.mean([p for p, _ in b])) for b in bins if b]
    return sum(gaps) / sum(len(b) for b in bins)


def of_predicted(probabilities, labels):
    return [(max(row), float(list(row).index(max(row)) == y)) for row, y in zip(probabilities, labels, strict=True)]


def of_class(probabilities, labels, k):
    return [(row[k], float(y == k)) for row, y in zip(probabilities, labels, strict=True)]


def test_by_hand():
    # Two bins: all in the upper one, confidence (0.7 + 0.8 + 0.6 + 0.5) / 4 = 0.65 against accuracy 0.5.
    np.testing.assert_allclose(metrics.expected_calibration_error(HAND, HAND_LABELS, 2), 0.15, rtol=1e-5)
    # Differences hit - p, lower bin | upper bin, of class 0: -0.1 + 0.75 | 0.3 - 0.6; class 1: -0.2 + 0.7 - 0.25 | 0.2;
    # class 2: -0.1 - 0.1 - 0.1 | -0.5.
    classwise = (0.65 + 0.3 + 0.25 + 0.2 + 0.3 + 0.5) / 12
    np.testing.assert_allclose(metrics.classwise_calibration_error(HAND, HAND_LABELS, 2), classwise, rtol=1e-12)
    # The two lowest | the two highest, of class 0: -0.1 + 0.75 | -0.6 + 0.3; class 1: -0.2 - 0.25 | 0.7 + 0.2; class 2,
    # where three share 0.1 and none is hit: -0.1 - 0.1 | -0.1 - 0.5.
    adaptive = (0.65 + 0.3 + 0.45 + 0.9 + 0.2 + 0.6) / 12
    np.testing.assert_allclose(metrics.adaptive_calibration_error(HAND, HAND_LABELS, 2), adaptive, rtol=1e-12)


@pytest.mark.parametrize("num_bins", [1, 10, 15, 100])
def test_errors_match_loops(num_bins):
    probabilities, labels = random_predictions()
    bins = equal_width_bins(of_predicted(probabilities, labels), num_bins)
    error = metrics.expected_calibration_error(probabilities, labels, num_bins)
    np.testing.assert_allclose(error, error_of(bins), atol=1e-6)

    curve = metrics.reliability_curve(probabilities, labels, num_bins)
    assert curve.count.tolist() == [len(b) for b in bins]
    np.testing.assert_allclose(curve.confidence, [np.mean([p for p, _ in b]) if b else 0 for b in bins], atol=1e-6)
    np.testing.assert_allclose(curve.accuracy, [np.mean([h for _, h in b]) if b else 0 for b in bins], atol=1e-12)

    classes = [of_class(probabilities, labels, k) for k in range(7)]
    classwise = np.mean([error_of(equal_width_bins(pairs, num_bins)) for pairs in classes])
    np.testing.assert_allclose(metrics.classwise_calibration_error(probabilities, labels, num_bins), classwise)
    adaptive = np.mean([error_of(equal_count_bins(pairs, num_bins)) for pairs in classes])
    np.testing.assert_allclose(metrics.adaptive_calibration_error(probabilities, labels, num_bins), adaptive)


@pytest.mark.parametrize("num_bins", [2, 3, 5, 10, 15])
def test_curve_and_error_share_bins_at_their_ends(num_bins):
    top = np.repeat(np.linspace(0.5, 1, 11), 20)
    labels = np.random.default_rng(0).integers(0, 2, len(top))
    probabilities = np.stack([top, 1 - top], axis=1)
    curve = metrics.reliability_curve(probabilities, labels, num_bins)
    expected = np.sum(curve.count * np.abs(curve.accuracy - curve.confidence)) / len(top)
    np.testing.assert_allclose(metrics.expected_calibration_error(probabilities, labels, num_bins), expected, atol=1e-6)
    assert curve.count.sum() == len(top)


def test_errors_of_certain_predictions():
    certain = np.eye(3)
    right, wrong = np.arange(3), np.array([1, 2, 0])
    assert [error(certain, right) for error in ERRORS] == [0, 0, 0]
    # Of classes the worst is 2 / K: per class, one of three is certain and wrong, and one of three is missed.
    np.testing.assert_allclose([error(certain, wrong) for error in ERRORS], [1, 2 / 3, 2 / 3], rtol=1e-12)
    assert metrics.reliability_curve(certain, wrong).count.tolist() == [0] * 14 + [3]


@pytest.mark.parametrize("error", ERRORS)
def test_calibrated_predictions_have_small_errors(error):
    rows, labels = np.repeat([[0.75, 0.25], [0.25, 0.75]], 4, axis=0), np.array([0, 0, 0, 1, 1, 1, 1, 0])
    np.testing.assert_allclose(error(rows, labels, 2), 0, atol=1e-6)
    probabilities, labels = calibrated_predictions(20000)
    assert error(probabilities, labels) < 0.01
    assert error(metrics.apply_temperature(probabilities, 0.3), labels) > 0.05


@pytest.mark.parametrize("error", [metrics.classwise_calibration_error, metrics.adaptive_calibration_error])
def test_errors_of_two_classes_mirror_each_other(error):
    # Class 1's bins are class 0's from the other side, also those of equal counts as 15 divides 300.
    probabilities, labels = random_predictions(n=300, num_classes=2)
    bins = equal_width_bins if error is metrics.classwise_calibration_error else equal_count_bins
    for k in range(2):
        np.testing.assert_allclose(error(probabilities, labels), error_of(bins(of_class(probabilities, labels, k), 15)))


def test_classwise_is_the_expected_error_where_class_0_of_two_is_always_predicted():
    rng = np.random.default_rng(0)
    top = rng.uniform(0.5, 1, 300)
    probabilities, labels = np.stack([top, 1 - top], axis=1), rng.integers(0, 2, 300)
    expected = metrics.expected_calibration_error(probabilities, labels)
    np.testing.assert_allclose(metrics.classwise_calibration_error(probabilities, labels), expected, atol=1e-6)


@pytest.mark.parametrize("n", [1, 7, 14])
def test_adaptive_error_of_fewer_examples_than_ranges(n):
    probabilities, labels = random_predictions(n=n)
    expected = np.mean(np.abs(np.eye(7)[labels] - probabilities))
    np.testing.assert_allclose(metrics.adaptive_calibration_error(probabilities, labels), expected)


def test_adaptive_error_does_not_depend_on_the_order_of_ties():
    # One prediction that is right as often as it promises is calibrated, whatever the order of the labels.
    rows = np.tile([0.7, 0.2, 0.1], [40, 1])
    labels = np.repeat([0, 1, 2], [28, 8, 4])
    np.testing.assert_allclose(metrics.adaptive_calibration_error(rows, labels, 4), 0, atol=1e-12)
    np.testing.assert_allclose(metrics.adaptive_calibration_error(rows, labels[::-1], 4), 0, atol=1e-12)
    # The two in the middle lie in different ranges, and each counts as half a hit.
    rows = np.array([[0.2, 0.8], [0.5, 0.5], [0.5, 0.5], [0.9, 0.1]])
    for labels in ([1, 0, 1, 1], [1, 1, 0, 1]):
        # Class 0: -0.2 + 0 | 0 - 0.9; class 1: 0.9 + 0 | 0 + 0.2.
        error = metrics.adaptive_calibration_error(rows, np.array(labels), 2)
        np.testing.assert_allclose(error, (0.2 + 0.9 + 0.9 + 0.2) / 8, rtol=1e-12)


@pytest.mark.parametrize("function", [*ERRORS, metrics.fit_temperature])
@pytest.mark.parametrize("tied", [False, True])
def test_order_of_classes_and_examples_does_not_matter(function, tied):
    probabilities, labels = calibrated_predictions(203)
    if tied:  # few values, many at the ends of bins, and rows whose sums round differently when permuted
        probabilities = np.array(list(itertools.permutations([0.1, 0.2, 0.3, 0.4])))[np.arange(203) % 24]
        labels = drawn_from(probabilities)
    rng = np.random.default_rng(1)
    examples, classes = rng.permutation(203), rng.permutation(4)
    value = function(probabilities, labels)
    np.testing.assert_allclose(function(probabilities[examples], labels[examples]), value, rtol=1e-6)
    # Column j of the permuted is class classes[j], so label y becomes the position of y among the classes.
    np.testing.assert_allclose(function(probabilities[:, classes], np.argsort(classes)[labels]), value, rtol=1e-6)


@pytest.mark.parametrize("function", [*ERRORS, metrics.reliability_curve])
def test_refuses_no_bins(function):
    with pytest.raises(ValueError, match="`num_bins` must be at least 1"):
        function(HAND, HAND_LABELS, num_bins=0)
    with pytest.raises(TypeError, match="`num_bins` must be an integer"):
        function(HAND, HAND_LABELS, num_bins=1.5)


@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.5])
def test_fit_finds_the_temperature_that_labels_were_drawn_at(temperature):
    calibrated, labels = calibrated_predictions(20000)
    distorted = special.softmax(temperature * np.log(calibrated), axis=1)
    fitted = metrics.fit_temperature(distorted, labels)
    np.testing.assert_allclose(fitted, temperature, rtol=0.05)
    assert metrics.expected_calibration_error(metrics.apply_temperature(distorted, fitted), labels) < 0.01


def test_fit_is_the_minimum():
    logits = np.random.default_rng(0).normal(scale=3, size=[200, 5])
    labels = np.where(np.arange(200) % 3 == 0, np.arange(200) % 5, logits.argmax(axis=1))

    def negative_log_likelihood(temperature):
        scaled = logits / temperature
        return np.mean(np.log(np.exp(scaled).sum(axis=1)) - scaled[np.arange(200), labels])

    fitted = metrics.fit_temperature(special.softmax(logits, axis=1), labels)
    slope = (negative_log_likelihood(fitted + 1e-5) - negative_log_likelihood(fitted - 1e-5)) / 2e-5
    assert abs(slope) < 1e-8
    for other in np.geomspace(0.02, 100, 81):
        assert negative_log_likelihood(fitted) <= negative_log_likelihood(other)


@pytest.mark.parametrize("rate", [0.0, 0.15, 0.3])
def test_fit_on_noisy_labels_calibrates_to_the_noise(rate):
    # 0.8 : 0.1 : 0.1 for the clean label, and exactly as many of each observed label as the noise makes of 1000.
    clean = np.array([0.8, 0.1, 0.1])
    observed = clean @ noise.symmetric(3, rate)
    probabilities = np.tile(clean, [1000, 1])
    fitted = metrics.fit_temperature(probabilities, np.repeat([0, 1, 2], np.rint(1000 * observed).astype(int)))
    np.testing.assert_allclose(fitted, np.log(8) / np.log(observed[0] / observed[1]), rtol=1e-9)
    np.testing.assert_allclose(metrics.apply_temperature(clean[None], fitted)[0], observed, rtol=1e-9)


@pytest.mark.parametrize(
    ("probabilities", "labels", "temperature", "message"),
    [
        ([[0.6, 0.3, 0.1], [0.2, 0.2, 0.6]], [0, 2], 0.01, "every label is the predicted class"),
        (np.eye(3), [0, 1, 2], 0.01, "every label is the predicted class"),
        ([[0.6, 0.3, 0.1], [0.2, 0.2, 0.6]], [2, 1], 100, "no better than guessing"),
        (np.full([3, 14], 1 / 14), [0, 1, 1], 100, "no better than guessing"),
    ],
)
def test_fit_warns_at_the_ends(probabilities, labels, temperature, message):
    with pytest.warns(UserWarning, match=rf"outside of \[0.01, 100\]: {temperature:g} is returned.*{message}"):
        assert metrics.fit_temperature(np.array(probabilities), np.array(labels)) == temperature


@pytest.mark.parametrize("temperature", [0.05, 0.5, 1.0, 3.0, 50.0])
def test_apply_is_the_softmax_of_scaled_logits(temperature):
    logits = np.random.default_rng(0).normal(scale=3, size=[100, 6])
    weights = np.exp(logits / temperature)
    scaled = metrics.apply_temperature(np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True), temperature)
    np.testing.assert_allclose(scaled, weights / weights.sum(axis=1, keepdims=True), rtol=1e-9)
    np.testing.assert_array_equal(scaled.argsort(axis=1), logits.argsort(axis=1))


def test_apply_at_one_and_at_the_limits():
    probabilities, _ = random_predictions()
    np.testing.assert_allclose(metrics.apply_temperature(probabilities, 1), probabilities, rtol=1e-9)
    np.testing.assert_allclose(metrics.apply_temperature(np.eye(3), 1), np.eye(3), atol=1e-37)
    np.testing.assert_allclose(metrics.apply_temperature(probabilities, 1e9), 1 / 7, rtol=1e-6)
    predicted = np.eye(7)[probabilities.argmax(axis=1)]
    np.testing.assert_allclose(metrics.apply_temperature(probabilities, 1e-9), predicted, atol=1e-12)
    scaled = metrics.apply_temperature(probabilities.astype(np.float32), 0.7)
    assert scaled.dtype == np.float64
    np.testing.assert_allclose(scaled.sum(axis=1), 1, rtol=1e-12)


def test_apply_refuses_what_is_no_temperature():
    for temperature in (0, -1.0, np.nan, np.inf):
        with pytest.raises(ValueError, match="`temperature` must be finite and above 0"):
            metrics.apply_temperature(HAND, temperature)
    with pytest.raises(TypeError, match="`temperature` must be a number"):
        metrics.apply_temperature(HAND, "1")
    with pytest.raises(ValueError, match="Are these logits"):
        metrics.apply_temperature(np.log(HAND), 1.0)

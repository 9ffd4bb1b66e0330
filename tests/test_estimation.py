"""Estimated transitions: exact where theory says so, with a warning where they cannot be trusted."""

import fractions
import math
import re
import warnings

import numpy as np
import pytest

from tfp_noise import _validation, estimation, losses, noise
from tfp_noise.noise import _conditioning


def noisy_posteriors(transition, n=20_000, seed=0):
    """Clean posteriors with anchors at every class, the noisy posteriors they give, and labels drawn from both."""
    rng = np.random.default_rng(seed)
    num_classes = len(transition)
    clean_posterior = rng.dirichlet(np.full(num_classes, 0.1), n)
    clean_posterior[:num_classes] = np.eye(num_classes)
    clean = (rng.random(n)[:, None] > clean_posterior.cumsum(1)).sum(1).clip(0, num_classes - 1)
    observed = noise.corrupt(clean, transition, seed)
    return clean_posterior @ transition, clean, observed


ESTIMATE = estimation.EstimatedTransition(np.eye(2), np.ones(2, int))
TRANSITIONS = {"symmetric": noise.symmetric(5, 0.4), "pairs": noise.pair_flip(5, 0.3)}


@pytest.mark.parametrize("transition", TRANSITIONS.values(), ids=TRANSITIONS)
def test_anchors_give_the_transition_exactly(transition):
    """With the true noisy posterior and one anchor per class, the argmax gives T (Patrini et al., Theorem 3)."""
    probabilities, _, _ = noisy_posteriors(transition)
    estimate = estimation.from_anchors(probabilities, percentile=100)
    np.testing.assert_allclose(estimate.transition, transition, atol=1e-6)
    assert estimate.condition_number == pytest.approx(np.linalg.cond(transition), rel=1e-5)
    np.testing.assert_array_equal(estimate.support, np.bincount(probabilities.argmax(1), minlength=5))


def test_percentile_spares_an_outlier():
    probabilities, _, _ = noisy_posteriors(TRANSITIONS["symmetric"])
    probabilities[0] = [1, 0, 0, 0, 0]
    fooled = estimation.from_anchors(probabilities, percentile=100).transition
    spared = estimation.from_anchors(probabilities, percentile=99.9).transition
    truth = TRANSITIONS["symmetric"][0]
    assert np.abs(fooled[0] - truth).max() > 0.3
    assert np.abs(spared[0] - truth).max() < 0.02


def test_percentile_is_the_rank_it_says():
    rising = np.arange(1, 101) / 100 - 0.005  # each class has half of the examples
    probabilities = np.stack([rising, 1 - rising], axis=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert estimation.from_anchors(probabilities, 97).transition[0, 0] == pytest.approx(97 / 100 - 0.005)
        assert estimation.from_anchors(probabilities, 100).transition[0, 0] == pytest.approx(100 / 100 - 0.005)
        assert estimation.from_anchors(probabilities, 0.5).transition[0, 0] == pytest.approx(1 / 100 - 0.005)


@pytest.mark.parametrize("n", [1_000, 50_000])
@pytest.mark.parametrize("percentile", [14, 28, 97, 99.9, 5e-324])
def test_rank_is_exact_where_floats_are_not(n, percentile):
    """`99.9 / 100 * 1000` is above 999 in floating point; one rank too far is the outlier that 99.9 should spare."""
    p = np.linspace(0.01, 0.99, n)
    rank = max(math.ceil(fractions.Fraction(str(percentile)) * n / 100), 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estimate = estimation.from_anchors(np.stack([p, 1 - p], axis=1), percentile)
    assert estimate.transition[0, 0] == pytest.approx(p[rank - 1], abs=1e-9)


@pytest.mark.parametrize("transition", TRANSITIONS.values(), ids=TRANSITIONS)
def test_trusted_counts_converge(transition):
    _, clean, observed = noisy_posteriors(transition)
    estimate = estimation.from_trusted(clean, observed, 5)
    np.testing.assert_allclose(estimate.transition, transition, atol=0.03)
    np.testing.assert_array_equal(estimate.support, np.bincount(clean, minlength=5))


@pytest.mark.parametrize("transition", TRANSITIONS.values(), ids=TRANSITIONS)
def test_confident_counts_recover_separable_classes(transition):
    """If the clean class is certain, the noisy posterior is a row of T and every example is confident."""
    rng = np.random.default_rng(1)
    clean = rng.integers(0, 5, 20_000)
    observed = noise.corrupt(clean, transition, 1)
    estimate = estimation.from_confident_counts(transition[clean], observed)
    np.testing.assert_allclose(estimate.transition, transition, atol=0.03)


def test_confident_counts_are_those_of_a_plain_loop():
    rng = np.random.default_rng(2)
    probabilities, labels = rng.dirichlet(np.ones(3), 200), rng.integers(0, 3, 200)
    thresholds = [probabilities[labels == j, j].mean() for j in range(3)]
    counts = np.zeros((3, 3))
    for p, label in zip(probabilities, labels, strict=True):
        above = [j for j in range(3) if p[j] >= thresholds[j]]
        if above:
            counts[max(above, key=lambda j: p[j]), label] += 1
    scaled = counts / counts.sum(0) * np.bincount(labels)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estimate = estimation.from_confident_counts(probabilities, labels)
    np.testing.assert_allclose(estimate.transition, scaled / scaled.sum(1, keepdims=True))
    np.testing.assert_array_equal(estimate.support, counts.sum(1))


@pytest.mark.parametrize("n", [3, 6, 7, 11, 100])
def test_equal_confidences_all_count(n):
    probabilities, labels = np.tile([[0.7, 0.3], [0.3, 0.7]], (n, 1)), np.tile([0, 1], n)
    np.testing.assert_array_equal(estimation.from_confident_counts(probabilities, labels).support, [n, n])


def test_class_never_predicted_and_bad_condition_are_said():
    probabilities = np.tile([[0.6, 0.3, 0.1], [0.3, 0.6, 0.1], [0.3, 0.35, 0.35]], (10, 1))
    with pytest.warns(UserWarning, match="row of class 2 cannot be trusted: no example"):
        estimation.from_anchors(probabilities, 100)
    with pytest.warns(UserWarning, match="row of class 2 cannot be trusted: no example"):
        trusted = estimation.from_trusted(np.array([0, 1]), np.array([0, 1]), 3)
    np.testing.assert_array_equal(trusted.transition[2], [0, 0, 1])
    with pytest.warns(UserWarning, match=r"condition number 10\d"):
        estimation.from_anchors(np.array([[0.505, 0.495], [0.495, 0.505]]), 100)


@pytest.mark.parametrize(("num_classes", "n"), [(5, 200), (10, 1_000), (100, 1_000)])
@pytest.mark.daily("10-1000")
def test_check_says_what_chance_alone_would_give(num_classes, n):
    """The true matrix has, on average over many subsets, the errors that `check` expects."""
    transition = noise.symmetric(num_classes, 0.2)
    estimate = estimation.EstimatedTransition(transition, np.ones(num_classes, int))
    rng = np.random.default_rng(3)
    checks = []
    for seed in range(200):
        clean = rng.integers(0, num_classes, n)
        checks.append(estimate.check(clean, noise.corrupt(clean, transition, seed)))
    ratio = np.mean([c.mean_absolute_error for c in checks]) / np.mean([c.sampling_error for c in checks])
    assert ratio == pytest.approx(1, abs=0.03)
    scores = [(c.noise_rate - c.expected_noise_rate) / c.standard_error for c in checks]
    assert np.mean(scores) == pytest.approx(0, abs=0.2)
    assert np.std(scores) == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize("num_classes", [10, 100])
def test_check_sees_a_wrong_noise_rate(num_classes):
    clean = np.arange(1_000) % num_classes
    observed = noise.corrupt(clean, noise.symmetric(num_classes, 0.2), 0)
    wrong = estimation.EstimatedTransition(noise.symmetric(num_classes, 0.4), np.ones(num_classes, int))
    check = wrong.check(clean, observed)
    assert check.noise_rate == pytest.approx(np.mean(clean != observed))
    assert check.expected_noise_rate == pytest.approx(0.4 * (1 - 1 / num_classes))
    assert check.expected_noise_rate - check.noise_rate > 8 * check.standard_error


def test_check_counts_only_classes_with_trusted_examples():
    estimate = estimation.EstimatedTransition(np.array([[0.8, 0.2, 0], [0.5, 0.5, 0], [1, 0, 0]]), np.ones(3, int))
    check = estimate.check(np.array([0, 0, 1, 1]), np.array([0, 1, 0, 0]))
    # Rows 0 and 1: |0.5 - 0.8|, |0.5 - 0.2|, 0; |1 - 0.5|, |0 - 0.5|, 0.
    assert check.mean_absolute_error == pytest.approx((0.3 + 0.3 + 0.5 + 0.5) / 6)

    def deviation(p):  # expected deviation of a fraction of two examples, over its three outcomes
        return (1 - p) ** 2 * p + 2 * p * (1 - p) * abs(0.5 - p) + p**2 * (1 - p)

    assert check.sampling_error == pytest.approx(np.mean([deviation(p) for p in (0.8, 0.2, 0, 0.5, 0.5, 0)]))
    assert (check.noise_rate, check.expected_noise_rate) == (0.75, pytest.approx((0.2 + 0.2 + 0.5 + 0.5) / 4))
    assert check.standard_error == pytest.approx(np.sqrt(2 * 0.16 + 2 * 0.25) / 4)
    np.testing.assert_array_equal(check.support, [2, 2, 0])


def test_estimate_goes_into_a_loss_as_it_is():
    estimate = estimation.EstimatedTransition(TRANSITIONS["pairs"], np.ones(5, int))
    np.testing.assert_array_equal(losses.ForwardCorrection(5, estimate).transition, TRANSITIONS["pairs"])


def test_never_predicted_class_keeps_its_likeliest_row():
    probabilities = np.array([[0.6, 0.3, 0.1], [0.3, 0.6, 0.1], [0.3, 0.4, 0.3]])
    with pytest.warns(UserWarning, match="row of class 2 cannot be trusted: no example"):
        estimate = estimation.from_anchors(probabilities, 100)
    np.testing.assert_allclose(estimate.transition[2], [0.3, 0.4, 0.3])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: estimation.from_anchors(np.eye(3), 0), "`percentile` must be.* above 0.* Received: 0"),
        (lambda: estimation.from_anchors(np.eye(3), 101), "`percentile` must be.* at most 100. Received: 101"),
        (lambda: estimation.from_anchors(2 * np.eye(3)), "rows that sum to 1. Received: row 0"),
        (lambda: estimation.from_confident_counts(np.eye(3), np.array([0, 1, 3])), r"`labels` must lie in \[0, 3\)"),
        (
            lambda: estimation.from_confident_counts(np.eye(3), np.array([0])),
            "one per row of `probabilities`, 3",
        ),
        (
            lambda: estimation.from_trusted(np.array([0]), np.array([0, 1]), 2),
            "`observed` must have the length of `clean`",
        ),
        (lambda: estimation.from_trusted(np.array([0]), np.array([0]), 1), "`num_classes` must be at least 2"),
        (lambda: estimation.from_trusted(np.zeros(0, int), np.zeros(0, int), 2), "`clean` must hold at least one"),
        (lambda: ESTIMATE.check(np.array([0, 2]), np.array([0, 1])), r"`clean` must lie in \[0, 2\)"),
        (lambda: ESTIMATE.check(np.zeros(0, int), np.zeros(0, int)), "`clean` must"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("sizes", "bar"),
    [([200] * 10, 0.02), ([200] * 40, 0.02), ([200] * 100, 0.02), (range(1, 51), 0.06)],
    ids=["10", "40", "100", "1 to 50 examples"],
)
@pytest.mark.parametrize("percentile", [97, 99.9])
def test_each_class_has_an_anchor_of_its_own(sizes, bar, percentile):
    """An exact posterior, certain for most examples, and divided between two classes for the others."""
    num_classes, rng = len(sizes), np.random.default_rng(0)
    clean = np.repeat(np.arange(num_classes), sizes)
    other = (clean + rng.integers(1, num_classes, len(clean))) % num_classes
    posterior, sure = np.zeros([len(clean), num_classes]), rng.beta(20, 1, len(clean))
    posterior[np.arange(len(clean)), clean] = sure
    posterior[np.arange(len(clean)), other] += 1 - sure
    transition = noise.symmetric(num_classes, 0.4)
    estimate = estimation.from_anchors(posterior @ transition, percentile)
    assert np.abs(np.diag(estimate.transition) - np.diag(transition)).max() < bar


def test_a_row_that_is_not_to_be_believed_is_named_with_what_works_there():
    probabilities = np.tile([[0.6, 0.4]], [20, 1])  # the first class is the most probable in all but one
    probabilities[0] = [0.3, 0.7]
    named = pytest.warns(
        UserWarning, match=r"The estimated row of class 1 cannot be trusted: it says .*`from_confident_counts`"
    )
    with named, pytest.warns(UserWarning, match="condition number"):
        estimation.from_anchors(probabilities, percentile=10)


def test_confident_counts_of_rare_classes_are_named_and_advise_something_else():
    """Many examples of other classes are mistaken for a rare class, and dominate its row."""
    clean = np.repeat(np.arange(20), [100] * 15 + [4] * 5)
    observed = noise.corrupt(clean, noise.symmetric(20, 0.4), seed=1)
    scores = np.exp(5 * np.eye(20)[clean] + np.random.default_rng(0).normal(size=(len(clean), 20)))
    with pytest.warns(UserWarning, match="The estimated row of class|condition number") as caught:
        estimation.from_confident_counts(scores / scores.sum(axis=1, keepdims=True), observed)
    assert not any("from_confident_counts" in str(one.message) for one in caught)
    (named,) = [str(one.message) for one in caught if "cannot be trusted: it says" in str(one.message)]
    numbers = named.removeprefix("The estimated row of class ").split(" cannot")[0].split(", ")
    assert set(map(int, numbers)) <= set(range(15, 20))
    with pytest.warns(UserWarning, match="The estimated row of class|condition number") as caught:
        estimation.from_confident_counts(
            scores / scores.sum(axis=1, keepdims=True), observed, [f"kind {k}" for k in range(20)]
        )
    (renamed,) = [str(one.message) for one in caught if "cannot be trusted: it says" in str(one.message)]
    assert renamed == named.replace(", ".join(numbers), ", ".join(f"'kind {k}'" for k in numbers))


def test_confident_counts_are_the_same_in_chunks_and_for_narrow_labels(monkeypatch):
    """128 x 128 classes are more pairs than int8 or int16 holds."""
    rng = np.random.default_rng(4)
    labels = np.tile(np.arange(128), 6)
    scores = np.exp(6 * np.eye(128)[labels] + rng.normal(size=(len(labels), 128)))
    probabilities = (scores / scores.sum(axis=1, keepdims=True)).astype("float32")
    observed = noise.corrupt(labels, noise.symmetric(128, 0.2), seed=4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole = estimation.from_confident_counts(probabilities.astype("float64"), observed)
        monkeypatch.setattr(_validation.labels, "_CHUNK_ENTRIES", 1000)
        for dtype in ("int8", "uint8", "uint64"):
            pieces = estimation.from_confident_counts(probabilities, observed.astype(dtype))
            np.testing.assert_array_equal(pieces.transition, whole.transition)
            np.testing.assert_array_equal(pieces.support, whole.support)
            trusted = estimation.from_trusted(labels.astype(dtype), observed.astype(dtype), 128)
            np.testing.assert_array_equal(trusted.support, np.full(128, 6))


def ill_conditioned(size):
    return 0.02 * np.eye(size) + 0.98 * np.random.default_rng(5).dirichlet(np.full(size, 0.05), size)


LARGE = {
    "symmetric": noise.symmetric(300, 0.6),
    "pairs": noise.pair_flip(300, 0.3),
    "random": 0.5 * np.eye(300) + 0.5 * np.random.default_rng(5).dirichlet(np.ones(300), 300),
    "ill-conditioned": ill_conditioned(300),
    "permuted": noise.symmetric(300, 0.4)[np.random.default_rng(6).permutation(300)],
}


@pytest.mark.parametrize("matrix", LARGE.values(), ids=LARGE)
def test_condition_number_of_many_classes_needs_no_svd(matrix, monkeypatch):
    exact = np.linalg.cond(matrix)
    monkeypatch.setattr(np.linalg, "cond", None)
    found = _conditioning.approximate_condition_number(matrix)
    assert 0.98 * exact <= found <= exact * (1 + 1e-6)


def test_condition_number_of_a_singular_matrix_of_many_classes_is_infinite():
    matrix = np.eye(300)
    matrix[1] = matrix[0]
    assert _conditioning.approximate_condition_number(matrix) == np.inf


def test_bad_condition_of_many_classes_is_said():
    with pytest.warns(UserWarning, match="condition number inf"):
        estimation.from_trusted(np.repeat(np.arange(300), 4), np.repeat(np.arange(300) // 2, 4), 300)


def test_positions_are_so_many_examples():
    rng = np.random.default_rng(0)
    true = rng.integers(0, 3, [4, 25, 6])
    p = 0.6 * np.eye(3)[true] + 0.4 * rng.dirichlet(np.full(3, 9.0), true.shape)
    labels = noise.corrupt(true.ravel(), noise.symmetric(3, 0.2), seed=0).reshape(true.shape)
    found = estimation.from_confident_counts(p, labels), estimation.from_anchors(p)
    flat = estimation.from_confident_counts(p.reshape(-1, 3), labels.ravel()), estimation.from_anchors(p.reshape(-1, 3))
    for ours, theirs in zip(found, flat, strict=True):
        np.testing.assert_array_equal(ours.transition, theirs.transition)
        np.testing.assert_array_equal(ours.support, theirs.support)
    with pytest.raises(ValueError, match=r"`labels` must have the shape \(4, 25, 6\) .* Received: \(4, 6, 25\)"):
        estimation.from_confident_counts(p, labels.reshape(4, 6, 25))
    labels[1, 2, 3] = -1
    cure = "probabilities[labels >= 0], labels[labels >= 0]"
    with pytest.raises(ValueError, match=f"Received: -1 at position .*`{re.escape(cure)}`"):
        estimation.from_confident_counts(p, labels)
    estimation.from_confident_counts(*eval(cure, {"probabilities": p, "labels": labels}))

"""The ranking of suspicious labels: scores, flags and counts as plain loops have them, laws, bad input."""

import re
import tracemalloc
import warnings

import numpy as np
import pytest

from tfp_noise import _validation, estimation, noise, suspects

SCORES = ("self_confidence", "normalized_margin", "confidence_weighted_entropy", "confident_joint")


def predictions(num_classes=4, n=400, rate=0.3, seed=0, kind=noise.symmetric):
    """Noisy predictions of noisy labels, float64 `[n, K]`, the given labels and the true ones."""
    rng = np.random.default_rng(seed)
    true = rng.integers(0, num_classes, n)
    transition = kind(num_classes, rate)
    given = noise.corrupt(true, transition, seed)
    scores = np.exp(4 * np.eye(num_classes)[true] + rng.normal(size=(n, num_classes)))
    return scores / scores.sum(axis=1, keepdims=True) @ transition, given, true


def joint_by_loop(probabilities, labels):
    """The calibrated confident joint, example by example: Northcutt et al. 2021, Eq. 1 to 3."""
    num_classes = probabilities.shape[1]
    thresholds = [
        np.mean([p[j] for p, y in zip(probabilities, labels, strict=True) if y == j]) for j in range(num_classes)
    ]
    counts = np.zeros((num_classes, num_classes))
    for p, y in zip(probabilities, labels, strict=True):
        above = [j for j in range(num_classes) if p[j] >= thresholds[j]]
        if above:
            counts[max(above, key=lambda j: p[j]), y] += 1
    for y in range(num_classes):
        counts[:, y] *= np.sum(labels == y) / counts[:, y].sum()
    return counts


def bayes_by_loop(probabilities, labels):
    """`(T, q)`: the transition and, of each example, the probabilities of the true class before its label is seen."""
    num_classes = probabilities.shape[1]
    joint = joint_by_loop(probabilities, labels)
    transition = np.zeros_like(joint)
    for i in range(num_classes):  # one example is added to each pair, and the number of wrong labels kept
        others = [j for j in range(num_classes) if j != i]
        wrong = sum(joint[i, j] for j in others)
        for j in others:
            transition[i, j] = wrong * (joint[i, j] + 1) / sum(joint[i, k] + 1 for k in others)
        transition[i, i] = joint[i, i]
        transition[i] /= joint[i].sum()
    # min_q |p - q T|^2 + 0.01 |q|^2 as one least-squares problem
    stacked = np.concatenate([transition.T, 0.1 * np.eye(num_classes)])
    padded = np.concatenate([probabilities.T, np.zeros([num_classes, len(labels)])])
    true = np.linalg.lstsq(stacked, padded, rcond=None)[0].T
    return transition, np.maximum(true, 0.01 * probabilities)


def joint_by_grid(probabilities, labels):
    """Sums of posteriors by label, at the best of many powers of `q`."""
    transition, true = bayes_by_loop(probabilities, labels)
    best, joint = -np.inf, None
    for power in np.exp(np.linspace(-2, 3, 1001)):
        powers = true**power / np.sum(true**power, axis=1, keepdims=True)
        terms = np.array([row * transition[:, y] for row, y in zip(powers, labels, strict=True)])
        if (likelihood := np.sum(np.log(terms.sum(axis=1)))) > best:
            best, posterior = likelihood, terms / terms.sum(axis=1, keepdims=True)
            joint = np.stack([posterior[labels == y].sum(axis=0) for y in range(probabilities.shape[1])], axis=1)
    return joint


def scores_by_loop(name, probabilities, labels):
    """`(score, suggested)` of each example by the formulas as they are written down."""
    if name == "confident_joint":
        transition, true = bayes_by_loop(probabilities, labels)
        terms = [row * transition[:, y] for row, y in zip(true, labels, strict=True)]
        return np.array([one[y] / sum(one) for one, y in zip(terms, labels, strict=True)]), true.argmax(axis=1)
    num_classes, found = probabilities.shape[1], []
    for p, y in zip(probabilities, labels, strict=True):
        if name == "self_confidence":
            score = p[y]
        elif name == "normalized_margin":
            score = (p[y] - max(p[k] for k in range(num_classes) if k != y) + 1) / 2
        else:
            x = -sum(q * np.log(q) for q in p) / np.log(num_classes) / p[y]
            score = np.log(x + 1) / x
        found.append(score)
    return np.array(found), probabilities.argmax(axis=1)


@pytest.mark.parametrize("kind", [noise.symmetric, noise.pair_flip])
@pytest.mark.parametrize("name", SCORES)
@pytest.mark.daily(*(f"{name}-pair_flip" for name in SCORES))
def test_scores_flags_and_counts_are_those_of_plain_loops(name, kind):
    probabilities, labels, _ = predictions(kind=kind)
    found = suspects.rank(probabilities, labels, name)
    scores, best = scores_by_loop(name, probabilities, labels)
    np.testing.assert_allclose(found.score, scores, rtol=1e-9)
    np.testing.assert_array_equal(found.suggested, best)
    joint = joint_by_grid(probabilities, labels)
    np.testing.assert_allclose(found.joint, joint, rtol=0.01, atol=0.01)
    count = round(sum(joint[i, j] for i in range(4) for j in range(4) if i != j))
    assert found.estimated_count == count
    lowest = sorted(range(len(labels)), key=lambda i: scores[i])[:count]
    assert set(np.flatnonzero(found.is_suspect)) == {i for i in lowest if best[i] != labels[i]}
    np.testing.assert_allclose(found.count_by_label, [sum(np.delete(found.joint[:, j], j)) for j in range(4)])
    np.testing.assert_array_equal(found.labels, labels)


def test_scores_of_ones_own_rank_like_the_named_one_that_they_are():
    probabilities, labels, _ = predictions()
    named = suspects.rank(probabilities, labels)
    found = suspects.rank(probabilities, labels, 7 * probabilities[np.arange(len(labels)), labels] - 3)
    for field in ("order", "suggested", "is_suspect", "joint"):
        np.testing.assert_array_equal(getattr(found, field), getattr(named, field))
    assert (found.score.min(), found.score.max()) == (0, 1)
    np.testing.assert_array_equal(suspects.rank(probabilities, labels, np.zeros(len(labels))).score, 1)


@pytest.mark.parametrize(
    ("score", "message"),
    [
        (np.zeros(399), r"`score` must be .* each of the 400 labels. Received: 399 numbers"),
        (np.full(400, np.nan), r"`score` must be finite"),
        (["low"] * 400, r"`score` must"),
    ],
)
def test_scores_of_ones_own_that_do_not_fit_are_refused(score, message):
    probabilities, labels, _ = predictions()
    with pytest.raises((TypeError, ValueError), match=message):
        suspects.rank(probabilities, labels, score)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("name", SCORES)
def test_narrow_dtypes_give_nearly_the_same(name, dtype):
    probabilities, labels, _ = predictions()
    found = suspects.rank(probabilities.astype(dtype), labels.astype("int8"), name)
    wide = suspects.rank(probabilities, labels, name)
    np.testing.assert_allclose(found.score, wide.score, atol=2e-3 if dtype == "float16" else 1e-5)
    assert found.estimated_count == pytest.approx(wide.estimated_count, abs=4 if dtype == "float16" else 1)


@pytest.mark.parametrize("name", SCORES)
def test_chunks_make_no_difference(name, monkeypatch):
    probabilities, labels, _ = predictions()
    whole = suspects.rank(probabilities, labels, name)
    monkeypatch.setattr(_validation.labels, "_CHUNK_ENTRIES", 4 * 7)
    pieces = suspects.rank(probabilities, labels, name)
    for field in ("score", "suggested", "is_suspect", "joint"):
        np.testing.assert_allclose(getattr(pieces, field), getattr(whole, field), rtol=1e-12)


@pytest.mark.parametrize("name", SCORES)
def test_examples_in_another_order_keep_their_scores(name):
    probabilities, labels, _ = predictions()
    order = np.random.default_rng(1).permutation(len(labels))
    found, moved = suspects.rank(probabilities, labels, name), suspects.rank(probabilities[order], labels[order], name)
    np.testing.assert_allclose(moved.score, found.score[order], rtol=1e-9)
    np.testing.assert_array_equal(moved.is_suspect, found.is_suspect[order])
    np.testing.assert_array_equal(moved.suggested, found.suggested[order])
    np.testing.assert_allclose(moved.joint, found.joint)


@pytest.mark.parametrize("name", SCORES)
def test_names_of_classes_do_not_matter(name):
    probabilities, labels, _ = predictions(kind=noise.pair_flip)
    to = np.array([2, 0, 3, 1])  # class i becomes to[i]
    found = suspects.rank(probabilities, labels, name)
    renamed = suspects.rank(probabilities[:, np.argsort(to)], to[labels], name)
    np.testing.assert_allclose(renamed.score, found.score, rtol=1e-9)
    np.testing.assert_array_equal(renamed.suggested, to[found.suggested])
    np.testing.assert_allclose(renamed.joint[np.ix_(to, to)], found.joint)


@pytest.mark.parametrize("name", SCORES)
def test_extreme_predictions_have_scores_in_the_unit_interval(name):
    """Certain, impossible and undecided labels, and rows whose sum is a little off."""
    rows = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1 / 3, 1 / 3, 1 / 3], [0.5, 0.5, 0], [1e-38, 1, 0]], "float32")
    probabilities, labels = np.repeat(rows, 3, axis=0) * np.float32(1.0009), np.tile([0, 1, 2], len(rows))
    right = np.tile(np.eye(3, dtype="float32"), [20, 1])  # otherwise the labels would say nothing of the classes
    probabilities, labels = np.concatenate([probabilities, right]), np.concatenate([labels, np.tile([0, 1, 2], 20)])
    score = suspects.rank(probabilities, labels, name).score
    assert np.all((score >= 0) & (score <= 1))
    assert score[0] > 0.9  # certain, and right
    assert score[1] == pytest.approx(0, abs=0.01)  # certain, and wrong
    assert score[0] > score[9] > score[1]  # undecided


def test_a_certain_prediction_has_no_entropy():
    labels = np.array([0, 0, 0, 1, 1, 1, 1, 1])
    probabilities = np.repeat(np.eye(2), 4, axis=0)
    scores = suspects.rank(probabilities, labels, "confidence_weighted_entropy").score
    np.testing.assert_array_equal(scores, [1, 1, 1, 0, 1, 1, 1, 1])


@pytest.mark.parametrize("kind", [noise.symmetric, noise.pair_flip])
def test_true_posteriors_give_the_probability_that_a_label_is_right(kind):
    """With the posterior of given labels and classes that are certain, Bayes' rule has only T to estimate."""
    rng = np.random.default_rng(3)
    true, transition = rng.integers(0, 5, 20_000), kind(5, 0.3)
    given = noise.corrupt(true, transition, 3)
    found = suspects.rank(transition[true], given, "confident_joint")
    np.testing.assert_array_equal(found.suggested, true)
    assert found.estimated_count == pytest.approx(np.sum(given != true), rel=0.01)
    assert found.score[given == true].min() > found.score[given != true].max() + 0.5


@pytest.mark.parametrize("rate", [0.05, 0.3, 0.6])
def test_symmetric_noise_is_counted_and_found(rate):
    probabilities, labels, true = predictions(num_classes=10, n=4000, rate=rate)
    for name in SCORES:
        found = suspects.rank(probabilities, labels, name)
        wrong = labels != true
        assert found.estimated_count == pytest.approx(wrong.sum(), rel=0.1)
        assert np.mean(true[found.is_suspect] != labels[found.is_suspect]) > 0.8
        assert np.mean(wrong[found.order[: wrong.sum() // 2]]) > 0.95
        assert np.mean(found.suggested[wrong] == true[wrong]) > 0.85


def test_pairs_of_classes_are_told_apart():
    probabilities, labels, true = predictions(num_classes=5, n=4000, rate=0.3, kind=noise.pair_flip)
    found = suspects.rank(probabilities, labels, "confident_joint")
    counted = np.zeros((5, 5))
    np.add.at(counted, (true, labels), 1)
    np.testing.assert_allclose(found.joint, counted, atol=60)
    assert all(found.joint[i, (i + 1) % 5] > 150 for i in range(5))


def test_the_estimate_is_checked_by_the_transition_of_confident_counts():
    """Two estimates of one matrix, and the truth."""
    probabilities, labels, true = predictions(num_classes=5, n=20_000)
    joint = suspects.rank(probabilities, labels).joint
    estimate = estimation.from_confident_counts(probabilities, labels)
    counted = np.zeros((5, 5))
    np.add.at(counted, (true, labels), 1)
    for transition in (joint / joint.sum(axis=1, keepdims=True), estimate.transition):
        np.testing.assert_allclose(transition, counted / counted.sum(axis=1, keepdims=True), atol=0.03)


def test_a_class_without_labels_is_borne():
    probabilities, labels, _ = predictions()
    wider = np.concatenate([probabilities * 0.9, np.full([len(labels), 1], 0.1)], axis=1)
    for name in SCORES:
        found = suspects.rank(wider, labels, name)
        assert np.all(np.isfinite(found.score))
        np.testing.assert_array_equal(found.joint[4], 0)
        np.testing.assert_array_equal(found.joint[:, 4], 0)


def test_probabilities_of_several_labels_are_ranked_label_by_label():
    p, _, labels = predictions(num_classes=3)
    p, labels = np.sqrt(p), np.eye(3, dtype=int)[labels]
    names = {"np": np, "p": p, "label": 1}
    with pytest.raises(ValueError, match="Are these probabilities of several labels") as refused:
        suspects.rank(p, labels)
    rows, column = re.findall(r"`(np.stack.*?|labels\[.*?)`", str(refused.value))
    found = suspects.rank(eval(rows, names), eval(column, names | {"labels": labels}))  # the cure
    np.testing.assert_allclose(found.score, np.where(labels[:, 1], p[:, 1], 1 - p[:, 1]))
    with pytest.raises(ValueError, match=r"rows that sum to 1.* divide each row by its sum\.$"):
        suspects.rank(np.round(p / p.sum(axis=1, keepdims=True), 1), labels.argmax(axis=1))  # rounded


def test_input_stays_as_it_was():
    probabilities, labels, _ = predictions()
    kept, given = probabilities.copy(), labels.copy()
    for name in SCORES:
        suspects.rank(probabilities, labels, name)
    np.testing.assert_array_equal(probabilities, kept)
    np.testing.assert_array_equal(labels, given)


P, Y, _ = predictions(n=40)
BAD = {
    "logits": ((np.log(P), Y), r"`probabilities` must be at least 0, with rows that sum to 1.*softmax"),
    "scores": ((5 * P, Y), r"row 0 has the minimum .* and the sum 5\. Are these logits\?"),
    "one row": ((np.where(np.arange(40)[:, None] == 33, 0.5, P), Y), "row 33 .* the sum 2"),
    "NaN": ((np.where(np.arange(40)[:, None] == 7, np.nan, P), Y), "`probabilities` must be finite.* row 7"),
    "a vector": ((P[:, 0], Y), r"`probabilities` must have shape \[n, num_classes\]"),
    "too large a label": ((P, np.where(np.arange(40) == 3, 4, Y)), r"`labels` must lie in \[0, 4\).* 4 at position 3"),
    "-1": (
        (P, np.where(np.arange(40) == 5, -1, Y)),
        r"`labels` must .* -1 at position 5\. Leave .* `probabilities\[labels >= 0\], labels\[labels >= 0\]`\.$",
    ),
    "too few labels": (
        (P, Y[:-1]),
        "`labels` must be as many as `probabilities`, 40. Received: 39. Pass the labels of the ex",
    ),
    "one class": ((P, np.full(40, 2)), "`labels` must be of at least two classes. Received: class 2 only"),
    "a score": ((P, Y, "self_confidance"), "Unknown score: 'self_confidance'. Did you mean 'self_confidence'?"),
}


@pytest.mark.parametrize(("given", "message"), BAD.values(), ids=BAD)
def test_bad_input_is_told(given, message):
    with pytest.raises(ValueError, match=message):
        suspects.rank(*given)


def test_names_of_classes_for_labels_are_told_how_to_number():
    with pytest.raises(TypeError, match=r"`labels` must be integer class indices.*np\.unique"):
        suspects.rank(P, np.array(["cat", "dog"] * 20))


def test_memorised_labels_are_warned_of():
    with pytest.warns(UserWarning, match="a model that has memorised them. Predict out of sample: `cross_predict`"):
        suspects.rank(np.eye(4)[Y] * 0.6 + 0.1, Y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        suspects.rank(P, Y)


USELESS = "in the order of the labels.* train longer, or take another model"


def test_predictions_no_better_than_the_most_frequent_class_are_warned_of():
    labels = np.repeat([0, 1, 2], [50, 30, 20])
    with pytest.warns(
        UserWarning, match=rf"agree with 50 of 100 labels.* class alone agrees with 50,.* with up to 50\. .* {USELESS}"
    ):
        suspects.rank(np.tile([0.5, 0.3, 0.2], [100, 1]), labels)


def test_the_bound_of_chance_is_that_of_shuffled_rows():
    rng = np.random.default_rng(0)
    labels, most_probable = rng.choice(3, 200, p=[0.5, 0.3, 0.2]), rng.choice(3, 200, p=[0.6, 0.3, 0.1])
    counts = [np.sum(rng.permutation(most_probable) == labels) for _ in range(4000)]
    with pytest.warns(UserWarning, match=USELESS) as caught:
        suspects.rank(0.7 * np.eye(3)[most_probable] + 0.1, labels)
    told = int(re.search(r"up to (\d+)", str(caught[0].message))[1])
    assert 0 < np.mean(counts) + 2 * np.std(counts) - told + 0.3 < 1.6  # rounded down


@pytest.mark.parametrize("num_classes", [2, 10])
def test_rows_in_another_order_are_warned_of(num_classes):
    """Some orders agree more than the most frequent class does, by chance."""
    labels = np.arange(1000) % num_classes
    right = 0.5 * np.eye(num_classes)[labels] + 0.5 / num_classes
    orders = (np.random.default_rng(seed).permutation(1000) for seed in range(20))
    shuffled = next(order for order in orders if np.mean(labels[order] == labels) > 1 / num_classes)
    with pytest.warns(UserWarning, match=USELESS):
        suspects.rank(right[shuffled], labels)


def test_a_good_model_of_very_noisy_labels_is_not_warned_of():
    true = np.arange(1000) % 10
    given = noise.corrupt(true, noise.symmetric(10, 0.6), seed=0)
    assert 0.4 < np.mean(given == true) < 0.5
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        suspects.rank(0.4 * np.eye(10)[true] + 0.06, given)


def test_labels_at_each_position_are_ranked_as_examples():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, [4, 5, 6])
    p = rng.dirichlet(np.ones(3), labels.shape)
    ours, theirs = suspects.rank(p, labels), suspects.rank(p.reshape(-1, 3), labels.ravel())
    np.testing.assert_array_equal(ours.score, theirs.score)
    np.testing.assert_array_equal(
        ours.score.reshape(labels.shape), np.take_along_axis(p, labels[..., None], -1)[..., 0]
    )
    np.testing.assert_array_equal(ours.is_suspect, theirs.is_suspect)
    for wrong in (labels[0], labels.ravel()):
        with pytest.raises(ValueError, match="`labels` must have the shape"):
            suspects.rank(p, wrong)


def test_memory_is_that_of_one_chunk():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 1000, 8400)
    probabilities = rng.random([8400, 1000], np.float32)  # 34 MB, three chunks
    probabilities[np.arange(8400), labels] += 1000
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    labels[:1000] = 0
    tracemalloc.start()
    suspects.rank(probabilities, labels)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.3e8

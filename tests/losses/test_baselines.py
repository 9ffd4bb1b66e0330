"""Laws of the baselines: limits, expectations of random and coupled losses, and targets that move."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import optimize, special, stats

from tests.helpers.loss_oracles import cross_entropy, smoothing
from tests.losses.test_losses import value_and_gradient
from tfp_noise import NoisyLabelClassifier, losses

K = 5
LABELS = np.random.default_rng(2).integers(0, K, 60)
ONE_HOT = np.eye(K)[LABELS]
SOFT = np.random.default_rng(1).dirichlet(np.full(K, 0.5), 60)
# Logits from nearly equal to far apart; the softmax of the last ones underflows.
LOGITS = np.random.default_rng(0).normal(size=(60, K)) * np.logspace(-2, 4, 60)[:, None]
P = special.softmax(LOGITS, axis=1)
P_LABEL = P[range(60), LABELS]

CROSS_ENTROPIES = {
    "bootstrap_soft": losses.Bootstrap(K, 1.0, dtype="float64"),
    "bootstrap_hard": losses.Bootstrap(K, 1.0, hard=True, dtype="float64"),
    "symmetric_cross_entropy": losses.SymmetricCrossEntropy(K, alpha=1.0, beta=0.0, dtype="float64"),
    "disturb_label": losses.DisturbLabel(K, 0.0, dtype="float64"),
    "pairwise_confusion": losses.PairwiseConfusion(K, 0.0, dtype="float64"),
    "teacher_free": losses.TeacherFree(K, alpha=0.0, dtype="float64"),
    "focal": losses.Focal(K, gamma=0.0, dtype="float64"),
    "focal_hard": losses.Focal(K, gamma=0.0, hard_gamma=0.0, dtype="float64"),
    "confidence_penalty": losses.ConfidencePenalty(K, beta=0.0, dtype="float64"),
    "zipf": losses.ZipfLabelSmoothing(K, weight=0.0, dtype="float64"),
}


@pytest.mark.parametrize("loss", CROSS_ENTROPIES.values(), ids=CROSS_ENTROPIES)
def test_without_what_is_new_it_is_cross_entropy(loss):
    for y_true, targets in ((LABELS, ONE_HOT), (SOFT, SOFT)):
        value, gradient = value_and_gradient(loss, y_true, LOGITS)
        np.testing.assert_allclose(value, cross_entropy(targets, LOGITS), rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(gradient, P - targets, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    "loss",
    [
        losses.Bootstrap(K, 0.5, reduction="sum", dtype="float64"),
        losses.Bootstrap(K, 0.5, hard=True, reduction="sum", dtype="float64"),
        losses.DisturbLabel(K, 0.5, reduction="sum", dtype="float64"),
        losses.PairwiseConfusion(K, 3.0, reduction="sum", dtype="float64"),
        losses.ZipfLabelSmoothing(K, 1.0, reduction="sum", dtype="float64"),
    ],
    ids=lambda loss: loss.name,
)
def test_validation_reports_cross_entropy_where_targets_move_or_are_random_or_examples_are_coupled(loss):
    weights = np.linspace(0, 2, 60)
    for y_true, targets in ((LABELS, ONE_HOT), (SOFT, SOFT)):
        expected = weights @ cross_entropy(targets, LOGITS)
        assert float(loss.evaluation_loss(y_true, LOGITS, weights)) == pytest.approx(expected)
        assert abs(float(loss(y_true, LOGITS, weights)) - expected) > 1


def test_soft_bootstrapping_follows_the_prediction_in_the_target():
    """With a stopped gradient this would be `beta (p - y)`."""
    beta = 0.7
    _, gradient = value_and_gradient(losses.Bootstrap(K, beta, dtype="float64"), LABELS[:30], LOGITS[:30])
    log_p = np.log(P[:30])
    of_entropy = -P[:30] * (log_p + stats.entropy(P[:30], axis=1)[:, None])
    expected = beta * (P - ONE_HOT)[:30] + (1 - beta) * of_entropy
    np.testing.assert_allclose(gradient, expected, rtol=1e-9, atol=1e-12)
    assert np.abs(of_entropy).max() > 0.1


def test_hard_bootstrapping_at_equal_logits_prefers_no_class():
    """An argmax depends on the order of equal classes; the gradient must not."""
    _, gradient = value_and_gradient(losses.Bootstrap(K, 0.6, hard=True, dtype="float64"), [2], np.zeros([1, K]))
    np.testing.assert_allclose(gradient[0], 0.6 * (1 / K - np.eye(K)[2]), atol=1e-12)


def test_reverse_cross_entropy_is_a_multiple_of_the_absolute_error():
    loss = losses.SymmetricCrossEntropy(K, alpha=0.0, beta=1.0, dtype="float64")
    np.testing.assert_allclose(loss.call(LABELS, LOGITS), np.log(1e4) * (1 - P_LABEL), rtol=1e-9, atol=1e-12)
    # So the sum over all labels is constant: symmetric noise does not move the minimum.
    total = sum(np.asarray(loss.call(np.full(60, k), LOGITS)) for k in range(K))
    np.testing.assert_allclose(total, np.log(1e4) * (K - 1), rtol=1e-9)


def test_symmetric_cross_entropy_is_jeffreys_divergence_up_to_entropies_for_distributions():
    loss = losses.SymmetricCrossEntropy(K, alpha=1.0, beta=1.0, dtype="float64")
    targets = special.softmax(np.random.default_rng(2).normal(size=(20, K)), axis=1)
    assert targets.min() > 1e-4
    p = P[:20]
    both = stats.entropy(targets, p, axis=1) + stats.entropy(p, targets, axis=1)
    entropies = stats.entropy(targets, axis=1) + stats.entropy(p, axis=1)
    np.testing.assert_allclose(loss.call(targets, LOGITS[:20]), both + entropies, rtol=1e-9)


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("target", [2, [0.5, 0.2, 0.3]], ids=["class", "distribution"])
@pytest.mark.daily("class-True", "distribution-False")
def test_disturbed_labels_are_label_smoothing_on_average(target, jit_compile):
    """The means over 200,000 equal examples with independent draws are tested, within five standard errors."""
    n, rate, logits = 200_000, 0.3, np.array([1.0, -0.5, 0.3])
    hot = np.eye(3)[target] if isinstance(target, int) else np.array(target)
    compute = functools.partial(value_and_gradient, losses.DisturbLabel(3, rate))
    compute = tf.function(compute, jit_compile=jit_compile, autograph=False)
    value, gradient = compute(np.repeat([target], n, axis=0), np.tile(logits, (n, 1)).astype("float32"))
    each = cross_entropy(np.vstack([np.eye(3), hot]), np.tile(logits, (4, 1)))
    share = np.array([rate / 3] * 3 + [1 - rate])
    mean = share @ each
    assert mean == pytest.approx(smoothing(rate)(hot[None], logits[None])[0])
    assert np.mean(value) == pytest.approx(mean, abs=5 * np.sqrt(share @ (each - mean) ** 2 / n))
    smooth = (1 - rate) * hot + rate / 3
    np.testing.assert_allclose(
        np.mean(gradient, 0, "float64"), special.softmax(logits) - smooth, atol=5 * np.sqrt(0.25 / n)
    )
    np.testing.assert_allclose(np.unique(np.round(value, 3)), np.unique(np.round(each, 3)), atol=1e-3)


def test_a_disturbed_label_is_each_class_equally_often():
    """A chi-squared test at 1e-6 covers the first and the last class too."""
    n, k = 40_000, 100
    loss = losses.DisturbLabel(k, 1 - 1e-9)
    outputs = tf.broadcast_to(tf.range(k, dtype="float32") / k, [n, k])
    value = np.asarray(tf.function(loss.call, autograph=False)(np.zeros(n, int), outputs), "float64")
    each = cross_entropy(np.eye(k), np.tile(np.arange(k) / k, (k, 1)))
    drawn = np.rint((each[0] - value) * k).astype(int)
    assert stats.chisquare(np.bincount(drawn, minlength=k)).pvalue > 1e-6


def test_disturbing_all_labels_is_warned_of():
    with pytest.warns(UserWarning, match="`rate` should be below 1. Received: 1, at which the smoothed labels"):
        losses.DisturbLabel(5, 1)


def test_disturbances_are_drawn_anew_and_follow_the_seed():
    def draws(seed):
        loss = losses.DisturbLabel(K, 0.5, seed=seed)
        return [float(loss(LABELS, LOGITS)) for _ in range(3)]

    first = draws(0)
    assert len(set(first)) == 3
    assert draws(0) == first
    assert not set(draws(1)) & set(first)


def test_disturbances_differ_between_replicas(two_replicas):
    with two_replicas.scope():
        loss = losses.DisturbLabel(K, 0.5)
    value = two_replicas.run(tf.function(lambda: loss.call(LABELS, LOGITS), autograph=False))
    one, other = (np.asarray(part) for part in two_replicas.experimental_local_results(value))
    # Each is changed with probability 0.4, so that 60 pairs differ in about 38; equal noise would differ in none.
    assert (one != other).sum() > 20


def small_classifier(loss):
    keras.utils.set_random_seed(0)
    model = NoisyLabelClassifier(keras.Sequential([keras.Input([6]), keras.layers.Dense(loss.num_outputs)]), loss)
    model.compile(keras.optimizers.Adam(0.05), jit_compile=False)
    return model


def fit(model, epochs):
    features = np.random.default_rng(0).normal(size=(60, 6)).astype("float32")
    return model.fit(features, LABELS, batch_size=20, epochs=epochs, shuffle=False, verbose=0).history["loss"]


@pytest.mark.thorough
def test_disturbances_go_on_after_save_and_load(tmp_path):
    whole, half = (small_classifier(losses.DisturbLabel(K, 0.5)) for _ in range(2))
    expected = fit(whole, 4)
    first = fit(half, 2)
    half.save(tmp_path / "half.keras")
    restored = keras.models.load_model(tmp_path / "half.keras")
    assert first + fit(restored, 2) == expected


@pytest.mark.parametrize("n", [2, 6, 60])
def test_pairwise_confusion_summed_over_an_even_batch_is_the_papers_sum_over_pairs_of_halves(n):
    weight, half = 3.0, n // 2
    value = losses.PairwiseConfusion(K, weight, dtype="float64").call(LABELS[:n], LOGITS[:n])
    expected = cross_entropy(ONE_HOT, LOGITS)[:n].sum()
    for i, j in zip(range(half), range(half, n), strict=True):
        expected += weight * (LABELS[i] != LABELS[j]) * np.sum((P[i] - P[j]) ** 2)
    assert float(np.sum(value)) == pytest.approx(expected)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_pairwise_confusion_takes_any_batch_size_in_one_trace(jit_compile):
    loss = losses.PairwiseConfusion(K, 3.0, dtype="float64")
    signature = [tf.TensorSpec([None], "int64"), tf.TensorSpec([None, K], "float64")]
    compute = tf.function(loss.call, input_signature=signature, jit_compile=jit_compile, autograph=False)
    alone = compute(LABELS[:1], LOGITS[:1])
    np.testing.assert_allclose(alone, cross_entropy(ONE_HOT, LOGITS)[:1])  # its own partner
    odd = np.asarray(compute(LABELS[:7], LOGITS[:7]))
    partners = [3, 4, 5, 6, 0, 1, 2]
    extra = 1.5 * (LABELS[:7] != LABELS[partners]) * np.sum((P[:7] - P[partners]) ** 2, axis=1)
    np.testing.assert_allclose(odd, cross_entropy(ONE_HOT, LOGITS)[:7] + extra, rtol=1e-9)
    assert compute.experimental_get_tracing_count() == 1


def test_pairs_of_one_class_are_not_confused():
    value = losses.PairwiseConfusion(K, 3.0, dtype="float64").call(np.zeros(60, int), LOGITS)
    np.testing.assert_allclose(value, cross_entropy(np.eye(K)[np.zeros(60, int)], LOGITS), atol=1e-12)


def test_a_teacher_without_temperature_is_label_smoothing_up_to_its_entropy():
    alpha, correct = 0.3, 0.9
    loss = losses.TeacherFree(K, alpha, 1.0, correct, dtype="float64")
    epsilon = alpha * (1 - correct) * K / (K - 1)
    entropy = -correct * np.log(correct) - (1 - correct) * np.log((1 - correct) / (K - 1))
    expected = smoothing(epsilon)(ONE_HOT, LOGITS) - alpha * entropy
    np.testing.assert_allclose(loss.call(LABELS, LOGITS), expected, rtol=1e-9)


def test_the_papers_teacher_is_met_by_its_own_logits_and_the_codes_by_nearly_equal_ones():
    """The minimisers at alpha 1, up to a constant; for 100 classes they give the docstring's numbers."""
    paper = losses.TeacherFree(3, 1.0, 20.0, 0.99, dtype="float64")
    gap = np.log(0.99 / 0.005)
    value, gradient = value_and_gradient(paper, [0], np.array([[gap, 0.0, 0.0]]))
    np.testing.assert_allclose(value, 0, atol=1e-12)
    np.testing.assert_allclose(gradient, 0, atol=1e-12)

    code = losses.TeacherFree(100, 1.0, 20.0, 0.99, variant="code", dtype="float64")

    def loss_of_gap(gap):
        return float(code.call(np.array([0]), gap * np.eye(100)[:1])[0])

    best = optimize.minimize_scalar(loss_of_gap, bounds=(0, 10), method="bounded", options={"xatol": 1e-10}).x
    assert best == pytest.approx((0.99 - 0.01 / 99) / 20, rel=1e-4)
    p = special.softmax(best * np.eye(100)[0])
    np.testing.assert_allclose(p[:2], [0.0105, 0.00999], rtol=2e-3)


def test_the_gradient_of_the_papers_teacher_is_not_multiplied_by_the_squared_temperature():
    loss = losses.TeacherFree(K, 1.0, 20.0, 0.99, dtype="float64")
    logits = LOGITS[:30]
    _, gradient = value_and_gradient(loss, LABELS[:30], logits)
    teacher = special.softmax(np.log(np.where(ONE_HOT[:30] == 1, 0.99, 0.01 / (K - 1))) / 20, axis=1)
    np.testing.assert_allclose(gradient, (special.softmax(logits / 20, axis=1) - teacher) / 20, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("gamma", [0.0, 0.3, 1.0, 3.0])
def test_focal_loss_and_gradient_keep_their_digits_as_the_prediction_grows_certain(gamma, dtype):
    """In float32, `1 - p` is 0 from a logit of 17 on, and a power below 1 has no derivative there."""
    margins = np.array([5.0, 20.0, 40.0, 80.0])
    missing = special.expit(-margins)
    cost = np.log1p(np.exp(-margins))
    # d/dm of missing^gamma * cost, where d missing / dm = -missing (1 - missing) and d cost / dm = -missing
    slope = -(missing**gamma) * (gamma * (1 - missing) * cost + missing)
    logits = np.stack([margins, 0 * margins], axis=1).astype(dtype)
    value, gradient = value_and_gradient(losses.Focal(2, gamma, dtype=dtype), np.zeros(4, int), logits)
    assert np.isfinite(gradient).all()
    assert (np.asarray(gradient)[:, 0] <= 0).all()
    # Further out the label's own log p, which cross-entropy has too, rounds to 0.
    near, digits = (slice(1), 1e-4) if dtype == "float32" else (slice(2), 1e-6)
    np.testing.assert_allclose(value[near], (missing**gamma * cost)[near], rtol=digits)
    np.testing.assert_allclose(gradient[near, 0], slope[near], rtol=digits)


def test_flsd53_takes_its_exponent_by_the_labels_probability():
    logits = np.log([[0.19, 0.81], [0.21, 0.79]])
    value = losses.Focal(2, 3.0, hard_gamma=5.0, dtype="float64").call(np.zeros(2, int), logits)
    np.testing.assert_allclose(value, [-(0.81**5) * np.log(0.19), -(0.79**3) * np.log(0.21)], rtol=1e-12)


def test_focal_minimum_is_less_certain_than_the_labels():
    """The calibration paper's interpretation: the best prediction for a label of 0.9 is far below 0.9."""
    loss, soft = losses.Focal(2, 3.0, dtype="float64"), np.array([[0.9, 0.1]])
    best = optimize.minimize_scalar(lambda z: float(loss.call(soft, np.array([[z, 0.0]]))[0]), bounds=(0, 9)).x
    oracle = optimize.minimize_scalar(
        lambda p: -0.9 * (1 - p) ** 3 * np.log(p) - 0.1 * p**3 * np.log1p(-p), bounds=(0.5, 1)
    ).x
    assert special.expit(best) == pytest.approx(oracle, abs=1e-4)
    assert oracle < 0.75


def test_confidence_penalty_is_least_at_less_than_certainty():
    """With the margin m and `p = sigma(m)`, `dL/dm = (1 - p)(beta m p - 1)`, so that `beta m p = 1` at the minimum."""
    loss = losses.ConfidencePenalty(2, beta=0.5, dtype="float64")
    margin = optimize.brentq(lambda m: 0.5 * m * special.expit(m) - 1, 0.1, 20)
    _, gradient = value_and_gradient(loss, [0], np.array([[margin, 0.0]]))
    np.testing.assert_allclose(gradient, 0, atol=1e-12)
    assert float(loss.call([0], np.array([[margin, 0.0]]))[0]) < float(loss.call([0], np.array([[50.0, 0.0]]))[0])


def test_a_cold_teacher_of_teacher_free_gives_the_label_alone():
    """Other classes have the probability 0 in float32; the divergence is then cross-entropy at that temperature."""
    logits = np.random.default_rng(0).normal(size=(60, K)).astype("float32")
    loss = losses.TeacherFree(K, 1.0, temperature=0.01)
    expected = -special.log_softmax(logits.astype("float64") / 0.01, axis=1)[range(60), LABELS]
    np.testing.assert_allclose(loss.call(LABELS, logits), expected, rtol=1e-5, atol=1e-6)


def test_zipf_label_smoothing_is_met_by_a_power_law_and_leaves_the_label_alone():
    """Cross-entropy remains where the other classes follow the law, or all are equal; the label's logit is free."""
    loss = losses.ZipfLabelSmoothing(K, 1.0, dtype="float64")
    by_law = np.log([[9.0, 1 / 2, 1 / 3, 1 / 4, 1 / 5], [1.0, 1 / 2, 0.01, 1 / 3, 1 / 4], [2.0] * K])
    labels = np.array([0, 2, 1])
    value, gradient = value_and_gradient(loss, labels, by_law)
    np.testing.assert_allclose(value, cross_entropy(np.eye(K)[labels], by_law), rtol=1e-12)
    np.testing.assert_allclose(gradient, special.softmax(by_law, axis=1) - np.eye(K)[labels], atol=1e-12)
    gradient = np.asarray(value_and_gradient(loss, LABELS[:40], LOGITS[:40])[1])
    np.testing.assert_allclose(gradient[range(40), LABELS[:40]], (P - ONE_HOT)[range(40), LABELS[:40]], atol=1e-12)
    assert np.abs(gradient - (P - ONE_HOT)[:40]).max() > 0.1


def test_equal_logits_share_the_first_of_their_ranks():
    """In order of the classes, ranks would tell classes apart that the network does not; here 1, 2, 2, 4, 5."""
    logits = np.array([[2.0, 3.0, 2.0, 1.0, 0.0]])
    _, gradient = value_and_gradient(losses.ZipfLabelSmoothing(K, 1.0, dtype="float64"), [4], logits)
    law = np.array([1 / 2, 1, 1 / 2, 1 / 4]) / 2.25
    of_others = special.softmax(logits[:, :4]) - law
    expected = special.softmax(logits) - np.eye(K)[4] + np.pad(of_others, [(0, 0), (0, 1)])
    np.testing.assert_allclose(gradient, expected, atol=1e-12)


def test_zipf_label_smoothing_keeps_its_digits_as_the_prediction_grows_certain():
    """With the label 100 above the others `1 - p` underflows, and their divergence from the law stays the same."""
    others = np.array([0.3, -0.2, 0.1, 0.0])
    law = 1 / np.array([2, 5, 3, 4])
    logits = np.concatenate([[100.0], others])[None].astype("float32")
    value, _ = value_and_gradient(losses.ZipfLabelSmoothing(K, 1.0), [0], logits)
    np.testing.assert_allclose(value, stats.entropy(law, special.softmax(others)), atol=3e-5)

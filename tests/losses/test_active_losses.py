"""Laws of active-passive and active negative losses: their parts, the sum over all labels, extremes."""

import numpy as np
import pytest
from scipy import special, stats

from tests.helpers.loss_oracles import cross_entropy
from tests.losses.test_losses import value_and_gradient
from tfp_noise import losses

K = 5
LABELS = np.random.default_rng(2).integers(0, K, 60)
ONE_HOT = np.eye(K)[LABELS]
SOFT = np.random.default_rng(1).dirichlet(np.full(K, 0.5), 60)
# Logits from nearly equal to far apart; the softmax of the last ones underflows.
LOGITS = np.random.default_rng(0).normal(size=(60, K)) * np.logspace(-2, 4, 60)[:, None]
P = special.softmax(LOGITS, axis=1)
P_LABEL = P[range(60), LABELS]


def passive(*args, **kwargs):
    return losses.ActivePassive(K, *args, dtype="float64", **kwargs)


def negative(*args, **kwargs):
    return losses.ActiveNegative(K, *args, dtype="float64", **kwargs)


def of_all_labels(loss, logits=LOGITS):
    """Sum of the losses of each label, `[60]`."""
    return sum(np.asarray(loss.call(np.full(len(logits), k), logits)) for k in range(K))


@pytest.mark.parametrize(
    ("active", "gamma", "alone"),
    [
        ("ce", None, losses.CrossEntropy(K, dtype="float64")),
        ("focal", None, losses.Focal(K, 0.5, dtype="float64")),
        ("focal", 2.0, losses.Focal(K, 2.0, dtype="float64")),
    ],
)
def test_with_the_weight_of_the_passive_loss_0_the_active_one_is_left(active, gamma, alone):
    for y_true in (LABELS, SOFT):
        ours = value_and_gradient(passive(active, "rce", (1.0, 0.0), gamma=gamma), y_true, LOGITS)
        for one, other in zip(ours, value_and_gradient(alone, y_true, LOGITS), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("active", ["ce", "nce", "focal", "nfl"])
def test_with_the_weight_of_the_active_loss_0_the_passive_one_is_left(active):
    """Reverse cross-entropy is that of `SymmetricCrossEntropy` but for the number that stands for log 0."""
    reverse = losses.SymmetricCrossEntropy(K, alpha=0.0, beta=4 / np.log(1e4), dtype="float64")
    np.testing.assert_allclose(
        passive(active, "rce", (0.0, 1.0)).call(LABELS, LOGITS), reverse.call(LABELS, LOGITS), atol=1e-12
    )
    value = passive(active, "mae", (0.0, 1.0)).call(LABELS, LOGITS)
    np.testing.assert_allclose(value, np.abs(P - ONE_HOT).sum(1), atol=1e-12)


def test_normalised_focal_loss_without_an_exponent_is_normalised_cross_entropy():
    for y_true in (LABELS, SOFT):
        for build in (passive, negative):
            without, plain = build("nfl", gamma=0.0), build("nce")
            for one, other in zip(
                value_and_gradient(without, y_true, LOGITS), value_and_gradient(plain, y_true, LOGITS), strict=True
            ):
                np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("gamma", [0.5, 3.0])
def test_normalised_losses_of_all_labels_sum_to_a_constant(gamma):
    """Symmetric noise then moves no minimum; the sum of a loss that is not normalised is not constant."""
    for active, power in (("nce", None), ("nfl", gamma)):
        np.testing.assert_allclose(of_all_labels(passive(active, weights=(1, 0), gamma=power)), 1, rtol=1e-12)
        np.testing.assert_allclose(of_all_labels(negative(active, (1, 0), gamma=power)), 1, rtol=1e-12)
        np.testing.assert_allclose(of_all_labels(negative(active, (0, 1), gamma=power)), K - 1, rtol=1e-12)
    np.testing.assert_allclose(of_all_labels(passive("nce", "mae", (0, 1))), 2 * (K - 1), rtol=1e-12)
    assert np.ptp(of_all_labels(passive("ce", weights=(1, 0)))) > 1


def test_active_and_negative_parts_are_those_of_the_active_passive_and_of_the_flipped_losses():
    """The negative loss of a label is the sum of `A - l_k` over the other classes, which needs no clipping here."""
    logits = LOGITS[:20]
    log_p = np.log(P[:20])
    assert log_p.min() > np.log(1e-7)
    np.testing.assert_allclose(
        negative("nce", (1, 0)).call(LABELS[:20], logits), passive("nce", weights=(1, 0)).call(LABELS[:20], logits)
    )
    flipped = log_p - np.log(1e-7)
    others = np.array([row.sum() - row[label] for row, label in zip(flipped, LABELS, strict=False)])
    np.testing.assert_allclose(negative("nce", (0, 1)).call(LABELS[:20], logits), others / flipped.sum(1), rtol=1e-12)


@pytest.mark.parametrize("active", ["nce", "nfl"])
def test_negative_loss_of_a_certain_prediction_keeps_its_digits(active):
    """With the label far ahead, `g_k / A` of the other classes is what is left, far below 1 in float32."""
    ahead = np.array([0.0, 4.0, 8.0, 12.0, 15.0])
    logits = np.stack([ahead, 0 * ahead], axis=1)
    value = losses.ActiveNegative(2, active, (0, 1)).call(np.zeros(5, int), logits.astype("float32"))
    np.testing.assert_allclose(
        value, losses.ActiveNegative(2, active, (0, 1), dtype="float64").call(np.zeros(5, int), logits), rtol=1e-4
    )
    beyond = losses.ActiveNegative(2, active, (0, 1)).call([0, 1], np.array([[1e4, 0.0]] * 2, "float32"))
    np.testing.assert_array_equal(beyond, [0, 1])


def test_clipped_classes_have_no_gradient():
    logits = np.array([[0.0, -20.0, -30.0, 1.0, 2.0]])  # the second and third are below 1e-7
    _, gradient = value_and_gradient(negative("nce", (0, 1)), [0], logits)
    p = special.softmax(logits)
    flipped = np.where(p > 1e-7, np.log(p) - np.log(1e-7), 0)
    by_flipped = (np.array([[0, 1, 1, 1, 1]]) - flipped[:, 1:].sum() / flipped.sum()) / flipped.sum() * (p > 1e-7)
    np.testing.assert_allclose(gradient, by_flipped - p * by_flipped.sum(), rtol=1e-9, atol=1e-15)


def test_entropy_term_falls_as_the_mean_prediction_of_the_batch_becomes_uniform():
    with_entropy, without = negative("nce", entropy_weight=3.0), negative("nce")
    for logits in (LOGITS[:20], np.tile([9.0, 0, 0, 0, 0], (20, 1)), 50 * np.eye(K)[np.arange(20) % K]):
        more = np.asarray(with_entropy.call(LABELS[:20], logits)) - without.call(LABELS[:20], logits)
        of_mean = stats.entropy(special.softmax(logits, axis=1).mean(0))
        np.testing.assert_allclose(more, 3 * (np.log(K) - of_mean), atol=1e-9)
    np.testing.assert_allclose(more, 0, atol=1e-9)  # every class is predicted equally often, with certainty


def test_entropy_term_does_not_reach_validation():
    loss = losses.ActiveNegative(K, entropy_weight=3.0, dtype="float64")
    expected = float(negative("nce")(LABELS, LOGITS))
    assert float(loss.evaluation_loss(LABELS, LOGITS)) == pytest.approx(expected)
    assert float(loss(LABELS, LOGITS)) > expected + 0.05


def test_entropy_term_of_classes_that_no_example_has_is_finite():
    logits = np.where(np.arange(K) < 2, LOGITS, -np.inf).astype("float32")
    value, gradient = value_and_gradient(losses.ActiveNegative(K, entropy_weight=1.0), LABELS % 2, logits)
    assert np.isfinite(value).all()
    assert np.isfinite(gradient).all()


def test_absent_class_ends_normalised_losses_of_other_labels_but_not_negative_ones():
    logits = np.where(np.arange(K) < K - 1, LOGITS[:20], -np.inf)
    labels = LABELS[:20] % (K - 1)
    value, gradient = value_and_gradient(passive("nce", weights=(1, 0)), labels, logits)
    np.testing.assert_allclose(value, 0, atol=1e-20)
    np.testing.assert_allclose(gradient, 0, atol=1e-20)
    np.testing.assert_allclose(passive("nce", weights=(1, 0)).call(np.full(20, K - 1), logits), 1)
    rest = losses.ActiveNegative(K - 1, weights=(0, 1), dtype="float64")
    value, gradient = value_and_gradient(negative("nce", (0, 1)), labels, logits)
    expected, expected_gradient = value_and_gradient(rest, labels, logits[:, : K - 1])
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    np.testing.assert_allclose(np.asarray(gradient)[:, : K - 1], expected_gradient, rtol=1e-9, atol=1e-15)


def test_labels_by_index_and_by_row_agree_on_absent_classes():
    rng = np.random.default_rng(0)
    labels, absent = rng.integers(0, K, 40), rng.uniform(size=[40, K]) < 0.4
    absent[:, 0] &= ~absent.all(axis=1)  # one class at least is there
    logits = np.where(absent, -np.inf, rng.normal(size=[40, K]))
    by_index, gradient = value_and_gradient(passive("nce", weights=(1, 0)), labels, logits)
    by_row, gradient_by_row = value_and_gradient(passive("nce", weights=(1, 0)), np.eye(K)[labels], logits)
    count = absent.sum(axis=1)
    expected = np.where(absent[np.arange(40), labels], 1 / np.maximum(count, 1), 0)[count > 0]
    np.testing.assert_allclose(np.asarray(by_index)[count > 0], expected, atol=1e-12)
    np.testing.assert_allclose(by_index, by_row, rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(gradient, gradient_by_row, rtol=1e-6, atol=1e-12)


def test_active_cross_entropy_of_an_absent_label_is_infinite_unless_it_has_no_weight():
    logits = np.array([[-np.inf, 0.0, 0.0, 0.0, 0.0]])
    assert np.isposinf(passive("ce").call([0], logits)).all()
    np.testing.assert_allclose(passive("ce", "mae", (0, 1)).call([0], logits), 2)


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda: losses.ActivePassive(K, "nc"), ValueError, "Unknown active: 'nc'. Did you mean 'nce'"),
        (lambda: losses.ActivePassive(K, "nce", "ce"), ValueError, "Unknown passive: 'ce'. Did you mean 'rce'"),
        (lambda: losses.ActivePassive(K, weights=1.0), TypeError, "`weights` must be two numbers.*Received: 1.0 of"),
        (lambda: losses.ActivePassive(K, weights=(1, 1, 1)), ValueError, "`weights` must be two numbers.*Received 3"),
        (lambda: losses.ActivePassive(K, weights=(1, -1)), ValueError, r"`weights\[1\]` must be.* at least 0.*-1"),
        (lambda: losses.ActivePassive(K, gamma=1.0), ValueError, "`gamma` belongs to the focal losses.*active='nce'"),
        (lambda: losses.ActivePassive(K, "nfl", gamma=101), ValueError, "`gamma` must be.* at most 100.*101"),
        (lambda: losses.ActiveNegative(K, "ce"), ValueError, "Unknown active: 'ce'. Did you mean 'nce'"),
        (lambda: losses.ActiveNegative(K, gamma=1.0), ValueError, "`gamma` belongs to the focal losses"),
        (lambda: losses.ActiveNegative(K, min_probability=0.2), ValueError, "`min_probability` must be.* below 0.2"),
        (lambda: losses.ActiveNegative(K, entropy_weight=-1), ValueError, "`entropy_weight` must be.* at least 0"),
    ],
)
def test_bad_settings(build, error, message):
    with pytest.raises(error, match=message):
        build()


def test_largest_exponent_has_finite_losses_for_any_prediction():
    for loss in (losses.ActivePassive(2, "nfl", gamma=100), losses.ActiveNegative(2, "nfl", gamma=100)):
        logits = np.stack([np.linspace(-1e4, 1e4, 101), np.zeros(101)], axis=1).astype("float32")
        value, gradient = value_and_gradient(loss, np.zeros(101, int), logits)
        assert np.isfinite(value).all()
        assert np.isfinite(gradient).all()


def test_gradient_of_normalised_cross_entropy_is_that_of_the_quotient():
    """With the sum S of the losses of all labels it is `(p - y) / S - loss (K p - 1) / S`."""
    value, gradient = value_and_gradient(passive("nce", weights=(1, 0)), LABELS, LOGITS)
    total = sum(cross_entropy(np.eye(K)[np.full(60, k)], LOGITS) for k in range(K))[:, None]
    of_total = K * P - 1
    np.testing.assert_allclose(
        gradient, (P - ONE_HOT) / total - np.asarray(value)[:, None] * of_total / total, rtol=1e-9, atol=1e-15
    )

"""The label-dependent term of the Logistic-Normal loss, against dense float64 matrices and against the loss itself."""

import keras
import numpy as np
import pytest

from tfp_noise import losses, metrics

CASES = {
    "identity": {"covariance": "identity"},
    "isotropic": {"covariance": "isotropic"},
    "diagonal": {"covariance": "diagonal", "temperature": 2.0},
    "rank 1": {"temperature": 0.1, "min_scale": 0.1},
    "rank 3": {"rank": 3, "target_smoothing": 0.1},
    "no dummy": {"dummy_class": False, "min_scale": 1.0},
    "no dummy, rank 2": {"dummy_class": False, "rank": 2},
}
NUM_CLASSES, N = 5, 40


def outputs(loss, size=1.0):
    return np.random.default_rng(0).normal(scale=size, size=(N, loss.num_outputs))


def dense(loss, soft_label, row):
    """`r' Sigma^-1 r` of one example, with every matrix written out."""
    n = loss.num_prediction_outputs
    padded = np.append(soft_label, 0.0) if loss.dummy_class else soft_label
    target = (1 - loss.target_smoothing) * padded + loss.target_smoothing / (n + 1)
    z = loss.temperature * np.log(target[:n] / target[n])
    raw = row[n:]
    scale = {
        "identity": lambda: np.eye(n),
        "isotropic": lambda: (raw[0] ** 2 + loss.min_scale) * np.eye(n),
        "diagonal": lambda: np.diag(raw**2 + loss.min_scale),
        "low_rank": lambda: raw.reshape(n, -1) @ raw.reshape(n, -1).T + loss.min_scale * np.eye(n),
    }[loss.covariance]()
    return (z - row[:n]) @ np.linalg.inv(scale @ scale.T) @ (z - row[:n])


@pytest.mark.parametrize("case", CASES)
def test_against_dense_matrices(case):
    loss = losses.LogisticNormal(NUM_CLASSES, **CASES[case])
    y_pred, labels = outputs(loss), np.arange(N) % NUM_CLASSES
    soft = np.random.default_rng(1).dirichlet(np.ones(NUM_CLASSES), N)
    for y_true, targets in ((labels, np.eye(NUM_CLASSES)[labels]), (soft, soft)):
        expected = [dense(loss, target, row) for target, row in zip(targets, y_pred, strict=True)]
        found = metrics.label_dependent_term(loss, y_true, y_pred)
        assert found.dtype == np.float64
        np.testing.assert_allclose(found, expected, rtol=1e-9)
    plain = losses.LogisticNormal(NUM_CLASSES, **{**CASES[case], "covariance": "identity", "rank": 1})
    means = y_pred[:, : loss.num_prediction_outputs]
    expected = [dense(plain, target, row) for target, row in zip(soft, means, strict=True)]
    np.testing.assert_allclose(metrics.label_dependent_term(loss, soft, y_pred, identity=True), expected, rtol=1e-9)


@pytest.mark.parametrize("case", CASES)
def test_is_the_part_of_the_loss_that_the_label_changes(case):
    """Half the difference of the terms is that of the losses, because both targets have the same log-volume."""
    loss = losses.LogisticNormal(NUM_CLASSES, dtype="float64", **CASES[case])
    y_pred = outputs(loss)
    terms = [metrics.label_dependent_term(loss, np.full([N, 1], label), y_pred) for label in (1, 4)]
    values = [keras.ops.convert_to_numpy(loss.call(np.full(N, label), y_pred)) for label in (1, 4)]
    np.testing.assert_allclose(terms[0] - terms[1], 2 * (values[0] - values[1]), rtol=1e-7, atol=1e-7)


def test_large_factors_leave_the_part_across_them():
    """Along c the scale is 1e8 and contributes nothing to the term; across c the scale is min_scale."""
    loss = losses.LogisticNormal(3, min_scale=0.5)
    z = np.log((0.99 + 0.0025) / 0.0025)
    c = 1e4 * np.array([[1.0, 1.0, 0.0]]) / np.sqrt(2)
    found = metrics.label_dependent_term(loss, [0], np.concatenate([np.zeros([1, 3]), c], axis=1))
    np.testing.assert_allclose(found, [(z / np.sqrt(2) / 0.5) ** 2], rtol=1e-6)


def test_a_scheduled_min_scale_counts_as_it_is_now():
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([5], [2.0, 0.5])
    annealed, y_pred = (
        losses.LogisticNormal(NUM_CLASSES, min_scale=schedule),
        outputs(losses.LogisticNormal(NUM_CLASSES)),
    )
    labels = np.arange(N) % NUM_CLASSES
    for step, value in ((0, 2.0), (9, 0.5)):
        annealed.count_updates = lambda step=step: step
        expected = metrics.label_dependent_term(losses.LogisticNormal(NUM_CLASSES, min_scale=value), labels, y_pred)
        np.testing.assert_allclose(metrics.label_dependent_term(annealed, labels, y_pred), expected, rtol=1e-12)


def test_many_classes_make_no_square():
    loss = losses.LogisticNormal(20_000)
    y_pred = np.zeros([2, loss.num_outputs], dtype=np.float32)
    y_pred[:, 20_000:] = 0.01  # c'c = 2
    c_r = 0.01 * (z := np.log((0.99 * 20_001 + 0.01) / 0.01))
    expected = (z**2 - 2 * c_r**2 / 2.5 + 2 * (c_r / 2.5) ** 2) / 0.25
    np.testing.assert_allclose(metrics.label_dependent_term(loss, [0, 19_999], y_pred), expected, rtol=1e-6)


def test_refuses_what_does_not_fit():
    loss = losses.LogisticNormal(3)
    good = np.zeros([2, 6])
    with pytest.raises(TypeError, match=r"`loss` must be a `losses.LogisticNormal`"):
        metrics.label_dependent_term(losses.LabelSmoothing(3), [0, 1], good)
    with pytest.raises(TypeError, match="`identity` must be True or False"):
        metrics.label_dependent_term(loss, [0, 1], good, identity="diagonal")
    with pytest.raises(ValueError, match=r"`y_pred` must have shape \[n, 6\].*Received shape \(2, 3\).*model\(x\)"):
        metrics.label_dependent_term(loss, [0, 1], np.eye(3)[:2])
    with pytest.raises(ValueError, match="`y_pred` must be finite"):
        metrics.label_dependent_term(loss, [0, 1], np.full([2, 6], np.nan))
    with pytest.raises(ValueError, match=r"`y_true` and `y_pred` must have the same length\. Received: 3 and 2"):
        metrics.label_dependent_term(loss, [0, 1, 2], good)
    with pytest.raises(ValueError, match=r"`y_true` must lie in \[0, 3\)"):
        metrics.label_dependent_term(loss, [0, 3], good)
    with pytest.raises(TypeError, match="`y_true` must be integer class indices"):
        metrics.label_dependent_term(loss, [0.0, 1.0], good)
    with pytest.raises(ValueError, match=r"`y_true` must be class indices \[n\]"):
        metrics.label_dependent_term(loss, np.zeros([2, 4]), good)

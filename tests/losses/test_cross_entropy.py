"""Cross-entropy under its own name, and under that of label smoothing without any."""

import keras
import numpy as np
import pytest

from tests.helpers.losses_under_test import examples
from tests.losses.test_label_spellings import value_and_gradient
from tfp_noise import losses
from tfp_noise.losses.cross_entropy import cross_entropy_like

K = 7


def kinds_of_labels(loss):
    labels, soft, outputs = examples(loss, batch=16)
    absent = np.where(np.arange(K) == (labels[:, None] + 1) % K, -np.inf, outputs)
    return [(labels, outputs), (np.eye(K)[labels], outputs), (soft, outputs), (labels, 1e4 * outputs), (labels, absent)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_label_smoothing_by_nothing_is_cross_entropy_bit_for_bit(dtype):
    plain, smoothing = losses.CrossEntropy(K, dtype=dtype), losses.LabelSmoothing(K, alpha=0.0, dtype=dtype)
    for y_true, outputs in kinds_of_labels(plain):
        ours, theirs = (value_and_gradient(loss, y_true, outputs.astype(dtype)) for loss in (plain, smoothing))
        for a, b in zip(ours, theirs, strict=True):
            assert a.tobytes() == b.tobytes()


def test_some_smoothing_is_told_apart():
    plain, smoothing = losses.CrossEntropy(K), losses.LabelSmoothing(K, alpha=1e-3)
    labels, outputs = kinds_of_labels(plain)[0]
    assert (value_and_gradient(plain, labels, outputs)[0] != value_and_gradient(smoothing, labels, outputs)[0]).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_value_and_gradient_keep_their_digits_as_the_prediction_grows_certain(dtype):
    """The label's `log p` itself rounds to 0 in float32 from a margin of 17 on."""
    margins = np.array([5.0, 20.0, 40.0, 80.0])
    logits = np.stack([margins, 0 * margins], axis=1).astype(dtype)
    value, gradient = value_and_gradient(losses.CrossEntropy(2, dtype=dtype), np.zeros(4, int), logits)
    missing = np.exp(-margins) / (1 + np.exp(-margins))
    np.testing.assert_allclose(value, np.log1p(np.exp(-margins)), rtol=1e-5)
    np.testing.assert_allclose(gradient, np.stack([-missing, missing], axis=1), rtol=1e-5)


@pytest.mark.parametrize("build", [losses.CrossEntropy, losses.LabelSmoothing, losses.Focal, losses.ActivePassive])
def test_a_number_that_is_added_to_all_logits_changes_no_digit(build):
    """Whole logits beside 2^20 are exact in float32."""
    logits = np.random.default_rng(0).integers(-5, 6, [20, K]).astype("float32")
    found = [value_and_gradient(build(K), np.arange(20) % K, logits + offset) for offset in (0, 2**20)]
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    "build",
    [losses.CrossEntropy, losses.LabelSmoothing, losses.Focal, losses.ActivePassive],
    ids=lambda build: build.__name__,
)
def test_a_label_whose_logit_has_overflowed_is_no_certain_prediction(build):
    loss = build(3)
    outputs = np.array([[np.inf, 0.0, 0.0]], "float32")
    for labels in (np.array([0]), np.eye(3, dtype="float32")[:1]):
        assert np.isnan(loss(labels, outputs))


def test_class_indices_follow_a_subclass_that_changes_the_loss_of_soft_labels():
    class Doubled(losses.CrossEntropy):
        def soft_label_loss(self, targets, y_pred):
            return 2 * super().soft_label_loss(targets, y_pred)

    labels, outputs = np.array([1, 2]), np.zeros((2, 3), "float32")
    np.testing.assert_allclose(Doubled(3)(labels, outputs), 2 * np.log(3), rtol=1e-6)


def test_it_is_keras_own_loss():
    labels, outputs = kinds_of_labels(losses.CrossEntropy(K))[0]
    expected = keras.losses.sparse_categorical_crossentropy(labels, outputs, from_logits=True)
    np.testing.assert_allclose(losses.CrossEntropy(K).call(labels, outputs), expected, rtol=1e-5)


def test_the_like_of_a_loss_has_what_they_share():
    loss = losses.Focal(K, reduction="sum", dtype="float64", ignore_class=-1)
    like = cross_entropy_like(loss)
    assert type(like) is losses.CrossEntropy
    assert (like.num_classes, like.reduction, like.dtype, like.ignore_class) == (K, "sum", "float64", -1)

"""Logits of -inf: absent classes do not count, wherever the true loss is finite."""

import numpy as np
import pytest
import tensorflow as tf

from tests.helpers.losses_under_test import DAILY, LOSSES_UNDER_TEST, examples, with_ids
from tests.losses.test_label_spellings import value_and_gradient
from tfp_noise import losses

NUM_CLASSES = 5
# Losses whose formula does not contain the number of classes: the same loss over the other classes is the oracle.
WITHOUT_NUM_CLASSES = [
    "cross_entropy",
    "generalized_cross_entropy",
    "generalized_cross_entropy_0.1",
    "mean_absolute_error",
    "bi_tempered",
    "bi_tempered_heavy_tail",
    "bi_tempered_loss_alone",
    "bi_tempered_probabilities_alone",
    "bootstrap_soft",
    "bootstrap_hard",
    "symmetric_cross_entropy",
    "symmetric_cross_entropy_cifar100",
    "active_passive_ce",
    "active_passive_focal",
    "logit_clip",
    "logit_clip_robust",
    "jensen_shannon",
    "jensen_shannon_low",
    "jensen_shannon_high",
    "pairwise_confusion",
    "focal",
    "focal_below_one",
    "flsd53",
    "confidence_penalty",
]
# Further settings in which a term of the formula has the weight 0.
SETTINGS = {
    "bootstrap_one": lambda k, **kwargs: losses.Bootstrap(k, 1.0, **kwargs),
    "symmetric_zero": lambda k, **kwargs: losses.SymmetricCrossEntropy(k, 0.0, **kwargs),
    "teacher_free_zero": lambda k, **kwargs: losses.TeacherFree(k, 0.0, **kwargs),
    "teacher_free_cold": lambda k, **kwargs: losses.TeacherFree(k, 0.3, 0.01, **kwargs),
    "focal_zero": lambda k, **kwargs: losses.Focal(k, 0.0, **kwargs),
    "noise_zero": lambda k, **kwargs: losses.NoiseAgainstNoise(k, 0.0, **kwargs),
    "disturb_zero": lambda k, **kwargs: losses.DisturbLabel(k, 0.0, **kwargs),
    "smearing_by_identity": lambda k, **kwargs: losses.LabelSmearing(k, np.eye(k), **kwargs),
    "online_zeros": lambda k, **kwargs: losses.OnlineLabelSmoothing(k, initial="zeros", **kwargs),
    "learnable_zero": lambda k, **kwargs: losses.LearnableLabelSmoothing(k, 0.0, **kwargs),
    "learnable_reverse": lambda k, **kwargs: losses.LearnableLabelSmoothing(
        k, terms=["reverse_cross_entropy", "prediction_entropy"], **kwargs
    ),
    "learnable_target_entropy": lambda k, **kwargs: losses.LearnableLabelSmoothing(
        k, terms=["reverse_cross_entropy", "target_entropy"], **kwargs
    ),
    "learnable_forward_zero": lambda k, **kwargs: losses.LearnableLabelSmoothing(
        k, 0.0, terms=["forward_cross_entropy", "prediction_entropy"], **kwargs
    ),
    "label_smoothing++": lambda k, **kwargs: losses.LearnableLabelSmoothing(k, variant="label_smoothing++", **kwargs),
}
LOSSES = {name: case.build for name, case in LOSSES_UNDER_TEST.items()} | SETTINGS
# Losses whose outputs are not logits of classes: at -inf their likelihood is 0.
LIKELIHOODS = [name for name in LOSSES if name.startswith(("logistic_normal", "shifted_gaussian"))]
# Losses without the class's limit: any finite logit enters the norm, and as the largest one it takes all of it.
CLIPPED = [name for name in LOSSES if name.startswith("logit_clip")]
WITH_LIMIT = [name for name in LOSSES if name not in LIKELIHOODS + CLIPPED]


def batch(loss):
    """Labels, soft labels without the absent class, outputs, and the absent class of each example."""
    labels, soft, outputs = examples(loss, batch=8)
    absent = (labels + 1 + np.arange(8) % (NUM_CLASSES - 1)) % NUM_CLASSES
    soft[np.arange(8), absent] = 0
    return labels, soft / soft.sum(1, keepdims=True), outputs, absent


def with_logit(outputs, absent, value):
    outputs = outputs.copy()
    outputs[np.arange(len(outputs)), absent] = value
    return outputs


def limits(build, y_true, outputs, absent):
    """Limits of value and gradient as the logit goes to -inf, from float64, and how much the loss still grows."""
    loss = build(NUM_CLASSES, dtype="float64", reduction="none")
    value, gradient = value_and_gradient(loss, y_true, with_logit(outputs, absent, -1e200))
    farther = loss.call(with_ids(loss, y_true), with_logit(outputs, absent, -1e201))
    return value, gradient, farther - value


@pytest.mark.parametrize("name", WITH_LIMIT)
@pytest.mark.daily(*(name for name in WITH_LIMIT if name in (*DAILY, *SETTINGS)))
def test_a_class_at_minus_infinity_is_a_class_that_is_not_there(name):
    """A true loss that is infinite, because its target holds the absent class, is computed as infinity, not as NaN."""
    loss = LOSSES[name](NUM_CLASSES, reduction="none")
    labels, soft, outputs, absent = batch(loss)
    at_infinity = with_logit(outputs, absent, -np.inf).astype("float32")
    for y_true in (labels, soft, absent):
        value, gradient = value_and_gradient(loss, y_true, at_infinity)
        expected, expected_gradient, growth = limits(LOSSES[name], y_true, outputs, absent)
        finite = np.abs(growth) < 1
        np.testing.assert_allclose(value[finite], expected[finite], rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(gradient[finite], expected_gradient[finite], rtol=1e-4, atol=1e-5)
        assert (gradient[np.arange(8), absent][finite] == 0).all()
        np.testing.assert_array_equal(value[~finite], np.inf * np.sign(growth[~finite]))
    np.testing.assert_allclose(np.sum(loss.probabilities(at_infinity), axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("name", WITH_LIMIT)
def test_so_it_is_in_evaluation(name):
    loss = LOSSES[name](NUM_CLASSES, reduction="none")
    labels, _, outputs, absent = batch(loss)
    value = np.asarray(loss.evaluation_loss(labels, with_logit(outputs, absent, -np.inf).astype("float32")))
    wide = LOSSES[name](NUM_CLASSES, dtype="float64", reduction="none")
    expected = wide.evaluation_loss(labels, with_logit(outputs, absent, -1e200)).numpy()
    growth = wide.evaluation_loss(labels, with_logit(outputs, absent, -1e201)).numpy() - expected
    finite = np.abs(growth) < 1
    np.testing.assert_allclose(value[finite], expected[finite], rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(value[~finite], np.inf * np.sign(growth[~finite]))


@pytest.mark.parametrize("name", [name for name in LOSSES if name.startswith("learnable")])
def test_what_labels_are_mixed_with_is_trained_beside_absent_classes(name):
    loss = LOSSES[name](NUM_CLASSES)
    labels, _, outputs, absent = batch(loss)
    if not np.isfinite(loss(labels, with_logit(outputs, absent, -np.inf))):
        return
    variables = [variable.value for variable in loss.state().trainable_variables]
    with tf.GradientTape() as tape:
        value = loss(labels, with_logit(outputs, absent, -np.inf))
    for gradient in tape.gradient(value, variables):
        assert np.isfinite(tf.convert_to_tensor(gradient)).all()


@pytest.mark.parametrize("name", WITHOUT_NUM_CLASSES)
def test_the_other_classes_alone_give_the_same_loss(name):
    case = LOSSES_UNDER_TEST[name]
    loss = case.build(NUM_CLASSES, reduction="none")
    labels, soft, outputs, absent = batch(loss)
    absent[:] = 4  # as an oracle may couple examples
    labels = labels % 4
    soft[:, 4] = 0
    soft /= soft.sum(1, keepdims=True)
    for y_true, targets in ((labels, np.eye(4)[labels]), (soft, soft[:, :4])):
        value = loss.call(y_true, with_logit(outputs, absent, -np.inf).astype("float32"))
        np.testing.assert_allclose(value, case.oracle(targets, outputs[:, :4]), rtol=1e-5, atol=1e-6)


def test_only_the_label_is_there():
    for name in WITHOUT_NUM_CLASSES:
        outputs = np.where(np.arange(NUM_CLASSES) == [[0], [1]], 1.0, -np.inf).astype("float32")
        loss = LOSSES[name](NUM_CLASSES, reduction="none")
        value, gradient = value_and_gradient(loss, np.array([0, 1]), outputs)
        nothing = 0 if "confusion" not in name else 3.0  # two examples, each sure of another class
        np.testing.assert_allclose(value, [nothing, nothing], atol=1e-6, err_msg=name)
        assert np.isfinite(gradient).all(), name


@pytest.mark.torture
@pytest.mark.parametrize("name", [name for name in LOSSES if name not in LIKELIHOODS])
def test_so_it_is_under_xla(name):
    loss = LOSSES[name](NUM_CLASSES, reduction="none")
    labels, soft, outputs, absent = batch(loss)
    outputs = tf.constant(with_logit(outputs, absent, -np.inf), tf.float32)

    @tf.function(autograph=False, jit_compile=True)
    def compiled(y_true, outputs):
        value = loss.call(with_ids(loss, y_true), outputs)
        return value, tf.gradients(value, outputs)[0]

    for y_true in (labels, soft):
        for ours, eager in zip(compiled(y_true, outputs), value_and_gradient(loss, y_true, outputs), strict=True):
            np.testing.assert_allclose(ours, eager, rtol=1e-4, atol=1e-5)

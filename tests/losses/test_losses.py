"""The contract of every loss."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.helpers.losses_under_test import DAILY, LOSSES_UNDER_TEST, examples, names_of_every_setting, with_ids
from tfp_noise import losses

# What is compiled every day beside the whole steps of `test_compiled_steps`: loops, samples, sorting, entropies.
COMPILED_DAILY = ["bi_tempered", "heteroscedastic", "zipf", "jensen_shannon", "active_negative", "bounded_forward"]


@pytest.fixture(scope="module", params=LOSSES_UNDER_TEST.values(), ids=LOSSES_UNDER_TEST.keys())
def case(request):
    return request.param


def value_and_gradient(loss, y_true, y_pred):
    y_pred = tf.convert_to_tensor(y_pred)
    with tf.GradientTape() as tape:
        tape.watch(y_pred)
        value = loss.call(with_ids(loss, y_true), y_pred)
    return value, tape.gradient(value, y_pred)


def both_kinds(loss, jit_compile=False):
    """Values and gradients for class indices and soft labels, in one function because compilation takes long."""

    def compute(labels, soft, outputs):
        return value_and_gradient(loss, labels, outputs) + value_and_gradient(loss, soft, outputs)

    return tf.function(compute, autograph=False, jit_compile=jit_compile)


@pytest.mark.parametrize("num_classes", [2, 10, 100])
@pytest.mark.daily(*(f"{name}-{k}" for name in LOSSES_UNDER_TEST for k in (2, 10)), *(f"{name}-100" for name in DAILY))
def test_value_equals_the_oracle_for_every_kind_of_label(case, num_classes):
    loss = case.build(num_classes, dtype="float64")
    labels, soft, outputs = examples(loss)
    one_hot = np.eye(num_classes)[labels]
    expected = case.oracle(one_hot, outputs)
    for y_true in (labels, labels[:, None], labels.astype("uint8"), one_hot):
        np.testing.assert_allclose(loss.call(with_ids(loss, y_true), outputs), expected, rtol=1e-9, atol=1e-9)
    value = loss.call(with_ids(loss, soft), outputs)
    np.testing.assert_allclose(value, case.oracle(soft, outputs), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("num_classes", [2, 5])
@pytest.mark.daily(*(f"{name}-2" for name in LOSSES_UNDER_TEST), *(f"{name}-5" for name in DAILY))
def test_gradient_of_a_weighted_sum_equals_finite_differences_of_the_oracle(case, num_classes):
    """Weights are what sample weights, means and loss scaling rest on, and what a gradient by hand may forget.

    Output by output, since a loss may couple the examples of a batch.
    """
    loss = case.build(num_classes, dtype="float64")
    labels, soft, outputs = examples(loss, batch=3)
    weights = np.random.default_rng(3).normal(size=len(labels))
    for y_true, targets in [(labels, np.eye(num_classes)[labels]), (soft, soft)]:
        variable = tf.Variable(outputs)
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(weights * loss.call(with_ids(loss, y_true), variable))
        numeric = np.empty_like(outputs)
        for place in np.ndindex(outputs.shape):
            low, high = outputs.copy(), outputs.copy()
            low[place] -= 1e-5
            high[place] += 1e-5
            near = [case.value_near(targets, moved, outputs) for moved in (high, low)]
            numeric[place] = weights @ (near[0] - near[1]) / 2e-5
        gradient = tape.gradient(total, variable)
        np.testing.assert_allclose(gradient, numeric, rtol=1e-6, atol=1e-6 * np.abs(numeric).max())


@pytest.mark.daily(*DAILY)
def test_float32_agrees_with_float64(case):
    wide, narrow = case.build(10, dtype="float64"), case.build(10)
    labels, soft, outputs = examples(wide, batch=64)
    for y_true in (labels, soft):
        value, gradient = value_and_gradient(narrow, y_true, outputs.astype("float32"))
        expected, expected_gradient = value_and_gradient(wide, y_true, outputs)
        assert value.dtype == "float32"
        # Terms of the likelihood's size cancel in some values: the error is relative to those terms.
        np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())
        np.testing.assert_allclose(gradient, expected_gradient, rtol=1e-4, atol=2e-5 * np.abs(expected_gradient).max())


@pytest.mark.parametrize(
    ("name", "jit_compile"),
    [(name, False) for name in LOSSES_UNDER_TEST]
    + [pytest.param(name, True, marks=[pytest.mark.torture] * (name not in DAILY)) for name in LOSSES_UNDER_TEST],
)
@pytest.mark.daily(*(f"{name}-True" for name in COMPILED_DAILY))
def test_graph_and_xla_agree_with_eager_mode(name, jit_compile):
    """Labels out of range are included, which give NaN for their example only."""
    loss = LOSSES_UNDER_TEST[name].build(10)
    labels, soft, outputs = map(tf.constant, examples(loss, batch=16))
    outputs = tf.cast(outputs, "float32")
    compute = both_kinds(loss, jit_compile)
    eager = value_and_gradient(loss, labels, outputs) + value_and_gradient(loss, soft, outputs)
    for a, b in zip(eager, compute(labels, soft, outputs), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5 * np.abs(a).max())
    out_of_range = np.isin(np.arange(16), [1, 9])
    wrong = tf.tensor_scatter_nd_update(labels, [[1], [9]], [-1, 10])
    for value in (loss.call(with_ids(loss, wrong), outputs), compute(wrong, soft, outputs)[0]):
        np.testing.assert_array_equal(np.isnan(value), out_of_range)
        np.testing.assert_allclose(np.asarray(value)[~out_of_range], np.asarray(eager[0])[~out_of_range], rtol=1e-4)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
@pytest.mark.daily(*(f"{name}-{dtype}" for name in DAILY for dtype in ("float32", "bfloat16", "float16")))
def test_large_logits_stay_finite(case, dtype):
    loss = case.build(10)
    labels, soft, outputs = examples(loss, batch=20)
    large = tf.cast(np.sign(outputs) * 1e4, dtype)
    for y_true in (labels, soft):
        for outputs in (large, tf.zeros_like(large)):
            value, gradient = value_and_gradient(loss, y_true, outputs)
            assert value.dtype == "float32"
            assert np.isfinite(value).all()
            if dtype != "float16":  # its largest number is 65,504; loss scaling skips the steps that pass it
                assert np.isfinite(tf.cast(gradient, "float32")).all()


def test_config_round_trip_is_exact(case):
    loss = case.build(10, name="mine", reduction="sum", dtype="float64")
    stored = json.loads(json.dumps(keras.saving.serialize_keras_object(loss)))
    assert stored["registered_name"].startswith("tfp_noise>")
    restored = keras.saving.deserialize_keras_object(stored)
    assert type(restored) is type(loss)
    assert restored.get_config() == loss.get_config()
    assert (restored.name, restored.reduction, restored.dtype) == ("mine", "sum", "float64")
    labels, _, outputs = examples(loss)
    np.testing.assert_array_equal(restored(with_ids(loss, labels), outputs), loss(with_ids(loss, labels), outputs))


@pytest.mark.daily(*DAILY)
def test_weights_and_reductions_are_keras_ones(case):
    labels, _, outputs = examples(case.build(10))
    y_true = with_ids(case.build(10), labels)
    each = np.asarray(case.build(10, reduction=None)(y_true, outputs))
    weights = np.arange(len(labels), dtype="float32")
    assert each.shape == labels.shape
    np.testing.assert_allclose(case.build(10)(y_true, outputs), each.mean(), rtol=1e-5)
    np.testing.assert_allclose(case.build(10, reduction="sum")(y_true, outputs), each.sum(), rtol=1e-5)
    weighted = case.build(10)(y_true, outputs, sample_weight=weights)
    np.testing.assert_allclose(weighted, (each * weights).sum() / len(labels), rtol=1e-5)


def test_probabilities_are_distributions_and_read_the_first_outputs_only(case):
    loss = case.build(10)
    _, _, outputs = examples(loss, batch=5)
    probabilities = np.asarray(loss.probabilities(outputs))
    assert probabilities.shape == (5, 10)
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-5)
    np.testing.assert_array_equal(loss.probabilities(outputs[:, : loss.num_prediction_outputs]), probabilities)


@pytest.mark.parametrize("name", names_of_every_setting())
@pytest.mark.daily("cross_entropy", "forward", "logistic_normal", "online", "early_learning")
def test_works_alone_in_a_plain_keras_model_or_says_why_not(name):
    loss = LOSSES_UNDER_TEST[name].build(3)
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input([2]), keras.layers.Dense(loss.num_outputs)])
    model.compile("sgd", loss=loss, run_eagerly=True)  # a trace costs more than these few steps
    if loss.needs_classifier:
        with pytest.raises(
            ValueError, match=f"must belong to a `NoisyLabelClassifier`, because {loss.needs_classifier}"
        ):
            model.fit(np.eye(2, dtype="float32"), np.array([0, 2]), verbose=0)
        return
    history = model.fit(np.eye(2, dtype="float32"), np.array([0, 2]), epochs=3, verbose=0).history["loss"]
    assert np.isfinite(history).all()
    assert len(set(history)) == 3


def test_wrong_shapes_are_refused(case):
    loss = case.build(10)
    with pytest.raises(
        ValueError, match=rf"`y_pred` must have shape \[batch, ..., {loss.num_outputs}\].*Received shape"
    ):
        loss(with_ids(loss, np.zeros(3, int)), np.zeros((3, loss.num_outputs + 1)))
    with pytest.raises(ValueError, match=r"`y_true` must be class indices.*Received shape \(3, 4\)"):
        loss(with_ids(loss, np.zeros((3, 4))), np.zeros((3, loss.num_outputs)))


def test_nothing_in_place_of_labels_or_outputs_is_refused(case):
    loss = case.build(3)
    with pytest.raises(ValueError, match=r"`y_true` must hold labels\. Received: None"):
        loss(None, np.zeros([2, loss.num_outputs]))
    with pytest.raises(ValueError, match=r"`y_pred` must hold raw outputs of the network\. Received: None"):
        loss(np.zeros(2, int), None)


def test_many_classes_keep_their_index_under_mixed_precision():
    """A cast of labels to bfloat16 would turn class 511 into 512."""
    loss = losses.CrossEntropy(600)
    outputs = tf.cast(20 * tf.one_hot([511], 600), "bfloat16")
    assert float(loss(np.array([511]), outputs)) < 1e-4


NEARLY_SINGULAR = np.array([[0.50001, 0.49999], [0.49999, 0.50001]])


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda: losses.LabelSmoothing(1), ValueError, "`num_classes` must be at least 2. Received: 1"),
        (lambda: losses.LabelSmoothing(10, alpha=1.5), ValueError, "`alpha` must be.* at most 1. Received: 1.5"),
        (lambda: losses.LabelSmoothing(10, alpha=-0.1), ValueError, "`alpha` must be.* at least 0.* Received: -0.1"),
        (lambda: losses.LabelSmoothing(10, alpha=np.nan), ValueError, "`alpha` must be finite"),
        (lambda: losses.LabelSmoothing(10, dtype="float16"), ValueError, "`dtype` must be float32 or float64"),
        (lambda: losses.LabelSmearing(3, np.eye(2)), ValueError, r"`matrix` must be \[3, 3\].*Received shape \(2, 2\)"),
        (lambda: losses.LabelSmearing(2, [[1, np.inf], [0, 1]]), ValueError, "`matrix` must be finite"),
        (lambda: losses.ForwardCorrection(2, [[0.5, 0.4], [0, 1]]), ValueError, "row 0 sums to 0.9"),
        (lambda: losses.BackwardCorrection(2, np.full((2, 2), 0.5)), ValueError, "condition number.*ForwardCorrection"),
        (
            lambda: losses.BackwardCorrection(2, NEARLY_SINGULAR),
            ValueError,
            "well enough conditioned.* in float32.* number 5e",
        ),
        (
            lambda: losses.BackwardCorrection(2, np.eye(2), non_negative="no"),
            TypeError,
            "`non_negative` must be True or",
        ),
        (lambda: losses.BackwardCorrection(2, np.eye(2), min_probability=0), ValueError, "`min_probability` must be"),
        (
            lambda: losses.GeneralizedCrossEntropy(10, q=0),
            ValueError,
            "`q` must be.* above 0 and at most 1. Received: 0",
        ),
        (lambda: losses.GeneralizedCrossEntropy(10, q=1.5), ValueError, "`q` must be.* at most 1. Received: 1.5"),
        (lambda: losses.BiTempered(10, 2.0, 0.5), ValueError, "`t1` must be.*Received: 2.0 and 0.5. Are they swapped"),
        (lambda: losses.BiTempered(10, "1", 0.5), TypeError, "`t1` must be a number"),
        (lambda: losses.BiTempered(10, 1.1, 2.0), ValueError, "`t1` must be.* at most 1. Received: 1.1"),
        (lambda: losses.BiTempered(10, -0.1, 2.0), ValueError, "`t1` must be.* at least 0.* Received: -0.1"),
        (lambda: losses.BiTempered(10, 0.5, 0.9), ValueError, "`t2` must be.* at least 1.* Received: 0.9"),
        (lambda: losses.BiTempered(1000, 0.5, 20.0), ValueError, "`t2` must be.* at most 11.* Received: 20"),
        (lambda: losses.BiTempered(10, 0.5, 2.0, 0), ValueError, "`num_iterations` must be at least 1. Received: 0"),
        (lambda: losses.BiTempered(10, 0.5, 2.0, 5.0), TypeError, "`num_iterations` must be an integer"),
        (lambda: losses.NoiseAgainstNoise(10, -1), ValueError, "`sigma` must be.* at least 0. Received: -1"),
        (lambda: losses.NoiseAgainstNoise(10, 1, seed=-1), ValueError, "`seed` must be at least 0. Received: -1"),
        (lambda: losses.NoiseAgainstNoise(10, 1, seed=1.5), TypeError, "`seed` must be an integer"),
        (lambda: losses.Bootstrap(10, 0), ValueError, "`beta` must be.* above 0 and at most 1. Received: 0"),
        (lambda: losses.Bootstrap(10, 1.1), ValueError, "`beta` must be.* at most 1. Received: 1.1"),
        (lambda: losses.Bootstrap(10, 0.8, "hard"), TypeError, "`hard` must be True or False. Received: 'hard'"),
        (lambda: losses.SymmetricCrossEntropy(10, -1), ValueError, "`alpha` must be.* at least 0. Received: -1"),
        (lambda: losses.SymmetricCrossEntropy(10, 1, -1), ValueError, "`beta` must be.* at least 0. Received: -1"),
        (lambda: losses.DisturbLabel(10, 1.5), ValueError, "`rate` must be.* at most 1. Received: 1.5"),
        (lambda: losses.DisturbLabel(10, 0.1, seed=-1), ValueError, "`seed` must be at least 0. Received: -1"),
        (lambda: losses.PairwiseConfusion(10, -1), ValueError, "`weight` must be.* at least 0. Received: -1"),
        (lambda: losses.TeacherFree(10, alpha=2), ValueError, "`alpha` must be.* at most 1. Received: 2"),
        (lambda: losses.TeacherFree(10, temperature=0), ValueError, "`temperature` must be.* above 0. Received: 0"),
        (
            lambda: losses.TeacherFree(10, correct_probability=0.1),
            ValueError,
            "`correct_probability` must be.* above 0.1 and below 1. Received: 0.1",
        ),
        (lambda: losses.TeacherFree(10, correct_probability=1), ValueError, "`correct_probability` must be.* below 1"),
        (lambda: losses.TeacherFree(10, variant="codes"), ValueError, "Unknown variant: 'codes'. Did you mean 'code'"),
        (lambda: losses.Focal(10, -1), ValueError, "`gamma` must be.* at least 0. Received: -1"),
        (lambda: losses.Focal(10, hard_gamma=-1), ValueError, "`hard_gamma` must be.* at least 0. Received: -1"),
        (lambda: losses.ConfidencePenalty(10, -1), ValueError, "`beta` must be.* at least 0. Received: -1"),
        (lambda: losses.ShiftedGaussianNoise(10, 0), ValueError, "`label_decay` must be.* above 0 and at most 1.*: 0"),
        (
            lambda: losses.ShiftedGaussianNoise(10, average_decay=1),
            ValueError,
            "`average_decay` must be.* below 1.*: 1",
        ),
        (
            lambda: losses.ShiftedGaussianNoise(10, target_smoothing=0),
            ValueError,
            "`target_smoothing` must be.* above 0",
        ),
        (lambda: losses.ZipfLabelSmoothing(10, -1), ValueError, "`weight` must be.* at least 0. Received: -1"),
        (lambda: losses.LogisticNormal(10, temperature=0), ValueError, "`temperature` must be.* above 0. Received: 0"),
        (lambda: losses.LogisticNormal(10, min_scale=-1), ValueError, "`min_scale` must be.* above 0. Received: -1"),
        (lambda: losses.LogisticNormal(10, target_smoothing=1.1), ValueError, "`target_smoothing` must be.* at most 1"),
        (lambda: losses.LogisticNormal(10, covariance="diag"), ValueError, "Unknown covariance: 'diag'. Did you mean"),
        (lambda: losses.LogisticNormal(10, covariance="diagonal", rank=2), ValueError, "`rank` belongs to"),
        (lambda: losses.LogisticNormal(10, rank=0), ValueError, "`rank` must be at least 1"),
    ],
)
def test_bad_settings(build, error, message):
    with pytest.raises(error, match=message):
        build()

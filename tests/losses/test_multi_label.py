"""Several labels an example: every loss of two classes against float64 oracles, and against its softmax form."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import special

from tests.helpers.losses_under_test import LOSSES_UNDER_TEST, first_of_class, with_ids
from tfp_noise import losses

N, L = 5, 3
RNG = np.random.default_rng(0)
HARD = RNG.integers(0, 2, [N, L])
SOFT = RNG.uniform(size=[N, L])
IGNORED = RNG.uniform(size=[N, L]) < 0.4
WEIGHTS = RNG.uniform(size=[N, L])
LOGITS = RNG.normal(size=[N, L]).astype("float32")
BUILT = {name: case.build(2) for name, case in LOSSES_UNDER_TEST.items()}
ALLOWED = {name: loss for name, loss in BUILT.items() if not (loss.needs_classifier or loss.needs_whole_batch)}
ONE_LOGIT = [name for name, loss in ALLOWED.items() if loss.is_shift_invariant]


def several(name, num_labels=L, dtype="float32", **kwargs):
    return losses.MultiLabel(LOSSES_UNDER_TEST[name].build(2, dtype=dtype), num_labels, **kwargs)


def outputs_for(loss, seed=1):
    return np.random.default_rng(seed).normal(size=[N, loss.num_outputs])


def value_and_gradient(loss, labels, outputs, weights=None):
    outputs = tf.convert_to_tensor(outputs)
    with tf.GradientTape() as tape:
        tape.watch(outputs)
        value = loss(labels, outputs, weights)
    return value, tape.gradient(value, outputs)


def rows_of_labels(loss, outputs):
    """The outputs that each label's loss of two classes reads, `[N * L, loss.num_outputs]`, in NumPy."""
    if loss.num_outputs == loss.num_labels:
        return np.stack([np.zeros(outputs.size), outputs.ravel()], axis=-1)
    return np.array([row[label :: loss.num_labels] for row in outputs for label in range(loss.num_labels)])


@pytest.mark.parametrize("name", ALLOWED)
@pytest.mark.daily(*first_of_class(ALLOWED))
def test_value_equals_the_oracle_of_two_classes(name):
    loss = several(name, dtype="float64", reduction=None)
    outputs = outputs_for(loss)
    for labels in (HARD, HARD.astype(bool), SOFT):
        targets = np.stack([1.0 - labels.ravel(), labels.ravel()], axis=-1)
        expected = LOSSES_UNDER_TEST[name].oracle(targets, rows_of_labels(loss, outputs))
        np.testing.assert_allclose(loss(labels, outputs), expected.reshape(N, L), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ONE_LOGIT)
def test_value_and_gradient_are_those_of_a_softmax_over_absent_and_present(name):
    """The dense form `[N, L, 2]` is compared, with the logit of absence 0 and with one that shifts both logits."""
    loss, plain = several(name), LOSSES_UNDER_TEST[name].build(2)
    logits = tf.constant(LOGITS)
    for labels in (HARD, SOFT):
        ours = value_and_gradient(loss, labels, logits)
        for absent in (0.0, -0.5):
            with tf.GradientTape() as tape:
                tape.watch(logits)
                value = plain(
                    np.stack([1 - labels, labels], -1), tf.stack([absent * logits, (1 + absent) * logits], -1)
                )
            for one, other in zip(ours, (value, tape.gradient(value, logits)), strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)
        p = plain.probabilities(np.stack([0 * LOGITS, LOGITS], -1))[..., 1]
        np.testing.assert_allclose(loss.probabilities(LOGITS), p, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", sorted(set(ALLOWED) - set(ONE_LOGIT)))
def test_probabilities_of_wide_outputs_are_those_of_each_label(name):
    loss = several(name, dtype="float64")
    outputs = outputs_for(loss)
    expected = LOSSES_UNDER_TEST[name].build(2, dtype="float64").probabilities(rows_of_labels(loss, outputs))
    np.testing.assert_allclose(tf.reshape(loss.probabilities(outputs), [-1]), expected[:, 1], rtol=1e-9)
    narrow = outputs[:, : loss.num_prediction_outputs]
    np.testing.assert_array_equal(loss.probabilities(narrow), loss.probabilities(outputs))


@pytest.mark.parametrize("name", LOSSES_UNDER_TEST)
def test_a_loss_is_shift_invariant_if_it_says_so(name):
    loss = LOSSES_UNDER_TEST[name].build(3, dtype="float64")
    outputs, labels = outputs_for(loss), with_ids(loss, np.arange(N) % 3)
    changes = np.abs(loss.call(labels, outputs) - loss.call(labels, outputs + 1.5)).max()
    assert (
        changes < 1e-9 and loss.num_outputs == 3
    ) == loss.is_shift_invariant  # of wide outputs, none may be left out


def test_cross_entropy_is_that_of_keras():
    for num_labels, labels in [(L, HARD), (1, HARD[:, :1]), (L, SOFT), (1, SOFT[:, :1])]:
        logits = LOGITS[:, :num_labels]
        for weights in (None, WEIGHTS[:, 0]):
            found = value_and_gradient(several("cross_entropy", num_labels), labels, logits, weights)
            theirs = keras.losses.BinaryCrossentropy(from_logits=True)
            for one, other in zip(found, value_and_gradient(theirs, labels, logits, weights), strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-8)


def test_forward_correction_reads_its_transition_from_absent_to_present():
    """With 30 % of the absent labels given as present, and 10 % of the present ones as absent."""
    loss = losses.MultiLabel(losses.ForwardCorrection(2, [[0.7, 0.3], [0.1, 0.9]]), 1, reduction=None)
    p = special.expit(LOGITS[:, 0].astype("float64"))
    given_present = 0.3 * (1 - p) + 0.9 * p
    expected = -np.where(HARD[:, 0], np.log(given_present), np.log(1 - given_present))
    np.testing.assert_allclose(loss(HARD[:, 0], LOGITS[:, :1])[:, 0], expected, rtol=1e-5)


def test_each_label_has_its_own_loss():
    transitions = [[[1.0, 0.0], [0.25, 0.75]], [[0.9, 0.1], [0.3, 0.7]], np.eye(2)]
    each = [losses.ForwardCorrection(2, t) for t in transitions]
    loss = losses.MultiLabel(each, L, reduction=None)
    for place, one in enumerate(each):
        alone = losses.MultiLabel(one, 1, reduction=None)
        part = slice(place, place + 1)
        np.testing.assert_allclose(loss(HARD, LOGITS)[:, part], alone(HARD[:, part], LOGITS[:, part]), rtol=1e-6)
    wide = [losses.LogisticNormal(2, temperature=t) for t in (0.5, 1.0, 2.0)]
    loss = losses.MultiLabel(wide, L)
    outputs = outputs_for(loss).astype("float32")
    for place, one in enumerate(wide):
        expected = one.probabilities(outputs[:, place::L])[:, 1]
        np.testing.assert_allclose(loss.probabilities(outputs)[:, place], expected, rtol=1e-5)


def test_marginals_are_those_of_sigmoids_of_correlated_normal_logits():
    """One normal logit a label, correlated between labels, as in edward2's layer: by Monte Carlo in float64."""
    rng, temperature, draws = np.random.default_rng(2), 0.5, 400_000
    loc, diagonal, factor = rng.normal(size=L), rng.uniform(0.5, 2, L), rng.normal(size=[L, 2])
    noise = rng.normal(size=[draws, L]) * diagonal + rng.normal(size=[draws, 2]) @ factor.T
    expected = special.expit((loc + noise) / temperature).mean(0)
    one = losses.Heteroscedastic(2, temperature, rank=2, test_samples=20_000, dtype="float64")
    raw = np.log(np.expm1(diagonal - 1e-3))
    none = np.zeros(L)
    # loc, raw diagonal, factor row by row; for absence the least deviation there is, 0.001, and no factor
    outputs = [none, loc, none - 40, raw, none, none, factor[:, 0], factor[:, 1]]
    found = losses.MultiLabel(one, L).probabilities(np.concatenate(outputs)[None])[0]
    np.testing.assert_allclose(found, expected, atol=3e-3)
    assert np.abs(special.expit(loc / temperature) - expected).max() > 0.03


@pytest.mark.parametrize("name", ALLOWED)
@pytest.mark.daily(*first_of_class(ALLOWED))
def test_extremes_have_finite_values_and_gradients(name):
    loss = several(name, 6, reduction="sum")
    outputs = np.zeros([1, loss.num_outputs], "float32")
    outputs[0, -6:] = [1e4, -1e4, 1e4, -1e4, 1e4, -1e4]
    labels = np.array([[1, 0, 0, 1, 0.5, 0.5]])
    for dtype in ("float32", "float16"):
        value, gradient = value_and_gradient(loss, labels, tf.constant(outputs, dtype))
        assert value.dtype == "float32"
        assert np.isfinite(value)
        assert np.isfinite(gradient).all()


@pytest.mark.parametrize("name", first_of_class(ALLOWED))
def test_what_nobody_knows_counts_for_nothing(name):
    loss, whole = several(name, ignore_class=-1), several(name, reduction=None)
    outputs = outputs_for(loss).astype("float32")
    labels = np.where(IGNORED, -1, SOFT)
    each = whole(SOFT, outputs).numpy()
    np.testing.assert_allclose(loss(labels, outputs), each[~IGNORED].mean(), rtol=1e-5)
    weighted = (WEIGHTS * each)[~IGNORED].mean()
    np.testing.assert_allclose(loss(labels, outputs, WEIGHTS), weighted, rtol=1e-5)
    _, gradient = value_and_gradient(loss, labels, outputs)
    parts = gradient.numpy().reshape(N, -1, L)
    assert not parts.transpose(0, 2, 1)[IGNORED].any()


def test_weights_are_of_examples_positions_or_labels():
    loss, each = several("focal"), several("focal", reduction=None)(HARD, LOGITS).numpy()
    of_examples = WEIGHTS[:, 0]
    for weights in (of_examples, of_examples[:, None], np.broadcast_to(of_examples[:, None], [N, L])):
        np.testing.assert_allclose(loss(HARD, LOGITS, weights), (of_examples[:, None] * each).mean(), rtol=1e-5)
    np.testing.assert_allclose(loss(HARD, LOGITS, WEIGHTS), (WEIGHTS * each).mean(), rtol=1e-5)
    np.testing.assert_allclose(loss(HARD, LOGITS, 2.0), 2 * each.mean(), rtol=1e-5)
    two_times = [np.stack([array, array], 1) for array in (HARD, LOGITS)]
    of_positions = WEIGHTS[:, :2]
    expected = (of_positions[..., None] * each[:, None]).mean()
    for weights in (of_positions, of_positions[..., None]):
        np.testing.assert_allclose(loss(*two_times, weights), expected, rtol=1e-5)


def test_a_mask_of_keras_leaves_out_positions():
    loss, each = several("focal", ignore_class=-1), several("focal", reduction=None)(HARD, LOGITS).numpy()
    kept, masked = np.array([True, False, True, True, False]), tf.constant(LOGITS[None])
    masked._keras_mask = tf.constant(kept[None])
    labels = np.where(IGNORED, -1, HARD)[None]
    counts = kept[:, None] & ~IGNORED
    np.testing.assert_allclose(loss(labels, masked), each[counts].mean(), rtol=1e-5)
    np.testing.assert_allclose(loss.evaluation_loss(labels, masked), each[counts].mean(), rtol=1e-5)


@pytest.mark.parametrize("name", ALLOWED)
@pytest.mark.daily(*first_of_class(ALLOWED))
def test_validation_reports_what_the_loss_of_two_classes_does(name):
    loss = several(name, dtype="float64", ignore_class=-1)
    outputs = outputs_for(loss)
    labels = np.where(IGNORED, -1, HARD)
    rows = rows_of_labels(loss, outputs)[~IGNORED.ravel()]
    plain = LOSSES_UNDER_TEST[name].build(2, dtype="float64")
    expected = plain.evaluation_loss(HARD[~IGNORED], rows, WEIGHTS[~IGNORED])
    np.testing.assert_allclose(loss.evaluation_loss(labels, outputs, WEIGHTS), expected, rtol=1e-9)
    masked = tf.constant(outputs)
    masked._keras_mask = tf.constant([True] + [False] * (N - 1))
    expected = loss.evaluation_loss(labels[:1], outputs[:1])
    np.testing.assert_allclose(loss.evaluation_loss(labels, masked), expected, rtol=1e-9)


def test_a_column_of_probabilities_may_lack_its_axis():
    loss = several("focal", 1)
    np.testing.assert_array_equal(loss(SOFT[:, 0], LOGITS[:, :1]), loss(SOFT[:, :1], LOGITS[:, :1]))


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("name", ["cross_entropy", "forward", "heteroscedastic"])
@pytest.mark.daily("cross_entropy-False", "forward-True")
def test_a_compiled_step_for_any_size_is_the_eager_one(name, jit_compile):
    loss = several(name)
    outputs = outputs_for(loss).astype("float32")
    batch = N if jit_compile else None
    specs = tf.TensorSpec([batch, L]), tf.TensorSpec([batch, loss.num_outputs])
    compiled = tf.function(lambda *args: value_and_gradient(loss, *args), specs, jit_compile=jit_compile)
    expected = value_and_gradient(loss, SOFT.astype("float32"), outputs)
    for one, other in zip(compiled(SOFT.astype("float32"), outputs), expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("wrong", [-1, 1.5, np.nan, 7])
def test_a_number_that_is_no_label_is_seen(wrong):
    labels = SOFT.copy()
    labels[1, 2] = wrong
    found = several("cross_entropy", reduction=None)(labels, LOGITS).numpy()
    assert np.argwhere(np.isnan(found)).tolist() == [[1, 2]]


SHAPES = [
    (HARD[:, 0], LOGITS, None, r"`y_true` must be numbers in \[0, 1\] of shape \[..., 3\].*Received shape \(5,\)"),
    (HARD[:4], LOGITS, None, r"`y_true` must be .*Received shape \(4, 3\)"),
    (HARD[..., None], LOGITS, None, r"`y_true` must be .*Received shape \(5, 3, 1\)"),
    (HARD, LOGITS[:, :2], None, r"`y_pred` must have shape \[batch, ..., 3\].* MultiLabel reads for 3 labels"),
    (HARD, LOGITS, np.ones([N, 2]), r"`sample_weight` must be .*a weight for each label, \[..., 3\]"),
]


@pytest.mark.parametrize(("labels", "outputs", "weights", "message"), SHAPES)
def test_shapes_that_do_not_fit_are_refused(labels, outputs, weights, message):
    with pytest.raises(ValueError, match=message):
        several("cross_entropy")(labels, outputs, weights)


def test_probabilities_are_refused_for_logits():
    with pytest.raises(ValueError, match="`y_pred` must hold raw outputs"):
        several("cross_entropy")(HARD, keras.activations.sigmoid(tf.constant(LOGITS)))


@pytest.mark.parametrize("name", sorted(set(BUILT) - set(ALLOWED)))
def test_losses_with_a_state_or_of_a_whole_batch_are_refused(name):
    with pytest.raises(ValueError, match=r"`loss` must depend on one label at a time.*because"):
        several(name)


TWO = losses.CrossEntropy(2)
SCHEDULE = keras.optimizers.schedules.PolynomialDecay(2.0, 10, 0.1)
WRONG = [
    (TWO, 0, ValueError, "`num_labels` must"),
    ("cross_entropy", L, TypeError, "`loss` must be a loss of tfp_noise.losses"),
    (keras.losses.BinaryCrossentropy(), L, TypeError, r"pass `tfp_noise.losses.CrossEntropy\(2\)`"),
    ([], L, ValueError, "one for each of the 3 labels. Received: 0 losses"),
    ([TWO] * 2, L, ValueError, "one for each of the 3 labels. Received: 2 losses"),
    (losses.CrossEntropy(L), L, ValueError, "two classes, absent and present. Received: a CrossEntropy of 3 classes"),
    (losses.MultiLabel(TWO, 2), 2, ValueError, "Received: a MultiLabel of several labels"),
    (losses.CrossEntropy(2, ignore_class=-1), L, ValueError, "`loss` must have no `ignore_class`"),
    (losses.CrossEntropy(2, reduction=None), L, ValueError, "`loss` must have no `reduction` of its own"),
    (losses.BackwardCorrection(2, np.eye(2), non_negative=True), L, ValueError, "because the mean of the whole batch"),
    (losses.LogisticNormal(2, min_scale=SCHEDULE), L, ValueError, "because its `min_scale` is a schedule"),
    ([TWO, losses.LogisticNormal(2)], 2, ValueError, "losses of equal outputs and dtype"),
    ([TWO, losses.CrossEntropy(2, dtype="float64")], 2, ValueError, "losses of equal outputs and dtype"),
    ([losses.DisturbLabel(2, 0.1)] * 2, 2, ValueError, "draw no random numbers. Received: a DisturbLabel"),
]


@pytest.mark.parametrize(("loss", "num_labels", "error", "message"), WRONG)
def test_losses_that_do_not_fit_are_refused_where_they_are_given(loss, num_labels, error, message):
    with pytest.raises(error, match=message):
        losses.MultiLabel(loss, num_labels)


@pytest.mark.parametrize("ignored", [0, 1])
def test_a_label_cannot_be_ignored(ignored):
    with pytest.raises(ValueError, match="`ignore_class` must be a number that is no label"):
        losses.MultiLabel(TWO, L, ignore_class=ignored)

"""Laws of smearing, smoothing and correction."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.helpers.loss_oracles import cross_entropy, random_transition
from tfp_noise import losses, noise


@pytest.fixture
def logits():
    return np.random.default_rng(0).normal(size=(7, 5))


@pytest.fixture
def transition():
    return random_transition(5)


@pytest.mark.parametrize(
    "loss",
    [
        losses.LabelSmoothing(5, alpha=0),
        losses.LabelSmearing(5, np.eye(5)),
        losses.ForwardCorrection(5, np.eye(5)),
        losses.BackwardCorrection(5, np.eye(5)),
    ],
    ids=lambda loss: loss.name,
)
def test_without_noise_all_are_cross_entropy(loss, logits):
    labels = np.arange(7) % 5
    expected = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction=None)(labels, logits)
    np.testing.assert_allclose(loss.call(labels, logits), expected, rtol=1e-5)
    np.testing.assert_allclose(loss.call(np.eye(5)[labels], logits), expected, rtol=1e-5)


def test_identity_forward_correction_is_cross_entropy_at_logits_of_any_size():
    labels, large = np.array([0, 1, 2]), 1e4 * np.eye(3)[[1, 1, 0]]
    loss = losses.ForwardCorrection(3, np.eye(3))
    np.testing.assert_allclose(loss.call(labels, large), [1e4, 0, 1e4], rtol=1e-6)
    np.testing.assert_allclose(loss.call(np.eye(3)[labels], large), [1e4, 0, 1e4], rtol=1e-6)


@pytest.mark.parametrize(
    "build",
    [
        lambda: losses.LabelSmoothing(5, alpha=1),
        lambda: losses.LabelSmearing(5, np.full((5, 5), 0.2)),
        lambda: losses.ForwardCorrection(5, noise.symmetric(5, 1.0)),
    ],
)
def test_what_leaves_nothing_of_the_labels_is_warned_of(build):
    with pytest.warns(UserWarning, match="no longer depend on the given ones|nothing is left of the labels"):
        build()


@pytest.mark.parametrize("loss", [losses.ForwardCorrection, losses.BackwardCorrection, losses.BoundedForwardCorrection])
@pytest.mark.parametrize("transition", [None, 0.4, "symmetric"])
def test_no_matrix_is_refused_with_where_to_get_one(loss, transition):
    message = f"`transition` must be a matrix.* Received: {transition!r}. Estimate it.*from_trusted.*noise.symmetric"
    with pytest.raises(TypeError, match=message):
        loss(5, transition)


def test_what_leaves_little_of_the_labels_is_not():
    losses.LabelSmoothing(5, alpha=0.999)
    losses.ForwardCorrection(5, noise.symmetric(5, 0.999))


def test_ill_conditioned_transition_is_warned_of_and_its_condition_said():
    near = np.array([[0.501, 0.499], [0.499, 0.501]])
    with pytest.warns(UserWarning, match="condition number 500"):
        losses.BackwardCorrection(2, near)


def test_smoothing_is_smearing_by_its_matrix(logits):
    matrix = 0.7 * np.eye(5) + 0.3 / 5
    labels = np.arange(7) % 5
    smearing = losses.LabelSmearing(5, matrix).call(labels, logits)
    np.testing.assert_allclose(losses.LabelSmoothing(5, 0.3).call(labels, logits), smearing, rtol=1e-5)


def test_smearing_by_the_inverse_is_backward_correction(logits, transition):
    """Lukasik et al., Table 1, for probabilities above the floor."""
    labels = np.arange(7) % 5
    smearing = losses.LabelSmearing(5, np.linalg.inv(transition), dtype="float64").call(labels, logits)
    backward = losses.BackwardCorrection(5, transition, dtype="float64").call(labels, logits)
    np.testing.assert_allclose(backward, smearing, rtol=1e-12)


def test_backward_correction_is_unbiased(logits, transition):
    """The expectation over the noisy label is the loss for the true label, by exact summation."""
    loss = losses.BackwardCorrection(5, transition, dtype="float64")
    by_observed = np.stack([loss.call(np.full(7, j), logits) for j in range(5)], axis=1)
    for clean in range(5):
        expected = cross_entropy(np.eye(5)[np.full(7, clean)], logits)
        np.testing.assert_allclose(by_observed @ transition[clean], expected, rtol=1e-12)


def test_backward_correction_is_bounded_by_the_floor():
    loss = losses.BackwardCorrection(2, noise.pair_flip(2, 0.4))
    values = loss.call(np.array([0, 0]), np.array([[100.0, 0.0], [1000.0, 0.0]]))
    expected = 2 * np.log(1e-7)  # weights 3 and -2: the negative one times log(floor)
    np.testing.assert_allclose(values, [expected, expected], rtol=1e-6)


def test_floor_is_the_one_that_is_given():
    loss = losses.BackwardCorrection(2, noise.pair_flip(2, 0.4), min_probability=1e-3)
    np.testing.assert_allclose(loss.call(np.array([0]), np.array([[100.0, 0.0]])), 2 * np.log(1e-3), rtol=1e-6)


def test_forward_correction_means_the_same_by_index_and_one_hot_beyond_underflow():
    """All true classes that can have the label underflow but one, whose probability is (T'p)_j."""
    loss = losses.ForwardCorrection(3, noise.pair_flip(3, 1.0))
    large = np.tile([[0.0, -200.0, -300.0]], (3, 1))
    by_index = loss.call(np.arange(3), large)
    np.testing.assert_allclose(by_index, [300, 0, 200], rtol=1e-6)
    np.testing.assert_allclose(loss.call(np.eye(3), large), by_index, rtol=1e-6)


def test_minimiser_of_forward_correction_under_noise_is_the_clean_posterior(transition):
    posterior = np.random.default_rng(1).dirichlet(np.ones(5), 4)
    outputs = tf.Variable(np.log(posterior))
    loss = losses.ForwardCorrection(5, transition, dtype="float64")
    with tf.GradientTape() as tape:
        expected_loss = loss.call(posterior @ transition, outputs)
    np.testing.assert_allclose(tape.gradient(expected_loss, outputs), 0, atol=1e-12)
    rng = np.random.default_rng(2)
    for _ in range(20):
        elsewhere = loss.call(posterior @ transition, np.log(rng.dirichlet(np.ones(5), 4)))
        assert np.all(np.asarray(elsewhere) > np.asarray(expected_loss))


def test_label_that_the_transition_calls_impossible_costs_much_but_not_infinity():
    never_two = np.array([[0.5, 0.5, 0.0], [0.5, 0.5, 0.0], [1.0, 0.0, 0.0]])
    loss = losses.ForwardCorrection(3, never_two)
    outputs = tf.Variable([[3.0, 0.0, 0.0]])
    for y_true in (np.array([2]), np.array([[0.0, 0.0, 1.0]])):
        with tf.GradientTape() as tape:
            value = loss.call(y_true, outputs)
        assert 50 < float(value[0]) < 1e6
        assert np.isfinite(tape.gradient(value, outputs)).all()


def test_smoothing_does_not_care_how_classes_are_numbered(logits):
    order = np.array([3, 1, 4, 0, 2])
    labels = np.arange(7) % 5
    renamed = np.argsort(order)[labels]
    loss = losses.LabelSmoothing(5, 0.3)
    np.testing.assert_allclose(loss.call(renamed, logits[:, order]), loss.call(labels, logits), rtol=1e-5)


@pytest.mark.parametrize("alpha", [0.1, 0.5, 0.9])
def test_smoothing_is_a_regularised_risk(logits, alpha):
    """Lukasik et al., Eq. 6, 8: l + beta Omega with beta = alpha / ((1 - alpha) L) is smoothing over 1 - alpha."""
    labels = np.arange(7) % 5
    omega = 5 * np.log(np.exp(logits).sum(1)) - logits.sum(1)
    regularised = cross_entropy(np.eye(5)[labels], logits) + alpha / ((1 - alpha) * 5) * omega
    smoothed = losses.LabelSmoothing(5, alpha, dtype="float64").call(labels, logits)
    np.testing.assert_allclose(smoothed / (1 - alpha), regularised, rtol=1e-12)


def test_zero_weights_minimise_the_regulariser_of_a_linear_model():
    """Lukasik et al., Theorem 1: Omega is smoothing with alpha = 1, times L; convex in W, and least at W = 0 only."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(50, 8))
    with pytest.warns(UserWarning, match="no longer depend on the given ones"):
        omega = losses.LabelSmoothing(5, alpha=1.0, dtype="float64")
    labels = rng.integers(0, 5, 50)
    weights = tf.Variable(np.zeros((8, 5)))
    with tf.GradientTape() as tape:
        least = omega(labels, tf.constant(features) @ weights)
    np.testing.assert_allclose(tape.gradient(least, weights), 0, atol=1e-15)
    assert float(least) == pytest.approx(np.log(5))
    for _ in range(10):
        direction = rng.normal(size=(8, 5))
        values = [float(omega(labels, features @ (step * direction))) for step in (0.0, 0.5, 1.0)]
        assert values[0] < values[1] < values[2]
        assert values[1] < (values[0] + values[2]) / 2


@pytest.mark.parametrize("alpha", [0.0, 0.3, 0.9])
def test_smoothing_keeps_the_most_probable_class(alpha):
    """Lukasik et al., section 3.3: the minimiser is (1 - alpha) p + alpha / L, which has p's argmax for alpha < 1."""
    posterior = np.random.default_rng(0).dirichlet(np.ones(4), 6)
    smoothed = (1 - alpha) * posterior + alpha / 4
    outputs = tf.Variable(np.log(smoothed))
    with tf.GradientTape() as tape:
        value = losses.LabelSmoothing(4, alpha, dtype="float64").call(posterior, outputs)
    np.testing.assert_allclose(tape.gradient(value, outputs), 0, atol=1e-12)
    np.testing.assert_array_equal(smoothed.argmax(1), posterior.argmax(1))


def test_smoothing_after_correction_is_the_product_of_their_matrices(logits, transition):
    """Smearing composes: labels are smeared by T^-1 first, then smoothed."""
    labels = np.arange(7) % 5
    smoothing = 0.8 * np.eye(5) + 0.2 / 5
    composed = losses.LabelSmearing(5, np.linalg.inv(transition) @ smoothing, dtype="float64").call(labels, logits)
    each = np.stack([cross_entropy(np.eye(5)[np.full(7, j)], logits) for j in range(5)], axis=1)
    expected = np.einsum("nj,jk,nk->n", np.linalg.inv(transition)[labels], smoothing, each)
    np.testing.assert_allclose(composed, expected, rtol=1e-12)


def class_risks(labels, logits, transition):
    """The estimates `r_k` of a batch, by a plain loop."""
    inverse = np.linalg.inv(transition)
    risks = np.zeros(len(transition))
    for label, row in zip(labels, logits, strict=True):
        risks += inverse[label] * cross_entropy(np.eye(len(transition)), np.tile(row, (len(transition), 1)))
    return risks / len(labels)


@pytest.mark.parametrize("scale", [0.1, 3.0])
def test_non_negative_correction_leaves_negative_class_risks_out(transition, scale):
    rng = np.random.default_rng(3)
    labels, logits = rng.integers(0, 5, 40), rng.normal(size=(40, 5))
    logits += scale * np.eye(5)[labels]  # the larger, the better memorised
    risks = class_risks(labels, logits, transition)
    assert (risks < 0).any() == (scale > 1)
    for y in (labels, np.eye(5)[labels]):
        plain = losses.BackwardCorrection(5, transition, dtype="float64")(y, logits)
        corrected = losses.BackwardCorrection(5, transition, non_negative=True, dtype="float64")(y, logits)
        assert float(plain) == pytest.approx(risks.sum(), rel=1e-9)
        assert float(corrected) == pytest.approx(np.maximum(risks, 0).sum(), rel=1e-9)


def test_non_negative_correction_stops_what_memorises(transition):
    """With all labels memorised, the plain loss is far below 0 and still falls; the corrected one has stopped."""
    labels = np.arange(50) % 5
    logits = tf.Variable(10.0 * np.eye(5)[labels])
    slopes = {}
    for non_negative in (False, True):
        loss = losses.BackwardCorrection(5, transition, non_negative=non_negative, dtype="float64")
        with tf.GradientTape() as tape:
            value = loss(labels, logits)
        slopes[non_negative] = float(tf.norm(tape.gradient(value, logits)))
        assert float(value) >= 0 or not non_negative
    risks = class_risks(labels, logits.numpy(), transition)
    assert risks.sum() < -1
    assert slopes[True] < 0.1 * slopes[False]


def test_non_negative_correction_survives_serialisation_and_xla(transition):
    loss = losses.BackwardCorrection(5, transition, non_negative=True)
    copy = losses.BackwardCorrection.from_config(loss.get_config())
    labels = np.arange(20) % 5
    logits = (4 * np.eye(5)[labels] + np.random.default_rng(1).normal(size=(20, 5))).astype("float32")
    expected = loss(labels, logits)
    assert float(copy(labels, logits)) == float(expected)
    compiled = tf.function(loss.__call__, jit_compile=True, autograph=False)(tf.constant(labels), tf.constant(logits))
    assert float(compiled) == pytest.approx(float(expected), rel=1e-5)


def test_non_negative_correction_refuses_weights(transition):
    """Weights would decide which classes are left out, and examples of weight 0 must have no effect."""
    loss = losses.BackwardCorrection(5, transition, non_negative=True)
    with pytest.raises(ValueError, match="`sample_weight` must be None with `non_negative=True`"):
        loss(np.zeros(3, int), np.zeros((3, 5)), np.ones(3))

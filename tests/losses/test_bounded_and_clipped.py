"""Laws of forward correction with a lower bound, and of losses of clipped logits."""

import copy

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from tests.helpers.loss_oracles import cross_entropy, random_transition
from tests.losses.test_losses import value_and_gradient
from tfp_noise import NoisyLabelClassifier, losses, noise

K = 5
LABELS = np.random.default_rng(2).integers(0, K, 60)
SOFT = np.random.default_rng(1).dirichlet(np.full(K, 0.5), 60)
LOGITS = np.random.default_rng(0).normal(size=(60, K)) * np.logspace(-2, 4, 60)[:, None]
TRANSITION = random_transition(K)
FORWARD = losses.ForwardCorrection(K, TRANSITION, dtype="float64")


def bounded(bound=None, transition=TRANSITION, **kwargs):
    return losses.BoundedForwardCorrection(K, transition, bound, dtype="float64", **kwargs)


def test_bound_of_0_is_forward_correction():
    for y_true in (LABELS, SOFT):
        ours, theirs = (value_and_gradient(loss, y_true, LOGITS) for loss in (bounded(0.0), FORWARD))
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(one, other)


def test_without_noise_the_bound_is_0_and_the_loss_cross_entropy():
    value = bounded(transition=np.eye(K)).call(LABELS, LOGITS[:60] / 100)
    np.testing.assert_allclose(value, cross_entropy(np.eye(K)[LABELS], LOGITS / 100), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("y_true", [LABELS, SOFT], ids=["class", "distribution"])
@pytest.mark.parametrize("below", [False, True])
def test_mean_of_a_batch_is_reflected_at_the_bound_with_its_gradient(y_true, below):
    value, gradient = value_and_gradient(FORWARD, y_true, LOGITS)
    mean = float(np.mean(value))
    bound = mean + 0.5 if below else mean - 0.1
    ours, our_gradient = value_and_gradient(bounded(bound), y_true, LOGITS)
    assert float(np.mean(ours)) == pytest.approx(abs(mean - bound) + bound)
    np.testing.assert_allclose(our_gradient, -np.asarray(gradient) if below else gradient, rtol=1e-12)


@pytest.mark.parametrize("transition", [TRANSITION, noise.symmetric(K, 0.4), noise.pair_flip(K, 0.3)])
def test_default_bound_is_the_expected_loss_of_who_knows_the_true_classes(transition):
    """The expectation over the noisy label of an example of each true class, summed exactly."""
    knowing = 1e4 * np.eye(K)
    expected = losses.ForwardCorrection(K, transition, dtype="float64").call(transition, knowing)
    lowest = stats.entropy(transition, axis=1).mean()
    assert float(np.mean(expected)) == pytest.approx(lowest)
    memorised = bounded(transition=transition).call(np.arange(K), knowing)
    assert float(np.mean(memorised)) == pytest.approx(2 * lowest + np.log(np.diag(transition)).mean())


def test_weights_do_not_move_the_mean_that_decides():
    values, weights = np.asarray(FORWARD.call(LABELS, LOGITS)), np.linspace(0, 2, 60)
    loss = bounded(values.mean() + 0.5, reduction="sum")
    assert float(loss(LABELS, LOGITS, weights)) == pytest.approx(weights @ (2 * (values.mean() + 0.5) - values))


def test_bound_does_not_reach_validation():
    loss = bounded(1e4)
    assert float(loss.evaluation_loss(LABELS, LOGITS)) == pytest.approx(float(FORWARD(LABELS, LOGITS)))
    assert float(loss(LABELS, LOGITS)) > 1e4


def test_training_stays_at_the_bound_where_forward_correction_memorises():
    """One output a noisy label to learn by heart, so that nothing is in the way of memorising but the bound."""
    transition = noise.symmetric(K, 0.4)
    values = {}
    for loss in (losses.ForwardCorrection(K, transition), losses.BoundedForwardCorrection(K, transition)):
        outputs = tf.Variable(np.zeros([40, K], "float32"))

        @tf.function(autograph=False)
        def step(loss=loss, outputs=outputs):
            with tf.GradientTape() as tape:
                value = loss(LABELS[:40], outputs)
            outputs.assign_sub(40 * tape.gradient(value, outputs))

        for _ in range(60):
            step()
        values[type(loss)] = float(loss.evaluation_loss(LABELS[:40], outputs))
    lowest = stats.entropy(transition, axis=1).mean()
    assert values[losses.ForwardCorrection] < 0.6 * lowest
    assert values[losses.BoundedForwardCorrection] == pytest.approx(lowest, rel=0.25)


CLIPPABLE = {
    "cross_entropy": lambda **kwargs: losses.CrossEntropy(K, **kwargs),
    "active_passive": lambda **kwargs: losses.ActivePassive(K, **kwargs),
    "forward": lambda **kwargs: losses.ForwardCorrection(K, TRANSITION, **kwargs),
    "pairwise": lambda **kwargs: losses.PairwiseConfusion(K, 2.0, **kwargs),
}


@pytest.mark.parametrize("name", CLIPPABLE)
def test_norm_that_no_output_exceeds_changes_nothing(name):
    plain, loss = CLIPPABLE[name](), losses.LogitClip(CLIPPABLE[name](), max_norm=1e15)
    for y_true in (LABELS, SOFT):
        ours, theirs = (value_and_gradient(one, y_true, LOGITS.astype("float32")) for one in (loss, plain))
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", CLIPPABLE)
def test_loss_of_clipped_logits_and_its_gradient_without_a_part_along_the_logits(name):
    inner = CLIPPABLE[name](dtype="float64")
    norms = np.linalg.norm(LOGITS, axis=1, keepdims=True)
    outside = norms[:, 0] > 2
    assert 10 < outside.sum() < 50
    clipped = np.where(norms > 2, 2 * LOGITS / norms, LOGITS)
    value, gradient = value_and_gradient(losses.LogitClip(inner, 2.0), LABELS, LOGITS)
    expected, of_clipped = value_and_gradient(inner, LABELS, clipped)
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    of_clipped, unit = np.asarray(of_clipped), LOGITS / norms
    projected = (of_clipped - unit * np.sum(unit * of_clipped, axis=1, keepdims=True)) * 2 / norms
    np.testing.assert_allclose(gradient, np.where(norms > 2, projected, of_clipped), rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("largest", [1e4, 1e30])
def test_cross_entropy_of_clipped_logits_is_bounded_for_logits_of_any_size(largest):
    loss = losses.LogitClip(losses.CrossEntropy(2), 1.5)
    worst = np.array([[largest, -largest]], "float32")
    value, gradient = value_and_gradient(loss, [1], worst)
    np.testing.assert_allclose(value, np.log1p(np.exp(np.sqrt(2) * 1.5)), rtol=1e-5)
    np.testing.assert_allclose(gradient, 0, atol=1e-4)


def test_absent_class_is_left_out_of_the_norm():
    logits = np.where(np.arange(K) < K - 1, LOGITS, -np.inf)
    for y_true, few in ((LABELS % 4, LABELS % 4), (np.eye(K)[LABELS % 4], np.eye(K - 1)[LABELS % 4])):
        ours = value_and_gradient(losses.LogitClip(losses.CrossEntropy(K, dtype="float64"), 2.0), y_true, logits)
        theirs = value_and_gradient(
            losses.LogitClip(losses.CrossEntropy(K - 1, dtype="float64"), 2.0), few, logits[:, : K - 1]
        )
        np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-12)
        np.testing.assert_allclose(np.asarray(ours[1])[:, : K - 1], theirs[1], rtol=1e-9, atol=1e-15)


def test_predictions_are_of_the_outputs_as_they_are_and_validation_of_the_clipped_loss():
    loss = losses.LogitClip(losses.Bootstrap(K, 0.5), 2.0)
    np.testing.assert_allclose(loss.probabilities(LOGITS), losses.CrossEntropy(K).probabilities(LOGITS))
    norms = np.linalg.norm(LOGITS, axis=1, keepdims=True)
    clipped = LOGITS * np.minimum(1, 2 / norms)
    expected = cross_entropy(np.eye(K)[LABELS], clipped).mean()  # bootstrapping reports cross-entropy
    assert float(loss.evaluation_loss(LABELS, LOGITS)) == pytest.approx(expected, rel=1e-5)


def test_reduction_weights_and_ignored_class_are_those_of_the_loss():
    loss = losses.LogitClip(losses.CrossEntropy(K, reduction="sum", ignore_class=-1), 2.0)
    inner = losses.CrossEntropy(K, reduction="sum", ignore_class=-1)
    marked = np.where(np.arange(60) % 3 == 0, -1, LABELS)
    weights = np.linspace(0, 2, 60)
    clipped = LOGITS * np.minimum(1, 2 / np.linalg.norm(LOGITS, axis=1, keepdims=True))
    assert (loss.reduction, loss.ignore_class, loss.num_classes) == ("sum", -1, K)
    assert float(loss(marked, LOGITS, weights)) == pytest.approx(float(inner(marked, clipped, weights)), rel=1e-5)


def test_random_numbers_of_the_loss_are_those_that_a_classifier_saves():
    loss = losses.LogitClip(losses.DisturbLabel(K, 0.5), 2.0)
    for one in (loss, copy.deepcopy(loss), losses.LogitClip.from_config(loss.get_config())):
        model = NoisyLabelClassifier(keras.Sequential([keras.Input([6]), keras.layers.Dense(K)]), one)
        assert model.loss_seed_generator is one.loss.seed_generator
        before = np.array(one.loss.seed_generator.state)
        one(LABELS, LOGITS)
        assert (np.array(model.loss_seed_generator.state) != before).any()


def of_two_labels():
    """A loss with as many outputs as a loss of two classes."""
    return losses.MultiLabel(losses.CrossEntropy(2), num_labels=2)


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda: bounded(-1), ValueError, "`bound` must be.* at least 0.* Received: -1"),
        (lambda: bounded("entropy"), TypeError, "`bound` must be a number. Received: 'entropy'"),
        (lambda: losses.LogitClip(K, 1.0), TypeError, "`loss` must be an instance of.*NoisyLabelLoss. Received: 5"),
        (lambda: losses.LogitClip(losses.CrossEntropy(K), 0), ValueError, "`max_norm` must be.* above 0. Received: 0"),
        (lambda: losses.LogitClip(losses.LogisticNormal(K), 1.0), ValueError, "`loss` must read logits.*LogisticNorm"),
        (lambda: losses.LogitClip(losses.BiTempered(K, 0.5, 2.0), 1.0), ValueError, "`loss` must read logits"),
        (lambda: losses.LogitClip(losses.OnlineLabelSmoothing(K), 1.0), ValueError, "`loss` must keep nothing"),
        (lambda: losses.LogitClip(of_two_labels(), 1.0), ValueError, "`loss` must have one class.*a MultiLabel of 2"),
    ],
)
def test_bad_settings(build, error, message):
    with pytest.raises(error, match=message):
        build()


def test_clipping_does_not_hide_a_softmax():
    softmax = keras.ops.softmax(tf.zeros([3, K]))
    softmax._keras_logits = tf.zeros([3, K])
    with pytest.raises(ValueError, match="`y_pred` must hold raw outputs"):
        losses.LogitClip(losses.CrossEntropy(K), 1.0)(np.zeros(3, int), softmax)

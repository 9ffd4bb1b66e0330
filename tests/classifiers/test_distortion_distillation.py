"""Self-distillation between two distorted views: its formula and its limits."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import special

from tests.helpers.losses_under_test import LOSSES_UNDER_TEST
from tests.helpers.small_classifier import FEATURES, LABELS, fit, otherwise
from tfp_noise import DistortionDistillation, NoisyLabelClassifier, losses


def network(num_outputs=3, axes=()):
    layers = [keras.Input([*axes, 6]), keras.layers.Dense(8, activation="relu")]
    return keras.Sequential([*layers, keras.layers.Dense(num_outputs)])


def classifier(loss=None, distortion=None, **arguments):
    distortion = distortion or keras.layers.Dropout(0.3)
    return otherwise(DistortionDistillation, loss, own=network, distortion=distortion, **arguments)


def divergence(one, other):
    """Both Kullback-Leibler divergences of softmax(one) and softmax(other), in NumPy."""
    p, q = special.log_softmax(one, axis=1), special.log_softmax(other, axis=1)
    return np.sum((np.exp(p) - np.exp(q)) * (p - q), axis=1)


@pytest.mark.parametrize("name", ["smoothing", "forward", "logistic_normal"])
@pytest.mark.parametrize(("weight", "temperature"), [(0.0, 3.0), (1.0, 1.0), (0.5, 3.0)])
def test_loss_is_the_formula(name, weight, temperature):
    case = LOSSES_UNDER_TEST[name]
    loss = case.build(3)
    model = classifier(loss, weight=weight, temperature=temperature)
    outputs = np.random.default_rng(2).normal(size=(96, loss.num_outputs))
    one, other = np.split(np.asarray(loss.logits(outputs), "float64"), 2)
    twice = np.concatenate([LABELS, LABELS])
    on_labels = case.oracle(np.eye(3)[twice], outputs)
    between = weight * temperature**2 * divergence(one / temperature, other / temperature)
    expected = on_labels.mean() + between.mean()
    outputs = keras.ops.convert_to_tensor(outputs, "float32")
    assert float(model.compute_loss(None, twice, outputs, training=True)) == pytest.approx(expected, rel=1e-5)
    weights = np.linspace(0, 2, 48).astype("float32")
    expected = (np.tile(weights, 2) * on_labels).mean() + (weights * between).mean()
    weighted = model.compute_loss(None, twice, outputs, np.tile(weights, 2), training=True)
    assert float(weighted) == pytest.approx(expected, rel=1e-5)


def test_gradient_reaches_both_views():
    """Finite differences in float64, of the logits of both views."""
    model = classifier(losses.CrossEntropy(3, dtype="float64"), weight=0.7, temperature=2.0)
    outputs, labels = np.random.default_rng(3).normal(size=(4, 3)), np.array([0, 2, 0, 2])

    def value(outputs):
        return model.compute_loss(None, labels, keras.ops.convert_to_tensor(outputs, "float64"), training=True)

    variable = tf.Variable(outputs)
    with tf.GradientTape() as tape:
        loss = value(variable)
    steps = 1e-6 * np.eye(12).reshape(12, 4, 3)
    numeric = [(float(value(outputs + step)) - float(value(outputs - step))) / 2e-6 for step in steps]
    np.testing.assert_allclose(tape.gradient(loss, variable), np.reshape(numeric, [4, 3]), rtol=1e-6, atol=1e-8)


def test_a_class_that_no_view_has_adds_nothing():
    model = classifier(weight=1.0)
    outputs = np.array([[0.0, 1.0, -np.inf], [2.0, 1.0, -np.inf]], "float32")
    expected = -special.log_softmax(outputs[:, :2], axis=1)[:, 0].mean()
    expected += 9 * divergence(outputs[:1, :2] / 3, outputs[1:, :2] / 3).mean()
    assert float(model.compute_loss(None, np.zeros(2, int), outputs, training=True)) == pytest.approx(expected, 1e-5)


@pytest.mark.thorough
def test_views_that_do_not_differ_train_as_a_plain_classifier():
    """Their divergence and its gradient are 0; the mean over twice as many examples rounds in another order."""
    model = classifier(losses.OnlineLabelSmoothing(3), keras.layers.Identity(), weight=1.0, eager=True)
    keras.utils.set_random_seed(0)
    plain = NoisyLabelClassifier(network(), losses.OnlineLabelSmoothing(3))
    plain.compile(keras.optimizers.Adam(0.01), metrics=["accuracy"], run_eagerly=True)
    ours, theirs = fit(model, 3), fit(plain, 3)
    for name in theirs:
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-5)
    for a, b in zip(model.network.get_weights(), plain.network.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(model.loss.soft_labels, plain.loss.soft_labels, rtol=1e-5)


def test_views_are_drawn_independently_and_labelled_alike():
    seen = []

    class Watched(DistortionDistillation):
        def data_loss(self, x, y, y_pred, sample_weight, training):
            seen.append([np.asarray(one) for one in (x, y, sample_weight)])
            return super().data_loss(x, y, y_pred, sample_weight, training)

    model = Watched(network(), losses.CrossEntropy(3), keras.layers.Dropout(0.5))
    model.compile("sgd", run_eagerly=True)
    weights = np.linspace(1, 2, 16).astype("float32")
    ones = np.ones([16, 6], "float32")
    model.fit(ones, LABELS[:16], sample_weight=weights, batch_size=16, shuffle=False, verbose=0)
    ((x, y, sample_weight),) = seen
    one, other = np.split(x, 2)
    assert set(np.unique(x)) == {0, 2}  # each view is distorted once
    assert 0.3 < np.mean(one != other) < 0.7
    np.testing.assert_array_equal(y, np.tile(LABELS[:16], 2))
    np.testing.assert_array_equal(sample_weight, np.tile(weights, 2))


def test_evaluation_sees_examples_as_they_are():
    model = classifier(eager=True)
    plain = NoisyLabelClassifier(model.network, losses.CrossEntropy(3))
    plain.compile("sgd", metrics=["accuracy"], run_eagerly=True)
    arguments = {"x": FEATURES, "y": LABELS, "verbose": 0}
    assert model.evaluate(**arguments) == pytest.approx(plain.evaluate(**arguments))
    np.testing.assert_array_equal(model.predict(FEATURES, verbose=0), plain.predict(FEATURES, verbose=0))


def test_xla_gives_the_same_loss_of_views_that_differ():
    model = classifier()
    outputs, labels = np.random.default_rng(3).normal(size=(8, 3)).astype("float32"), np.tile(LABELS[:4], 2)
    compiled = tf.function(lambda y_pred: model.compute_loss(None, labels, y_pred), jit_compile=True)
    assert float(compiled(outputs)) == pytest.approx(float(model.compute_loss(None, labels, outputs)), rel=1e-6)


@pytest.mark.thorough
def test_two_replicas_draw_different_numbers(two_replicas):
    with two_replicas.scope():
        model = classifier()
    fit(model)
    one, other = (np.asarray(state) for state in model.distortion.seed_generator.state.value.values)
    assert one[0] != other[0]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"distortion": "flip"}, TypeError, "`distortion` must be an instance of keras's Layer.*RandomTranslation"),
        ({"weight": -1}, ValueError, "`weight` must be"),
        ({"temperature": 0}, ValueError, "`temperature` must be"),
        ({"loss": losses.MultiLabel(losses.CrossEntropy(2), 3)}, ValueError, "`loss` must have a loss for one class"),
        ({"network": network(axes=(5,))}, ValueError, r"`network` must have outputs \[batch, num_outputs\], one label"),
    ],
)
def test_bad_input(arguments, error, message):
    right = {"network": network(), "loss": losses.CrossEntropy(3), "distortion": keras.layers.Dropout(0.1)}
    with pytest.raises(error, match=message):
        DistortionDistillation(**{**right, **arguments})


def test_a_distortion_that_changes_the_shape_is_refused():
    model = classifier(distortion=keras.layers.RepeatVector(2))
    with pytest.raises(ValueError, match=r"`distortion` must keep the shape of the inputs, .*6\)\. Received: a layer"):
        fit(model)

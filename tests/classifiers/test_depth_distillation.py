"""Self-distillation between the depths of a network: its formula and its heads."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import special

import models
from tests.helpers.losses_under_test import LOSSES_UNDER_TEST
from tests.helpers.small_classifier import FEATURES, LABELS, fit, otherwise
from tfp_noise import DepthDistillation, NoisyLabelClassifier, losses


def network(num_outputs=3, dropout=0.3):
    layers = [keras.layers.Dense(8, activation="relu", name=f"hidden{i}") for i in (1, 2, 3)]
    layers += [keras.layers.Dropout(dropout, seed=1)]
    return keras.Sequential([keras.Input([6]), *layers, keras.layers.Dense(num_outputs)])


classifier = functools.partial(otherwise, DepthDistillation, own=network, stages=("hidden1", "hidden2"))
without_dropout = functools.partial(network, dropout=0.0)


def drawn(num_outputs, heads=2, width=5):
    """Outputs and features of the network and of its heads, as a call in training returns them."""
    rng = np.random.default_rng(2)
    outputs, features = rng.normal(size=(48, num_outputs)), rng.normal(size=(48, width))
    return [
        outputs,
        features,
        *([rng.normal(size=features.shape), rng.normal(size=outputs.shape)] for _ in range(heads)),
    ]


@pytest.mark.parametrize("name", ["smoothing", "forward", "logistic_normal"])
@pytest.mark.parametrize(("share", "temperature", "hint_weight"), [(0.0, 3.0, 0.0), (0.1, 3.0, 0.01), (1.0, 1.0, 0.0)])
def test_loss_is_the_formula(name, share, temperature, hint_weight):
    case = LOSSES_UNDER_TEST[name]
    loss = case.build(3)
    model = classifier(loss, distillation_weight=share, temperature=temperature, hint_weight=hint_weight)
    outputs, features, *heads = drawn(loss.num_outputs)

    def softened(outputs):
        logits = np.asarray(loss.logits(keras.ops.convert_to_tensor(outputs, "float32")), "float64")
        return special.log_softmax(logits / temperature, axis=1)

    expected = case.oracle(np.eye(3)[LABELS], outputs)
    p = softened(outputs)
    for own_features, own_outputs in heads:
        expected = expected + (1 - share) * case.oracle(np.eye(3)[LABELS], own_outputs)
        kl = np.sum(np.exp(p) * (p - softened(own_outputs)), axis=1)
        expected = expected + share * temperature**2 * kl + hint_weight * np.sum((features - own_features) ** 2, axis=1)
    y_pred = keras.tree.map_structure(
        lambda leaf: keras.ops.convert_to_tensor(leaf, "float32"), drawn(loss.num_outputs)
    )
    loss_value = model.compute_loss(None, LABELS, y_pred, training=True)
    assert float(loss_value) == pytest.approx(expected.mean(), rel=1e-5)
    weights = np.linspace(0, 2, 48).astype("float32")
    weighted = model.compute_loss(None, LABELS, y_pred, weights, training=True)
    assert float(weighted) == pytest.approx((weights * expected).mean(), rel=1e-5)


def test_deepest_classifier_learns_from_labels_only():
    """The gradient by its outputs is that of the loss of the labels, and its features get none."""
    model = classifier(distillation_weight=0.9, hint_weight=1.0)
    outputs, features, *heads = keras.tree.map_structure(lambda leaf: tf.Variable(leaf, dtype="float32"), drawn(3))
    with tf.GradientTape() as tape:
        loss = model.compute_loss(None, LABELS, [outputs, features, *heads], training=True)
    by_outputs, by_features, by_heads = tape.gradient(loss, [outputs, features, heads])
    expected = (special.softmax(outputs.numpy(), axis=1) - np.eye(3)[LABELS]) / 48
    np.testing.assert_allclose(by_outputs, expected, atol=1e-7)
    assert by_features is None
    assert all(np.abs(gradient).max() > 1e-4 for gradient in keras.tree.flatten(by_heads))


def test_training_mode_gives_the_networks_outputs_and_those_of_the_heads():
    model = classifier(own=without_dropout)
    outputs, features, *heads = model(FEATURES, training=True)
    np.testing.assert_allclose(outputs, model.network(FEATURES), rtol=1e-6)
    np.testing.assert_allclose(features @ model.network.layers[-1].kernel, outputs, rtol=1e-4, atol=1e-6)
    hidden = FEATURES
    for i, head in enumerate(heads):
        hidden = model.network.layers[i](hidden)
        np.testing.assert_allclose(head[1], model.heads[i](hidden)[1], rtol=1e-5, atol=1e-6)
    assert [tuple(one.shape) for one in heads[0]] == [(48, 8), (48, 3)]


def test_online_label_smoothing_learns_from_the_deepest_classifier():
    """With a learning rate of 0, the soft labels are those of the network alone."""

    model = classifier(
        losses.OnlineLabelSmoothing(3), own=without_dropout, optimizer=keras.optimizers.SGD(0.0), eager=True
    )
    plain = NoisyLabelClassifier(without_dropout(3), losses.OnlineLabelSmoothing(3))
    plain.network.set_weights(model.network.get_weights())
    plain.compile(keras.optimizers.SGD(0.0), metrics=["accuracy"], run_eagerly=True)
    assert fit(model)["accuracy"] == fit(plain)["accuracy"]
    np.testing.assert_allclose(model.loss.soft_labels, plain.loss.soft_labels, rtol=1e-5)
    assert np.abs(model.loss.soft_labels - 1 / 3).max() > 0.01


def test_layers_that_another_network_has_called_are_found_in_this_one():
    def shared(num_outputs):
        outputs = inputs = keras.Input([6])
        for layer in network(num_outputs).layers:
            outputs = layer(outputs)
        return keras.Model(inputs, outputs)

    model = classifier(own=shared)
    assert len(model(FEATURES, training=True)) == 4


def test_everything_in_network_and_heads_is_trained():
    model = classifier(eager=True)
    before = model.get_weights()
    fit(model)
    assert all(np.any(a != b) for a, b in zip(before, model.get_weights(), strict=True))
    assert len(model.weights) == len({id(weight) for weight in model.weights}) == len(before)
    assert model.network.count_params() < model.count_params()


@pytest.mark.parametrize("name", ["resnet8", "resnet29", "wrn28_2"])
@pytest.mark.daily("resnet8")
def test_residual_networks_name_their_stages(name):
    """A head reduces the image as far as the network still does, to the width of the network's features."""
    own = models.build(name, (16, 16, 3), 5)
    sizes = [own.get_layer(f"stage{i}").output.shape[1] for i in (1, 2, 3)]
    assert sizes == [16, 8, 4]
    model = DepthDistillation(own, losses.CrossEntropy(5), ["stage1", "stage2"])
    convolutions = [[one for one in head.layers if isinstance(one, keras.layers.Conv2D)] for head in model.heads]
    assert [[one.kernel_size[0] for one in head] for head in convolutions] == [[1, 4, 1], [1, 2, 1]]
    assert all(head[1].output.shape[1:3] == (4, 4) for head in convolutions)
    width = own.layers[-1].input.shape[-1]
    outputs, features, *heads = model(np.zeros([2, 16, 16, 3], "float32"), training=True)
    assert [[tuple(one.shape) for one in head] for head in heads] == [[(2, width), (2, 5)]] * 2
    assert (tuple(outputs.shape), tuple(features.shape)) == ((2, 5), (2, width))


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.last = keras.layers.Dense(3)

    def call(self, inputs):
        return self.last(inputs)


def positions():
    return keras.Sequential([keras.Input([5, 6]), keras.layers.Dense(4, name="hidden1"), keras.layers.Dense(3)])


def recurrent():
    layers = [keras.layers.Dense(4, name="hidden1"), keras.layers.GlobalAveragePooling1D(), keras.layers.Dense(3)]
    return keras.Sequential([keras.Input([5, 6]), *layers])


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"stages": "hidden1"}, TypeError, "`stages` must be a sequence of names of layers"),
        ({"stages": None}, TypeError, "`stages` must be .* Pass a list of some .*, which are hidden1, hidden2,"),
        ({"stages": []}, ValueError, "`stages` must name at least one layer"),
        ({"stages": ["hidden1", "hidden1"]}, ValueError, "and each once"),
        ({"stages": ["hiden1"]}, ValueError, "Unknown layer of `network`: 'hiden1'. Did you mean 'hidden1'"),
        ({"network": recurrent()}, ValueError, r"`stages` must name .*'hidden1' with outputs of shape \(None, 5, 4\)"),
        ({"network": positions()}, ValueError, r"`network` must have outputs \[batch, num_outputs\], one label"),
        ({"network": Subclassed()}, ValueError, "`network` must be a Functional or Sequential model"),
        ({"distillation_weight": 1.5}, ValueError, "`distillation_weight` must be"),
        ({"temperature": 0}, ValueError, "`temperature` must be"),
        ({"hint_weight": -1}, ValueError, "`hint_weight` must be"),
        ({"loss": losses.MultiLabel(losses.CrossEntropy(2), 3)}, ValueError, "`loss` must have a loss for one class"),
    ],
)
def test_bad_input(arguments, error, message):
    right = {"network": network(), "loss": losses.CrossEntropy(3), "stages": ["hidden1"]}
    with pytest.raises(error, match=message):
        DepthDistillation(**{**right, **arguments})


def test_a_loss_that_shifts_labels_by_the_network_is_refused():
    """Auxiliary classifiers would learn the labels as they are given."""
    with pytest.raises(ValueError, match="`loss` must need labels and outputs only for DepthDistillation"):
        classifier(losses.ShiftedGaussianNoise(3))

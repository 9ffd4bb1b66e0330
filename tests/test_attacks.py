"""Attacks on linear models, whose answer is known, and on a small trained network."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn import datasets as sklearn_datasets

from tfp_noise import NoisyLabelClassifier, attacks, losses, metrics

ATTACKS = [attacks.fast_gradient_sign, attacks.projected_gradient]
RNG = np.random.default_rng(0)
WEIGHTS = RNG.normal(size=(6, 3)).astype("float32")
FEATURES = RNG.random([300, 6]).astype("float32")  # more than two batches
LABELS = RNG.integers(0, 3, 300)


def linear(weights, softmax=False):
    layer = keras.layers.Dense(weights.shape[1], use_bias=False, activation="softmax" if softmax else None)
    model = keras.Sequential([keras.Input([len(weights)]), layer])
    layer.set_weights([weights])
    return model


def gradient_of_cross_entropy(features, weights=WEIGHTS):
    """In float64: `W (p - y)`."""
    logits = features.astype("float64") @ weights
    p = np.exp(logits - logits.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    return (p - np.eye(weights.shape[1])[LABELS[: len(features)]]) @ weights.T.astype("float64")


@pytest.fixture(params=["keras", "smoothing", "online"])
def model(request):
    network = linear(WEIGHTS)
    if request.param == "keras":
        return network
    online = request.param == "online"
    return NoisyLabelClassifier(network, losses.OnlineLabelSmoothing(3) if online else losses.LabelSmoothing(3, 0.9))


def test_fast_gradient_sign_of_a_linear_model_is_its_closed_form(model):
    """The training loss does not matter: smoothed labels have another gradient, here often with another sign."""
    moved = attacks.fast_gradient_sign(model, FEATURES, LABELS, epsilon=0.1)
    expected = np.clip(FEATURES + 0.1 * np.sign(gradient_of_cross_entropy(FEATURES)), 0, 1)
    np.testing.assert_allclose(moved, expected, atol=1e-6)
    assert moved.dtype == np.float32
    smoothed = gradient_of_cross_entropy(FEATURES) + 0.9 * (np.eye(3)[LABELS] - 1 / 3) @ WEIGHTS.T
    assert (np.sign(smoothed) != np.sign(gradient_of_cross_entropy(FEATURES))).mean() > 0.05


def test_two_classes_end_in_the_worst_corner_of_the_box():
    """With two classes the gradient has one sign everywhere: both attacks find the exact worst case."""
    weights = WEIGHTS[:, :2]
    labels = LABELS % 2
    direction = np.where(labels[:, None] == 0, 1, -1) * np.sign(weights[:, 1] - weights[:, 0])
    expected = np.clip(FEATURES + 0.07 * direction, 0, 1)
    for attack in ATTACKS:
        np.testing.assert_allclose(attack(linear(weights), FEATURES, labels, epsilon=0.07), expected, atol=1e-6)


def test_projected_gradient_of_a_linear_model_is_its_iteration_in_numpy(model):
    moved = attacks.projected_gradient(model, FEATURES, LABELS, epsilon=0.1, step_size=0.03, num_steps=4, seed=3)
    low, high = np.clip(FEATURES - 0.1, 0, 1), np.clip(FEATURES + 0.1, 0, 1)
    x = np.clip(FEATURES + np.random.default_rng(3).uniform(-0.1, 0.1, FEATURES.shape), low, high)
    for _ in range(4):
        x = np.clip(x + 0.03 * np.sign(gradient_of_cross_entropy(x)), low, high)
    np.testing.assert_allclose(moved, x, atol=1e-5)


def test_without_steps_the_start_is_uniform_in_the_box_and_follows_the_seed():
    model, middle = linear(WEIGHTS), np.full([5000, 6], 0.5)
    labels = np.zeros(5000, int)

    def start(seed):
        return attacks.projected_gradient(model, middle, labels, epsilon=0.2, num_steps=0, seed=seed)

    first = start(0)
    np.testing.assert_array_equal(start(0), first)
    assert (start(1) != first).mean() > 0.99
    np.testing.assert_allclose(np.quantile(first - 0.5, [0, 0.25, 0.5, 0.75, 1]), [-0.2, -0.1, 0, 0.1, 0.2], atol=5e-3)


def test_certain_models_are_attacked_too():
    """In float32 `p_y` is 1 and the gradient of cross-entropy exactly 0; the attack knows its sign all the same."""
    weights = np.array([[500.0, 0.0], [0.0, 500.0]], "float32")
    features = np.array([[0.9, 0.3]], "float32")
    with tf.GradientTape() as tape:
        x = tf.Variable(features)
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits([0], linear(weights)(x))
    assert not np.any(tape.gradient(loss, x))
    np.testing.assert_allclose(attacks.fast_gradient_sign(linear(weights), features, [0], 0.4), [[0.5, 0.7]], atol=1e-6)


@pytest.mark.parametrize(
    "loss",
    [
        losses.LogisticNormal(3, temperature=0.5),
        losses.BiTempered(3, 0.5, 2.0),
        losses.Heteroscedastic(3, rank=1, test_samples=20),
    ],
    ids=lambda loss: loss.name,
)
@pytest.mark.daily("logistic_normal", "heteroscedastic")
def test_the_loss_that_grows_is_that_of_predict(loss):
    """Finite differences of the predicted probabilities, for losses whose outputs are not logits."""
    keras.utils.set_random_seed(1)
    model = NoisyLabelClassifier(keras.Sequential([keras.Input([6]), keras.layers.Dense(loss.num_outputs)]), loss)
    features, labels = 0.25 + FEATURES[:20] / 2, LABELS[:20]
    signs = np.sign(attacks.fast_gradient_sign(model, features, labels, epsilon=0.01) - features)
    shifts = 0.02 * np.concatenate([np.eye(6), -np.eye(6)])
    shifted = (features[None] + shifts[:, None]).reshape(-1, 6)
    probabilities = model.predict(shifted, batch_size=240, verbose=0).reshape(2, 6, 20, 3)[:, :, range(20), labels]
    slopes = np.log(probabilities[1] / probabilities[0]).T
    clear = np.abs(slopes) > 2e-4
    assert clear.mean() > 0.8
    np.testing.assert_array_equal(np.sign(slopes)[clear], signs[clear])


@pytest.fixture(scope="module")
def trained():
    """A small network with dropout and batch normalisation on scikit-learn's digits, and examples it has not seen."""
    digits, labels = sklearn_datasets.load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(
        len(labels)
    )  # the last digits were written by other people, and reach just 90 %
    digits, labels = (digits / 16).astype("float32")[order], labels[order]
    keras.utils.set_random_seed(0)
    hidden = [keras.layers.Dense(64, "relu"), keras.layers.BatchNormalization(), keras.layers.Dropout(0.2)]
    network = keras.Sequential([keras.Input([64]), *hidden, keras.layers.Dense(10)])
    model = NoisyLabelClassifier(network, losses.CrossEntropy(10))
    model.compile(keras.optimizers.Adam(0.01), jit_compile=False)
    model.fit(digits[:1400], labels[:1400], epochs=8, verbose=0)
    return model, digits[1400:], labels[1400:]


def score(model, features, labels):
    probabilities = model.predict(features, verbose=0)
    return metrics.negative_log_likelihood(probabilities, labels), metrics.accuracy(probabilities, labels)


def test_attacks_on_a_trained_network_stay_in_the_box_and_the_iterated_one_is_stronger(trained):
    model, features, labels = trained
    epsilon = 24 / 255
    weights = model.get_weights()
    moved = {attack: attack(model, features, labels, epsilon) for attack in ATTACKS}
    for result in moved.values():
        assert result.min() >= 0
        assert result.max() <= 1
        assert np.abs(result - features).max() <= epsilon + 1e-6
    clean, fast, iterated = (score(model, x, labels) for x in (features, *moved.values()))
    assert clean[1] > 0.9
    assert clean[0] < fast[0] < iterated[0]
    assert clean[1] > fast[1] + 0.2
    assert fast[1] >= iterated[1]
    for before, after in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)  # also the statistics of batch normalisation


def test_an_attack_does_not_depend_on_the_other_examples(trained):
    model, features, labels = trained
    for attack in ATTACKS:
        whole = attack(model, features, labels, 0.05)
        np.testing.assert_allclose(attack(model, features[:50], labels[:50], 0.05), whole[:50], atol=1e-6)


def test_a_box_without_room_moves_nothing():
    for attack in ATTACKS:
        np.testing.assert_array_equal(attack(linear(WEIGHTS), FEATURES, LABELS, epsilon=0), FEATURES)


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"features": FEATURES * 255}, ValueError, r"`features` must lie in \[0, 1\]. Received values from .* Divide"),
        ({"features": FEATURES - 0.5}, ValueError, r"`features` must lie in \[0, 1\]. Received values from -0.[45]"),
        ({"features": (FEATURES * 255).astype("uint8")}, TypeError, "must be floating-point.* uint8. Divide images"),
        ({"features": FEATURES * np.nan}, ValueError, "`features` must be finite. Received NaN"),
        ({"labels": LABELS + 1}, ValueError, r"`labels` must lie in \[0, 3\). Received: 3"),
        ({"labels": LABELS / 1}, TypeError, "`labels` must be integer"),
        ({"labels": LABELS[:-1]}, ValueError, "must have the same length. Received: 300 and 299"),
        ({"epsilon": -0.1}, ValueError, "`epsilon` must be.* at least 0. Received: -0.1"),
        ({"model": linear(WEIGHTS, softmax=True)}, ValueError, "`model` must end in raw outputs.* with a softmax"),
        ({"model": np.tanh}, TypeError, "`model` must be a Keras model. Received: <ufunc 'tanh'>"),
    ],
)
def test_refuses(attack, change, error, message):
    with pytest.raises(error, match=message):
        attack(**{"model": linear(WEIGHTS), "features": FEATURES, "labels": LABELS, **change})


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"step_size": -1}, ValueError, "`step_size` must be.* at least 0. Received: -1"),
        ({"num_steps": 1.5}, TypeError, "`num_steps` must be an integer"),
        ({"seed": -1}, ValueError, "`seed` must be at least 0. Received: -1"),
    ],
)
def test_projected_gradient_refuses(change, error, message):
    with pytest.raises(error, match=message):
        attacks.projected_gradient(linear(WEIGHTS), FEATURES, LABELS, **change)


def test_a_deployed_model_gives_probabilities_and_is_refused():
    deployed = NoisyLabelClassifier(linear(WEIGHTS), losses.LabelSmoothing(3, 0.3)).deployable()
    with pytest.raises(ValueError, match=r"`model` must end in raw outputs.* with a softmax"):
        attacks.fast_gradient_sign(deployed, FEATURES, LABELS)

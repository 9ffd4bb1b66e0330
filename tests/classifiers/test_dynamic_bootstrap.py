"""Dynamic bootstrapping: an epoch against NumPy, its mixture, and its mixing."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import special, stats

from tests.helpers.small_classifier import FEATURES, LABELS, fit, otherwise
from tfp_noise import DynamicBootstrap, losses
from tfp_noise.classifiers import _beta_mixture

classifier = functools.partial(otherwise, DynamicBootstrap, warm_up=1)


def linear(num_outputs):
    return keras.Sequential([keras.Input([6]), keras.layers.Dense(num_outputs)])


def numpy_epochs(kernel, bias, rate, warm_up, epochs, hard, prior_weight):
    """The losses of epochs of a linear network under gradient descent, without mixing, in NumPy and float64."""
    onehot, curve, table, low, high = np.eye(3)[LABELS], [], None, 0.0, 1.0
    for epoch in range(epochs):
        seen, steps = [], []
        for start in range(0, 48, 16):
            x, y = FEATURES[start : start + 16].astype("float64"), onehot[start : start + 16]
            log_p = special.log_softmax(x @ kernel + bias, axis=1)
            p, own = np.exp(log_p), -np.sum(y * log_p, axis=1)
            seen.append(own)
            if table is not None:
                place = np.clip(np.floor(100 * (own - low) / (high - low)), 0, 99).astype(int)
                b = table[place][:, np.newaxis]
                y = (1 - b) * y + b * (np.eye(3)[p.argmax(axis=1)] if hard else p)
            mean = p.mean(axis=0)
            active = prior_weight * (table is not None)
            steps.append(-np.sum(y * log_p, axis=1).mean() + active * np.sum(np.log(1 / 3 / mean)) / 3)
            by_logits = (p - y) / 16
            upstream = -active / 3 / mean / 16  # by the probabilities, through the mean
            by_logits = by_logits + p * (upstream - np.sum(p * upstream, axis=1, keepdims=True))
            kernel, bias = kernel - rate * x.T @ by_logits, bias - rate * by_logits.sum(axis=0)
        curve.append(np.mean(steps))
        if epoch + 1 >= warm_up:
            bins = np.floor(np.log(np.concatenate(seen) / 1e-4) / np.log(1e6) * 2048)
            seen = np.sort(1e-4 * 1e6 ** ((bins + 0.5) / 2048))
            low, high = seen[2], seen[45]  # the first values that 5 and 95 % of the 48 do not exceed
            inner = seen[(seen >= low) & (seen <= high)]
            mixture = _beta_mixture.fit((inner - low) / (high - low))
            table = mixture.posterior(np.linspace(0, 1, 100))
            table[table.argmax() :] = table.max()
    return curve


@pytest.mark.parametrize(("hard", "prior_weight"), [(True, 0.0), (False, 1.0)])
@pytest.mark.daily("True-0.0")
def test_epochs_are_those_of_numpy(hard, prior_weight):
    settings = {"warm_up": 2, "hard": hard, "prior_weight": prior_weight}
    model = classifier(own=linear, optimizer=keras.optimizers.SGD(0.5), mixup=0, eager=True, **settings)
    kernel, bias = (weight.astype("float64") for weight in model.network.get_weights())
    expected = numpy_epochs(kernel, bias, 0.5, epochs=4, **settings)
    found = fit(model, 4)["loss"]
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    plain = numpy_epochs(kernel, bias, 0.5, epochs=4, **{**settings, "warm_up": 9})
    assert abs(found[2] - plain[2]) > 0.002


def test_counts_are_a_histogram_of_cross_entropies_that_ends_with_the_epoch():
    state = classifier().mixture
    values = np.array([0.0, 1e-5, 0.3, 0.301, 2.0, 1e4], "float32")
    state.count(keras.ops.convert_to_tensor(values), np.array([1, 1, 1, 1, 0.5, 2], "float32"))
    counts = np.asarray(state.counts)
    assert counts.sum() == 6.5
    assert (counts[0], counts[-1]) == (2, 2)
    near = np.log(0.3 / 1e-4) / np.log(1e6) * 2048
    assert counts[int(near)] + counts[int(near) + 1] == 2
    state.end_epoch()
    assert not np.asarray(state.counts).any()


def test_posterior_finds_wrong_labels_by_their_losses():
    """Cross-entropies of 60 % right and 40 % wrong labels, and a table that never falls."""
    rng = np.random.default_rng(0)
    wrong = rng.random(4000) < 0.4
    values = np.where(wrong, rng.normal(4, 0.7, 4000), rng.exponential(0.5, 4000)).clip(1e-3).astype("float32")
    state = classifier().mixture
    assert not np.asarray(state.posterior(values)).any()
    state.count(values, None)
    state.end_epoch()
    posterior = np.asarray(state.posterior(values))
    assert np.mean((posterior > 0.5) == wrong) > 0.98
    assert (np.diff(np.asarray(state.table)) >= 0).all()
    assert posterior.mean() == pytest.approx(0.4, abs=0.03)


def test_losses_that_are_all_equal_leave_labels_alone():
    state = classifier().mixture
    state.count(np.full(40, 0.7, "float32"), None)
    state.end_epoch()
    assert not np.asarray(state.posterior(np.array([0.1, 0.7, 5.0], "float32"))).any()


def test_mixing_mixes_inputs_labels_and_weighted_losses():
    model = classifier(mixup=2)
    targets, weights = np.eye(3, dtype="float32")[LABELS], np.linspace(0, 2, 48).astype("float32")
    x, mixed, own_weights = (np.asarray(one) for one in model._mixed(FEATURES, targets, weights))
    # The weight and the partners that explain the inputs explain labels and weights, too.
    share = np.linspace(0, 1, 1001)[1:-1, np.newaxis]
    first = share * FEATURES[0] + (1 - share) * FEATURES[:, np.newaxis]
    partner, place = np.unravel_index(np.abs(first - x[0]).max(axis=2).argmin(), first.shape[:2])
    assert np.abs(first[partner, place] - x[0]).max() < 0.01
    c = float(share[place, 0])
    partners = np.abs(x[:, np.newaxis] - c * FEATURES[:, np.newaxis] - (1 - c) * FEATURES).sum(axis=2).argmin(axis=1)
    assert sorted(partners) == list(range(48))
    expected = c * weights + (1 - c) * weights[partners]
    np.testing.assert_allclose(own_weights, expected, atol=0.01)
    parts = c * weights[:, np.newaxis] * targets + (1 - c) * (weights[:, np.newaxis] * targets)[partners]
    np.testing.assert_allclose(own_weights[:, np.newaxis] * mixed, parts, atol=0.01)


@pytest.mark.thorough
def test_mixing_is_the_same_under_xla():
    targets, (eager, compiled) = np.eye(3, dtype="float32")[LABELS], (classifier() for _ in range(2))
    mixed = tf.function(lambda: compiled._mixed(FEATURES, targets, None)[:2], jit_compile=True)()
    for found, expected in zip(mixed, eager._mixed(FEATURES, targets, None), strict=False):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_weights_of_examples_weigh_the_mean_prediction():
    model, weights = classifier(), np.linspace(0, 2, 4).astype("float32")
    logits = np.random.default_rng(4).normal(size=(4, 3)).astype("float32")
    expected = weights @ special.softmax(logits.astype("float64"), axis=1) / weights.sum()
    np.testing.assert_allclose(model._mean_prediction(logits, weights), expected, rtol=1e-5)
    np.testing.assert_allclose(model._mean_prediction(logits, 0 * weights), np.full(3, 1 / 3), rtol=1e-6)


def test_share_of_a_mixed_example_is_of_a_beta_distribution():
    model = classifier(mixup=2)
    x, targets = np.array([[0.0], [1.0]], "float32"), np.eye(2, dtype="float32")
    mixed = tf.function(lambda: model._mixed(x, targets, None)[0])
    drawn = [mixed().numpy() for _ in range(600)]
    shares = [one[1, 0] for one in drawn if one[1, 0] != 1]  # the second example is not its own partner
    assert 200 < len(shares) < 400
    assert stats.kstest(shares, stats.beta(2, 2).cdf).pvalue > 0.01


def test_replicas_mix_different_pairs(two_replicas):
    with two_replicas.scope():
        model = classifier(mixup=1)

    def mixed():
        return model._mixed(FEATURES[:8], np.eye(3, dtype="float32")[LABELS[:8]], None)[0]

    one, other = two_replicas.run(mixed).values
    assert np.abs(one - other).max() > 0.1


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"warm_up": 0}, ValueError, "`warm_up` must be"),
        ({"warm_up": None}, TypeError, "`warm_up` must be an integer.* Pass a number of epochs"),
        ({"hard": "yes"}, TypeError, "`hard` must be"),
        ({"mixup": 0.5}, TypeError, "`mixup` must be"),
        ({"prior_weight": -1}, ValueError, "`prior_weight` must be"),
        ({"loss": losses.CrossEntropy(3, ignore_class=-1)}, ValueError, "`loss.ignore_class` must be None, because"),
        ({"loss": losses.MultiLabel(losses.CrossEntropy(2), 3)}, ValueError, "`loss` must have a loss for one class"),
    ],
)
def test_bad_input(arguments, error, message):
    right = {"network": linear(3), "loss": losses.CrossEntropy(3), "warm_up": 1}
    with pytest.raises(error, match=message):
        DynamicBootstrap(**{**right, **arguments})


def test_labels_at_positions_and_integers_to_be_mixed_are_refused():
    positions = keras.Sequential([keras.Input([5, 6]), keras.layers.Dense(3)])
    with pytest.raises(ValueError, match=r"`network` must have outputs \[batch, num_outputs\], one label"):
        DynamicBootstrap(positions, losses.CrossEntropy(3), 1)
    layers = [keras.layers.Embedding(9, 2), keras.layers.Flatten(), keras.layers.Dense(3)]
    tokens = keras.Sequential([keras.Input([6], dtype="int32"), *layers])
    model = classifier(own=lambda _: tokens, eager=True)
    with pytest.raises(ValueError, match=r"`mixup` must be 0 for inputs that are not floats. Received: int"):
        model.fit(np.ones([48, 6], "int32"), LABELS, epochs=2, verbose=0)

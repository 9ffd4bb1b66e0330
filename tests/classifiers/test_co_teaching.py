"""Co-teaching: a NumPy loop of training, the choice of examples, and its second network."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import special

from tests.classifier.test_compiled_steps import obstacles
from tests.helpers.losses_under_test import LOSSES_UNDER_TEST
from tests.helpers.small_classifier import FEATURES, LABELS, fit, network
from tfp_noise import CoTeaching, losses

K = 3
# A trace costs more than these few steps.
EAGER, GRAPH = {"run_eagerly": True}, {"jit_compile": False}


def linear(width=K):
    return keras.Sequential([keras.Input([6]), keras.layers.Dense(width)])


def pair(build=linear, loss=None, forget_rate=0.4, ramp_steps=4, mode=EAGER):
    keras.utils.set_random_seed(0)
    loss = loss or losses.CrossEntropy(K)
    model = CoTeaching(build(loss.num_outputs), loss, build(loss.num_outputs), forget_rate, ramp_steps)
    model.compile(keras.optimizers.SGD(0.5), **mode)
    return model


def chosen(values, fraction):
    """The positions of the smallest values, the first of equal ones first."""
    return sorted(range(len(values)), key=lambda i: (values[i], i))[: max(int(fraction * len(values) + 1e-9), 1)]


def cross_entropies(parameters, x, y):
    kernel, bias = parameters
    return -special.log_softmax(x @ kernel + bias, axis=1)[np.arange(len(y)), y]


def descended(parameters, x, y, rate):
    """Weights of a linear network after a step of gradient descent on the mean cross-entropy of some examples."""
    kernel, bias = parameters
    error = (special.softmax(x @ kernel + bias, axis=1) - np.eye(K)[y]) / len(y)
    return kernel - rate * x.T @ error, bias - rate * error.sum(0)


def test_two_epochs_are_those_of_a_numpy_loop():
    model = pair()
    ours = [[weight.astype(float) for weight in one.get_weights()] for one in (model.network, model.peer)]
    reported = fit(model, epochs=2)["loss"]
    x, step, totals = FEATURES.astype(float), 0, []
    for _ in range(2):
        sums = []
        for rows in np.split(np.arange(48), 3):
            fraction = 1 - 0.4 * min(step / 4, 1)
            each = [cross_entropies(one, x[rows], LABELS[rows]) for one in ours]
            easy = [rows[chosen(values, fraction)] for values in each]
            taught = list(zip(ours, easy[::-1], strict=True))
            sums.append(sum(cross_entropies(one, x[e], LABELS[e]).mean() for one, e in taught))
            ours = [descended(one, x[e], LABELS[e], 0.5) for one, e in taught]
            step += 1
        totals.append(np.mean(sums))
    np.testing.assert_allclose(reported, totals, rtol=1e-5)
    for one, theirs in zip((model.network, model.peer), ours, strict=True):
        for found, expected in zip(one.get_weights(), theirs, strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ["smoothing", "forward", "logistic_normal"])
def test_loss_is_the_formula_for_other_losses_and_weights(name):
    case = LOSSES_UNDER_TEST[name]
    model = pair(loss=case.build(K), ramp_steps=0)
    outputs = [np.asarray(one(FEATURES), "float64") for one in (model.network, model.peer)]
    each = [case.oracle(np.eye(K)[LABELS], one) for one in outputs]
    easy = [chosen(values, 0.6) for values in each]
    assert sorted(easy[0]) != sorted(easy[1])
    assert len(easy[0]) == 28
    weights = np.linspace(0, 2, 48)
    for given, factors in ((None, np.ones(48)), (weights, weights)):
        expected = sum((factors * values)[e].mean() for values, e in zip(each, easy[::-1], strict=True))
        found = model.compute_loss(FEATURES, LABELS, model(FEATURES), given, training=True)
        assert float(found) == pytest.approx(expected, rel=1e-5)
    validation = model.compute_loss(FEATURES, LABELS, model(FEATURES), training=False)
    assert float(validation) == pytest.approx(each[0].mean(), rel=1e-5)


def test_fraction_falls_with_the_updates():
    model = pair(forget_rate=0.35, ramp_steps=10)
    fractions = []
    for step in (0, 5, 10, 11):
        model.optimizer.iterations.assign(step)
        fractions.append(float(model._kept()))
    np.testing.assert_allclose(fractions, [1, 0.825, 0.65, 0.65], rtol=1e-6)


@pytest.mark.parametrize("rate", [0.2, 0.3, 0.35, 0.45, 0.6, 0.7])
def test_number_of_examples_is_not_one_less_by_rounding(rate):
    """All losses are equal: the first examples are chosen, as many as a fraction says."""
    model = pair(forget_rate=rate, ramp_steps=0)
    zeros, labels = np.zeros([20, 6], "float32"), np.zeros(20, int)
    weights = 10.0 ** -np.arange(20)  # the decimals of the loss say which examples are chosen
    loss = model.compute_loss(zeros, labels, model(zeros), weights, training=True)
    number = round((1 - rate) * 20)
    assert float(loss) == pytest.approx(2 * np.log(K) * weights[:number].sum() / number, rel=1e-6)


def test_ignored_examples_are_neither_chosen_nor_counted():
    model = pair(loss=losses.CrossEntropy(K, ignore_class=-1), ramp_steps=0)
    known = np.arange(48) % 3 > 0
    labels = np.where(known, LABELS, -1)
    expected = model.compute_loss(FEATURES[known], LABELS[known], model(FEATURES[known]), training=True)
    found = model.compute_loss(FEATURES, labels, model(FEATURES), training=True)
    assert float(found) == pytest.approx(float(expected), rel=1e-6)


def test_positions_are_examples():
    model = pair(ramp_steps=0)
    keras.utils.set_random_seed(0)
    layers = [keras.Sequential([keras.Input([4, 6]), keras.layers.Dense(K)]) for _ in range(2)]
    dense = CoTeaching(layers[0], losses.CrossEntropy(K), layers[1], 0.4, 0)
    for ours, theirs in ((dense.network, model.network), (dense.peer, model.peer)):
        ours.set_weights(theirs.get_weights())
    x, y, weights = FEATURES.reshape(12, 4, 6), LABELS.reshape(12, 4), np.linspace(0, 2, 48).reshape(12, 4)
    expected = model.compute_loss(FEATURES, LABELS, model(FEATURES), weights.ravel(), training=True)
    assert float(dense.compute_loss(x, y, dense(x), weights, training=True)) == pytest.approx(float(expected), rel=1e-6)


def test_compiled_step_needs_no_host():
    model, batch = pair(), (tf.constant(FEATURES), tf.constant(LABELS))
    assert obstacles(lambda x, y: model.train_step((x, y)), *batch) == set()


@pytest.mark.thorough
def test_replicas_share_the_batch_statistics_of_both_networks(two_replicas):
    with two_replicas.scope():
        model = pair(network, mode=GRAPH)
    fit(model)
    for one in (model.network, model.peer):
        found, other = two_replicas.experimental_local_results(one.layers[1].moving_mean.value)
        np.testing.assert_array_equal(found, other)
        assert np.any(found != 0)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"peer": None}, TypeError, "`peer` must be an instance of keras's Layer. Received: None. Make a second"),
        ({"peer": linear(5)}, ValueError, "`peer` must have 3 outputs.* Received: a network with 5"),
        (
            {"peer": keras.Sequential([keras.Input([4]), keras.layers.Dense(K)])},
            ValueError,
            "`peer` must take inputs of `network`. Make a second network.* Received: an error from it",
        ),
        (
            {"peer": keras.Sequential([linear(), keras.layers.Softmax()])},
            ValueError,
            "`peer` must end in raw outputs",
        ),
        ({"forget_rate": 1.0}, ValueError, "`forget_rate` must be finite and at least 0 and below 1. Received: 1.0"),
        ({"forget_rate": None}, TypeError, "`forget_rate` must be a number.* Pass the fraction of wrong labels"),
        ({"ramp_steps": -1}, ValueError, "`ramp_steps` must be at least 0. Received: -1"),
        ({"ramp_steps": None}, TypeError, "`ramp_steps` must be an integer.* Pass a number of training steps"),
        (
            {"loss": losses.PairwiseConfusion(K, 0.1)},
            ValueError,
            "`loss` must be one number for each example by itself for CoTeaching.* Received: PairwiseConfusion",
        ),
        ({"loss": losses.OnlineLabelSmoothing(K)}, ValueError, "`loss` must keep nothing between steps for CoTeaching"),
        (
            {"loss": losses.CrossEntropy(K, reduction="sum")},
            ValueError,
            "`loss.reduction` must be the mean over a batch for CoTeaching.* Received: 'sum'",
        ),
        (
            {"loss": losses.MultiLabel(losses.CrossEntropy(2), K)},
            ValueError,
            "`loss` must have a loss for one class of several",
        ),
    ],
)
def test_bad_input(change, error, message):
    arguments = {"loss": losses.CrossEntropy(K), "peer": linear(), "forget_rate": 0.4, "ramp_steps": 4, **change}
    with pytest.raises(error, match=message):
        CoTeaching(linear(), **arguments)


def test_networks_that_are_not_two_are_refused():
    one = linear()
    with pytest.raises(ValueError, match="`peer` must have weights of its own"):
        CoTeaching(one, losses.CrossEntropy(K), one, 0.4, 4)
    model = pair()
    model.peer.set_weights(model.network.get_weights())
    with pytest.raises(ValueError, match="`peer` must begin with other weights than `network`"):
        fit(model)

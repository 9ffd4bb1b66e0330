"""Meta-Weight-Net: the naive construction of its step, and a NumPy loop of training."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import special

from tests.classifier.test_compiled_steps import obstacles
from tests.classifiers.test_reweighting import CLEAN, EAGER, K, gradients, linear, normalised
from tests.helpers.losses_under_test import LOSSES_UNDER_TEST
from tests.helpers.small_classifier import FEATURES, LABELS, fit
from tfp_noise import MetaWeightNet, losses


def classifier(build=linear, loss=None, clean=CLEAN, **arguments):
    keras.utils.set_random_seed(0)
    loss = loss or losses.CrossEntropy(K)
    model = MetaWeightNet(build(loss.num_outputs), loss, clean, **arguments)
    model.compile(keras.optimizers.SGD(0.5), **EAGER)
    return model


def parts(model):
    """The variables of the weight network: slopes and kinks of hidden units, their factors, and a constant."""
    return [variable.numpy() for variable in model.weight_network.variables]


@pytest.mark.parametrize("build", [linear, normalised])
@pytest.mark.parametrize("name", ["smoothing", "logistic_normal"])
def test_step_is_that_of_the_naive_construction(name, build, monkeypatch):
    """Second derivatives of the clean loss after a virtual step, with respect to the weight network's variables."""
    model, found = classifier(build, LOSSES_UNDER_TEST[name].build(K)), []
    net, loss = model.network, model.loss
    others = [variable.value for variable in net.non_trainable_variables]
    start = [tf.constant(variable.numpy()) for variable in net.trainable_variables]
    meta = [tf.constant(variable.numpy()) for variable in model.weight_network.variables]

    def each(weights, x, y):
        outputs, _ = net.stateless_call(weights, others, x, training=True)
        return loss.call(y, outputs)

    with tf.GradientTape() as outer:
        outer.watch(meta)
        slope, kink, factor, constant = meta
        with tf.GradientTape() as inner:
            inner.watch(start)
            values = each(start, FEATURES, LABELS)
            seen = tf.stop_gradient(values)[:, None]
            weights = tf.sigmoid(tf.nn.relu(seen * slope + kink) @ factor + constant)[:, 0]
            weighted = tf.reduce_sum(weights * values) / tf.reduce_sum(weights)
        moved = [value - 0.5 * slope for value, slope in zip(start, inner.gradient(weighted, start), strict=True)]
        clean = tf.reduce_mean(each(moved, *CLEAN))
    expected = outer.gradient(clean, meta)

    monkeypatch.setattr(model.weight_optimizer, "apply", lambda gradients, _: found.extend(gradients))
    total = model.compute_loss(FEATURES, LABELS, net(FEATURES, training=True), training=True)
    assert float(total) == pytest.approx(float(weighted), rel=1e-4)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-5 * np.abs(theirs).max())


def test_two_epochs_are_those_of_a_numpy_loop():
    model = classifier(learning_rate=0.01)
    theta = np.concatenate([weight.reshape(-1, K) for weight in model.network.get_weights()]).astype(float)
    meta, first, second = [part.astype(float) for part in parts(model)], [0.0] * 4, [0.0] * 4

    def cross_entropies(x, y):
        logits = np.concatenate([x, np.ones([len(x), 1])], axis=1) @ theta
        return -special.log_softmax(logits, axis=1)[np.arange(len(y)), y]

    def weights_of(values):
        hidden = np.maximum(values[:, None] * meta[0] + meta[1], 0)
        return hidden, special.expit(hidden @ meta[2] + meta[3])[:, 0]

    reported = fit(model, 2)["loss"]
    totals = []
    for step, rows in enumerate([*np.split(np.arange(48), 3)] * 2, start=1):
        x, y = FEATURES[rows], LABELS[rows]
        values, each = cross_entropies(x, y), gradients(theta, x, y)
        hidden, weights = weights_of(values)
        shares = weights / weights.sum()
        moved = theta - 0.5 * np.einsum("n,nij->ij", shares, each)
        inner = np.einsum("nij,ij->n", each, gradients(moved, *CLEAN).mean(0))
        to_weights = inner @ (np.eye(16) - shares[:, None]) / weights.sum()  # by the quotient rule
        back = (-0.5 * to_weights * weights * (1 - weights))[:, None]  # by the argument of the sigmoid
        to_hidden = back * meta[2][:, 0] * (hidden > 0)
        by = [(to_hidden * values[:, None]).sum(0), to_hidden.sum(0), hidden.T @ back, back.sum(0)]
        first = [0.9 * one + 0.1 * slope for one, slope in zip(first, by, strict=True)]
        second = [0.999 * one + 0.001 * slope**2 for one, slope in zip(second, by, strict=True)]
        rate = 0.01 * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
        meta = [m - rate * a / (np.sqrt(b) + 1e-8) for m, a, b in zip(meta, first, second, strict=True)]
        _, weights = weights_of(values)
        shares = weights / weights.sum()
        totals.append(shares @ values)
        theta = theta - 0.5 * np.einsum("n,nij->ij", shares, each)
    np.testing.assert_allclose(reported, np.mean(np.reshape(totals, [2, 3]), axis=1), rtol=1e-4)
    found = np.concatenate([weight.reshape(-1, K) for weight in model.network.get_weights()])
    np.testing.assert_allclose(found, theta, rtol=1e-3, atol=1e-5)
    for ours, theirs in zip(parts(model), meta, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-3 * 0.01)


def test_only_the_network_is_trained_by_the_optimizer():
    model = classifier()
    model.trainable = False
    model.trainable = True
    ours = {id(variable) for variable in model.network.trainable_variables}
    assert {id(variable) for variable in model.trainable_variables} == ours


def test_compiled_step_needs_no_host():
    model, batch = classifier(clean_batch_size=8), (tf.constant(FEATURES), tf.constant(LABELS))
    assert obstacles(lambda x, y: model.train_step((x, y)), *batch) == set()


def test_loss_in_float64_trains_as_in_float32():
    histories = [
        fit(classifier(loss=losses.CrossEntropy(K, dtype=dtype)), 1)["loss"] for dtype in ("float64", "float32")
    ]
    np.testing.assert_allclose(*histories, rtol=1e-5)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"clean": None}, TypeError, r"`clean` must be a pair \(x, y\)"),
        ({"learning_rate": -1.0}, ValueError, "`learning_rate` must be finite and at least 0. Received: -1.0"),
        (
            {"loss": losses.LearnableLabelSmoothing(K)},
            ValueError,
            "`loss` must keep nothing between steps for MetaWeightNet",
        ),
    ],
)
def test_bad_input(change, error, message):
    arguments = {"loss": losses.CrossEntropy(K), "clean": CLEAN, **change}
    with pytest.raises(error, match=message):
        MetaWeightNet(linear(), **arguments)

"""Equal losses for a class index, its one-hot row, and the limit of soft labels."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.helpers.losses_under_test import LOSSES_UNDER_TEST, with_ids
from tfp_noise import losses

NUM_CLASSES = 4
GAPS = (0.0, 30.0, 100.0, 1e3, 1e4)
# Each noisy label comes from two true classes only, so that all its sources can underflow.
SPARSE_TRANSITION = 0.7 * np.eye(NUM_CLASSES) + 0.3 * np.roll(np.eye(NUM_CLASSES), 1, axis=1)
LOSSES = {name: case.build for name, case in LOSSES_UNDER_TEST.items()} | {
    "forward_sparse": lambda k, **kwargs: losses.ForwardCorrection(k, SPARSE_TRANSITION, **kwargs),
    "backward_sparse": lambda k, **kwargs: losses.BackwardCorrection(k, SPARSE_TRANSITION, **kwargs),
}


def value_and_gradient(loss, y_true, outputs):
    outputs = tf.convert_to_tensor(outputs)
    with tf.GradientTape() as tape:
        tape.watch(outputs)
        value = loss.call(with_ids(loss, y_true), outputs)
    return value.numpy(), tape.gradient(value, outputs).numpy()


def cases(num_outputs):
    """Examples of each label with outputs of each gap, float32, `len(GAPS) * NUM_CLASSES` of them."""
    rng = np.random.default_rng(0)
    labels = np.tile(np.arange(NUM_CLASSES), len(GAPS))
    outputs = rng.normal(size=(len(labels), num_outputs))
    gaps = np.repeat(GAPS, NUM_CLASSES)[:, np.newaxis]
    outputs[:, :NUM_CLASSES] += gaps * rng.permuted(np.tile([0.0, -0.4, -0.7, -1.0], (len(labels), 1)), axis=1)
    return labels, outputs.astype("float32")


@pytest.mark.parametrize("name", LOSSES)
def test_index_one_hot_and_the_limit_of_soft_labels_are_one_label(name):
    loss = LOSSES[name](NUM_CLASSES, reduction="none")
    labels, outputs = cases(loss.num_outputs)
    one_hot = np.eye(NUM_CLASSES, dtype="float32")[labels]
    nearly = (1 - 1e-30) * np.eye(NUM_CLASSES)[labels] + 1e-30 / NUM_CLASSES
    by_index, of_index = value_and_gradient(loss, labels, outputs)
    assert np.isfinite(by_index).all()
    assert np.isfinite(of_index).all()
    for targets in (one_hot, nearly.astype("float32")):
        value, gradient = value_and_gradient(loss, targets, outputs)
        np.testing.assert_allclose(value, by_index, rtol=2e-5, atol=2e-5)
        np.testing.assert_allclose(gradient, of_index, rtol=2e-4, atol=2e-5)


def trained_by_adam(name, labels, outputs):
    """The trained variables of a loss's state after three steps."""
    loss = LOSSES[name](NUM_CLASSES)
    state = loss.build_state()
    loss.attach_state(state)
    optimizer = keras.optimizers.Adam(0.1)
    variables = state.trainable_variables
    for _ in range(3):
        with tf.GradientTape() as tape:
            value = loss(with_ids(loss, labels), outputs)
        optimizer.apply(tape.gradient(value, [variable.value for variable in variables]), variables)
    return [variable.numpy() for variable in variables]


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, build in LOSSES.items()
        if (state := build(NUM_CLASSES).build_state()) and state.trainable_variables
    ],
)
def test_adam_trains_the_state_alike_by_index_and_one_hot(name):
    """Adam divides by the second moment of a gradient, which is that of the sum over all examples of a label."""
    labels, outputs = cases(NUM_CLASSES)
    outputs = outputs[:NUM_CLASSES].repeat(5, axis=0)
    labels = labels[: len(outputs)] % 3
    by_index, by_row = (
        trained_by_adam(name, one, outputs) for one in (labels, np.eye(NUM_CLASSES, dtype="float32")[labels])
    )
    for one, other in zip(by_index, by_row, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)
        assert np.abs(one).max() > 0.05


@pytest.mark.parametrize("jit_compile", [False, True])
def test_forward_correction_of_soft_labels_is_exact_where_all_sources_underflow(jit_compile):
    """The gradient goes to the true class that gives the label most of its probability."""
    loss = losses.ForwardCorrection(NUM_CLASSES, SPARSE_TRANSITION, reduction="none")
    _, outputs = cases(NUM_CLASSES)
    soft = np.random.default_rng(1).dirichlet(np.ones(NUM_CLASSES), len(outputs)).astype("float32")

    @tf.function(jit_compile=jit_compile, autograph=False)
    def compute(soft, outputs):
        value = loss.call(soft, outputs)
        return value, tf.gradients(value, outputs)[0]

    value, gradient = compute(soft, tf.constant(outputs))
    logits = outputs.astype("float64")
    log_p = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    with np.errstate(divide="ignore"):
        terms = log_p[:, :, np.newaxis] + np.log(SPARSE_TRANSITION)
    log_observed = np.logaddexp.reduce(terms, axis=1)
    np.testing.assert_allclose(value, -np.sum(soft * log_observed, axis=1), rtol=1e-5)
    sources = np.exp(terms - log_observed[:, np.newaxis]) @ soft[:, :, np.newaxis]
    np.testing.assert_allclose(gradient, np.exp(log_p) - sources[:, :, 0], rtol=1e-4, atol=1e-5)

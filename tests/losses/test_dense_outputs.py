"""Outputs with a label at each position: the loss of the same positions as examples, to the last bit."""

import numpy as np
import pytest
import tensorflow as tf

from tests.helpers.losses_under_test import DAILY, LOSSES_UNDER_TEST, first_of_class
from tests.helpers.small_dense import with_mask
from tfp_noise import losses

SHAPE = (2, 8, 8)
K = 5
RNG = np.random.default_rng(0)
INDICES = RNG.integers(0, K, SHAPE)
FORMS = {
    "indices": INDICES,
    "column": INDICES[..., None],
    "one-hot": np.eye(K, dtype="float32")[INDICES],
    "soft": RNG.dirichlet(np.ones(K), SHAPE).astype("float32"),
}
EACH_CLASS = sorted(first_of_class({name: case.build(K) for name, case in LOSSES_UNDER_TEST.items()}))
WEIGHTS = RNG.uniform(size=SHAPE).astype("float32")
MASK = RNG.uniform(size=SHAPE) < 0.7


def outputs_for(loss):
    return tf.constant(np.random.default_rng(1).normal(size=(*SHAPE, loss.num_outputs)), "float32")


def value_and_gradient(loss, labels, outputs, weights=None, mask=None):
    outputs = with_mask(tf.identity(outputs), mask)
    with tf.GradientTape() as tape:
        tape.watch(outputs)
        value = loss(labels, outputs, weights)
    return value, tape.gradient(value, outputs)


def flat(array):
    """The positions of an array as examples."""
    return np.asarray(array).reshape(-1, *np.shape(array)[3:])


def assert_same(dense, as_examples):
    for one, other in zip(dense, as_examples, strict=True):
        assert np.isfinite(one).all()
        np.testing.assert_array_equal(np.reshape(one, np.shape(other)), other)


@pytest.mark.parametrize("name", LOSSES_UNDER_TEST)
def test_value_and_gradient_are_those_of_the_positions_as_examples(name):
    loss = LOSSES_UNDER_TEST[name].build(K, reduction="none")
    outputs = outputs_for(loss)
    for labels in FORMS.values():
        dense = value_and_gradient(loss, labels, outputs, WEIGHTS)
        assert dense[0].shape == SHAPE
        assert_same(dense, value_and_gradient(loss, flat(labels), flat(outputs), flat(WEIGHTS)))

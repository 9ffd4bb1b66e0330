"""Training on two replicas of one process: what they refuse, warn of, and make in their scope."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.helpers import replicated_training
from tests.helpers.replicated_training import FEATURES, LABELS
from tfp_noise import NoisyLabelClassifier, losses, metrics


@pytest.mark.parametrize(("name", "value", "works"), [("steps_per_execution", 4, 1), ("jit_compile", True, False)])
def test_what_keras_cannot_do_on_replicas_falls_back_with_a_warning(two_replicas, name, value, works):
    with two_replicas.scope():
        model = replicated_training.classifier("CE")
        with pytest.warns(UserWarning, match=f"`{name}` must be {works} for 2 replicas") as caught:
            model.compile(keras.optimizers.SGD(0.02), **{name: value})
    assert getattr(model, name) == works
    assert caught[0].filename == __file__


def test_replicas_compile_without_a_warning_by_default(two_replicas):
    with two_replicas.scope():
        model = replicated_training.classifier("CE")
        model.compile("sgd")
    assert model.steps_per_execution == 1
    assert not model.jit_compile


def test_batches_that_replicas_cannot_divide_are_refused(two_replicas):
    with two_replicas.scope():
        model = replicated_training.classifier("CE")
    for x, y in (FEATURES, LABELS), (tf.data.Dataset.from_tensors((FEATURES[:15], LABELS[:15])), None):
        with pytest.raises(ValueError, match=r"`batch_size` must be a multiple of the 2 replicas\. Received: 15\."):
            model.fit(x, y, batch_size=None if y is None else 15, verbose=0)


def test_batches_of_unknown_size_get_a_warning(two_replicas):
    with two_replicas.scope():
        model = replicated_training.classifier("CE")
    data = tf.data.Dataset.from_tensor_slices((FEATURES, LABELS)).batch(replicated_training.BATCH)
    with pytest.warns(UserWarning, match=r"of this dataset are not known in advance.*drop_remainder=True"):
        model.fit(data, shuffle=False, verbose=0)


def test_a_last_batch_that_replicas_cannot_divide_gets_a_warning(two_replicas):
    with two_replicas.scope():
        model = replicated_training.classifier("CE")
    with pytest.warns(UserWarning, match=r"The last one of an epoch has 3 examples.*others make 4 whole") as caught:
        model.fit(FEATURES[:99], LABELS[:99], batch_size=24, verbose=0)
    assert caught[0].filename == __file__


def test_what_compile_makes_is_made_in_the_scope(two_replicas):
    """Outside the scope, each replica would update the same optimizer's variables: two steps instead of one."""
    with two_replicas.scope():
        model = replicated_training.classifier("LLS")
    model.compile("sgd", metrics=["accuracy"], jit_compile=False)
    model.fit(FEATURES[:48], LABELS[:48], batch_size=24, verbose=0)
    assert model.optimizer.iterations.numpy() == 2
    for arguments, name in [
        ({"optimizer": keras.optimizers.SGD(0.1)}, "`optimizer`"),
        ({"metrics": [metrics.ExpectedCalibrationError(10)]}, "`metrics`"),
    ]:
        with pytest.raises(ValueError, match=f"{name} must be made in the scope of the strategy .* Received: the var"):
            model.compile(**arguments)
    network = keras.Sequential([keras.Input([6]), keras.layers.Dense(5)])
    with two_replicas.scope():
        model = NoisyLabelClassifier(network, losses.LabelSmoothing(5))
        with pytest.raises(ValueError, match="The network and its loss must be made in the scope of the strategy"):
            model.compile("sgd")


@pytest.mark.thorough
def test_every_batch_of_a_generator_is_trained_on(two_replicas):
    taken = []

    def generator():
        for start in range(0, 72, 24):
            taken.append(start)
            yield FEATURES[start : start + 24], LABELS[start : start + 24]

    def weights(strategy):
        with strategy.scope():
            model = replicated_training.classifier("CE")
        model.fit(generator(), steps_per_epoch=3, shuffle=False, verbose=0)
        return model.get_weights()

    for ours, theirs in zip(weights(two_replicas), weights(tf.distribute.get_strategy()), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
    assert taken == 2 * [0, 24, 48]

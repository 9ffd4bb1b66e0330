"""Training, evaluation and prediction as on a GPU, where Keras's `jit_compile="auto"` means True."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.helpers.losses_under_test import LOSSES_UNDER_TEST, names_of_every_setting, with_ids
from tests.helpers.small_classifier import FEATURES, LABELS
from tfp_noise import NoisyLabelClassifier, losses

# One loss of each kind; the steps of every class are compiled in test_compiled_steps.
DAILY = {
    "cross_entropy": "as many outputs as classes, no state",
    "heteroscedastic": "wide outputs, random numbers",
    "learnable": "a state that is trained",
    "logistic_normal": "wide outputs",
    "online": "a state that counts",
}


@pytest.fixture(autouse=True)
def _accelerator(monkeypatch):
    monkeypatch.setattr(keras.Model, "_resolve_auto_jit_compile", lambda self: True)


def train_and_predict(loss, *, built):
    """One size of batches, because each is a program of its own."""
    first = [keras.Input([6])] if built else []
    model = NoisyLabelClassifier(keras.Sequential([*first, keras.layers.Dense(loss.num_outputs)]), loss)
    model.compile("sgd", metrics=["accuracy"])
    assert model.jit_compile
    model.fit(FEATURES, with_ids(loss, LABELS), batch_size=16, verbose=0, validation_data=(FEATURES, LABELS))
    np.testing.assert_allclose(model.predict(FEATURES, batch_size=16, verbose=0).sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("name", names_of_every_setting(DAILY))
@pytest.mark.daily("online")
def test_a_loss_trains_with_string_metrics(name):
    train_and_predict(LOSSES_UNDER_TEST[name].build(3), built=True)


@pytest.mark.torture
@pytest.mark.parametrize("name", LOSSES_UNDER_TEST)
def test_a_loss_trains_with_string_metrics_where_the_network_is_not_built(name):
    train_and_predict(LOSSES_UNDER_TEST[name].build(3), built=False)


@pytest.mark.filterwarnings("ignore:Your input ran out of data")  # Keras warns at the end of all such data
def test_a_network_that_is_not_built_trains_on_data_of_unknown_size():
    loss = next(iter(LOSSES_UNDER_TEST.values())).build(3)
    model = NoisyLabelClassifier(keras.Sequential([keras.layers.Dense(loss.num_outputs)]), loss)
    model.compile("sgd", metrics=["accuracy"])
    batches = tf.data.Dataset.from_tensor_slices((FEATURES, LABELS)).batch(16).filter(lambda x, y: True)
    model.fit(batches, epochs=2, verbose=0, shuffle=False)
    assert int(model.optimizer.iterations) == 6


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
@pytest.mark.parametrize("cell", [keras.layers.SimpleRNN, keras.layers.GRU, keras.layers.LSTM])
@pytest.mark.daily("GRU")
def test_a_recurrent_network_that_is_not_built_trains_without_xla(cell):
    """TensorFlow makes its variables before the step; in a step that makes them its gradient has no shape."""
    network = keras.Sequential([keras.layers.Embedding(21, 4), cell(4), keras.layers.Dense(3)])
    model = NoisyLabelClassifier(network, losses.CrossEntropy(3))
    model.compile("sgd", metrics=["accuracy"], jit_compile=False)
    words = np.arange(48 * 5).reshape(48, 5) % 21
    batches = tf.data.Dataset.from_tensor_slices((words, LABELS)).batch(16).filter(lambda x, y: True)
    model.fit(batches, epochs=2, verbose=0, shuffle=False)
    assert int(model.optimizer.iterations) == 6

"""Training, evaluation and prediction as on a GPU, where Keras's `jit_compile="auto"` means True."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.helpers.losses_under_test import LOSSES_UNDER_TEST
from tests.helpers.small_classifier import FEATURES, LABELS
from tfp_noise import NoisyLabelClassifier

ONE_OF_EACH_CLASS = {type(case.build(3)).__name__: name for name, case in LOSSES_UNDER_TEST.items()}.values()


@pytest.fixture(autouse=True)
def _accelerator(monkeypatch):
    monkeypatch.setattr(keras.Model, "_resolve_auto_jit_compile", lambda self: True)


def trained(loss, *, built):
    first = [keras.Input([6])] if built else []
    model = NoisyLabelClassifier(keras.Sequential([*first, keras.layers.Dense(loss.num_outputs)]), loss)
    model.compile("sgd", metrics=["accuracy"])
    assert model.jit_compile
    model.fit(FEATURES, LABELS, batch_size=16, verbose=0, validation_data=(FEATURES, LABELS))
    return model


@pytest.mark.parametrize("name", ONE_OF_EACH_CLASS)
def test_a_loss_trains_with_string_metrics(name):
    model = trained(LOSSES_UNDER_TEST[name].build(3), built=True)
    np.testing.assert_allclose(model.predict(FEATURES, verbose=0).sum(axis=1), 1, atol=1e-5)


@pytest.mark.torture
@pytest.mark.parametrize("built", [True, False])
@pytest.mark.parametrize("name", LOSSES_UNDER_TEST)
def test_every_setting_trains_with_string_metrics(name, built):
    model = trained(LOSSES_UNDER_TEST[name].build(3), built=built)
    np.testing.assert_allclose(model.predict(FEATURES, verbose=0).sum(axis=1), 1, atol=1e-5)


@pytest.mark.filterwarnings("ignore:Your input ran out of data")  # Keras warns at the end of all such data
def test_a_network_that_is_not_built_trains_on_data_of_unknown_size():
    loss = next(iter(LOSSES_UNDER_TEST.values())).build(3)
    model = NoisyLabelClassifier(keras.Sequential([keras.layers.Dense(loss.num_outputs)]), loss)
    model.compile("sgd", metrics=["accuracy"])
    batches = tf.data.Dataset.from_tensor_slices((FEATURES, LABELS)).batch(16).filter(lambda x, y: True)
    model.fit(batches, epochs=2, verbose=0, shuffle=False)
    assert int(model.optimizer.iterations) == 6

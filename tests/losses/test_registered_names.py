"""Losses by the names under which Keras knows them: dicts of a name and arguments, as settings in files have them."""

import json

import keras
import numpy as np
import pytest

from tests.helpers.losses_under_test import DAILY, LOSSES_UNDER_TEST
from tfp_noise import losses


@pytest.mark.parametrize("name", LOSSES_UNDER_TEST)
@pytest.mark.daily(*DAILY)
def test_keras_finds_every_loss_by_its_registered_name(name):
    loss = LOSSES_UNDER_TEST[name].build(3)
    config = keras.losses.serialize(loss)["config"]
    settings = json.loads(json.dumps({"class_name": f"tfp_noise>{type(loss).__name__}", "config": config}))
    found = keras.losses.get(settings)
    assert type(found) is type(loss)
    assert json.dumps(keras.losses.serialize(found)) == json.dumps(keras.losses.serialize(loss))


def test_a_loss_by_its_name_trains():
    network = keras.Sequential([keras.Input([2]), keras.layers.Dense(3)])
    settings = {"class_name": "tfp_noise>GeneralizedCrossEntropy", "config": {"num_classes": 3, "q": 0.3}}
    network.compile("sgd", loss=keras.losses.get(settings), run_eagerly=True)
    x, y = np.eye(2, dtype="float32"), np.array([0, 2])
    expected = losses.GeneralizedCrossEntropy(3, q=0.3)(y, network(x))
    np.testing.assert_allclose(network.evaluate(x, y, verbose=0), expected, rtol=1e-6)


def test_a_name_alone_does_not_say_how_many_classes():
    with pytest.raises((TypeError, ValueError)):
        keras.losses.get("tfp_noise>CrossEntropy")

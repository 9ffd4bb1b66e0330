"""The digest by which an interrupted call tells whether its model is still the same."""

import keras
import numpy as np
import pytest

from tfp_noise import NoisyLabelClassifier, cross_predict, losses
from tfp_noise._saving.model_digest import model_digest

X = np.random.default_rng(0).normal(size=(24, 6)).astype("float32")
Y = np.arange(24) % 3


@keras.saving.register_keras_serializable("tests")
class Scaled(keras.layers.Layer):
    """A layer whose code alone says what it does."""

    factor = 1.0

    def call(self, inputs):
        return inputs * self.factor


@keras.saving.register_keras_serializable("tests")
class ScaledOtherwise(Scaled):
    """Stands for the same layer after its code was changed."""

    factor = 0.5


ScaledOtherwise.get_config = Scaled.get_config


class Network(keras.Model):
    """A user's own network, which Keras cannot serialise, with a function as an argument."""

    def __init__(self, width, function):
        super().__init__()
        self.function, self.hidden, self.outputs_layer = function, keras.layers.Dense(width), keras.layers.Dense(3)

    def call(self, inputs):
        return self.outputs_layer(self.function(self.hidden(inputs)))


def double(values):
    return 2 * values


def triple(values):
    return 3 * values


def compiled(network, loss=losses.CrossEntropy, rate=0.01):
    model = NoisyLabelClassifier(network, loss(3))
    model.compile(keras.optimizers.Adam(rate), run_eagerly=True)
    return model


def layered(layer=Scaled, frozen=None):
    layers = [keras.layers.Dense(4, name="hidden"), layer(name="scaled"), keras.layers.Dense(3, name="last")]
    network = keras.Sequential([keras.Input([6]), *layers])
    if frozen is not None:
        network.layers[0].trainable = False
        network.layers[0].kernel.assign(np.full([6, 4], frozen))
    return compiled(network)


MODELS = {
    "layers": layered,
    "other code of a layer": lambda: layered(ScaledOtherwise),
    "frozen weights": lambda: layered(frozen=0.1),
    "other frozen weights": lambda: layered(frozen=0.2),
    "own network": lambda: compiled(Network(8, double)),
    "wider own network": lambda: compiled(Network(16, double)),
    "own network of another function": lambda: compiled(Network(8, triple)),
    "own network with another loss": lambda: compiled(Network(8, double), losses.GeneralizedCrossEntropy),
    "own network with another learning rate": lambda: compiled(Network(8, double), rate=0.3),
}


def digest(make, seed=0):
    keras.utils.set_random_seed(seed)
    model = make()
    return model_digest(model, model(X[:8], training=False))


@pytest.fixture(scope="module")
def digests():
    return {name: digest(make) for name, make in MODELS.items()}


def test_models_that_differ_in_anything_have_digests_of_their_own(digests, monkeypatch):
    assert len(set(digests.values())) == len(MODELS)
    monkeypatch.setattr(Scaled, "factor", 2.0)
    assert digest(layered) != digests["layers"]


@pytest.mark.parametrize("name", MODELS)
def test_a_model_made_again_has_the_same_digest(name, digests):
    keras.layers.Dense(1)  # Keras numbers automatic names by process
    assert digest(MODELS[name]) == digests[name]


def test_a_folder_of_another_own_network_is_refused(tmp_path):
    settings = {"epochs": 1, "folds": 2, "verbose": 0, "workdir": tmp_path}
    first = cross_predict(MODELS["own network"], X, Y, **settings)
    np.testing.assert_array_equal(cross_predict(MODELS["own network"], X, Y, **settings), first)
    for other in ("wider own network", "own network with another loss", "own network with another learning rate"):
        with pytest.raises(ValueError, match=r"`workdir` must be of the same call.*`build`: stored CRC-32"):
            cross_predict(MODELS[other], X, Y, **settings)

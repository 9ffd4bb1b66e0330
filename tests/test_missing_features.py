"""NaN features are refused unless the network makes numbers of them."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfp_noise import NoisyLabelClassifier, losses

K = 3
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(24, 4)).astype("float32"), RNG.integers(0, K, 24)
X[3, 1] = np.nan


def imputing():
    inputs = keras.Input([4])
    return keras.Model(inputs, keras.layers.Dense(K)(keras.ops.where(keras.ops.isnan(inputs), 0.0, inputs)))


class Imputing(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(K)

    def call(self, inputs):
        return self.dense(keras.ops.where(keras.ops.isnan(inputs), 0.0, inputs))


class Batches(keras.utils.PyDataset):
    def __init__(self, x):
        super().__init__()
        self.x = x

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return self.x[12 * index : 12 * (index + 1)], Y[12 * index : 12 * (index + 1)]


WAYS = {
    "arrays": lambda x: (x, Y),
    "tf.data": lambda x: (tf.data.Dataset.from_tensor_slices((x, Y)).batch(12), None),
    "PyDataset": lambda x: (Batches(x), None),
}


def fit(network, data, built=False):
    model = NoisyLabelClassifier(network, losses.LabelSmoothing(K))
    model.compile("sgd", metrics=["accuracy"], run_eagerly=True)
    if built:
        model(np.zeros([1, 4], "float32"))
    shuffle = {"shuffle": False}
    return model.fit(*data, verbose=0, **shuffle).history["loss"][0], model.evaluate(*data, verbose=0)[0]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("network", [imputing, Imputing])
def test_a_network_that_imputes_may_have_them(network, way):
    assert np.isfinite(fit(network(), WAYS[way](X), built=way != "arrays" and network is Imputing)).all()


@pytest.mark.parametrize("way", WAYS)
def test_infinity_is_refused_all_the_same(way):
    wrong = np.where(np.isnan(X), np.float32(np.inf), X)
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError), match="`x` must be finite"):
        fit(imputing(), WAYS[way](wrong))


@pytest.mark.parametrize("way", WAYS)
def test_any_other_network_may_not(way):
    network = keras.Sequential([keras.Input([4]), keras.layers.Dense(K)])
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError), match="`x` must be finite"):
        fit(network, WAYS[way](X))


def test_to_ask_draws_nothing_from_random_layers():
    network = keras.Sequential([keras.Input([4]), keras.layers.Dropout(0.5, seed=0), keras.layers.Dense(K)])
    model = NoisyLabelClassifier(network, losses.LabelSmoothing(K))
    model.compile("sgd", run_eagerly=True)
    before = [variable.numpy() for variable in model.variables]
    model.evaluate(*WAYS["tf.data"](np.nan_to_num(X)), verbose=0)
    for ours, theirs in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(ours, theirs)

"""Networks that end in probabilities are refused, whatever their last layer is called."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfp_noise import NoisyLabelClassifier, losses

L = keras.layers
SQUASHED = {
    "by name": [L.Dense(3, activation="softmax")],
    "tf.nn.softmax": [L.Dense(3, activation=tf.nn.softmax)],
    "a layer as activation": [L.Dense(3, activation=L.Softmax())],
    "a lambda as activation": [L.Dense(3, activation=lambda x: tf.nn.softmax(x - 1.0))],
    "a layer": [L.Dense(3), L.Softmax()],
    "Lambda": [L.Dense(3), L.Lambda(tf.nn.softmax)],
    "before float32": [L.Dense(3, activation="softmax"), L.Activation("linear", dtype="float32")],
    "before two that pass on": [L.Dense(3, "softmax"), L.Identity(), L.Reshape([3])],
    "in a model": [keras.Sequential([L.Dense(3, activation=tf.nn.softmax)]), L.Activation("linear")],
    "sigmoid": [L.Dense(3, activation="sigmoid")],
    "relu": [L.Dense(3), L.ReLU()],
}
RAW = {
    "linear": [L.Dense(3)],
    "float32": [L.Dense(3), L.Activation("linear", dtype="float32")],
    "scaled": [L.Dense(3, activation="softmax"), L.Rescaling(10.0)],
    "log": [L.Dense(3, activation="log_softmax")],
    "pooled": [L.Reshape([1, 4]), L.Conv1D(3, 1, activation="relu"), L.GlobalAveragePooling1D()],
    "dropout": [L.Dense(3), L.Dropout(0.5)],
}


@pytest.mark.parametrize("name", SQUASHED)
def test_squashed_outputs_are_refused(name):
    network = keras.Sequential([keras.Input([4]), *SQUASHED[name]])
    with pytest.raises(ValueError, match=r"must end in raw outputs\. Received: .* with a (softmax|sigmoid|relu)"):
        NoisyLabelClassifier(network, losses.LabelSmoothing(3))


@pytest.mark.parametrize("name", RAW)
def test_raw_outputs_are_taken(name):
    NoisyLabelClassifier(keras.Sequential([keras.Input([4]), *RAW[name]]), losses.LabelSmoothing(3))


@pytest.mark.parametrize("activation", ["softmax", "sigmoid", keras.ops.softmax])
def test_probabilities_are_refused_in_plain_keras_too(activation):
    network = keras.Sequential([keras.Input([6]), keras.layers.Dense(3, activation=activation)])
    network.compile("sgd", loss=losses.LabelSmoothing(3))
    with pytest.raises(ValueError, match=r"`y_pred` must hold raw outputs"):
        network.fit(np.zeros([4, 6], "float32"), np.zeros(4, int), verbose=0)


class HeadFirst(keras.Model):
    """A network that makes its layers in another order than it calls them."""

    def __init__(self, end=lambda outputs: outputs):
        super().__init__()
        self.head, self.body, self.end = keras.layers.Dense(3), keras.layers.Dense(9, activation="relu"), end

    def call(self, inputs):
        return self.end(self.head(self.body(inputs)))


def test_of_a_subclass_its_last_operation_counts_and_not_its_last_layer():
    x, y = np.zeros([8, 4], "float32"), np.zeros(8, int)
    for end in (tf.nn.softmax, tf.nn.relu, keras.ops.sigmoid):
        model = NoisyLabelClassifier(HeadFirst(end), losses.LabelSmoothing(3))
        model.compile("sgd", run_eagerly=True)
        with pytest.raises(ValueError, match="`network` must end in raw outputs"):
            model.fit(x, y, verbose=0)
    model = NoisyLabelClassifier(HeadFirst(), losses.LabelSmoothing(3))
    model.compile("sgd", run_eagerly=True)
    model.fit(x, y, verbose=0)

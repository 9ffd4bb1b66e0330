"""Classifiers that train in a moment, for the tests of their contract and of what they do otherwise."""

import keras
import numpy as np

from tfp_noise import NoisyLabelClassifier, losses

FEATURES = np.random.default_rng(0).normal(size=(48, 6)).astype("float32")
LABELS = np.random.default_rng(1).integers(0, 3, 48)
# One loss of each way of reading outputs and labels; the losses' own tests go over all settings.
NAMES = ["smoothing", "forward", "logistic_normal", "logistic_normal_no_dummy_rank2"]


def network(num_outputs, **layer):
    return keras.Sequential(
        [
            keras.Input([6]),
            keras.layers.Dense(8, activation="relu", **layer),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.3, seed=1),
            keras.layers.Dense(num_outputs),
        ]
    )


def classifier(loss, **kwargs):
    keras.utils.set_random_seed(0)
    model = NoisyLabelClassifier(network(loss.num_outputs), loss, **kwargs)
    model.compile(keras.optimizers.Adam(0.01), metrics=["accuracy"], jit_compile=False)
    return model


def one_hidden_layer(num_outputs, dropout=0.3):
    layers = [keras.layers.Dense(8, activation="relu"), keras.layers.Dropout(dropout, seed=1)]
    return keras.Sequential([keras.Input([6]), *layers, keras.layers.Dense(num_outputs)])


def otherwise(cls, loss=None, *, own=one_hidden_layer, optimizer=None, eager=False, **arguments):
    """A compiled classifier of another class, on the network that `own(num_outputs)` makes."""
    loss = loss or losses.CrossEntropy(3)
    keras.utils.set_random_seed(0)
    model = cls(own(loss.num_outputs), loss, **arguments)
    # A trace costs more than a few steps.
    model.compile(optimizer or keras.optimizers.Adam(0.01), metrics=["accuracy"], jit_compile=False, run_eagerly=eager)
    return model


def fit(model, epochs=1, **kwargs):
    return model.fit(FEATURES, LABELS, batch_size=16, epochs=epochs, shuffle=False, verbose=0, **kwargs).history


def with_random_weights(loss):
    """A classifier with random weights and moving statistics, all far from their initial values."""
    model = classifier(loss)
    rng = np.random.default_rng(2)
    model.set_weights([rng.uniform(0.5, 1.5, weight.shape) for weight in model.get_weights()])
    return model

"""A classifier that trains in a moment, for the tests of its contract."""

import keras
import numpy as np

from tfp_noise import NoisyLabelClassifier

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


def fit(model, epochs, **kwargs):
    return model.fit(FEATURES, LABELS, batch_size=16, epochs=epochs, shuffle=False, verbose=0, **kwargs).history


def with_random_weights(loss):
    """A classifier with random weights and moving statistics, all far from their initial values."""
    model = classifier(loss)
    rng = np.random.default_rng(2)
    model.set_weights([rng.uniform(0.5, 1.5, weight.shape) for weight in model.get_weights()])
    return model

"""The multilayer perceptron of the synthetic data sets."""

import keras


def mlp(input_shape, num_outputs):
    """Two hidden layers of 2000 ReLU units.

    References:
        Englesson, Mehrpanah, Azizpour. Logistic-Normal likelihoods for heteroscedastic label noise in classification.
        2023, two moons.
    """
    inputs = keras.Input(input_shape)
    x = keras.layers.Flatten()(inputs)
    x = keras.layers.Dense(2000, activation="relu")(x)
    x = keras.layers.Dense(2000, activation="relu")(x)
    return keras.Model(inputs, keras.layers.Dense(num_outputs)(x), name="mlp")

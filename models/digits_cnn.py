"""A small convolutional network for the 8x8 digits."""

import keras


def digits_cnn(input_shape, num_outputs):
    """Two 3x3 convolutions, one pooling, 128 hidden units.

    The second convolution has no padding: on 8x8 images that nearly halves the work and costs no accuracy. The network
    is large enough to memorise wrong labels, which experiments with label noise study, and small enough that an epoch
    takes a fraction of a second on a CPU.
    """
    inputs = keras.Input(input_shape)
    x = keras.layers.Conv2D(16, 3, padding="same", activation="relu")(inputs)
    x = keras.layers.Conv2D(64, 3, activation="relu")(x)
    x = keras.layers.MaxPooling2D()(x)
    x = keras.layers.Flatten()(x)
    x = keras.layers.Dense(128, activation="relu")(x)
    return keras.Model(inputs, keras.layers.Dense(num_outputs)(x), name="digits_cnn")

"""Wide residual networks with pre-activation."""

import keras

from tfp_noise._batch_normalization import BatchNormalization


def wrn28_2(input_shape, num_outputs):
    """WRN-28-2: 28 layers (three stages of four blocks), twice as wide; 1.47 million parameters at 10 outputs.

    References:
        Zagoruyko, Komodakis. Wide residual networks. 2016.
    """
    inputs = keras.Input(input_shape)
    x = _convolution(inputs, 16)
    for stage, filters in enumerate((32, 64, 128), 1):
        for block in range(1, 5):
            name = f"stage{stage}" if block == 4 else None
            x = _block(x, filters, strides=2 if block == 1 and stage > 1 else 1, name=name)
    x = keras.layers.GlobalAveragePooling2D()(_activation(x))
    return keras.Model(inputs, keras.layers.Dense(num_outputs)(x), name="wrn28_2")


def _block(x, filters, strides, name):
    y = _activation(x)
    if x.shape[-1] != filters:  # as in the authors' code, the projection sees the activated input
        x = _convolution(y, filters, strides, size=1)
    y = _convolution(y, filters, strides)
    y = _convolution(_activation(y), filters)
    return keras.layers.Add(name=name)([x, y])


def _activation(x):
    x = BatchNormalization(momentum=0.9, epsilon=1e-5)(x)
    return keras.layers.ReLU()(x)


def _convolution(x, filters, strides=1, size=3):
    """A convolution without a bias: a batch normalisation always follows."""
    return keras.layers.Conv2D(filters, size, strides, padding="same", use_bias=False, kernel_initializer="he_normal")(
        x
    )

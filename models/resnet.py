"""The residual networks of the CIFAR experiments: 6n + 2 layers, shortcuts without parameters."""

import keras

from tfp_noise._batch_normalization import BatchNormalization


def resnet8(input_shape, num_outputs):
    """ResNet-8 (n = 1): for machines without an accelerator; not in the papers."""
    return _resnet("resnet8", 1, input_shape, num_outputs)


def resnet20(input_shape, num_outputs):
    """ResNet-20 (n = 3): 0.27 million parameters."""
    return _resnet("resnet20", 3, input_shape, num_outputs)


def resnet32(input_shape, num_outputs):
    """ResNet-32 (n = 5): 0.46 million parameters."""
    return _resnet("resnet32", 5, input_shape, num_outputs)


def resnet56(input_shape, num_outputs):
    """ResNet-56 (n = 9): 0.85 million parameters."""
    return _resnet("resnet56", 9, input_shape, num_outputs)


def resnet74(input_shape, num_outputs):
    """ResNet-74 (n = 12): 1.14 million parameters."""
    return _resnet("resnet74", 12, input_shape, num_outputs)


def resnet110(input_shape, num_outputs):
    """ResNet-110 (n = 18): 1.73 million parameters."""
    return _resnet("resnet110", 18, input_shape, num_outputs)


def _resnet(name, blocks, input_shape, num_outputs):
    """Three stages of `blocks` blocks, of 16, 32 and 64 filters.

    References:
        He, Zhang, Ren, Sun. Deep residual learning for image recognition. 2015, section 4.2.
    """
    inputs = keras.Input(input_shape)
    x = keras.layers.ReLU()(_convolution(inputs, 16))
    for stage, filters in enumerate((16, 32, 64), 1):
        for block in range(1, blocks + 1):
            end = f"stage{stage}" if block == blocks else None
            x = _block(x, filters, strides=2 if block == 1 and stage > 1 else 1, name=end)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, keras.layers.Dense(num_outputs)(x), name=name)


def _block(x, filters, strides, name):
    y = keras.layers.ReLU()(_convolution(x, filters, strides))
    y = _convolution(y, filters)
    if strides > 1:  # option A: every other pixel, and zeros for the new channels
        # The mean of one pixel is that pixel. A maximum would keep its place for the gradient, at five times the cost.
        x = keras.layers.AveragePooling2D(pool_size=1, strides=strides, padding="same")(x)
        x = keras.ops.pad(x, [[0, 0], [0, 0], [0, 0], [0, filters - x.shape[-1]]])
    return keras.layers.ReLU(name=name)(keras.layers.Add()([x, y]))


def _convolution(x, filters, strides=1):
    """A 3x3 convolution and its batch normalisation, which makes a bias redundant."""
    x = keras.layers.Conv2D(filters, 3, strides, padding="same", use_bias=False, kernel_initializer="he_normal")(x)
    return BatchNormalization(momentum=0.9, epsilon=1e-5)(x)

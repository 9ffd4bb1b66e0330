"""Residual networks with projections as shortcuts: those for small images, and the ResNet-18 that Keras lacks."""

import keras

from tfp_noise._batch_normalization import BatchNormalization

_FOUR_STAGES = (64, 128, 256, 512)  # filters of ImageNet's networks


def resnet18(input_shape, num_outputs):
    """ResNet-18 for small images: 11,578,632 parameters for 64x64x3 images and 200 outputs."""
    return _four_stages("resnet18", _basic, (2, 2, 2, 2), input_shape, num_outputs)


def resnet18_untrained(input_shape, num_outputs):
    """ResNet-18 for images of 224 pixels: 11,689,512 parameters at 1000 outputs; Keras has no trained weights of it.

    References:
        He, Zhang, Ren, Sun. Deep residual learning for image recognition. 2015, Table 1.
    """
    inputs, x = _stem(input_shape, 64, size=7, strides=2)
    x = keras.layers.MaxPooling2D(3, 2, padding="same")(x)
    x = _stages(x, _basic, _FOUR_STAGES, (2, 2, 2, 2))
    return _head("resnet18_untrained", inputs, keras.layers.GlobalAveragePooling2D()(x), num_outputs)


def resnet34(input_shape, num_outputs):
    """ResNet-34 for small images: 21.3 million parameters for 32x32x3 images."""
    return _four_stages("resnet34", _basic, (3, 4, 6, 3), input_shape, num_outputs)


def resnet50_small(input_shape, num_outputs):
    """ResNet-50 for small images: 23.5 million parameters for 32x32x3 images; `resnet50` is ImageNet's."""
    return _four_stages("resnet50_small", _bottleneck, (3, 4, 6, 3), input_shape, num_outputs)


def resnet101_small(input_shape, num_outputs):
    """ResNet-101 for small images: 44,131,080 parameters for 64x64x3 images and 200 outputs."""
    return _four_stages("resnet101_small", _bottleneck, (3, 4, 23, 3), input_shape, num_outputs)


def resnet29(input_shape, num_outputs):
    """ResNet-29 (9n + 2 layers, n = 3): bottlenecks of 16, 32 and 64 filters; 0.3 million parameters.

    The online-smoothing paper does not define it; this is what its authors' CIFAR code builds for that depth.

    References:
        He, Zhang, Ren, Sun. Deep residual learning for image recognition. 2015.
        Zhang et al. Delving deep into label smoothing. 2021; cifar/models/resnet.py of its authors' code.
    """
    inputs, x = _stem(input_shape, 16)
    x = _stages(x, _bottleneck, (16, 32, 64), (3, 3, 3))
    return _head("resnet29", inputs, keras.layers.GlobalAveragePooling2D()(x), num_outputs)


def resnext29_2x64d(input_shape, num_outputs):
    """ResNeXt-29 with 2 groups of 64 filters in its first stage: 9.1 million parameters."""
    return _resnext("resnext29_2x64d", 2, 64, input_shape, num_outputs)


def resnext29_32x4d(input_shape, num_outputs):
    """ResNeXt-29 with 32 groups of 4 filters in its first stage: 4.8 million parameters."""
    return _resnext("resnext29_32x4d", 32, 4, input_shape, num_outputs)


def _four_stages(name, block, counts, input_shape, num_outputs):
    """ImageNet's four stages after a 3x3 convolution that keeps every pixel.

    The last maps are averaged over windows of 4x4 pixels, which is the whole map for 32x32 images, and a quarter of it
    for 64x64 images, whose last layer is four times as large. The number of parameters is then that of the
    learnable-smoothing paper's Table 9; with an average over the whole map it would not be.

    References:
        He, Zhang, Ren, Sun. Deep residual learning for image recognition. 2015, Table 1.
        Liu. pytorch-cifar, models/resnet.py. 2017.
    """
    inputs, x = _stem(input_shape, 64)
    x = _stages(x, block, _FOUR_STAGES, counts)
    x = keras.layers.Flatten()(keras.layers.AveragePooling2D(4)(x))
    return _head(name, inputs, x, num_outputs)


def _resnext(name, groups, width, input_shape, num_outputs):
    """Three stages of three bottlenecks, after a 1x1 convolution (3x3 in the paper), as in Liu's code below.

    The authors of online label smoothing train this network; the width of a group doubles with each stage.

    References:
        Xie, Girshick, Dollár, Tu, He. Aggregated residual transformations for deep neural networks. 2017.
        Liu. pytorch-cifar, models/resnext.py. 2017.
    """

    def block(x, filters, strides, name):
        return _bottleneck(x, filters, strides, name, expansion=2, groups=groups)

    inputs, x = _stem(input_shape, 64, size=1)
    x = _stages(x, block, [groups * width * scale for scale in (1, 2, 4)], (3, 3, 3))
    return _head(name, inputs, keras.layers.GlobalAveragePooling2D()(x), num_outputs)


def _stem(input_shape, filters, size=3, strides=1):
    inputs = keras.Input(input_shape)
    return inputs, keras.layers.ReLU()(_convolution(inputs, filters, size, strides))


def _stages(x, block, filters, counts):
    """Stages of `counts` blocks of each width; all but the first halve the maps."""
    for stage, (width, count) in enumerate(zip(filters, counts, strict=True), 1):
        for i in range(1, count + 1):
            name = f"stage{stage}" if i == count else None
            x = block(x, width, strides=2 if i == 1 and stage > 1 else 1, name=name)
    return x


def _basic(x, filters, strides, name):
    y = keras.layers.ReLU()(_convolution(x, filters, 3, strides))
    return _add(x, _convolution(y, filters, 3), strides, name)


def _bottleneck(x, filters, strides, name, expansion=4, groups=1):
    y = keras.layers.ReLU()(_convolution(x, filters, 1))
    y = keras.layers.ReLU()(_convolution(y, filters, 3, strides, groups))
    return _add(x, _convolution(y, expansion * filters, 1), strides, name)


def _add(x, y, strides, name):
    """The sum of a block's output and its input, which is projected if the shape changes."""
    if strides > 1 or x.shape[-1] != y.shape[-1]:
        x = _convolution(x, y.shape[-1], 1, strides)
    return keras.layers.ReLU(name=name)(keras.layers.Add()([x, y]))


def _convolution(x, filters, size, strides=1, groups=1):
    """A convolution and its batch normalisation, which makes a bias redundant."""
    x = keras.layers.Conv2D(
        filters, size, strides, padding="same", groups=groups, use_bias=False, kernel_initializer="he_normal"
    )(x)
    return BatchNormalization(momentum=0.9, epsilon=1e-5)(x)


def _head(name, inputs, x, num_outputs):
    return keras.Model(inputs, keras.layers.Dense(num_outputs)(x), name=name)

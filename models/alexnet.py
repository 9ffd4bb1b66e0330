"""AlexNet for small images."""

import keras


def alexnet(input_shape, num_outputs):
    """AlexNet without its hidden dense layers: 2,472,266 parameters for 32x32x3 images and 10 outputs.

    The learnable-smoothing paper names no variant; this is the common one for CIFAR. Its five convolutions are those of
    the 2014 AlexNet, the first with stride 4 and each pooling by 2, so that a 32x32 image becomes one pixel. Here
    convolutions and poolings have Keras's padding "same", so that a 28x28 image becomes one pixel, too.

    References:
        Krizhevsky. One weird trick for parallelizing convolutional neural networks. 2014.
        Yang. pytorch-classification, models/cifar/alexnet.py. 2017.
    """
    inputs = x = keras.Input(input_shape)
    for filters, size, strides, pool in ((64, 11, 4, True), (192, 5, 1, True), (384, 3, 1, False), (256, 3, 1, False)):
        x = keras.layers.Conv2D(filters, size, strides, padding="same", activation="relu")(x)
        x = keras.layers.MaxPooling2D(padding="same")(x) if pool else x
    x = keras.layers.Conv2D(256, 3, padding="same", activation="relu")(x)
    x = keras.layers.MaxPooling2D(padding="same")(x)
    x = keras.layers.Flatten()(x)
    return keras.Model(inputs, keras.layers.Dense(num_outputs)(x), name="alexnet")

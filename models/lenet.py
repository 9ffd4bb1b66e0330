"""LeNet-5, in the classic form and in the padded one."""

import keras


def lenet5(input_shape, num_outputs):
    """The classic LeNet-5 with ReLU and max pooling: 61,706 parameters for 28x28x1 images and 10 outputs.

    References:
        LeCun, Bottou, Bengio, Haffner. Gradient-based learning applied to document recognition. 1998.
    """
    inputs, x = _stem(input_shape, padding="valid")
    x = keras.layers.Flatten()(x)
    x = keras.layers.Dense(120, activation="relu")(x)
    return _head("lenet5", inputs, x, num_outputs)


def lenet5_same(input_shape, num_outputs):
    """LeNet-5 with padding "same" throughout and a third convolution on the 7x7 maps: 545,546 parameters as above.

    Five times the arithmetic of the classic form; almost all of its parameters (494,004) sit in the layer of 84 units.

    References:
        Englesson, Mehrpanah, Azizpour. Logistic-Normal likelihoods for heteroscedastic label noise in classification.
        2023; the network of its authors' MNIST code.
    """
    inputs, x = _stem(input_shape, padding="same")
    x = keras.layers.Conv2D(120, 5, padding="same", activation="relu")(x)
    x = keras.layers.Flatten()(x)
    return _head("lenet5_same", inputs, x, num_outputs)


def _stem(input_shape, padding):
    """Two convolutions with pooling, the same in both forms but for the second convolution's `padding`."""
    inputs = keras.Input(input_shape)
    x = keras.layers.Conv2D(6, 5, padding="same", activation="relu")(inputs)
    x = keras.layers.MaxPooling2D()(x)
    x = keras.layers.Conv2D(16, 5, padding=padding, activation="relu")(x)
    return inputs, keras.layers.MaxPooling2D()(x)


def _head(name, inputs, x, num_outputs):
    x = keras.layers.Dense(84, activation="relu")(x)
    return keras.Model(inputs, keras.layers.Dense(num_outputs)(x), name=name)

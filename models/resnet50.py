"""ResNet-50 as it is fine-tuned from ImageNet's weights, which are read from a local file."""

import os
import pathlib

import keras

WEIGHTS = "RESNET50_WEIGHTS"  # an environment variable
_FILE = "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"
_URL = f"https://storage.googleapis.com/tensorflow/keras-applications/resnet/{_FILE}"
_BLUE_GREEN_RED_MEANS = [103.939, 116.779, 123.68]


def resnet50(input_shape, num_outputs):
    """ResNet-50 with Keras's ImageNet weights and a new last layer: 23.6 million parameters and the last layer's.

    The weights are those that `keras.applications.ResNet50(include_top=False)` takes, in the file that the environment
    variable `RESNET50_WEIGHTS` names, or where Keras keeps its downloads. What they expect of images (channels from
    blue to red, 0 to 255, the mean of ImageNet taken off, no division) is part of the network, which sees floats in
    [0, 1] as this project's pipeline gives them.

    Raises:
        FileNotFoundError: the file is not there.
        ValueError: it holds other weights, or images have not three channels.

    References:
        He, Zhang, Ren, Sun. Deep residual learning for image recognition. 2015.
    """
    path = _weights_path()
    inputs, features = _features(input_shape)
    try:
        features.load_weights(path)
    except (OSError, ValueError) as error:
        raise ValueError(
            f"{str(path)!r} must hold the ImageNet weights of Keras's ResNet50 without its last layer. Received: "
            f"{error} Is it {_FILE!r}, whole?"
        ) from error
    return _head("resnet50", inputs, features, num_outputs)


def resnet50_untrained(input_shape, num_outputs):
    """The same network with random weights."""
    return _head("resnet50_untrained", *_features(input_shape), num_outputs)


def _features(input_shape):
    if input_shape[-1] != 3:
        raise ValueError(f"`input_shape` of ResNet-50 must have three channels. Received: {input_shape}.")
    inputs = keras.Input(input_shape)
    reversed_channels = keras.ops.flip(inputs, axis=-1)
    # float32 under mixed precision too: 0 to 255 is cast down after the mean is off.
    offset = [-mean for mean in _BLUE_GREEN_RED_MEANS]
    centred = keras.layers.Rescaling(255.0, offset, dtype="float32")(reversed_channels)
    return inputs, keras.applications.ResNet50(
        include_top=False, weights=None, input_tensor=centred, input_shape=input_shape, pooling="avg"
    )


def _head(name, inputs, features, num_outputs):
    return keras.Model(inputs, keras.layers.Dense(num_outputs)(features.output), name=name)


def _weights_path():
    cache = pathlib.Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser() / "models" / _FILE
    path = pathlib.Path(os.environ.get(WEIGHTS, cache)).expanduser()
    if not path.is_file():
        raise FileNotFoundError(
            f"The model 'resnet50' needs ImageNet weights. Looked for {str(path)!r}. With internet, run\n"
            '  python -c "import keras; keras.applications.ResNet50(include_top=False)"\n'
            f"or fetch {_URL}\nand set {WEIGHTS} to its path. For random weights use the model 'resnet50_untrained'."
        )
    return path

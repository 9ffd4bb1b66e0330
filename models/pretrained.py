"""Networks for fine-tuning, with ImageNet weights from a local file."""

import math
import os
import pathlib
from collections.abc import Callable
from typing import NamedTuple

import keras

_MEANS = [0.485, 0.456, 0.406]  # of ImageNet's red, green and blue
_DEVIATIONS = [0.229, 0.224, 0.225]


def resnet50(input_shape, num_outputs):
    """ResNet-50: 23.6 million parameters and the last layer's.

    References:
        He, Zhang, Ren, Sun. Deep residual learning for image recognition. 2015.
    """
    return _pretrained("resnet50", input_shape, num_outputs)


def resnet50_untrained(input_shape, num_outputs):
    """ResNet-50 as in `resnet50`, with random weights."""
    return _head("resnet50_untrained", *_features("resnet50", input_shape), num_outputs)


def resnet101(input_shape, num_outputs):
    """ResNet-101: 42.7 million parameters and the last layer's.

    References:
        He, Zhang, Ren, Sun. Deep residual learning for image recognition. 2015.
    """
    return _pretrained("resnet101", input_shape, num_outputs)


def resnet101_untrained(input_shape, num_outputs):
    """ResNet-101 as in `resnet101`, with random weights."""
    return _head("resnet101_untrained", *_features("resnet101", input_shape), num_outputs)


def mobilenet_v2(input_shape, num_outputs):
    """MobileNetV2 of width 1: 2.3 million parameters and the last layer's.

    References:
        Sandler, Howard, Zhu, Zhmoginov, Chen. MobileNetV2: Inverted residuals and linear bottlenecks. 2018.
    """
    return _pretrained("mobilenet_v2", input_shape, num_outputs)


def efficientnet_b7(input_shape, num_outputs):
    """EfficientNet-B7: 64.1 million parameters and the last layer's.

    References:
        Tan, Le. EfficientNet: Rethinking model scaling for convolutional neural networks. 2019.
    """
    return _pretrained("efficientnet_b7", input_shape, num_outputs)


def _pretrained(name, input_shape, num_outputs):
    """A network with Keras's ImageNet weights and a new last layer.

    The weights are those of `keras.applications` with `include_top=False`, from the file that an environment variable
    names (`RESNET50_WEIGHTS` and so on), or from Keras's folder of downloads. The network takes floats in [0, 1], as
    this project's pipeline makes them, and converts them to the scale that its weights expect.

    Raises:
        FileNotFoundError: if the file is missing.
        ValueError: if it has other weights, or images do not have three channels.
    """
    path = _weights_path(name)
    inputs, features = _features(name, input_shape)
    application = _APPLICATIONS[name]
    try:
        features.load_weights(path)
    except (OSError, ValueError, KeyError, RuntimeError) as error:  # raised for damaged HDF5 files
        raise ValueError(
            f"{str(path)!r} must hold the ImageNet weights of Keras's {application.build.__name__} without its last "
            f"layer. Received: {error} Is it {application.file!r}, and complete?"
        ) from error
    return _head(name, inputs, features, num_outputs)


def _features(name, input_shape):
    if input_shape[-1] != 3:
        raise ValueError(f"`input_shape` of {name!r} must have three channels. Received: {input_shape}.")
    application = _APPLICATIONS[name]
    inputs = keras.Input(input_shape)
    images = application.preprocess(inputs)
    return inputs, application.build(
        include_top=False, weights=None, input_tensor=images, input_shape=input_shape, pooling="avg"
    )


def _head(name, inputs, features, num_outputs):
    return keras.Model(inputs, keras.layers.Dense(num_outputs)(features.output), name=name)


def _weights_path(name):
    application = _APPLICATIONS[name]
    cache = pathlib.Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser() / "models" / application.file
    variable = f"{name.upper()}_WEIGHTS"
    path = pathlib.Path(os.environ.get(variable, cache)).expanduser()
    if not path.is_file():
        raise FileNotFoundError(
            f"The model {name!r} needs ImageNet weights. Looked for {str(path)!r}. With internet, run\n"
            f'  python -c "import keras; keras.applications.{application.build.__name__}(include_top=False)"\n'
            f"or fetch {application.folder}{application.file}\nand set {variable} to its path. "
            "Networks with random weights are the models 'resnet50_untrained' and 'resnet101_untrained'."
        )
    return path


def _rescaling(scale, offset):
    """A rescaling layer in float32, under mixed precision too: pixels are rounded after the mean is subtracted."""
    return keras.layers.Rescaling(scale, offset, dtype="float32")


def _blue_first(images):
    """Pixels from 0 to 255 in the order blue, green, red, minus their mean."""
    return _rescaling(255.0, [-103.939, -116.779, -123.68])(keras.ops.flip(images, axis=-1))


def _from_minus_one(images):
    return _rescaling(2.0, -1.0)(images)


def _for_efficientnet(images):
    """Images that the first layers of EfficientNet turn into `(image - mean) / deviation`.

    Those layers divide by 255, subtract the mean, and divide by square roots of the deviations instead of the
    deviations, because the file has deviations where variances belong. Keras corrects that by one more layer, but only
    if it downloads the weights itself. Here the images are scaled about the mean beforehand.
    """
    stretch = [1 / math.sqrt(deviation) for deviation in _DEVIATIONS]
    offset = [255 * mean * (1 - s) for mean, s in zip(_MEANS, stretch, strict=True)]
    return _rescaling([255 * s for s in stretch], offset)(images)


class _Application(NamedTuple):
    build: Callable  # of keras.applications
    preprocess: Callable  # images in [0, 1] -> the input that `build`'s network expects
    file: str
    folder: str


_FOLDER = "https://storage.googleapis.com/tensorflow/keras-applications/"
_APPLICATIONS = {
    "resnet50": _Application(
        keras.applications.ResNet50,
        _blue_first,
        "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
        f"{_FOLDER}resnet/",
    ),
    "resnet101": _Application(
        keras.applications.ResNet101,
        _blue_first,
        "resnet101_weights_tf_dim_ordering_tf_kernels_notop.h5",
        f"{_FOLDER}resnet/",
    ),
    "mobilenet_v2": _Application(
        keras.applications.MobileNetV2,
        _from_minus_one,
        "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5",
        f"{_FOLDER}mobilenet_v2/",
    ),
    "efficientnet_b7": _Application(
        keras.applications.EfficientNetB7,
        _for_efficientnet,
        "efficientnetb7_notop.h5",
        "https://storage.googleapis.com/keras-applications/",
    ),
}

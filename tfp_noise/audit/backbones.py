"""Networks of `keras.applications` with weights from a file, which turn images into features."""

import dataclasses
import functools
import hashlib
import inspect
import math
import pathlib
import warnings
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from tfp_noise import _validation, pipeline
from tfp_noise._saving.atomic_files import atomic_write
from tfp_noise.audit.data import AuditedData

_BATCH_SIZE = 32
_IMAGES_A_FILE = 128 * _BATCH_SIZE


@dataclasses.dataclass(frozen=True)
class Backbone:
    """A network of `keras.applications` and where its weights come from.

    Args:
        name: function of `keras.applications`.
        weights: path of the file of weights.
        sha256: its checksum, hexadecimal digits.
        network: from images, floats in [0, 1], to the mean of the last feature maps.
    """

    name: str
    weights: str
    sha256: str
    network: keras.Model


def load(name: str, weights: str) -> Backbone:
    """A backbone with its own preprocessing.

    Args:
        name: function of `keras.applications`.
        weights: path of a file of weights for it, without the last layer; nothing is downloaded.

    Raises:
        ValueError: if there is no such network or file, or the weights are of another network.
    """
    options = [one for one, value in vars(keras.applications).items() if inspect.isfunction(value)]
    make = getattr(keras.applications, _validation.check_choice("backbone", name, options))
    path = pathlib.Path(weights).expanduser()
    if not path.is_file():
        raise ValueError(f"`--weights` must be a file. Received: {weights!r}, which is none. Is the path right?")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a shape that is not known, and of weights that are not in the file
        network = make(include_top=False, weights=None, input_shape=(None, None, 3), pooling="avg")
        try:
            _load_weights(network, path)
        except Exception as error:  # of any kind, as files of other content raise
            reason = " ".join(str(error).split())
            raise ValueError(
                f"`--weights` must fit `--backbone={name}` without its last layer. Received: {weights!r}, which does "
                f"not: {reason:.200} ... Take the file that Keras names `notop` or `no_top`, or one that "
                f"`keras.applications.{name}(include_top=False).save_weights('{name}.weights.h5')` has written."
            ) from error
    network.trainable = False
    preprocess = getattr(keras.applications, make.__module__.rpartition(".")[2]).preprocess_input
    images = keras.Input((None, None, 3))
    network = keras.Model(images, network(preprocess(keras.layers.Rescaling(255.0)(images)), training=False), name=name)
    with open(path, "rb") as file:
        return Backbone(name, weights, hashlib.file_digest(file, "sha256").hexdigest(), network)


def _load_weights(network, path):
    """Loads a file that must hold every weight; of some layers of earlier versions' files Keras warns only."""
    network.set_weights([np.full_like(value, np.nan) for value in network.get_weights()])
    network.load_weights(path)
    missing = [variable.path for variable in network.weights if np.isnan(variable.numpy()).any()]
    if missing:
        raise ValueError(f"{len(missing)} of {len(network.weights)} weights are not in it, such as {missing[0]!r}")


def check_images(data: AuditedData) -> None:
    """Refuses data that are no images in colour.

    Raises:
        ValueError: if an example has another shape than [height, width, 3].
    """
    shape = list(data.features.shape[1:])
    if data.features.ndim != 4 or shape[-1] != 3:
        raise ValueError(
            f"`--backbone` is for images in colour, of shape [height, width, 3]. Received examples of shape {shape}. "
            "Leave it out."
        )


def features(
    network: keras.Model, images: np.ndarray, folder: pathlib.Path, callbacks: Sequence[keras.callbacks.Callback]
) -> np.ndarray:
    """Features of all images; those that an interrupted audit has made are read.

    Args:
        network: that of a backbone.
        images: `[n, height, width, 3]`, uint8, or floats in [0, 1].
        folder: where they are kept, in files of some thousand images.
        callbacks: for `predict`.

    Returns:
        float32 `[n, d]`.
    """
    folder.mkdir(exist_ok=True)
    parts = []
    for start in range(0, len(images), _IMAGES_A_FILE):
        file = folder / f"{start}.npy"
        if not file.exists():
            part = tf.data.Dataset.from_tensor_slices(images[start : start + _IMAGES_A_FILE])
            part = part.batch(_BATCH_SIZE).map(pipeline.to_float).prefetch(1)
            made = network.predict(part, verbose=0, callbacks=list(callbacks))
            atomic_write(file, functools.partial(np.save, arr=made))
        parts.append(np.load(file))
    return np.concatenate(parts)


def batches(num_images: int) -> int:
    """Number of batches in which so many images are turned into features."""
    return math.ceil(num_images / _BATCH_SIZE)


def joined(network: keras.Model, head: keras.Model, shape: tuple[int, ...]) -> keras.Model:
    """A network from images of this shape, floats in [0, 1], to what `head` makes of their features."""
    images = keras.Input(shape, name="images")
    return keras.Model(images, head(network(images)))

"""Networks of an audit: a small one that fits the data, or the user's own."""

import importlib.util
import pathlib
from collections.abc import Callable

import keras
import numpy as np

from tfp_noise.audit.data import AuditedData

MakeNetwork = Callable[[tuple[int, ...], int], keras.Model]


def find(model: str | None, on_backbone: bool) -> Callable[[AuditedData], MakeNetwork]:
    """A function of the data that gives one from input shape and number of outputs to a network without a softmax.

    Args:
        model: `path/to/file.py:function`, or `None` for a small network that fits the data.
        on_backbone: true for data that are features made by a backbone.

    Raises:
        ValueError: if there is no such file or function.
    """
    if model is not None:
        make = _users(model)
        return lambda _: make
    if on_backbone:
        return lambda data: _head(data.features)
    return lambda data: _convolutional if data.are_images else _dense(data.features)


def file_of(model: str) -> pathlib.Path:
    """The file in `path/to/file.py:function`."""
    return pathlib.Path(model.rpartition(":")[0]).expanduser()


def _dense(features: np.ndarray) -> MakeNetwork:
    """Two hidden layers behind the normalisation of each feature."""
    return _normalized(features, lambda: [keras.layers.Dense(64, activation="relu") for _ in range(2)])


def _head(features: np.ndarray) -> MakeNetwork:
    """One layer behind normalisation and dropout: hidden layers memorise wrong labels of so many features."""
    return _normalized(features, lambda: [keras.layers.Dropout(0.5)])


def _normalized(features, hidden):
    def make(input_shape, num_outputs):
        normalization = keras.layers.Normalization()
        normalization.adapt(features)
        return keras.Sequential(
            [
                keras.Input(input_shape),
                normalization,
                keras.layers.Flatten(),
                *hidden(),
                keras.layers.Dense(num_outputs),
            ]
        )

    return make


def _convolutional(input_shape, num_outputs):
    """Convolutions that halve height and width until one of them is at most 4."""
    blocks, side, filters = [], min(input_shape[:2]), 32
    while side > 4 or not blocks:
        blocks += [
            keras.layers.Conv2D(filters, 3, padding="same", activation="relu"),
            keras.layers.MaxPooling2D(padding="same"),
        ]
        side, filters = -(-side // 2), min(2 * filters, 128)
    head = [keras.layers.Flatten(), keras.layers.Dense(128, activation="relu"), keras.layers.Dense(num_outputs)]
    return keras.Sequential([keras.Input(input_shape), *blocks, *head])


def _users(model: str) -> MakeNetwork:
    path = file_of(model)
    name, _, function = model.rpartition(":")
    form = "`--model` must be path/to/file.py:function, a function (input_shape, num_outputs) -> keras.Model."
    if not name or not path.is_file():
        raise ValueError(f"{form} Received: {model!r}, with no file {name!r}. Is the path right?")
    specification = importlib.util.spec_from_file_location(path.stem, path)
    if specification is None or specification.loader is None:
        raise ValueError(f"{form} Received: {name!r}, which is no Python file.")
    module = importlib.util.module_from_spec(specification)
    _called(form, f"importing {name!r}", specification.loader.exec_module, module)
    found = getattr(module, function, None)
    if not callable(found):
        raise ValueError(f"{form} Received: {model!r}, but {name!r} has no function {function!r}. Is it misspelt?")

    def make(input_shape, num_outputs):
        network = _called(form, f"{function}({input_shape}, {num_outputs})", found, input_shape, num_outputs)
        if not isinstance(network, keras.Model):
            raise ValueError(f"{form} Received from {function!r}: {network!r:.100}. Return the network, not compiled.")
        taken = network.input_shape[1:] if network.built else input_shape
        if len(taken) != len(input_shape) or any(a not in (None, b) for a, b in zip(taken, input_shape, strict=True)):
            raise ValueError(
                f"{form} Received from {function!r}: a network for inputs of shape {taken}, where the data have "
                f"{input_shape}. Begin it with `keras.Input(input_shape)`."
            )
        return network

    return make


def _called(form, what, function, *arguments):
    """The result of the user's code; an error in it is one of the argument."""
    try:
        return function(*arguments)
    except Exception as error:
        raise ValueError(f"{form} Received one that fails in {what}: {type(error).__name__}: {error}") from error

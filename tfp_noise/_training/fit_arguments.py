"""Arguments of `fit` that must agree on all workers, and in both halves of an interrupted training."""

import inspect

import keras

_DATA = ("validation_data", "sample_weight", "class_weight")
_SETTINGS = {
    name: inspect.signature(keras.Model.fit).parameters[name].default
    for name in (
        *("steps_per_epoch", "shuffle"),
        *("validation_split", "validation_steps", "validation_batch_size", "validation_freq"),
    )
}


def data_of(x, y, arguments):
    """The data that `fit` reads, by name of the argument."""
    return {"x": x, "y": y} | {name: arguments.get(name) for name in _DATA}


def settings_of(batch_size, arguments):
    """The settings that decide how `fit` reads its data, by name of the argument, with Keras's defaults."""
    return {"batch_size": batch_size} | {name: arguments.get(name, default) for name, default in _SETTINGS.items()}

"""Round trips of a loss, by every way that Keras stores one, and what is lost on the way."""

import copy
import inspect
import json
import tempfile

import keras
import numpy as np

from tfp_noise import NoisyLabelClassifier


def arguments(cls):
    """`{name: default}` of a class's constructor and of those that it hands keywords on to."""
    found = {}
    for base in inspect.getmro(cls):
        if "__init__" not in vars(base):
            continue
        own = inspect.signature(base.__init__).parameters.values()
        found = {one.name: one.default for one in own if one.kind is not one.VAR_KEYWORD} | found
        if all(one.kind is not one.VAR_KEYWORD for one in own):
            break
    return {name: default for name, default in found.items() if name != "self"}


def same(a, b):
    """True for equal arguments, schedules and losses by what they are made of."""
    if isinstance(a, (keras.optimizers.schedules.LearningRateSchedule, keras.losses.Loss)):
        return type(a) is type(b) and a.get_config() == b.get_config()
    return type(a) is type(b) and np.array_equal(a, b)


def from_config(loss):
    return type(loss).from_config(loss.get_config())


def from_json(loss):
    return keras.saving.deserialize_keras_object(json.loads(json.dumps(keras.saving.serialize_keras_object(loss))))


def from_file(loss):
    """The loss of a classifier that was saved and loaded."""
    network = keras.Sequential([keras.Input([2]), keras.layers.Dense(loss.num_outputs)])
    with tempfile.TemporaryDirectory() as folder:
        NoisyLabelClassifier(network, loss).save(f"{folder}/model.keras")
        return keras.models.load_model(f"{folder}/model.keras").loss


WITHOUT_FILE = {"from_config": from_config, "keras.saving": from_json, "copy.deepcopy": copy.deepcopy}
ALL = {**WITHOUT_FILE, "a file": from_file}


def lost(loss, ways):
    """A line for each constructor argument of a loss that is not in its configuration, or comes back as another one."""
    config = loss.get_config()
    missing = [f"`{name}` is not in `get_config()`" for name in arguments(type(loss)) if name not in config]
    return missing + changed(loss, ways)


def changed(loss, ways):
    """A line for each constructor argument of a loss that comes back as another one."""
    found = []
    for way, made in ways.items():
        try:
            copied = made(loss)
        except Exception as error:  # a configuration that lacks something can raise anything
            found.append(f"{way} raises {error!r}")
            continue
        for name in arguments(type(loss)):
            before, after = getattr(loss, name), getattr(copied, name)
            if not same(before, after):
                found.append(f"`{name}` is {before!r}, and by {way} {after!r}")
    return found

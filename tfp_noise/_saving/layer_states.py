"""The states of a model's layers as Keras saves them, which `get_weights` does not return completely.

A layer may have state besides its variables (the vocabulary of a lookup), or compute something from its variables when
they are loaded (the mean and variance of `Normalization`, the merged kernel of LoRA). Like Keras, this module calls
`save_own_variables`, `load_own_variables`, `save_assets` and `load_assets` of each layer.
"""

import pathlib
import tempfile

import keras
import numpy as np

_ASSET = "asset:"


def layer_states(*models):
    """The states of models and of every layer in them.

    Returns:
        A list of dicts from names to arrays, one for each layer, in the same order for models of equal configs.
    """
    return [_state(layer) for layer in layers_in(models)]


def layers_in(models):
    """The models and every layer in them, as a list."""
    return [layer for model in models for layer in model._flatten_layers()]


def set_layer_states(models, states):
    """Loads into models the states of models with equal configs.

    Raises:
        ValueError: if the numbers of layers differ.
    """
    for layer, state in zip(layers_in(models), states, strict=True):
        variables = {key: value for key, value in state.items() if not key.startswith(_ASSET)}
        layer.load_own_variables(variables)
        if hasattr(layer, "load_assets"):
            with tempfile.TemporaryDirectory() as folder:
                for key in state.keys() - variables.keys():
                    path = pathlib.Path(folder, key.removeprefix(_ASSET))
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(np.asarray(state[key], np.uint8).tobytes())
                layer.load_assets(folder)


def _state(layer):
    variables = {}
    layer.save_own_variables(variables)
    state = {key: keras.ops.convert_to_numpy(value) for key, value in variables.items()}
    if hasattr(layer, "save_assets"):
        with tempfile.TemporaryDirectory() as folder:
            layer.save_assets(folder)
            for path in pathlib.Path(folder).rglob("*"):
                if path.is_file():
                    name = path.relative_to(folder).as_posix()
                    state[_ASSET + name] = np.frombuffer(path.read_bytes(), np.uint8)
    return state

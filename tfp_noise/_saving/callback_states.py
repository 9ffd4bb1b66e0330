"""The states that callbacks keep between epochs, as text and arrays for a backup."""

import json

import keras
import numpy as np

# Callbacks of Keras whose decisions depend on earlier epochs, and the attributes that hold their states.
_OF_KERAS = {
    keras.callbacks.EarlyStopping: ("best", "best_epoch", "best_weights", "stopped_epoch", "wait"),
    keras.callbacks.ModelCheckpoint: ("best", "_batches_seen_since_last_saving", "_last_batch_seen"),
    keras.callbacks.ReduceLROnPlateau: ("best", "cooldown_counter", "wait"),
    keras.callbacks.SwapEMAWeights: ("_ema_weights_in_model",),
}

_ARRAY = "number of the array"
_KINDS = "biufc"  # dtypes that HDF5 reads as they were written: bool, int, float, complex


def check_callbacks(callbacks):
    """Refuses a callback with only one of `get_state` and `set_state`."""
    for callback in callbacks:
        if hasattr(callback, "get_state") != hasattr(callback, "set_state"):
            raise TypeError(
                "`callbacks` must have both `get_state()` and `set_state(state)`, or neither. Received: "
                f"{type(callback).__name__}, with one of them."
            )


def get_states(callbacks):
    """`[class name, state]` of each callback that has a state, in their order."""
    states = []
    for callback in callbacks:
        if hasattr(callback, "get_state"):
            states.append([type(callback).__name__, callback.get_state()])
        elif names := _attributes(callback):
            states.append([type(callback).__name__, {name: getattr(callback, name) for name in names}])
    return states


def set_states(callbacks, states):
    """Restores the states that `get_states` returned for callbacks of the same classes."""
    keeping = [callback for callback in callbacks if hasattr(callback, "get_state") or _attributes(callback)]
    there, given = [name for name, _ in states], [type(callback).__name__ for callback in keeping]
    if there != given:
        raise ValueError(
            "`callbacks` must be those of the training that is resumed, in their order. Those with a state were "
            f"{there or 'none'}. Received: {given or 'none'}. Pass the same, or delete the backup to start anew."
        )
    for callback, (_, state) in zip(keeping, states, strict=True):
        if hasattr(callback, "set_state"):
            callback.set_state(state)
        else:
            vars(callback).update(state)


def _attributes(callback):
    return next((names for kind, names in _OF_KERAS.items() if isinstance(callback, kind)), ())


def pack(tree):
    """Converts a tree of dicts with text for keys, lists, numbers, text and arrays to JSON and a list of the arrays.

    `unpack` restores floats to the last bit, and tuples as lists.
    """
    arrays = []

    def put(value):
        if isinstance(value, dict) and all(isinstance(key, str) for key in value):
            return {key: put(part) for key, part in value.items()}
        if isinstance(value, list | tuple):
            return [put(part) for part in value]
        if isinstance(value, np.generic):
            value = value.item()
        if value is None or isinstance(value, bool | int | float | str):
            return value
        if isinstance(value, np.ndarray) and value.dtype.kind in _KINDS:
            arrays.append(value)
            return {_ARRAY: len(arrays) - 1}
        raise TypeError(
            "A callback's state must be made of dicts with text for keys, lists, numbers, text and NumPy arrays of "
            f"numbers. Received: {value!r}."
        )

    return json.dumps(put(tree)), arrays


def unpack(text, arrays):
    """The tree that `pack` has converted."""
    return json.loads(text, object_hook=lambda found: arrays[found[_ARRAY]] if _ARRAY in found else found)

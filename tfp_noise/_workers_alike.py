"""Refusal of a `fit` that is not the same on all of several workers, before its first step.

Workers add up their gradients, whatever these are gradients of: with another seed, loss, optimizer or data on one of
them, training would run to its end and give a model that nobody described.
"""

import json
import numbers
import zlib

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.eager import context

from tfp_noise.distribute._lost_workers import is_multi_worker
from tfp_noise.distribute._strategies import gather_texts

_BYTES = 2**26  # of an array, beyond which a digest is taken of evenly spaced rows


def check_workers_alike(model, data, **settings):
    """Refuses, on every one of several workers, a `fit` that differs on some worker, and names what differs.

    Args:
        model: the compiled model, with `loss` and `optimizer`.
        data: dict of what `fit` reads, by argument: arrays, datasets, nests of them, or `None`.
        **settings: numbers, text, or `None`; what else must be alike.
    """
    strategy = model.distribute_strategy
    if not is_multi_worker(strategy):
        return
    seed = context.global_seed()
    facts = {name: repr(value) for name, value in settings.items() if value is not None}
    facts |= {"keras.utils.set_random_seed": repr(seed)}
    facts |= _leaves("loss", _config(model.loss)) | _leaves("optimizer", _config(model.optimizer))
    facts |= {f"weight {i}": _weight(weight, model) for i, weight in enumerate(model.trainable_variables)}
    facts |= {name: _described(value) for name, value in data.items() if value is not None}
    each = [json.loads(text) for text in gather_texts(strategy, json.dumps(facts))]
    differing = [name for name in dict.fromkeys(name for one in each for name in one) if len({*_said(each, name)}) > 1]
    if differing:
        received = "; ".join(
            f"`{name}` is " + ", ".join(f"{said} on worker {i}" for i, said in enumerate(_said(each, name)))
            for name in differing[:5]
        )
        more = f"; and {len(differing) - 5} more" if len(differing) > 5 else ""
        raise ValueError(
            f"All workers must call the same `fit`. Received: {received}{more}. Start all with the same program, "
            "flags, data and seed. Shares of the data, a different one for each worker, belong into "
            "`strategy.distribute_datasets_from_function`."
        )
    if seed is None and settings.get("shuffle", True) and _arrays(data.get("x")):
        raise ValueError(
            "Workers must shuffle arrays with one seed. Received: no seed, so that each would take its part of another "
            "order, some examples twice and some never. Call `keras.utils.set_random_seed(0)` on all, or pass "
            "`shuffle=False`."
        )


def _said(each, name):
    return [one.get(name, "not there") for one in each]


def _config(value):
    try:
        return keras.saving.serialize_keras_object(value)
    except (NotImplementedError, TypeError, ValueError):  # a user's own class, without a config
        return type(value).__name__


def _leaves(name, config):
    """The config's values by the names of the arguments that led to them; counted names of objects are no arguments."""
    if isinstance(config, dict):
        items = config["config"] if "class_name" in config and isinstance(config.get("config"), dict) else config
        found = {name: config["class_name"]} if "class_name" in config else {}
        for key, value in items.items():
            if key not in ("name", "registered_name", "module"):
                found |= _leaves(f"{name}.{key}", value)
        return found
    return {name: _digest(np.asarray(config)) if isinstance(config, list) and len(config) > 20 else repr(config)}


def _weight(weight, model):
    """Shape and type; before the first update, when all workers must hold the same numbers, a digest of those."""
    shape = f"{tuple(weight.shape)} {weight.dtype}"
    return shape if model.optimizer.iterations.numpy() else f"{shape}, {_digest(weight.numpy())}"


def _described(value):
    """Size and digest of data; of what is read by other ways, such as a generator, the type alone."""
    if isinstance(value, numbers.Number | str | dict):
        return repr(value)
    if isinstance(value, tf.data.Dataset):
        own_share = (
            value.options().experimental_distribute.auto_shard_policy == tf.data.experimental.AutoShardPolicy.OFF
        )
        digest = "" if own_share else f", CRC-32 {_crc(_dataset_parts(value)):08x}"
        return f"{int(value.cardinality())} batches{digest}"
    arrays = _arrays(value)
    if not arrays:
        return type(value).__name__
    return f"{len(arrays[0])} examples, CRC-32 {_crc(map(_bytes, arrays)):08x}"


def _arrays(value):
    """Values that are at hand: NumPy, pandas and eager tensors, but no symbolic ones and no generators."""
    leaves = keras.tree.flatten(value)
    return [leaf for leaf in leaves if hasattr(leaf, "__array__") and not keras.backend.is_keras_tensor(leaf)]


def _dataset_parts(dataset):
    """Bytes of what an in-memory dataset was made of: its tensors, its functions' and their constants, as seeds are."""
    for value in keras.tree.flatten([value for _, value in sorted(vars(dataset).items())]):
        if isinstance(value, tf.Tensor):
            yield from _tensor_bytes(value)
    for wrapper in dataset._functions():
        for captured in wrapper.function.captured_inputs:
            yield from _tensor_bytes(captured)
        graph = wrapper.function.graph.as_graph_def()
        nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
        # Sorted, because nested functions have counted names, and workers may have counted differently.
        yield from sorted(node.attr["value"].tensor.SerializeToString() for node in nodes if node.op == "Const")
    for source in dataset._inputs():
        yield from _dataset_parts(source)


def _tensor_bytes(tensor):
    if hasattr(tensor, "numpy") and (tensor.dtype.is_floating or tensor.dtype.is_integer or tensor.dtype.is_bool):
        yield _bytes(tensor)


def _bytes(array):
    size = array.nbytes if isinstance(array, np.ndarray) else np.prod(array.shape, dtype=float) * 8
    array = np.asarray(array[:: int(size // _BYTES)] if size >= 2 * _BYTES and len(array.shape) else array)
    return (array.astype(str) if array.dtype == object else array).tobytes()


def _digest(array):
    return f"CRC-32 {_crc([_bytes(array)]):08x}"


def _crc(parts):
    crc = 0
    for part in parts:
        crc = zlib.crc32(part, crc)
    return crc

"""Everything that the numbers of a training depend on, as text by name; compared between workers and on resumption.

A program computes the same numbers bit by bit only with the same data, arguments, seed and versions, and on CPUs with
the same number of threads, because sums are split among threads.
"""

import importlib.metadata
import numbers
import os
import pathlib
import platform
import re
import zlib

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.eager import context

from tfp_noise._training.input_checks import is_array

_PACKAGES = ("tensorflow", "keras", "tensorflow-probability", "numpy")
_BYTES = 2**26  # of an array from twice this size on, only evenly spaced rows enter its checksum


def environment():
    """Versions, processor, accelerators and threads of this process, as a dict of plain JSON."""
    accelerators = [device for kind in ("GPU", "TPU") for device in tf.config.list_physical_devices(kind)]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    # Zero means TensorFlow's default: the environment's number, or else one thread for each core it may use.
    chosen = {
        name: getattr(tf.config.threading, f"get_{name}_parallelism_threads")()
        or int(os.environ.get(f"TF_NUM_{name.replace('_', '').upper()}_THREADS") or cores)
        for name in ("intra_op", "inter_op")
    }
    versions = {name: _version(name) for name in _PACKAGES}
    return {
        "versions": {"python": platform.python_version(), **versions},
        "processor": _processor(),
        "accelerators": [_device_name(device) for device in accelerators],
        "cores": cores,
        "threads": chosen,
    }


def _version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:  # installed under another name, such as a nightly build
        return "unknown"


def _processor():
    try:
        found = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    except OSError:  # not Linux
        found = None
    return f"{platform.machine()}, {found[1]}" if found else platform.machine()


def _device_name(device):
    return tf.config.experimental.get_device_details(device).get("device_name", device.device_type)


def training_facts(model, data, settings, resumed=False):
    """Data, settings, loss, optimizer and seed of a `fit`, as a dict of text by the name of the argument.

    Args:
        model: the compiled model, with `loss` and `optimizer`.
        data: dict of the data for `fit`, by argument: arrays, datasets, nests of them, or `None`.
        settings: dict of numbers, text, or `None`, by argument.
        resumed: bool, true for a comparison with the training that is resumed, whose datasets read the same files but
            begin with another epoch; false for a comparison of workers, whose datasets may read different files but
            begin with the same epoch.
    """
    facts = {name: repr(value) for name, value in settings.items() if value is not None}
    facts |= {"keras.utils.set_random_seed": repr(context.global_seed())}
    facts |= leaves("loss", _config(model.loss)) | leaves("optimizer", _config(model.optimizer))
    return facts | {name: described(value, resumed) for name, value in data.items() if value is not None}


def leaves(name, config):
    """The values in a nested config, as text by dotted name of the argument, without the names that Keras numbers."""
    if isinstance(config, dict):
        items = config["config"] if "class_name" in config and isinstance(config.get("config"), dict) else config
        found = {name: config["class_name"]} if "class_name" in config else {}
        for key, value in items.items():
            if key not in ("name", "registered_name", "module"):
                found |= leaves(f"{name}.{key}" if name else key, value)
        return found
    long = isinstance(config, list) and len(config) > 20
    return {name: f"CRC-32 {_crc([repr(config).encode()]):08x}" if long else repr(config)}


def _config(value):
    try:
        return keras.saving.serialize_keras_object(value)
    except (NotImplementedError, TypeError, ValueError):  # a user's class without a config
        return type(value).__name__


def described(value, resumed=False):
    """Size and CRC-32 of arrays and datasets; only the type of anything else, such as a generator."""
    found = arrays(value)
    if isinstance(value, numbers.Number | str) or (isinstance(value, dict) and not found):
        return repr(value)
    if isinstance(value, tf.data.Dataset):
        is_shard = value.options().experimental_distribute.auto_shard_policy == tf.data.experimental.AutoShardPolicy.OFF
        crc = "" if is_shard else f", CRC-32 {_crc(_dataset_parts(value, resumed)):08x}"
        count = int(value.cardinality())  # negative if unknown
        return f"{count if count >= 0 else 'unknown number of'} batches{crc}"
    if not found:
        return type(value).__name__
    places = [path for path, _ in keras.tree.flatten_with_path(value)]
    kinds = [(array.shape, str(array.dtype)) for array in found]
    return f"{len(found[0])} examples, CRC-32 {_crc([repr((places, kinds)).encode(), *map(_bytes, found)]):08x}"


def arrays(value):
    """All NumPy arrays, tables and eager tensors in a nest; symbolic tensors and generators are left out."""
    return [leaf for leaf in keras.tree.flatten(value) if is_array(leaf)]


def digest(array):
    """CRC-32 of an array's bytes, or of evenly spaced rows of a large one."""
    return f"CRC-32 {_crc([_bytes(array)]):08x}"


def _dataset_parts(dataset, resumed):
    """Bytes of an in-memory dataset's tensors, its functions' captured tensors, and constants, such as seeds."""
    for value in keras.tree.flatten([value for _, value in sorted(vars(dataset).items())]):
        if isinstance(value, tf.Tensor) and (value.shape.rank or not resumed):
            yield from _tensor_bytes(value, resumed)
    for wrapper in dataset._functions():
        for captured in wrapper.function.captured_inputs:
            yield from _tensor_bytes(captured, resumed)
        graph = wrapper.function.graph.as_graph_def()
        nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
        # Sorted, because the order depends on names that TensorFlow numbers, differently on each worker.
        constants = [node.attr["value"].tensor for node in nodes if node.op == "Const"]
        yield from sorted(one.SerializeToString() for one in constants if one.tensor_shape.dim or not resumed)
    for source in dataset._inputs():
        yield from _dataset_parts(source, resumed)


def _tensor_bytes(tensor, resumed):
    numeric = tensor.dtype.is_floating or tensor.dtype.is_integer or tensor.dtype.is_bool
    if hasattr(tensor, "numpy") and (numeric or (resumed and tensor.dtype == tf.string)):
        yield _bytes(tensor)


def _bytes(array):
    size = array.nbytes if isinstance(array, np.ndarray) else np.prod(array.shape, dtype=float) * 8
    array = np.asarray(array[:: int(size // _BYTES)] if size >= 2 * _BYTES and len(array.shape) else array)
    if array.dtype == object:  # text, of tensors in bytes of any encoding
        array = np.array([one.decode("latin-1") if isinstance(one, bytes) else str(one) for one in array.flat])
    return array.tobytes()


def _crc(parts):
    crc = 0
    for part in parts:
        crc = zlib.crc32(part, crc)
    return crc

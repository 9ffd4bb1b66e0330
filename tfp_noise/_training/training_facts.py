"""Facts that decide what a training gives, as text by name: compared between workers, and on resume.

The same program gives the same numbers bit by bit only with the same data, arguments and seed, and on CPUs with the
same threads, for sums are split among them.
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

_PACKAGES = ("tensorflow", "keras", "tensorflow-probability", "numpy")
_BYTES = 2**26  # of an array, beyond which a digest is taken of evenly spaced rows


def environment():
    """Versions, processor, accelerators and threads of this process, as a dict of plain JSON."""
    accelerators = [device for kind in ("GPU", "TPU") for device in tf.config.list_physical_devices(kind)]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    # Zero stands for TensorFlow's choice: the environment's number, or else one thread for each core it may use.
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
    except importlib.metadata.PackageNotFoundError:  # installed under another name, as nightly builds are
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
    """Decisions of the caller of `fit`, as a dict of text by the name of the argument.

    Args:
        model: the compiled model, with `loss` and `optimizer`.
        data: dict of what `fit` reads, by argument: arrays, datasets, nests of them, or `None`.
        settings: dict of numbers, text, or `None`, by argument.
        resumed: bool, the facts are for the halves of one training, whose datasets read the same files from another
            epoch on. Otherwise they are for several workers, which may read files of their own from one epoch on.
    """
    facts = {name: repr(value) for name, value in settings.items() if value is not None}
    facts |= {"keras.utils.set_random_seed": repr(context.global_seed())}
    facts |= leaves("loss", _config(model.loss)) | leaves("optimizer", _config(model.optimizer))
    return facts | {name: described(value, resumed) for name, value in data.items() if value is not None}


def leaves(name, config):
    """The config's values by the names of the arguments that led to them; counted names of objects are no arguments."""
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
    except (NotImplementedError, TypeError, ValueError):  # a user's own class, without a config
        return type(value).__name__


def described(value, resumed=False):
    """Size and digest of data; of what is read by other ways, such as a generator, the type alone."""
    found = arrays(value)
    if isinstance(value, numbers.Number | str) or (isinstance(value, dict) and not found):
        return repr(value)
    if isinstance(value, tf.data.Dataset):
        own_share = (
            value.options().experimental_distribute.auto_shard_policy == tf.data.experimental.AutoShardPolicy.OFF
        )
        crc = "" if own_share else f", CRC-32 {_crc(_dataset_parts(value, resumed)):08x}"
        count = int(value.cardinality())  # negative where TensorFlow does not know
        return f"{count if count >= 0 else 'unknown number of'} batches{crc}"
    if not found:
        return type(value).__name__
    places = [path for path, _ in keras.tree.flatten_with_path(value)]
    kinds = [(array.shape, str(array.dtype)) for array in found]
    return f"{len(found[0])} examples, CRC-32 {_crc([repr((places, kinds)).encode(), *map(_bytes, found)]):08x}"


def arrays(value):
    """Values that are at hand: NumPy, pandas and eager tensors, but no symbolic ones and no generators."""
    found = keras.tree.flatten(value)
    return [leaf for leaf in found if hasattr(leaf, "__array__") and not keras.backend.is_keras_tensor(leaf)]


def digest(array):
    """CRC-32 of an array's bytes, of evenly spaced rows where it is large."""
    return f"CRC-32 {_crc([_bytes(array)]):08x}"


def _dataset_parts(dataset, resumed):
    """Bytes of what an in-memory dataset was made of: its tensors, its functions' and their constants, as seeds are."""
    for value in keras.tree.flatten([value for _, value in sorted(vars(dataset).items())]):
        if isinstance(value, tf.Tensor) and (value.shape.rank or not resumed):
            yield from _tensor_bytes(value, resumed)
    for wrapper in dataset._functions():
        for captured in wrapper.function.captured_inputs:
            yield from _tensor_bytes(captured, resumed)
        graph = wrapper.function.graph.as_graph_def()
        nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
        # Sorted, because nested functions have counted names, and workers may have counted differently.
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
    return (array.astype(str) if array.dtype == object else array).tobytes()


def _crc(parts):
    crc = 0
    for part in parts:
        crc = zlib.crc32(part, crc)
    return crc

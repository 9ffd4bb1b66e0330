"""TensorFlow's distribution strategies by name; missing devices or workers are errors at once."""

import os
import re
from collections.abc import Sequence

import tensorflow as tf
from absl import logging

from tfp_noise import _backends, _validation
from tfp_noise.distribute import _addresses, _cluster, _deadline, _rendezvous, _termination

_OPTIONS = {"default": (), "mirrored": ("devices",), "tpu": ("tpu",), "multi_worker": ("cluster", "communication")}
_COMMUNICATIONS = {
    name: tf.distribute.experimental.CommunicationImplementation[name.upper()] for name in ("auto", "ring", "nccl")
}
_SECONDS_TO_CONNECT = 50  # after all workers have reported to the chief
_MIRRORED: dict[tuple[str, ...], tf.distribute.Strategy] = {}  # the only one of this process, by its devices


def strategy(
    name: str = "default",
    *,
    devices: Sequence[str] | None = None,
    num_replicas: int | None = None,
    tpu: str | None = None,
    cluster: _cluster.Cluster | None = None,
    communication: str = "auto",
    timeout: float = 300,
) -> tf.distribute.Strategy:
    """A `tf.distribute` strategy: a model that is built and compiled in its `scope()` trains on all its replicas.

    | name | trains on |
    |---|---|
    | `"default"` | the device that TensorFlow chooses |
    | `"mirrored"` | all GPUs of this machine, or `devices` |
    | `"tpu"` | a TPU |
    | `"multi_worker"` | several machines, each with all its GPUs, as many on each; or, with a warning, their CPUs |

    Call it first in the program, before other TensorFlow operations. A process can have only one "mirrored" strategy,
    because a second one breaks the collectives of the first. Neither a real TPU nor real GPUs have run it yet: "tpu"
    and the choice of GPUs are tested with stand-ins, "mirrored" on logical CPU devices, "multi_worker" with processes
    on one machine, and Slurm by its environment variables.

    Args:
        name: a name in the table above.
        devices: for "mirrored", the devices to train on, such as `["GPU:0", "GPU:2"]`; for tests also logical CPU
            devices, `["CPU:0", "CPU:1"]`, which share the machine's cores.
        num_replicas: int, the number of replicas that is required; "mirrored" without `devices` takes the first GPUs.
        tpu: for "tpu", its name or address, "grpc://host:8470"; by default the environment's TPU_NAME, or else "local",
            as on a TPU virtual machine.
        cluster: for "multi_worker", a `Cluster`; by default that of the environment's TF_CONFIG, or else that of a
            Slurm step in which each task is a worker (give each its own GPUs, `srun --gpus-per-task`).
        communication: for "multi_worker", "auto", "ring" (gRPC) or "nccl" (GPUs).
        timeout: float, seconds to wait for a worker, or for a TPU at an address.

    Returns:
        A `tf.distribute.Strategy`.

    Raises:
        ConnectionError: if there is no TPU, or none at its address.
        OSError: if this worker's port is in use.
        RuntimeError: if TensorFlow has initialised its devices already, or another "mirrored" strategy exists.
        TimeoutError: if a worker does not report in time; the message names it.
        TypeError: if an argument is of another type.
        ValueError: if the name is unknown, an argument belongs to another strategy, there is no GPU, the number of
            replicas is not `num_replicas`, the cluster is malformed, or a worker has another number of GPUs than the
            chief.

    Example:
        >>> import keras
        >>> here = strategy("default")
        >>> with here.scope():
        ...     network = keras.Sequential([keras.Input([4]), keras.layers.Dense(3)])
        >>> here.num_replicas_in_sync
        1
    """
    _backends.require_tensorflow("strategy", "strategies are TensorFlow's")
    _validation.check_choice("name", name, _OPTIONS, "strategy")
    _validation.check_choice("communication", communication, _COMMUNICATIONS)
    timeout = _validation.check_number("timeout", timeout, above=0)
    if num_replicas is not None:
        num_replicas = _validation.check_int("num_replicas", num_replicas, 1)
    given = {
        "devices": devices,
        "tpu": tpu,
        "cluster": cluster,
        "communication": None if communication == "auto" else communication,
    }
    for option, value in given.items():
        if value is not None and option not in _OPTIONS[name]:
            owner = next(other for other, options in _OPTIONS.items() if option in options)
            raise ValueError(f"`{option}` belongs to the strategy {owner!r}. Received: {value!r} for {name!r}.")
    if name == "mirrored":
        made = _mirrored(devices, num_replicas)
    elif name == "tpu":
        made = _tpu(tpu, timeout)
    elif name == "multi_worker":
        made = _multi_worker(_cluster.find(cluster), communication, timeout)
    else:
        made = tf.distribute.get_strategy()
    if num_replicas not in (None, made.num_replicas_in_sync):
        raise ValueError(
            f"`num_replicas` must be {made.num_replicas_in_sync}, as the strategy {name!r} has. Received: "
            f"{num_replicas}. Leave it out, or choose as many devices."
        )
    return made


def _mirrored(devices, num_replicas):
    if devices is None:
        gpus = _gpus()
        if len(gpus) < (num_replicas or 1):
            raise ValueError(
                f"The strategy 'mirrored' needs {num_replicas or 'at least 1'} GPUs. Received: TensorFlow sees "
                f"{len(gpus) or 'none'}. Is its GPU version installed (`pip install 'tensorflow[and-cuda]'`), and the "
                'driver? To train on the CPU, take "default", or name `devices` such as ["CPU:0", "CPU:1"].'
            )
        devices = gpus[:num_replicas]
    devices = _check_devices(devices)
    if _MIRRORED and devices not in _MIRRORED:
        raise RuntimeError(
            f"A process must have only one strategy 'mirrored': a second one breaks the collectives of the first. "
            f"Received: {devices}, after {next(iter(_MIRRORED))}. Use the first one, or start a new process."
        )
    if not _MIRRORED:
        if devices[0].startswith("CPU"):
            _make_logical_cpus(1 + max(int(device.split(":")[1]) for device in devices))
        _MIRRORED[devices] = tf.distribute.MirroredStrategy(list(devices))
    return _MIRRORED[devices]


def _gpus():
    return [f"GPU:{i}" for i in range(len(tf.config.list_logical_devices("GPU")))]


def _check_devices(devices):
    if not isinstance(devices, (list, tuple)) or not all(isinstance(device, str) for device in devices):
        raise TypeError(f'`devices` must be a list such as ["GPU:0", "GPU:1"]. Received: {devices!r}.')
    devices = tuple(devices)
    kinds = {match and match[1] for match in map(re.compile(r"(CPU|GPU):\d+").fullmatch, devices)}
    if kinds not in ({"CPU"}, {"GPU"}) or len(set(devices)) < len(devices):
        raise ValueError(
            "`devices` must be distinct and of one kind, GPUs or CPUs. "
            f'Received: {list(devices)}. Name them as in ["GPU:0", "GPU:1"].'
        )
    if kinds == {"GPU"} and not set(devices) <= set(_gpus()):
        raise ValueError(
            f"`devices` must be devices of this machine. Received: {list(devices)}, and TensorFlow sees "
            f"{_gpus() or 'no GPU'}."
        )
    return devices


def _make_logical_cpus(count):
    cpu = tf.config.list_physical_devices("CPU")[0]
    present = tf.config.get_logical_device_configuration(cpu) or [None]
    if len(present) >= count:
        return
    try:
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * count)
    except RuntimeError as error:
        raise RuntimeError(
            f"{count} logical CPU devices must be made before TensorFlow initialises its devices. Received: it has "
            f"done so, with {len(present)}. Call `distribute.strategy` first in the program."
        ) from error


def _tpu(tpu, timeout):
    """A strategy by Google's recipe; addresses are tried first, because TensorFlow would wait forever for an answer."""
    if tpu is not None and not (isinstance(tpu, str) and tpu):
        raise TypeError(f'`tpu` must be a name or an address, as in "grpc://10.0.0.2:8470". Received: {tpu!r:.100}.')
    tpu = tpu or os.environ.get("TPU_NAME") or "local"
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(tpu=tpu)
        for address in resolver.cluster_spec().as_dict().get("worker", []):
            _addresses.connect(address, timeout).close()
        tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
    except (OSError, ValueError, ImportError, tf.errors.OpError) as error:
        raise ConnectionError(
            f"The strategy 'tpu' needs a TPU. Received: {tpu!r}, and {type(error).__name__}: "
            f"{error!s:.100}. Is this a TPU virtual machine with TensorFlow's TPU version "
            '(`pip install tensorflow-tpu`)? Else give the address, as in "grpc://10.0.0.2:8470".'
        ) from error
    return tf.distribute.TPUStrategy(resolver)


def _multi_worker(cluster, communication, timeout):
    gpus = len(tf.config.get_visible_devices("GPU"))
    if communication == "nccl" and not gpus:
        raise ValueError(
            "`communication` must be 'auto' or 'ring' without GPUs. Received: 'nccl', and TensorFlow sees none."
        )
    _check_idle()
    if not gpus:
        logging.warning("Worker %d (%s) has no GPU and trains on its CPU.", cluster.index, cluster.address)
    _rendezvous.meet(cluster, timeout, gpus)
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec({"worker": list(cluster.workers)}),
        task_type="worker",
        task_id=cluster.index,
        num_accelerators={"GPU": gpus},
        rpc_layer="grpc",
    )
    options = tf.distribute.experimental.CommunicationOptions(implementation=_COMMUNICATIONS[communication])
    made = _deadline.connect_workers_that_have_met(
        min(timeout, _SECONDS_TO_CONNECT), lambda: tf.distribute.MultiWorkerMirroredStrategy(resolver, options)
    )
    _termination.end_at_sigterm(f"Worker {cluster.index} ({cluster.address})")
    return made


def _check_idle():
    """Refuses a program in which TensorFlow has initialised its devices, before it waits for the other workers."""
    visible = tf.config.get_visible_devices()
    try:
        tf.config.set_visible_devices([])
        tf.config.set_visible_devices(visible)
    except RuntimeError as error:
        raise RuntimeError(
            "The strategy 'multi_worker' must be made before TensorFlow initialises its devices. Received: it has done "
            "so. Call `distribute.strategy` first in the program."
        ) from error

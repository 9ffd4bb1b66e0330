"""Where training runs: TensorFlow's strategies, by name, made so that what is missing is an error at once."""

import os
import re

import tensorflow as tf
from absl import logging

from tfp_noise import _validation
from tfp_noise.distribute import _addresses, _cluster, _deadline, _lost_workers, _rendezvous, _termination

_CLASSES = {
    "mirrored": tf.distribute.MirroredStrategy,
    "tpu": tf.distribute.TPUStrategy,
    "multi_worker": tf.distribute.MultiWorkerMirroredStrategy,
}
_OPTIONS = {"default": (), "mirrored": ("devices",), "tpu": ("tpu",), "multi_worker": ("cluster", "communication")}
_COMMUNICATIONS = {
    name: tf.distribute.experimental.CommunicationImplementation[name.upper()] for name in ("auto", "ring", "nccl")
}
_SECONDS = 50  # for TensorFlow to connect workers that have met
_MIRRORED = {}  # the one of this process, by its devices


def strategy(
    name="default", *, devices=None, num_replicas=None, tpu=None, cluster=None, communication="auto", timeout=300
):
    """A `tf.distribute` strategy, in whose `scope()` a model is built and compiled; `fit` then trains on all replicas.

    | name | trains on |
    |---|---|
    | `"default"` | the device that TensorFlow takes by itself |
    | `"mirrored"` | all GPUs of this machine, or `devices` |
    | `"tpu"` | a TPU |
    | `"multi_worker"` | several machines, each with all its GPUs, as many on each; or, with a warning, their CPUs |

    Call it first in the program, before other TensorFlow operations. One "mirrored" strategy a process: a second one
    breaks the collectives of the first. Neither a real TPU nor real GPUs have run it yet: "tpu" and the choice of GPUs
    are tested with stand-ins, "mirrored" on logical CPU devices, "multi_worker" with processes on one machine, Slurm's
    by its variables.

    Args:
        name: see above.
        devices: for "mirrored", what to train on, such as `["GPU:0", "GPU:2"]`; or logical CPU devices,
            `["CPU:0", "CPU:1"]`, which share the machine's cores: for tests.
        num_replicas: int, how many replicas there must be; of "mirrored" without `devices`, the first GPUs.
        tpu: for "tpu", its name or address, "grpc://host:8470"; else the environment's TPU_NAME, else "local", as on a
            TPU virtual machine.
        cluster: for "multi_worker", a `Cluster`; else that of the environment's TF_CONFIG, else that of a Slurm step
            with a worker a task (give each its own GPUs, `srun --gpus-per-task`).
        communication: for "multi_worker", "auto", "ring" (gRPC) or "nccl" (GPUs).
        timeout: seconds that a worker, or a TPU at an address, may take to be there.

    Returns:
        A `tf.distribute.Strategy`.

    Raises:
        ConnectionError: if there is no TPU, or none at its address.
        OSError: if this worker's port is taken.
        RuntimeError: if TensorFlow is already at work, or another "mirrored" strategy exists.
        TimeoutError: if a worker is not there in time; it names it.
        TypeError: if an argument is of another type.
        ValueError: if the name is unknown, an argument belongs to another strategy, there is no GPU, there are not
            `num_replicas`, the cluster is malformed, or a worker has not as many GPUs as the chief.

    Example:
        >>> import keras
        >>> here = strategy("default")
        >>> with here.scope():
        ...     network = keras.Sequential([keras.Input([4]), keras.layers.Dense(3)])
        >>> check_batch_size(128, here)
        128
    """
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
            f"`num_replicas` must be the {made.num_replicas_in_sync} of the strategy {name!r}. Received: "
            f"{num_replicas}. Leave it out, or choose devices that make as many."
        )
    return made


def is_chief(strategy):
    """Whether this process writes files and speaks: true but for the later workers of several."""
    return _check_strategy(strategy).extended.should_checkpoint


def _check_strategy(strategy):
    cure = "Pass what `distribute.strategy` gives."
    return _validation.check_instance("strategy", strategy, tf.distribute.Strategy, cure)


def check_batch_size(batch_size, strategy):
    """The examples that each replica gets of a batch.

    Args:
        batch_size: int, the global one, of all replicas together.
        strategy: a `tf.distribute.Strategy`.

    Returns:
        An int.

    Raises:
        TypeError: if `batch_size` is no integer.
        ValueError: if the replicas cannot divide it.
    """
    replicas = _check_strategy(strategy).num_replicas_in_sync
    return _validation.check_batch_size(batch_size, replicas) // replicas


def description(strategy):
    """The name that `strategy` takes, and the number of replicas, as plain JSON."""
    _check_strategy(strategy)
    name = next((name for name, kind in _CLASSES.items() if isinstance(strategy, kind)), "default")
    return {"strategy": name, "replicas": strategy.num_replicas_in_sync}


def barrier(strategy, at=""):
    """Returns when all workers have come here, so that each then finds what the chief has written.

    Args:
        strategy: a `tf.distribute.Strategy`.
        at: text, what they have come to. Workers that have come to different things, for they have other flags or see
            other files, would add up what does not belong together.

    Raises:
        ConnectionError: if a worker is lost; it names it.
        ValueError: if `at` differs; all workers raise it.
    """
    if not isinstance(at, str):
        raise TypeError(f"`at` must be text. Received: {at!r:.100} of type {type(at).__name__}.")
    if not _lost_workers.is_multi_worker(_check_strategy(strategy)):
        return
    said = gather_texts(strategy, at)
    if len(set(said)) > 1:
        received = "; ".join(f"worker {i}: {text}" for i, text in enumerate(said))
        raise ValueError(
            f"All workers must be at the same work. Received: {received}. Start all with the same program and flags, "
            "on a file system that they share."
        )


def gather_texts(strategy, text):
    """The texts of all workers, in their order, once all have come here; a ConnectionError names a lost one."""
    letters = tf.constant([*text.encode(), 0])

    @tf.function(autograph=False)
    def gather():
        return strategy.run(lambda: tf.distribute.get_replica_context().all_gather(letters, axis=0))

    with _lost_workers.naming_lost_workers(strategy):
        gathered = strategy.experimental_local_results(gather())[0].numpy()
    said = bytes(gathered.tolist()).decode().split("\0")[:-1]  # a text a replica, in the order of the workers
    return said[:: len(said) // len(strategy.cluster_resolver.cluster_spec().as_dict()["worker"])]


def _mirrored(devices, num_replicas):
    if devices is None:
        gpus = _gpus()
        if len(gpus) < (num_replicas or 1):
            raise ValueError(
                f"The strategy 'mirrored' must have {num_replicas or 'its'} GPUs. Received: TensorFlow sees "
                f"{len(gpus) or 'none'}. Is its GPU version installed (`pip install 'tensorflow[and-cuda]'`), and the "
                'driver? To train on the CPU, take "default", or name `devices` such as ["CPU:0", "CPU:1"].'
            )
        devices = gpus[:num_replicas]
    devices = _check_devices(devices)
    if _MIRRORED and devices not in _MIRRORED:
        raise RuntimeError(
            f"Only one strategy 'mirrored' a process works: a second one breaks its collectives. Received: {devices}, "
            f"after {next(iter(_MIRRORED))}. Take that one, or a new process."
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
            "`devices` must be different ones of one kind, GPUs or CPUs. "
            f'Received: {list(devices)}. Name them as in ["GPU:0", "GPU:1"].'
        )
    if kinds == {"GPU"} and not set(devices) <= set(_gpus()):
        raise ValueError(
            f"`devices` must be there. Received: {list(devices)}, and TensorFlow sees {_gpus() or 'no GPU'}."
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
            f"{count} logical CPU devices must be made before TensorFlow is at work. Received: it is, with "
            f"{len(present)}. Make the strategy first in the program."
        ) from error


def _tpu(tpu, timeout):
    """After Google's own recipe; an address is tried first, for TensorFlow waits for one that is silent without end."""
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
            f"The strategy 'tpu' must find a TPU. Received: {tpu!r}, and {type(error).__name__}: "
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
        logging.warning("No GPU: worker %d (%s) trains on its CPU.", cluster.index, cluster.address)
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
        min(timeout, _SECONDS), lambda: tf.distribute.MultiWorkerMirroredStrategy(resolver, options)
    )
    _termination.end_at_sigterm(f"Worker {cluster.index} ({cluster.address})")
    return made


def _check_idle():
    """Raises once TensorFlow has touched a device; found out before the other workers have come."""
    visible = tf.config.get_visible_devices()
    try:
        tf.config.set_visible_devices([])
        tf.config.set_visible_devices(visible)
    except RuntimeError as error:
        raise RuntimeError(
            "The strategy 'multi_worker' must be made before TensorFlow is at work. Received: it is. Call "
            "`distribute.strategy` first in the program."
        ) from error

"""The workers of a training and this process's place among them, from an argument, TF_CONFIG, or Slurm."""

import dataclasses
import json
import os
from collections.abc import Sequence

from tensorflow.python.distribute.cluster_resolver import slurm_cluster_resolver as slurm

from tfp_noise import _validation
from tfp_noise.distribute import _addresses

_EXAMPLE = '{"cluster": {"worker": ["host1:12345", "host2:12345"]}, "task": {"type": "worker", "index": 0}}'
_SLURM = ("SLURM_PROCID", "SLURM_NODEID", "SLURM_LOCALID", "SLURM_STEP_NODELIST", "SLURM_STEP_TASKS_PER_NODE")
_SLURM_PORTS, _SLURM_NUM_PORTS = 20_000, 10_000  # below 32,768, from which on Linux assigns ports itself


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The processes that train one model together.

    Args:
        workers: the address of each, "host:port", the same list in all processes; the first is the chief, the only one
            that writes files.
        index: int, the position of this process in `workers`.

    Raises:
        TypeError: if `workers` is not a sequence or `index` not an integer.
        ValueError: if an address is malformed or repeated, or `index` is out of range.

    Example:
        >>> Cluster(["host1:12345", "host2:12345"], index=1).address
        'host2:12345'
    """

    workers: Sequence[str]
    index: int

    def __post_init__(self):
        if isinstance(self.workers, str) or not isinstance(self.workers, Sequence):
            raise TypeError(
                f"`workers` must be a list of addresses. Received: {self.workers!r}. "
                'Pass one for each worker, such as ["host1:12345", "host2:12345"].'
            )
        for worker in self.workers:
            if not _addresses.is_address(worker):
                raise ValueError(
                    f'`workers` must be addresses such as "host1:12345", the port below 65536. Received: {worker!r}.'
                )
            if self.workers.count(worker) > 1:
                raise ValueError(
                    f"`workers` must differ. Received: {worker!r} twice. Give workers on one machine different ports."
                )
        if _validation.check_int("index", self.index, 0) >= len(self.workers):
            raise ValueError(
                f"`index` must be below the {len(self.workers)} `workers`. Received: {self.index}. Count from 0."
            )
        object.__setattr__(self, "workers", tuple(self.workers))

    @property
    def address(self):
        """This process's address."""
        return self.workers[self.index]


def find(cluster=None):
    """The cluster of the argument or of TF_CONFIG, which must not differ; without both, that of Slurm.

    Slurm comes last because its variables are set in every step of a job, even if its processes are not meant to train
    one model together.

    Raises:
        TypeError: if `cluster` is not a `Cluster`.
        ValueError: if there is no cluster, TF_CONFIG or Slurm's variables are malformed, or `cluster` and TF_CONFIG
            differ.
    """
    if cluster is not None and not isinstance(cluster, Cluster):
        raise TypeError(f"`cluster` must be a `distribute.Cluster`. Received: {cluster!r}.")
    configured = _from_tf_config(os.environ["TF_CONFIG"]) if os.environ.get("TF_CONFIG") else None
    if cluster and configured and cluster != configured:
        raise ValueError(
            f"`cluster` and TF_CONFIG must describe the same workers. Received: {cluster} and {configured}. Leave one "
            "of them out."
        )
    found = cluster or configured or (_from_slurm() if "SLURM_PROCID" in os.environ else None)
    if found is None:
        raise ValueError(
            "The strategy 'multi_worker' needs the workers' addresses. Received: no `cluster`, no TF_CONFIG, no "
            f"SLURM_PROCID. Pass `cluster=distribute.Cluster(workers, index)`, set TF_CONFIG such as '{_EXAMPLE}', or "
            "start the program with srun."
        )
    return found


def _from_tf_config(text):
    """The cluster of TF_CONFIG; a chief, which TensorFlow lists apart from the workers, becomes the first worker."""

    def refuse(expected, received):
        return ValueError(f"TF_CONFIG must {expected}. Received: {received!r}. Set it such as '{_EXAMPLE}'.")

    try:
        config = json.loads(text)
    except ValueError as error:
        raise refuse(f"be JSON ({error})", text) from error
    if not isinstance(config, dict):
        raise refuse("be a JSON object", config)
    cluster, task = config.get("cluster"), config.get("task")
    if not isinstance(cluster, dict) or not cluster:
        raise refuse('name the addresses of the workers under "cluster"', config)
    if not set(cluster) <= {"chief", "worker"}:
        raise refuse('have "chief" and "worker" only in its cluster, because all processes train', sorted(cluster))
    if not all(isinstance(addresses, list) for addresses in cluster.values()):
        raise refuse("have lists of addresses in its cluster", cluster)
    if not isinstance(task, dict) or not {"type", "index"} <= set(task):
        raise refuse('say which worker this is under "task", by "type" and "index"', task)
    kind, index = task["type"], task["index"]
    if kind not in ("chief", "worker"):
        raise refuse('have the task type "chief" or "worker"', kind)
    if isinstance(index, str) and index.isdecimal():  # some launchers write it so, and TensorFlow accepts it
        index = int(index)
    if isinstance(index, bool) or not isinstance(index, int):
        raise refuse("have an integer as task index", index)
    chiefs = cluster.get("chief", [])
    if len(chiefs) > 1:
        raise refuse("have at most one chief", chiefs)
    if not 0 <= index < len(cluster.get(kind, [])):
        raise refuse(f"have a task index below the {len(cluster.get(kind, []))} addresses of {kind!r}", index)
    try:
        return Cluster([*chiefs, *cluster.get("worker", [])], index + (len(chiefs) if kind == "worker" else 0))
    except ValueError as error:
        raise ValueError(f"TF_CONFIG: {error}") from error


def _from_slurm():
    """The cluster of a step that srun started: each task is a worker, and its port depends on the job's number.

    TensorFlow's `SlurmClusterResolver` is used only to parse Slurm's lists: it sorts hosts as text (n10 before n2), so
    that ranks no longer match addresses, it calls nvidia-smi, and it takes the same ports for every job.
    """
    missing = [name for name in (*_SLURM, "SLURM_JOB_ID") if name not in os.environ]
    if missing:
        raise ValueError(
            f"Slurm's environment must have {', '.join(missing)}. Received: none. Start the workers with srun."
        )
    rank, node, local, hosts, tasks = (os.environ[name] for name in _SLURM)
    hosts, tasks = slurm.expand_hostlist(hosts), slurm.expand_tasks_per_node(tasks)
    port = _SLURM_PORTS + int(os.environ["SLURM_JOB_ID"]) % _SLURM_NUM_PORTS
    workers = [f"{host}:{port + i}" for host, count in zip(hosts, tasks, strict=True) for i in range(count)]
    cluster = Cluster(workers, int(rank))
    own = f"{hosts[int(node)]}:{port + int(local)}"
    if cluster.address != own:
        raise ValueError(
            f"Slurm must number tasks node by node. Received: rank {rank} on {own}, where {cluster.address} was "
            "expected. Start with srun --distribution=block."
        )
    return cluster

"""Are all workers there? Asked before TensorFlow connects them, for it waits for a missing one without an end.

What TensorFlow 2.21 does alone: the chief waits for ever for a worker that does not come, whatever its
`cluster_register_timeout`, and is then deaf to SIGTERM; a worker waits an hour for the chief.

The chief listens at its own address; the others come to it, say who they are, and wait. To each it sends, a line of
JSON whenever that changes, who is missing and whether it waits for them: no longer when all are there, or when time is
up. A process that dies meanwhile is missing again.
"""

import json
import selectors
import socket
import time
from contextlib import ExitStack, suppress

from tfp_noise.distribute import _addresses

_PATIENCE = 5.0  # seconds for one line, or for one attempt to connect, or for the chief's verdict when time is up
_PAUSE = 0.2
_LONGEST = 2**20  # characters of a line


def meet(cluster, timeout, gpus=0):
    """Returns when all workers of `cluster` are there.

    Args:
        cluster: a `Cluster`.
        timeout: float, seconds.
        gpus: int, how many this worker trains on.

    Raises:
        OSError: if this worker's port is taken.
        TimeoutError: if some worker is not there in time; it names each with its address.
        ValueError: if another process says that it is this worker, has other `workers`, or not as many GPUs as the
            chief: a driver that is missing on one machine would slow down all.
    """
    deadline = time.monotonic() + timeout
    with ExitStack() as stack:
        server = stack.enter_context(_listen(cluster))
        if cluster.index == 0:
            missing = _gather(cluster, gpus, server, deadline, stack)
        else:
            missing = _join(cluster, gpus, deadline)
    if missing:
        names = ", ".join(f"worker {index} ({cluster.workers[index]})" for index in missing)
        raise TimeoutError(
            f"All workers must be there within {timeout:g} seconds. Missing: {names}. Seen from worker {cluster.index} "
            f"({cluster.address}). Was it started, is its address right, and does a firewall let its port through?"
        )


def _listen(cluster):
    try:
        dual = socket.has_dualstack_ipv6()
        family = socket.AF_INET6 if dual else socket.AF_INET
        return socket.create_server(
            ("", _addresses.split(cluster.address)[1]),
            family=family,
            backlog=len(cluster.workers),
            dualstack_ipv6=dual,
        )
    except OSError as error:
        raise OSError(
            f"Worker {cluster.index} must be able to listen at its port. Received: {cluster.address}: {error}. "
            "Give it another port, or end the process that holds it."
        ) from error


def _gather(cluster, gpus, server, deadline, stack):
    """The chief's part: who is missing at the end."""
    present = {}
    selector = stack.enter_context(selectors.DefaultSelector())
    selector.register(server, selectors.EVENT_READ)
    missing = list(range(1, len(cluster.workers)))
    while missing and time.monotonic() < deadline:
        for key, _ in selector.select(max(0, deadline - time.monotonic())):
            if key.fileobj is not server:  # it has nothing more to say: it is gone
                selector.unregister(key.fileobj)
                present.pop(key.data).close()
                continue
            connection = stack.enter_context(server.accept()[0])
            index = _introduction(cluster, gpus, connection, present)
            if index is not None:
                present[index] = connection
                selector.register(connection, selectors.EVENT_READ, index)
        missing = [index for index in range(1, len(cluster.workers)) if index not in present]
        waiting = bool(missing) and time.monotonic() < deadline
        for connection in present.values():
            _send(connection, {"missing": missing, "waiting": waiting})
    return missing


def _introduction(cluster, gpus, connection, present):
    """Who has come; `None`, after an answer that says why, for a process that does not belong here."""
    connection.settimeout(_PATIENCE)
    try:
        said = json.loads(connection.makefile().readline(_LONGEST))
        index, workers, its_gpus = int(said["index"]), tuple(said["workers"]), int(said["gpus"])
    except (OSError, ValueError, TypeError, KeyError):
        return None  # not one of us
    if workers != cluster.workers:
        problem = f"must be given the same `workers`. Received: {workers} here, {cluster.workers} at the chief."
    elif its_gpus != gpus:
        problem = f"must train on as many GPUs as the chief, on {gpus}. Received: {its_gpus}. Is its driver there?"
    elif index in present or index not in range(1, len(workers)):
        problem = f"must be given an `index` of its own. Received: {index}, which another process has."
    else:
        try:  # as TensorFlow will: not every address by which a worker can speak lets others in
            _addresses.connect(workers[index], _PATIENCE).close()
            return index
        except OSError as error:
            problem = f"must be within reach of the chief at its address. Received: {workers[index]}: {error}."
    _send(connection, {"problem": problem})
    return None


def _join(cluster, gpus, deadline):
    """The others' part: who is missing at the end."""
    missing = [0]
    while time.monotonic() < deadline:
        try:
            with _addresses.connect(cluster.workers[0], _PATIENCE) as connection:
                _send(connection, {"index": cluster.index, "workers": cluster.workers, "gpus": gpus})
                for said in _lines(connection, deadline):
                    if "problem" in said:
                        raise ValueError(f"Worker {cluster.index} ({cluster.address}) {said['problem']}")
                    missing = said["missing"]
                    if not said["waiting"]:
                        return missing
        except TimeoutError:
            continue  # the chief's last word counts
        except OSError:
            missing = [0]
        time.sleep(_PAUSE)
    return missing


def _lines(connection, deadline):
    """What the chief says, until it is gone or its own time, too, must be up."""
    with connection.makefile() as file:
        while True:
            connection.settimeout(max(0, deadline - time.monotonic()) + _PATIENCE)
            line = file.readline(_LONGEST)
            try:
                said = json.loads(line)
            except ValueError as error:
                raise ConnectionError("The chief is gone, or something else has its address.") from error
            yield said


def _send(connection, said):
    with suppress(OSError):  # one that is gone is found to be missing
        connection.sendall(f"{json.dumps(said)}\n".encode())

"""A rendezvous of all workers before TensorFlow connects them, with a time limit that TensorFlow lacks.

Without it, in TensorFlow 2.21, the chief waits forever for a missing worker, whatever its `cluster_register_timeout`,
and ignores SIGTERM meanwhile; a worker waits an hour for the chief.

The chief listens at its own address; the other workers connect to it, send their index, and wait. Whenever that
changes, the chief sends each of them a line of JSON: the workers that are missing, and whether it still waits for them.
It stops waiting when all are present or when the time is up. A process that ends meanwhile is missing again.
"""

import json
import selectors
import socket
import time
from contextlib import ExitStack, suppress

from tfp_noise.distribute import _addresses

_PATIENCE = 5.0  # seconds for one line, for one attempt to connect, and for the chief's last line when time is up
_PAUSE = 0.2  # seconds between attempts to connect
_LONGEST = 2**20  # bytes of a line
_BACKLOG = 128  # connections, because other programs than the workers may connect, too
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def meet(cluster, timeout, gpus=0):
    """Returns when all workers of `cluster` have reported to the chief.

    Args:
        cluster: a `Cluster`.
        timeout: float, seconds.
        gpus: int, the number of GPUs that this worker trains on.

    Raises:
        OSError: if this worker's port is in use.
        TimeoutError: if some worker does not report in time; the message names each with its address.
        ValueError: if another process has reported with this worker's index, or this worker was given other `workers`
            or has another number of GPUs than the chief: one machine without a driver would slow down all.
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
            f"All workers must report within {timeout:g} seconds. Missing: {names}. Seen from worker {cluster.index} "
            f"({cluster.address}). Was it started, is its address right, and does a firewall let its port through?"
        )


def _listen(cluster):
    """A server at this worker's port; at a loopback address it accepts connections from this machine only."""
    host, port = _addresses.split(cluster.address)
    try:
        if host in _LOOPBACK:
            family, *_, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            return socket.create_server(where[:2], family=family, backlog=_BACKLOG)
        dual = socket.has_dualstack_ipv6()
        family = socket.AF_INET6 if dual else socket.AF_INET
        return socket.create_server(("", port), family=family, backlog=_BACKLOG, dualstack_ipv6=dual)
    except OSError as error:
        raise OSError(
            f"Worker {cluster.index} must be able to listen at its port. Received: {cluster.address}: {error}. "
            "Give it another port, or end the process that uses it."
        ) from error


def _gather(cluster, gpus, server, deadline, stack):
    """The chief's part; returns the indices of the workers that are missing at the end."""
    present, callers = {}, {}  # callers: connections without a whole line yet, each with its deadline and its bytes
    selector = stack.enter_context(selectors.DefaultSelector())
    selector.register(server, selectors.EVENT_READ)
    missing = list(range(1, len(cluster.workers)))
    while missing and time.monotonic() < deadline:
        for key, _ in selector.select(max(0, min([deadline, *(by for by, _ in callers.values())]) - time.monotonic())):
            connection = key.fileobj
            if connection is server:
                connection = stack.enter_context(server.accept()[0])
                connection.setblocking(False)
                selector.register(connection, selectors.EVENT_READ)
                callers[connection] = time.monotonic() + _PATIENCE, bytearray()
            elif connection in callers:
                said = callers[connection][1]
                ended = _receive(connection, said)
                if not ended and b"\n" not in said:
                    continue
                del callers[connection]
                connection.settimeout(_PATIENCE)
                index = _introduction(cluster, gpus, connection, bytes(said), present)
                if index is None:
                    selector.unregister(connection)
                    connection.close()
                else:
                    present[index] = connection
            else:  # workers send one line only, so that anything more means the end of the connection
                selector.unregister(connection)
                del present[next(index for index, other in present.items() if other is connection)]
                connection.close()
        for connection in [one for one, (by, _) in callers.items() if by <= time.monotonic()]:
            del callers[connection]
            selector.unregister(connection)
            connection.close()
        missing = [index for index in range(1, len(cluster.workers)) if index not in present]
        waiting = bool(missing) and time.monotonic() < deadline
        for connection in present.values():
            _send(connection, {"missing": missing, "waiting": waiting})
    return missing


def _receive(connection, said):
    """Adds received bytes to `said`; True if the connection has ended or the line is too long."""
    try:
        part = connection.recv(2**16)
    except OSError:
        return True
    said += part
    return not part or len(said) > _LONGEST


def _introduction(cluster, gpus, connection, line, present):
    """The index of the worker that sent `line`; `None` for another program or, after an answer, for a wrong worker."""
    try:
        said = json.loads(line)
        index, workers, its_gpus = said["index"], tuple(said["workers"]), said["gpus"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None  # another program
    if type(index) is not int or type(its_gpus) is not int:
        return None
    if workers != cluster.workers:
        problem = f"must be given the same `workers`. Received: {workers}, and at the chief {cluster.workers}."
    elif its_gpus != gpus:
        problem = f"must train on as many GPUs as the chief, on {gpus}. Received: {its_gpus}. Is a driver missing?"
    elif index in present or index not in range(1, len(workers)):
        problem = f"must be given an `index` of its own. Received: {index}, which another process has."
    else:
        try:  # as TensorFlow will: a worker that can connect to the chief may still not be reachable itself
            _addresses.connect(workers[index], _PATIENCE).close()
            return index
        except OSError as error:
            problem = f"must be reachable for the chief at its address. Received: {workers[index]}: {error}."
    _send(connection, {"problem": problem})
    return None


def _join(cluster, gpus, deadline):
    """The part of all other workers; returns the indices of the workers that are missing at the end."""
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
            continue  # keeps the chief's last list of missing workers
        except OSError:
            missing = [0]
        time.sleep(_PAUSE)
    return missing


def _lines(connection, deadline):
    """The chief's messages, until its connection ends or its time limit must have passed, too."""
    with connection.makefile("rb") as file:
        while True:
            connection.settimeout(max(0, deadline - time.monotonic()) + _PATIENCE)
            line = file.readline(_LONGEST)
            try:
                said = json.loads(line)
                keys = ("problem",) if "problem" in said else ("missing", "waiting")
                said = {key: said[key] for key in keys}
            except (ValueError, TypeError, KeyError, RecursionError) as error:
                raise ConnectionError("The chief has ended, or another program listens at its address.") from error
            yield said


def _send(connection, said):
    with suppress(OSError):  # a lost connection is noticed when it is read
        connection.sendall(f"{json.dumps(said)}\n".encode())

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
_LONGEST = 2**20  # bytes of a line
_BACKLOG = 128  # beside the workers, strangers may call
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


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
    """A server at this worker's port: of this machine alone if the address is, else of all its networks."""
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
            "Give it another port, or end the process that holds it."
        ) from error


def _gather(cluster, gpus, server, deadline, stack):
    """The chief's part: who is missing at the end."""
    present, callers = {}, {}  # callers: who has not said a whole line yet, and by when it must
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
            else:  # a worker has nothing more to say: it is gone
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
    """Adds what has come to `said`; True once no more of the line is to be expected."""
    try:
        part = connection.recv(2**16)
    except OSError:
        return True
    said += part
    return not part or len(said) > _LONGEST


def _introduction(cluster, gpus, connection, line, present):
    """Who has come; `None`, after an answer that says why, for a process that does not belong here."""
    try:
        said = json.loads(line)
        index, workers, its_gpus = said["index"], tuple(said["workers"]), said["gpus"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None  # not one of us
    if type(index) is not int or type(its_gpus) is not int:
        return None
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
    with connection.makefile("rb") as file:
        while True:
            connection.settimeout(max(0, deadline - time.monotonic()) + _PATIENCE)
            line = file.readline(_LONGEST)
            try:
                said = json.loads(line)
                keys = ("problem",) if "problem" in said else ("missing", "waiting")
                said = {key: said[key] for key in keys}
            except (ValueError, TypeError, KeyError, RecursionError) as error:
                raise ConnectionError("The chief is gone, or something else has its address.") from error
            yield said


def _send(connection, said):
    with suppress(OSError):  # one that is gone is found to be missing
        connection.sendall(f"{json.dumps(said)}\n".encode())

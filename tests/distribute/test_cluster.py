"""Descriptions of a cluster, and the rendezvous of its workers, without TensorFlow."""

import contextlib
import json
import re
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tfp_noise import distribute
from tfp_noise.distribute import _cluster, _rendezvous

HOSTS = ["a:1", "b:2", "c:3"]


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch):
    for name in ("TF_CONFIG", "SLURM_PROCID"):
        monkeypatch.delenv(name, raising=False)


def tf_config(monkeypatch, cluster, task):
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster, "task": task}))


def slurm(monkeypatch, **variables):
    values = {"SLURM_PROCID": "1", "SLURM_NODEID": "0", "SLURM_LOCALID": "1", "SLURM_JOB_ID": "1230042"}
    values |= {"SLURM_STEP_NODELIST": "n[2,10]", "SLURM_STEP_TASKS_PER_NODE": "2(x2)", **variables}
    for name, value in values.items():
        monkeypatch.setenv(name, value)


def test_workers_of_tf_config(monkeypatch):
    tf_config(monkeypatch, {"worker": HOSTS}, {"type": "worker", "index": 2})
    assert _cluster.find() == distribute.Cluster(HOSTS, 2)
    tf_config(monkeypatch, {"worker": HOSTS[1:], "chief": HOSTS[:1]}, {"type": "worker", "index": "1"})
    assert _cluster.find() == distribute.Cluster(HOSTS, 2)
    tf_config(monkeypatch, {"worker": HOSTS[1:], "chief": HOSTS[:1]}, {"type": "chief", "index": 0})
    assert _cluster.find(distribute.Cluster(HOSTS, 0)) == distribute.Cluster(HOSTS, 0)
    with pytest.raises(
        ValueError, match=r"`cluster` and TF_CONFIG must describe the same workers. Rec.*index=1.*index=0"
    ):
        _cluster.find(distribute.Cluster(HOSTS, 1))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "TF_CONFIG must be JSON .* Received: '{'. Set it such as"),
        ("[]", "TF_CONFIG must be a JSON object. Received: []"),
        ("{}", 'TF_CONFIG must name the addresses of the workers under "cluster"'),
        ('{"cluster": {}}', 'TF_CONFIG must name the addresses of the workers under "cluster"'),
        ('{"cluster": {"worker": ["a:1"], "ps": ["b:1"]}}', "only in its cluster, .* Received: ['ps', 'worker']"),
        ('{"cluster": {"worker": "a:1"}}', "TF_CONFIG must have lists of addresses"),
        ('{"cluster": {"worker": ["a:1"]}}', 'which worker this is under "task".* Received: None'),
        ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker"}}', 'by "type" and "index"'),
        ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "evaluator", "index": 0}}', "Received: 'evaluator'"),
        ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": "one"}}', "an integer as task index"),
        ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}', "below the 1 addresses"),
        ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": -1}}', "Received: -1"),
        ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "chief", "index": 0}}', "below the 0 addresses of 'chief'"),
        ('{"cluster": {"chief": ["a:1", "b:1"]}, "task": {"type": "chief", "index": 0}}', "at most one chief"),
        ('{"cluster": {"worker": ["a"]}, "task": {"type": "worker", "index": 0}}', "TF_CONFIG: `workers` must be addr"),
    ],
)
def test_malformed_tf_config(text, message, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(ValueError, match=message.replace("[", r"\[").replace("]", r"\]")):
        _cluster.find()


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        (("a:1", 0), TypeError, "`workers` must be a list of addresses. Received: 'a:1'"),
        ((["a:1", "b:65536"], 0), ValueError, "the port below 65536. Received: 'b:65536'"),
        ((["a:1", 2], 0), ValueError, "Received: 2"),
        ((["a:1", ":1"], 0), ValueError, "Received: ':1'"),
        ((["a:1", "a:1"], 0), ValueError, "`workers` must differ. Received: 'a:1' twice"),
        ((["a:1", "b:1"], 2), ValueError, "`index` must be below the 2 `workers`. Received: 2"),
        ((["a:1", "b:1"], "0"), TypeError, "`index` must be an integer"),
        (([], 0), ValueError, "below the 0 `workers`"),
    ],
)
def test_what_is_no_cluster(arguments, kind, message):
    with pytest.raises(kind, match=message):
        distribute.Cluster(*arguments)


def test_a_worker_a_task_of_slurm_in_the_order_of_its_nodes(monkeypatch):
    """Node n10 comes after n2, as Slurm numbers tasks; ports go by the job, so that two jobs do not share one."""
    slurm(monkeypatch)
    assert _cluster.find() == distribute.Cluster(["n2:20042", "n2:20043", "n10:20042", "n10:20043"], 1)
    slurm(monkeypatch, SLURM_PROCID="3", SLURM_NODEID="1")
    assert _cluster.find().address == "n10:20043"
    slurm(monkeypatch, SLURM_STEP_NODELIST="x[008-010],y", SLURM_STEP_TASKS_PER_NODE="2,1(x3)")
    assert _cluster.find().workers == ("x008:20042", "x008:20043", "x009:20042", "x010:20042", "y:20042")
    tf_config(monkeypatch, {"worker": HOSTS}, {"type": "worker", "index": 0})
    assert _cluster.find().workers == tuple(HOSTS)


def test_what_slurm_says_is_checked(monkeypatch):
    slurm(monkeypatch, SLURM_NODEID="1", SLURM_LOCALID="0")  # dealt out to nodes in turn
    with pytest.raises(ValueError, match=r"node by node. Received: rank 1 on n10:20042.*--distribution=block"):
        _cluster.find()
    monkeypatch.delenv("SLURM_STEP_NODELIST")
    monkeypatch.delenv("SLURM_JOB_ID")
    with pytest.raises(ValueError, match=r"must have SLURM_STEP_NODELIST, SLURM_JOB_ID. Received: none. .* srun"):
        _cluster.find()


def test_no_cluster_at_all():
    with pytest.raises(
        ValueError, match=r"needs the workers' addresses. Received: no `cluster`, no TF_CONFIG, no SLURM"
    ):
        _cluster.find()
    with pytest.raises(TypeError, match=r"`cluster` must be a `distribute.Cluster`"):
        _cluster.find(HOSTS)


def meet(*clusters, timeout=20.0):
    """The outcome of each rendezvous in a thread of its own: `None`, or an error."""
    with ThreadPoolExecutor(len(clusters)) as pool:
        return [future.exception() for future in [pool.submit(_rendezvous.meet, one, timeout) for one in clusters]]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0)])
@pytest.mark.daily("order1")
def test_all_go_on_when_the_last_has_come(order, workers):
    ended, threads = {}, []

    def run(index):
        _rendezvous.meet(distribute.Cluster(workers, index), 20)
        ended[index] = time.monotonic()

    for index in order:
        time.sleep(0.3)
        assert not ended
        threads.append(threading.Thread(target=run, args=[index]))
        threads[-1].start()
    for thread in threads:
        thread.join(10)
    assert set(ended) == {0, 1, 2}
    assert meet(*(distribute.Cluster(workers, index) for index in order)) == [None] * 3  # the ports are free again


@pytest.mark.parametrize("absent", [0, 1, 2])
@pytest.mark.daily("1")
def test_all_name_the_worker_that_does_not_come(absent, workers):
    started = time.monotonic()
    errors = meet(*(distribute.Cluster(workers, index) for index in range(3) if index != absent), timeout=0.5)
    assert time.monotonic() - started < 5
    for error in errors:
        assert isinstance(error, TimeoutError)
        assert f"within 0.5 seconds. Missing: worker {absent} ({workers[absent]}). Seen from worker" in str(error)


@pytest.mark.thorough
def test_a_worker_that_dies_while_it_waits_is_missing_again(workers):
    chief_port, own_port = (int(workers[index].split(":")[1]) for index in (0, 2))
    with ThreadPoolExecutor(2) as pool:
        chief = pool.submit(_rendezvous.meet, distribute.Cluster(workers, 0), 1.0)
        time.sleep(0.3)
        with (
            socket.create_server(("127.0.0.1", own_port)),
            socket.create_connection(("127.0.0.1", chief_port)) as third,
        ):
            third.sendall(json.dumps({"index": 2, "workers": workers, "gpus": 0}).encode() + b"\n")
            assert json.loads(third.makefile().readline()) == {"missing": [1], "waiting": True}
        second = pool.submit(_rendezvous.meet, distribute.Cluster(workers, 1), 1.0)
        for one in (chief, second):
            assert f"Missing: worker 2 ({workers[2]}). Seen" in str(one.exception())


def test_a_worker_without_a_way_back(workers):
    """The worker can connect to the chief, but nothing listens at its own address."""
    with ThreadPoolExecutor(1) as pool:
        chief = pool.submit(_rendezvous.meet, distribute.Cluster(workers[:2], 0), 1.0)
        time.sleep(0.3)
        with socket.create_connection(("127.0.0.1", int(workers[0].split(":")[1]))) as second:
            second.sendall(json.dumps({"index": 1, "workers": workers[:2], "gpus": 0}).encode() + b"\n")
            problem = json.loads(second.makefile().readline())["problem"]
        assert f"reachable for the chief at its address. Received: {workers[1]}: " in problem
        assert "Missing: worker 1" in str(chief.exception())


@pytest.mark.thorough
def test_what_is_no_worker_is_not_counted(workers, monkeypatch):
    """A port scan, a browser, and another program at the chief's address, none of which is a worker."""
    monkeypatch.setattr(_rendezvous, "_PATIENCE", 0.3)
    with ThreadPoolExecutor(1) as pool:
        chief = pool.submit(_rendezvous.meet, distribute.Cluster(workers[:2], 0), 1.0)
        time.sleep(0.3)
        for words in (b"", b"GET / HTTP/1.1\r\n\r\n", b"[]\n", b'{"index": 1}\n'):
            with socket.create_connection(("127.0.0.1", int(workers[0].split(":")[1]))) as stranger:
                stranger.sendall(words)
        assert "Missing: worker 1" in str(chief.exception())
    with socket.create_server(("127.0.0.1", int(workers[0].split(":")[1]))) as other, ThreadPoolExecutor(1) as pool:
        late = pool.submit(_rendezvous.meet, distribute.Cluster(workers[:2], 1), 0.5)
        connection, _ = other.accept()
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        connection.close()
        assert "Missing: worker 0" in str(late.exception())


HOSTILE = {
    "infinite": b'{"index": 1e999, "workers": [], "gpus": 0}\n',
    "infinite gpus": b'{"index": 1, "workers": WORKERS, "gpus": 1e999}\n',
    "a fraction": b'{"index": 1.5, "workers": WORKERS, "gpus": 0}\n',
    "true": b'{"index": true, "workers": WORKERS, "gpus": 0}\n',
    "a long number": b'{"index": ' + b"9" * 5000 + b', "workers": [], "gpus": 0}\n',
    "nested": b"[" * 200_000 + b"\n",
    "nested workers": b'{"index": 1, "gpus": 0, "workers": ' + b"[" * 900 + b"]" * 900 + b"}\n",
    "no UTF-8": b"\xff\xfe\n",
    "null": b"null\n",
    "NaN": b"NaN\n",
    "without an end": b"x" * (2**20 + 2**17),
    "binary": bytes(range(256)) * 4 + b"\n",
}


def test_hostile_lines_do_not_end_the_chief(workers):
    """Other programs send them, send a few bytes, or nothing; a worker after them is accepted without delay."""
    pair = workers[:2]
    with ThreadPoolExecutor(1) as pool, contextlib.ExitStack() as strangers:
        chief = pool.submit(_rendezvous.meet, distribute.Cluster(pair, 0), 20.0)
        time.sleep(0.3)
        for line in (*HOSTILE.values(), b"", b"{"):
            one = strangers.enter_context(socket.create_connection(("127.0.0.1", int(pair[0].split(":")[1]))))
            with contextlib.suppress(OSError):  # the chief need not read all of it
                one.sendall(line.replace(b"WORKERS", json.dumps(pair).encode()))
        time.sleep(0.2)
        assert chief.running()
        started = time.monotonic()
        _rendezvous.meet(distribute.Cluster(pair, 1), 20.0)
        assert chief.result(5) is None
        assert time.monotonic() - started < 3


@pytest.mark.parametrize("line", [b"[" * 200_000 + b"\n", b"{}\n", b"null\n", b"\xff\n", b"1e999\n"])
@pytest.mark.daily("line0", "null\\n")
def test_hostile_lines_do_not_end_a_worker(line, workers, monkeypatch):
    monkeypatch.setattr(_rendezvous, "_PATIENCE", 0.3)
    with socket.create_server(("127.0.0.1", int(workers[0].split(":")[1]))) as other, ThreadPoolExecutor(1) as pool:
        worker = pool.submit(_rendezvous.meet, distribute.Cluster(workers[:2], 1), 0.3)
        connection, _ = other.accept()
        with connection:
            connection.sendall(line)
        assert "Missing: worker 0" in str(worker.exception())


def test_a_worker_at_localhost_listens_to_its_own_machine_alone(workers):
    for host, expected in (("localhost", True), ("127.0.0.1", True), ("example", False)):
        with _rendezvous._listen(distribute.Cluster([f"{host}:{workers[0].split(':')[1]}"], 0)) as server:
            assert (server.getsockname()[0] in ("127.0.0.1", "::1")) is expected


def test_two_of_one_index_and_two_lists(workers):
    both = distribute.Cluster(workers, 1)
    errors = meet(both, both, timeout=0.5)
    assert sum(bool(re.search(r"must be able to listen at its port. Received: 127", str(one))) for one in errors) == 1
    chief, stranger = meet(distribute.Cluster(workers, 0), distribute.Cluster(workers[:2], 1), timeout=1.0)
    assert isinstance(stranger, ValueError)
    assert f"Worker 1 ({workers[1]}) must be given the same `workers`. Received: " in str(stranger)
    assert "Missing: worker 1" in str(chief)


def test_a_port_that_is_taken(workers):
    with (
        socket.create_server(("", int(workers[1].split(":")[1]))),
        pytest.raises(
            OSError, match=r"Worker 1 must be able to listen at its port. Received: 127.*Give it another port"
        ),
    ):
        _rendezvous.meet(distribute.Cluster(workers, 1), 1.0)


def test_a_worker_without_the_chiefs_gpus_is_refused(workers):
    """The worker gets the chief's reason, and the chief reports the worker as missing."""
    with ThreadPoolExecutor() as pool:
        chief = pool.submit(_rendezvous.meet, distribute.Cluster(workers[:2], 0), 1.0, gpus=2)
        with pytest.raises(ValueError, match=r"must train on as many GPUs as the chief, on 2\. Received: 0\."):
            _rendezvous.meet(distribute.Cluster(workers[:2], 1), 5.0, gpus=0)
        assert isinstance(chief.exception(), TimeoutError)

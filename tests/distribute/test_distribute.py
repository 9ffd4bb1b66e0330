"""Strategies by name, and the errors about missing devices and workers; TPU and GPUs are stand-ins here."""

import os
import signal
import subprocess
import sys
import time
import types
from unittest import mock

import keras
import pytest
import tensorflow as tf

from tests.helpers import processes
from tfp_noise import distribute
from tfp_noise.distribute import _lost_workers, _rendezvous


def test_default_is_one_replica():
    strategy = distribute.strategy()
    assert distribute.description(strategy) == {"strategy": "default", "replicas": 1}
    assert distribute.is_chief(strategy)
    assert distribute.check_batch_size(7, strategy) == 7
    distribute.barrier(strategy)


def test_logical_devices_mirror_one_model(two_replicas):
    again = distribute.strategy("mirrored", devices=["CPU:0", "CPU:1"], num_replicas=2)
    assert again is two_replicas
    assert distribute.description(again) == {"strategy": "mirrored", "replicas": 2}
    with again.scope():
        weight = keras.Variable(tf.ones([3]))
    assert len(again.experimental_local_results(weight.value)) == 2
    with pytest.raises(
        RuntimeError, match=r"A process must have only one strategy 'mirrored'.* Received: \('CPU:1',\), after"
    ):
        distribute.strategy("mirrored", devices=["CPU:1"])
    with pytest.raises(ValueError, match=r"`num_replicas` must be 2, as the strategy 'mirrored' has. Received: 3"):
        distribute.strategy("mirrored", devices=["CPU:0", "CPU:1"], num_replicas=3)


@pytest.mark.parametrize(("wanted", "expected"), [(None, ["GPU:0", "GPU:1", "GPU:2"]), (2, ["GPU:0", "GPU:1"])])
def test_all_gpus_or_the_first(wanted, expected, monkeypatch):
    gpus = [tf.config.LogicalDevice(f"/device:GPU:{i}", "GPU") for i in range(3)]
    monkeypatch.setattr("tfp_noise.distribute._strategies._MIRRORED", {})
    with (
        mock.patch.object(tf.config, "list_logical_devices", return_value=gpus) as listed,
        mock.patch.object(tf.distribute, "MirroredStrategy") as made,
    ):
        made.return_value.num_replicas_in_sync = len(expected)
        assert distribute.strategy("mirrored", num_replicas=wanted) is made.return_value
        with pytest.raises(ValueError, match=r"needs 4 GPUs. Received: TensorFlow sees 3"):
            distribute.strategy("mirrored", num_replicas=4)
    listed.assert_called_with("GPU")
    made.assert_called_once_with(expected)


@pytest.mark.parametrize(
    ("given", "environment", "found"), [("mine", "other", "mine"), (None, "other", "other"), (None, "", "local")]
)
def test_tpu_is_found_connected_and_initialised_in_this_order(given, environment, found, monkeypatch):
    monkeypatch.setenv("TPU_NAME", environment)
    calls = mock.MagicMock()
    resolver = calls.resolve.return_value
    resolver.cluster_spec.return_value = tf.train.ClusterSpec({})
    calls.make.return_value.num_replicas_in_sync = 8
    with (
        mock.patch.object(tf.distribute.cluster_resolver, "TPUClusterResolver", calls.resolve),
        mock.patch.object(tf.config, "experimental_connect_to_cluster", calls.connect),
        mock.patch.object(tf.tpu.experimental, "initialize_tpu_system", calls.initialise),
        mock.patch.object(tf.distribute, "TPUStrategy", calls.make),
    ):
        assert distribute.strategy("tpu", tpu=given, num_replicas=8) is calls.make.return_value
    wanted = [mock.call.resolve(tpu=found), mock.call.connect(resolver), mock.call.initialise(resolver)]
    assert [call for call in calls.mock_calls if call in [*wanted, mock.call.make(resolver)]] == [
        *wanted,
        mock.call.make(resolver),
    ]


def test_a_tpu_that_is_not_there(workers, monkeypatch):
    monkeypatch.setenv("TPU_NAME", f"grpc://{workers[0]}")
    for address in (f"grpc://{workers[0]}", None):
        started = time.monotonic()
        with pytest.raises(ConnectionError, match=r"needs a TPU. Received: .* Connection refused"):
            distribute.strategy("tpu", tpu=address, timeout=2)
        assert time.monotonic() - started < 5


def test_multi_worker_comes_first_in_a_program(workers):
    tf.zeros([1]).numpy()
    visible = tf.config.get_visible_devices()
    with pytest.raises(RuntimeError, match="'multi_worker' must be made before TensorFlow initialises"):
        distribute.strategy("multi_worker", cluster=distribute.Cluster(workers, 0))
    assert tf.config.get_visible_devices() == visible


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"name": "miror"}, ValueError, "Unknown strategy: 'miror'. Did you mean 'mirrored'"),
        ({"name": "x"}, ValueError, "Unknown strategy: 'x'. Known: default, mirrored, multi_worker, tpu"),
        ({"name": "mirrored"}, ValueError, "'mirrored' needs at least 1 GPUs. Received: TensorFlow sees none"),
        ({"name": "mirrored", "num_replicas": 2}, ValueError, "needs 2 GPUs. Received: TensorFlow sees none"),
        ({"name": "mirrored", "devices": "GPU:0"}, TypeError, "`devices` must be a list"),
        ({"name": "mirrored", "devices": []}, ValueError, "`devices` must be distinct and of one kind"),
        ({"name": "mirrored", "devices": ["GPU:0", "CPU:0"]}, ValueError, "`devices` must be distinct and of one kind"),
        ({"name": "mirrored", "devices": ["CPU:0", "CPU:0"]}, ValueError, "`devices` must be distinct"),
        ({"name": "mirrored", "devices": ["CPU:0", "gpu0"]}, ValueError, "`devices` must be distinct"),
        (
            {"name": "mirrored", "devices": ["GPU:0"]},
            ValueError,
            r"`devices` must be devices of this machine. Received: \['GPU:0'\]",
        ),
        (
            {"name": "mirrored", "devices": ["CPU:0", "CPU:2"]},
            RuntimeError,
            "3 logical CPU devices must be made before",
        ),
        ({"num_replicas": 2}, ValueError, "`num_replicas` must be 1, as the strategy 'default' has. Received: 2"),
        ({"num_replicas": 0}, ValueError, "`num_replicas` must be at least 1"),
        (
            {"devices": ["CPU:0"]},
            ValueError,
            "`devices` belongs to the strategy 'mirrored'. Received: .* for 'default'",
        ),
        ({"name": "mirrored", "tpu": "local"}, ValueError, "`tpu` belongs to the strategy 'tpu'"),
        (
            {"name": "tpu", "communication": "ring"},
            ValueError,
            "`communication` belongs to the strategy 'multi_worker'",
        ),
        ({"communication": "mpi"}, ValueError, "Unknown communication: 'mpi'. Known: auto, nccl, ring"),
        ({"timeout": 0}, ValueError, "`timeout` must be"),
        (
            {"name": "multi_worker", "communication": "nccl", "cluster": distribute.Cluster(["a:1"], 0)},
            ValueError,
            "`communication` must be 'auto' or 'ring' without GPUs. Received: 'nccl'",
        ),
    ],
)
def test_what_cannot_be(arguments, kind, message, monkeypatch):
    monkeypatch.setattr("tfp_noise.distribute._strategies._MIRRORED", {})
    tf.zeros([1]).numpy()
    with pytest.raises(kind, match=message):
        distribute.strategy(**arguments)


@pytest.mark.parametrize(
    ("batch_size", "message"),
    [(127, "multiple of the 2 replicas. Received: 127. Take 126 or 128."), (1, "Received: 1. Take 2.")],
)
def test_batches_that_replicas_cannot_divide(batch_size, message, two_replicas):
    assert distribute.check_batch_size(128, two_replicas) == 64
    with pytest.raises(ValueError, match=message):
        distribute.check_batch_size(batch_size, two_replicas)


WORKER = """
import sys
from tfp_noise import distribute
cluster = distribute.Cluster(sys.argv[2].split(","), int(sys.argv[1]))
strategy = distribute.strategy("multi_worker", cluster=cluster, timeout=60, communication="ring")
distribute.barrier(strategy)
print(distribute.description(strategy), distribute.is_chief(strategy))
"""


@pytest.mark.torture
def test_two_processes_are_one_strategy(workers):
    command = [sys.executable, "-c", WORKER]
    processes = [
        subprocess.Popen(
            [*command, str(index), ",".join(workers[:2])], stdout=subprocess.PIPE, text=True, env=os.environ
        )
        for index in (1, 0)
    ]
    try:
        said = [process.communicate(timeout=120)[0].strip() for process in processes]
    finally:
        for process in processes:
            process.kill()
    description = {"strategy": "multi_worker", "replicas": 2}
    assert said == [f"{description} False", f"{description} True"]


def wait_for_another(addresses, index):
    """One of two workers; the last one never reaches the barrier at which the first waits."""
    strategy = distribute.strategy("multi_worker", cluster=distribute.Cluster(addresses, index), timeout=60)
    distribute.barrier(strategy)
    sys.stdout.write("waiting")
    sys.stdout.flush()
    if index:
        time.sleep(120)
    distribute.barrier(strategy)


def test_sigterm_ends_a_worker_that_waits_and_one_that_sleeps(workers, tmp_path):
    folders = [tmp_path / "0", tmp_path / "1"]
    for folder in folders:
        folder.mkdir()
    both = [processes.start(folder, wait_for_another, workers[:2], i) for i, folder in enumerate(folders)]
    try:
        deadline = time.monotonic() + 60
        while not all((folder / "stdout").exists() and (folder / "stdout").read_text() for folder in folders):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(0.5)
        for index in (0, 1):
            both[index].terminate()
            both[index].join(10)
            assert both[index].exitcode == 128 + signal.SIGTERM
            said = (folders[index] / "stderr").read_text()
            assert f"Worker {index} ({workers[index]}) was ended by SIGTERM" in said
    finally:
        for one in both:
            one.kill()
            one.join()


def meet_and_stay(addresses, index):
    """One of two workers that report to each other; the last one ends before TensorFlow connects them."""
    cluster = distribute.Cluster(addresses, index)
    if index:
        _rendezvous.meet(cluster, 60)
    else:
        distribute.strategy("multi_worker", cluster=cluster, timeout=8)


@pytest.mark.torture
def test_a_worker_that_dies_after_the_meeting_ends_the_other(workers, tmp_path):
    both = []
    for index in (0, 1):
        (tmp_path / str(index)).mkdir()
        both.append(processes.start(tmp_path / str(index), meet_and_stay, workers[:2], index))
    try:
        for one in both:
            one.join(40)
        assert [one.exitcode for one in both] == [1, 0]
        said = (tmp_path / "0" / "stderr").read_text()
        assert "Timeout (0:00:08)!" in said
        assert "in connect_workers_that_have_met" in said
    finally:
        for one in both:
            one.kill()
            one.join()


@pytest.mark.parametrize(
    ("addresses", "message", "lost"),
    [
        (["a:1", "b:2"], "nothing is said", r"worker 1 \(b:2\)"),
        (["a:1", "b:2", "c:3"], "from /job:worker/replica:0/task:2 to /job:worker/task:0", r"worker 2 \(c:3\)"),
        (
            ["a:1", "b:2", "c:3"],
            "task:1 and /job:worker/task:1, /job:worker/task:2",
            r"worker 1 .* or worker 2 \(c:3\)",
        ),
        (["a:1", "b:2", "c:3"], "nothing is said", "one of them"),
    ],
)
def test_a_lost_worker_is_named(addresses, message, lost, monkeypatch):
    cluster = tf.train.ClusterSpec({"worker": addresses})
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(cluster, task_type="worker", task_id=0)
    strategy = types.SimpleNamespace(cluster_resolver=resolver)
    error = tf.errors.UnavailableError(None, None, message)
    with pytest.raises(tf.errors.UnavailableError), _lost_workers.naming_lost_workers(strategy):
        raise error
    monkeypatch.setattr(_lost_workers, "is_multi_worker", lambda strategy: True)
    named = rf"Lost: {lost}, as seen by worker 0\. Look at its log, then start all"
    with pytest.raises(ConnectionError, match=named), _lost_workers.naming_lost_workers(strategy):
        raise error

"""Equal training in one process, on two replicas, and in two worker processes; errors that name a lost worker."""

import json
import pathlib
import signal
import time
from concurrent import futures

import numpy as np
import pytest
import tensorflow as tf

from tests.conftest import free_addresses
from tests.helpers import processes, replicated_training
from tests.helpers.replicated_training import LOSSES, judge, train

pytestmark = pytest.mark.thorough

SECONDS = 60  # in which the loss of a worker has to be noticed


@pytest.fixture(scope="module")
def working(tmp_path_factory):
    """Two workers that train at the same time as this process, and a function that waits for their end."""
    folders = [tmp_path_factory.mktemp(f"worker{index}") for index in range(2)]
    addresses = free_addresses(2)
    workers = [
        processes.start(folder, replicated_training.work, folder / "results.json", [*LOSSES], addresses, index)
        for index, folder in enumerate(folders)
    ]

    def seconds_to_the_end():
        workers[1].join(240)
        died = time.monotonic()
        workers[0].join(SECONDS)
        return time.monotonic() - died

    with futures.ThreadPoolExecutor(1) as watcher:
        yield folders, addresses, workers, watcher.submit(seconds_to_the_end)
    for worker in workers:
        worker.kill()
        worker.join()


@pytest.fixture(scope="module")
def two_workers(working):
    """Results of both workers, their addresses, and message, status and delay of the first after the other's kill."""
    folders, addresses, workers, watched = working
    seconds = watched.result()
    said = [(folder / "stderr").read_text() for folder in folders]
    assert workers[1].exitcode == -signal.SIGKILL, said
    results = [json.loads((folder / "results.json").read_text()) for folder in folders]
    return results, addresses, said[0], workers[0].exitcode, seconds


@pytest.fixture(scope="module")
def on_one_device(working):
    trained = {name: train(tf.distribute.get_strategy(), name) for name in LOSSES}
    return trained | {"judged": judge(tf.distribute.get_strategy(), "LN")}


@pytest.fixture(scope="module")
def on_two_replicas(working, two_replicas):
    trained = {name: train(two_replicas, name) for name in LOSSES}
    own_layers = replicated_training.train_own_layers(two_replicas)
    return trained | {"own layers": own_layers, "judged": judge(two_replicas, "LN")}


def assert_equal(ours, theirs, what):
    assert ours.keys() == theirs.keys()
    for key, value in ours.items():
        np.testing.assert_allclose(value, theirs[key], rtol=1e-5, atol=1e-5, err_msg=f"{what}: {key}")


def test_replicas_and_workers_train_as_one_process_does(on_one_device, on_two_replicas, two_workers):
    """Loss curves, metrics, weights, evaluation and predictions; dropout and batch statistics of replicas' own."""
    first, second = two_workers[0]
    for name, replicas in on_two_replicas.items():
        assert_equal(first[name], second[name], f"{name}, two workers")
        assert_equal(replicas, first[name], f"{name}, replicas and workers")
        if name not in ("Het", "own layers"):  # whose replicas draw numbers of their own
            assert_equal(replicas, on_one_device[name], f"{name}, replicas and one device")


def test_monte_carlo_of_replicas_is_that_of_one_device_in_distribution(on_one_device, two_workers):
    others = replicated_training.loss_curves("Het", seeds=range(1, 5))
    curves = np.array([*others, on_one_device["Het"]["loss"]])
    replicated = np.array(two_workers[0][0]["Het"]["loss"])
    assert not np.allclose(replicated, curves[-1], rtol=1e-6)
    assert np.all(np.abs(replicated - curves.mean(0)) < 4 * curves.std(0, ddof=1))


def test_a_lost_worker_ends_the_others_with_its_name(two_workers):
    _, addresses, said, status, seconds = two_workers
    assert status == 1
    assert seconds < SECONDS
    assert f"Lost: worker 1 ({addresses[1]}), as seen by worker 0." in said


@pytest.mark.torture
def test_a_worker_that_falls_silent_ends_the_others_too(tmp_path):
    """A worker that stops without closing its connections."""
    addresses, folders = free_addresses(2), [tmp_path / "0", tmp_path / "1"]
    for folder in folders:
        folder.mkdir()
    first, second = (
        processes.start(folder, replicated_training.fall_silent, addresses, index)
        for index, folder in enumerate(folders)
    )
    try:
        while "T" not in pathlib.Path(f"/proc/{second.pid}/stat").read_text().rsplit(")", 1)[1].split()[0]:
            assert first.is_alive()
            time.sleep(0.1)
        first.join(SECONDS)
        assert first.exitcode == 1
        assert f"Lost: worker 1 ({addresses[1]}), as seen by worker 0." in (folders[0] / "stderr").read_text()
    finally:
        for worker in (first, second):
            worker.kill()
            worker.join()


def test_workers_that_have_come_to_different_work_all_stop(two_workers):
    for worker in two_workers[0]:
        same, different = worker["refusals"]
        assert same is None
        assert "must be at the same point. Received: worker 0: epoch 9; worker 1: epoch 10. Start all" in different


@pytest.mark.parametrize("name", replicated_training.UNLIKE)
def test_workers_whose_fit_differs_all_say_in_what(name, two_workers):
    results, _, said, *_ = two_workers
    first, second = (worker["unlike"][name] for worker in results)
    assert first == second
    if name == "no seed":
        assert "must shuffle arrays with one seed. Received: no seed" in first
    else:
        name = "x" if name in ("dataset", "closure", "shuffled dataset") else name
        assert "All workers must call the same `fit`. Received: " in first
        names = {"x": {"x", "y"}}.get(name, {name})
        found = {part.split("`")[1] for part in first.split(" Start all")[0].split(": ", 1)[1].split("; ")}
        assert name in found <= names
    assert "AutoGraph" not in said  # the workers have gone on without a warning

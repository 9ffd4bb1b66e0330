"""Scripts on two worker processes: the result of one process, whichever of them is killed, and one end for both."""

import dataclasses
import json
import os
import signal
import sys
import time

import numpy as np
import pytest

from experiments import results
from experiments.console import terminal
from experiments.experiment import Method
from experiments.run import run_all
from tests.conftest import free_addresses
from tests.helpers import processes
from tests.helpers.small_experiments import FIRST, SMALL, STUDENT
from tfp_noise import distribute, losses

pytestmark = pytest.mark.torture

KILLED = dataclasses.replace(
    SMALL,
    name="small/killed/OLS",
    method=Method("OLS", losses.OnlineLabelSmoothing),
    predecessor=FIRST,
    epochs=40,
    model="mlp",
)
DIVERGING = dataclasses.replace(FIRST, name="small/diverging/CE", optimizer=("SGD", {"learning_rate": 1e30}))


def work(experiments, workdir, **arguments):
    """A script's life on one worker, with a backup after every epoch."""
    sys.argv = ["work"]
    results.backups._BACKUP_SECONDS = 0.0
    terminal.start(lambda: run_all(experiments, workdir, strategy=distribute.strategy(**arguments)))


def work_as(index, addresses, experiments, workdir):
    work(experiments, workdir, name="multi_worker", cluster=distribute.Cluster(addresses, index), timeout=60)


def work_alone(experiments, workdir):
    work(experiments, workdir, name="mirrored", devices=["CPU:0", "CPU:1"])


def run_both(output, each, workdir, act=lambda workers: None):
    """Status of both workers, what they said, and how long the second to end outlived the first."""
    folders, addresses = [output / "0", output / "1"], free_addresses(2)
    for folder in folders:
        folder.mkdir(parents=True)
    workers = [
        processes.start(folder, work_as, index, addresses, each[index], workdir) for index, folder in enumerate(folders)
    ]
    try:
        act(workers)
        deadline = time.monotonic() + 240
        while all(worker.is_alive() for worker in workers) and time.monotonic() < deadline:
            time.sleep(0.1)
        first = time.monotonic()
        for worker in workers:
            worker.join(60)
        seconds = time.monotonic() - first
    finally:
        for worker in workers:
            worker.kill()
            worker.join()
    said = [(folder / "stdout").read_text() + (folder / "stderr").read_text() for folder in folders]
    return [worker.exitcode for worker in workers], said, seconds


def after(pattern, workdir, index, number):
    """Sends a signal to a worker once a file is there."""

    def act(workers):
        while not list(workdir.rglob(pattern)):
            assert all(worker.is_alive() for worker in workers)
            time.sleep(0.01)
        os.kill(workers[index].pid, number)

    return act


def stored(experiment, workdir):
    """All but what made it."""
    path = workdir / experiment.name / f"seed{experiment.seed}.json"
    with np.load(path.with_suffix(".npz")) as arrays:
        return {**json.loads(path.read_text()), "made_by": None, "digest": None}, arrays["test_probabilities"].tobytes()


def test_whichever_worker_is_killed_a_restart_of_both_goes_on(tmp_path):
    """The first kill falls into the predecessor's training, or soon after it."""
    workdir, experiments = tmp_path / "runs", [[KILLED]] * 2
    for index, pattern in (
        (1, f"{FIRST.name}/*.backup/backup000001*"),
        (0, f"{KILLED.name}/*.backup/backup00000[1-9]*"),
        (1, f"{KILLED.name}/*.backup/backup00001*"),
        (0, f"{KILLED.name}/*.backup/backup00002*"),
    ):
        act = after(pattern, workdir, index, signal.SIGKILL)
        status, said, seconds = run_both(tmp_path / f"killed at {pattern.replace('/', ' ')}", experiments, workdir, act)
        assert status[index] == -signal.SIGKILL
        assert status[1 - index] == 1
        assert f"Lost: worker {index} (" in said[1 - index]
        assert seconds < 60
        assert not (workdir / KILLED.name / "seed0.json").exists()
    status, said, _ = run_both(tmp_path / "resumed", experiments, workdir)
    assert status == [0, 0], said
    assert not list(workdir.rglob("*.backup"))
    processes.call(work_alone, [KILLED], tmp_path / "alone")
    for experiment in (FIRST, KILLED):
        assert stored(experiment, workdir) == stored(experiment, tmp_path / "alone")


def test_several_runs_of_which_one_diverges(tmp_path):
    """Both workers skip it, and go on to one that builds on another; the chief alone shows and writes."""
    status, said, _ = run_both(tmp_path, [[DIVERGING, STUDENT, FIRST]] * 2, tmp_path / "runs")
    assert status == [1, 1]
    for text in said:
        assert "1/3 small/diverging/CE seed 0: failed: Training stopped at" in text
        assert "1 of 3 runs failed" in text
    for experiment in (STUDENT, FIRST):
        assert results.find(experiment, tmp_path / "runs")["made_by"]["replicas"] == 2
        assert f"{experiment.name} seed 0: clean test accuracy" in said[0]
        assert f"{experiment.name} seed 0: clean test accuracy" not in said[1]
    assert (tmp_path / "runs" / "table.md").exists()


@pytest.mark.parametrize("index", [0, 1])
def test_ctrl_c_in_one_ends_both(index, tmp_path):
    workdir = tmp_path / "runs"
    act = after(f"{KILLED.name}/*.backup/backup00000*", workdir, index, signal.SIGINT)
    status, said, seconds = run_both(tmp_path, [[KILLED]] * 2, workdir, act)
    assert (status[index], status[1 - index]) == (130, 1), said
    assert f"Lost: worker {index} (" in said[1 - index]
    assert seconds < 60


def test_workers_with_other_flags_or_other_files_are_refused(tmp_path):
    status, said, _ = run_both(tmp_path, [[FIRST], [FIRST.with_seed(1)]], tmp_path / "runs")
    assert status == [1, 1]
    for text in (" ".join(lines.split()) for lines in said):
        assert "All workers must be at the same point. Received: worker 0: small/symmetric40/CE seed 0 of" in text
        assert "; worker 1: small/symmetric40/CE seed 1 of settings" in text
    assert not (tmp_path / "runs").exists()

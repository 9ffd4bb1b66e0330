"""Runs side by side: cores of their own, the results of runs one after the other, and one end for all."""

import dataclasses
import os
import pathlib
import pickle
import signal
import sys
import time

import numpy as np
import pytest
import tensorflow as tf

from experiments import papers, results, side_by_side, sweep
from experiments.console import progress, terminal
from experiments.experiment import Method
from experiments.run import run_all
from tests.helpers import processes
from tests.helpers.small_experiments import ESTIMATED, FIRST, SMALL
from tfp_noise import losses

pytestmark = pytest.mark.filterwarnings("ignore:The estimated row of class")
FAILING = dataclasses.replace(
    SMALL,
    name="small/symmetric40/BC",
    method=Method("BC", losses.BackwardCorrection, {"transition": [[0.1] * 10] * 10}),
)
CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
needs_two_cores = pytest.mark.skipif(len(CORES) < 2, reason="one core, or a system that ties no process to some")


def cores_of(item):
    """The item, the cores of the process, and how many threads TensorFlow computes with."""
    tf.linalg.matmul(tf.ones([300, 300]), tf.ones([300, 300]))
    time.sleep(2)  # so that one process does not do the work of both
    names = [path.read_text().strip() for path in pathlib.Path("/proc/self/task").glob("*/comm")]
    return item, sorted(os.sched_getaffinity(0)), names.count("tf_Compute")


def end_at_once(item):
    os.kill(os.getpid(), signal.SIGKILL)


def test_more_jobs_than_cores_are_refused():
    with pytest.raises(ValueError, match=rf"at most .*, {len(CORES)}\. Received: {len(CORES) + 1}"):
        side_by_side.check_jobs(len(CORES) + 1)
    assert side_by_side.check_jobs(1) == 1


def test_jobs_that_would_share_an_accelerator_are_refused(monkeypatch):
    sweep.check_jobs(2, "default")
    sweep.check_jobs(1, "mirrored")
    with pytest.raises(ValueError, match=r"--jobs should be 1 with --strategy=mirrored, .*\. Received: 2"):
        sweep.check_jobs(2, "mirrored")
    monkeypatch.setattr(tf.config, "get_visible_devices", lambda kind: ["one"])
    with pytest.raises(ValueError, match=r"should be 1 where TensorFlow sees a GPU.* Received: 2, with 1\. .*=-1"):
        sweep.check_jobs(2, "default")


def test_every_experiment_goes_to_another_process():
    for experiment in papers.EXPERIMENTS.values():
        assert pickle.loads(pickle.dumps(experiment)).settings() == experiment.settings()


def test_messages_go_to_the_console_of_the_display():
    """A display erases what another console prints under it."""
    assert progress._Rows(shown=True)._progress.console is terminal.console()


@needs_two_cores
@pytest.mark.thorough
def test_processes_have_cores_of_their_own_and_say_what_they_return():
    found = dict(side_by_side.outcomes(cores_of, ["a", "b", "c", "d"], 2))
    assert [found[index][0] for index in range(4)] == ["a", "b", "c", "d"]
    shares = {tuple(cores) for _, cores, _ in found.values()}
    assert all(len(cores) == threads for _, cores, threads in found.values())
    assert shares == {tuple(CORES[job::2]) for job in range(2)}


@needs_two_cores
@pytest.mark.thorough
def test_a_process_that_ends_in_its_work_is_named():
    with pytest.raises(OSError, match=r"is short\. The same command goes on"):
        list(side_by_side.outcomes(end_at_once, [0, 1], 2))


@needs_two_cores
@pytest.mark.thorough
def test_results_are_those_of_runs_one_after_the_other_and_one_that_fails_stops_none(tmp_path, capsys):
    """Both runs need the same predecessor: one trains it, and the other waits for it."""
    both = [ESTIMATED, FAILING, FIRST]
    for jobs, folder in ((1, "one"), (2, "two")):
        with pytest.raises(SystemExit, match=r"1 of 3 runs failed, see the messages above: 2/3 small/symmetric40/BC"):
            run_all(both, tmp_path / folder, jobs=jobs)
        assert "BC seed 0: failed: `transition` must be" in capsys.readouterr().out
    for experiment in (ESTIMATED, FIRST):
        one, two = (results.find(experiment, tmp_path / folder) for folder in ("one", "two"))
        assert one["settings"] == two["settings"]
        assert one["curves"]["epoch"] == two["curves"]["epoch"]
        np.testing.assert_allclose(one["curves"]["test_accuracy"], two["curves"]["test_accuracy"], atol=0.02)


def train_side_by_side(workdir):
    """A sweep of a short run and some that nobody waits for, like a script; the pool hands out more than two ahead."""
    sys.argv = ["several"]
    endless = [dataclasses.replace(SMALL, name=f"small/endless{i}/FC", epochs=1_000_000) for i in range(6)]
    terminal.start(lambda: run_all([SMALL, *endless], workdir, jobs=2))


@needs_two_cores
@pytest.mark.thorough
def test_interruption_reaches_all_processes_and_leaves_nothing_half_written(tmp_path):
    workdir = tmp_path / "runs"
    processes.interrupted(processes.start(tmp_path, train_side_by_side, workdir), workdir, pause=3)
    assert "Interrupted: 1 of 7 runs are finished" in (tmp_path / "stdout").read_text()

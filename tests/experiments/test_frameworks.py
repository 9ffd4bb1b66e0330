"""Training speed beside PyTorch: processes on their cores, what is refused, and the page."""

import os
import pathlib
import sys
import time

import pytest

from experiments.frameworks import measure, of_keras

RESULTS = pathlib.Path(__file__).parents[2] / "results" / "frameworks"
pytestmark = pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="processes are bound to cores on Linux")


def test_page_is_that_of_the_results():
    assert (RESULTS / "table.md").read_text(encoding="utf-8") == measure.page(RESULTS)


def test_processes_run_on_the_cores_that_they_are_given():
    cores = sorted(os.sched_getaffinity(0))
    command = [sys.executable, "-c", "import json, os; print(json.dumps(sorted(os.sched_getaffinity(0))))"]
    assert measure._side_by_side(command, [set(cores), {cores[0]}, {cores[-1]}]) == [cores, cores[:1], cores[-1:]]


def test_a_process_that_fails_says_why():
    with pytest.raises(ValueError, match=r"(?s)could not train the network; it ended with:.*no such thing"):
        measure._side_by_side([sys.executable, "-c", "raise SystemExit('no such thing')"], [{0}])


def test_a_failure_ends_the_other_processes():
    path = "import os, sys, time; sys.exit('first') if os.sched_getaffinity(0) == {0} else time.sleep(100)"
    begin = time.monotonic()
    with pytest.raises(ValueError, match="first"):
        measure._side_by_side([sys.executable, "-c", path], [{0}, {1}])
    assert time.monotonic() - begin < 60


def test_networks_of_different_sizes_are_refused(monkeypatch):
    def found(command, places):
        ours = "experiments.frameworks.of_keras" in command
        return [{"images": 10.0 + ours, "parameters": 7 - ours, "versions": "1"}] * len(places)

    monkeypatch.setattr(measure, "_side_by_side", found)
    with pytest.raises(ValueError, match=r"must have the same number of parameters\. Received: .*6.*7.*'resnet8'"):
        measure.measured("resnet8", "python", 1.0, 1)


def test_speeds_of_processes_side_by_side_are_added(monkeypatch):
    found = {"images": 10.0, "parameters": 7, "versions": "1"}
    monkeypatch.setattr(measure, "_side_by_side", lambda command, places: [found] * len(places))
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1, 2})
    speeds = measure.measured("resnet8", "python", 1.0, 2)["speeds"]
    assert speeds[measure.TOGETHER] == {"ours": [10.0, 10.0], "pytorch": [10.0, 10.0]}
    assert speeds[measure.APART] == {"ours": [30.0, 30.0], "pytorch": [30.0, 30.0]}


def test_a_python_without_pytorch_is_refused_with_the_command_that_installs_it(tmp_path):
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nexit 1\n")
    python.chmod(0o755)
    with pytest.raises(ValueError, match=f"that has PyTorch. Received: '{python}'. Install it .*pip install torch"):
        measure._check_torch(str(python))


def test_a_network_trains_for_some_seconds(monkeypatch):
    monkeypatch.setattr(of_keras, "_STEPS", {"lenet5": 1})
    images, parameters = of_keras.speed("lenet5", 4, 0.01)
    assert images > 0
    assert parameters == 61_706

"""Costs of whole steps: turns in one process, and steps that do train."""

import itertools
import multiprocessing
import os
import pathlib
import resource

import keras
import numpy as np
import pytest

import models
from experiments import bench
from experiments.evaluation import step_costs
from tfp_noise import losses


def clocked(monkeypatch, costs):
    """Functions that take `costs` seconds of a made-up clock, and the order in which they are called."""
    now, called = [0.0], []
    monkeypatch.setattr(step_costs.time, "perf_counter", lambda: now[0])

    def function(name):
        def call():
            now[0] += costs[name]
            called.append(name)

        return call

    return {name: function(name) for name in costs}, called


def test_functions_take_turns_after_two_calls_that_do_not_count(monkeypatch):
    functions, called = clocked(monkeypatch, {"a": 1.0, "b": 0.25})
    seconds = step_costs.seconds_in_turn(functions, rounds=3, calls=2)
    assert called == ["a", "a", "b", "b", *"aabb", *"bbaa", *"aabb"]
    assert {name: values.tolist() for name, values in seconds.items()} == {"a": [1.0] * 3, "b": [0.25] * 3}


@pytest.mark.parametrize(("cost", "rounds"), [(1.0, 61), (7.0, 9), (100.0, 5)])
def test_a_minute_is_enough_but_for_five_rounds(monkeypatch, cost, rounds):
    functions, _ = clocked(monkeypatch, {"slow": cost})
    assert len(step_costs.seconds_in_turn(functions, rounds=1000, calls=1)["slow"]) == rounds


def test_ratios_are_medians_of_turns(monkeypatch):
    costs = {"twice": itertools.cycle([2.0, 2.0, 90.0]), None: itertools.repeat(1.0)}
    now = [0.0]
    monkeypatch.setattr(step_costs.time, "perf_counter", lambda: now[0])
    steps = {name: lambda cost=cost: now.__setitem__(0, now[0] + next(cost)) for name, cost in costs.items()}
    assert step_costs.ratios({"twice": steps["twice"]}, steps[None], rounds=5, calls=1) == {"twice": 2.0}


@pytest.mark.parametrize("name", [*step_costs.METHODS_FOR_MANY_CLASSES, None])
def test_a_wide_step_trains_the_loss_that_it_is_named_for(monkeypatch, name):
    monkeypatch.setattr(step_costs, "MANY_CLASSES", 40)
    build = step_costs.METHODS_FOR_MANY_CLASSES.get(name, step_costs.cross_entropy)
    step = step_costs._wide_step(build(40), batch=64)
    losses = [float(step()) for _ in range(5)]
    assert losses[-1] < losses[0]


@pytest.mark.thorough
@pytest.mark.parametrize("build_loss", step_costs._FITTED.values())
def test_the_classifier_and_the_plain_model_train_the_same_network(build_loss, monkeypatch):
    """Equal histories from equal starts: what is compared is the same work."""
    histories = {}

    def run_once(functions, rounds, calls):
        for name, function in functions.items():
            keras.utils.set_random_seed(0)
            histories[name] = function().history
        return {
            **{("ours", 0): np.array([9.0, 3.0]), ("ours", 1): np.array([3.0, 5.0])},
            **{("plain", 0): np.array([2.0, 4.0]), ("plain", 1): np.array([4.0, 4.0])},
        }

    build = models.build
    monkeypatch.setattr(step_costs.models, "build", lambda *args: keras.utils.set_random_seed(0) or build(*args))
    monkeypatch.setattr(step_costs, "seconds_in_turn", run_once)
    beside_plain, plain = step_costs.beside_plain_keras(build_loss, epochs=1, steps=2)
    assert beside_plain.tolist() == [2, 1]
    assert plain.tolist() == [0.5, 1]
    assert all(one.keys() == {"loss", "accuracy"} for one in histories.values())
    for one in histories.values():
        np.testing.assert_allclose(one["loss"], histories["plain", 0]["loss"], rtol=1e-5)
        # Plain Keras reads the scales among the outputs of a Logistic-Normal loss as further classes.
        if build_loss is losses.CrossEntropy:
            np.testing.assert_allclose(one["accuracy"], histories["plain", 0]["accuracy"], rtol=1e-5)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system does not tie a process to a core")
def test_the_process_that_measures_the_classifier_has_one_core():
    with multiprocessing.get_context("spawn").Pool(1, step_costs._keep_one_core) as pool:
        assert pool.apply(os.sched_getaffinity, [0]) == {min(os.sched_getaffinity(0))}


def test_the_table_of_the_classifier_has_medians_and_quartiles(monkeypatch):
    ratios = np.array([1.0, 1.1, 1.2, 1.3, 1.5]), np.array([0.9, 1.0, 1.0, 1.0, 1.1])
    monkeypatch.setattr(step_costs, "of_classifier", lambda: {"one": ratios})
    cells = [list(column.cells) for column in bench._classifier_table().columns]
    assert cells == [["one"], ["1.200 (1.100 to 1.300)"], ["1.000 (1.000 to 1.000)"]]


def test_an_epoch_is_timed_without_the_start_of_training(monkeypatch):
    times = iter([10.0, 12.0, 13.0])
    monkeypatch.setattr(step_costs.time, "perf_counter", lambda: next(times))
    clock = step_costs.Clock()
    clock.on_train_begin()
    for epoch in range(3):
        clock.on_epoch_end(epoch)
    assert clock.seconds() == 1.5


@pytest.mark.skipif(not step_costs._STATUS.exists(), reason="the system does not say what a process needs")
def test_the_peak_of_memory_is_in_mebibytes():
    """Between what is resident now, in pages, and the larger of the peaks of this process and its parent, in KiB."""
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    now, most = pages * resource.getpagesize() / 2**20, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    assert 0.9 * now < step_costs._peak_memory() < 1.1 * most


@pytest.mark.parametrize("written", [None, "Name:\tpython\nVmRSS:\t 5 kB\n"])
def test_the_table_is_printed_where_the_system_does_not_say_the_memory(monkeypatch, tmp_path, written):
    """MacOS has no such file."""
    status = tmp_path / "status"
    if written:
        status.write_text(written)
    monkeypatch.setattr(step_costs, "_STATUS", status)
    monkeypatch.setattr(step_costs, "of_small_network", lambda *_: {"one": 1.5})
    monkeypatch.setattr(step_costs, "of_many_classes", lambda: dict.fromkeys(step_costs.METHODS_FOR_MANY_CLASSES, 2.0))
    ratios, memory = (list(column.cells) for column in bench._step_table().columns[1:])
    assert ratios == ["1.500", "1.500", "2.000", "2.000"]
    assert memory == [""] * 4

"""What the costs of whole steps are measured by: turns in one process, and steps that do train."""

import itertools

import pytest

from experiments import step_costs


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
    assert called == ["a", "a", "b", "b", *["a", "a", "b", "b"] * 3]
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
    assert step_costs._ratios({"twice": steps["twice"]}, steps[None], rounds=5, calls=1) == {"twice": 2.0}


@pytest.mark.parametrize("name", [*step_costs.METHODS_FOR_MANY_CLASSES, None])
def test_a_wide_step_trains_the_loss_that_it_is_named_for(monkeypatch, name):
    monkeypatch.setattr(step_costs, "MANY_CLASSES", 40)
    build = step_costs.METHODS_FOR_MANY_CLASSES.get(name, step_costs.cross_entropy)
    step = step_costs._wide_step(build(40), batch=64)
    losses = [float(step()) for _ in range(5)]
    assert losses[-1] < losses[0]

"""Time of missing runs, against hand-made sums; and what a table without results says."""

import dataclasses

import numpy as np
import pytest

from experiments import papers, report, speeds
from experiments.evaluation import durations
from experiments.evaluation.durations import Bill, Speeds
from experiments.papers import drawing, missing
from tests.helpers.small_experiments import FIRST, SMALL, STUDENT, result_of


def timed(experiment, seconds, **made_by):
    return {**result_of(experiment), "made_by": {"seconds": seconds, **made_by}}


OTHER = dataclasses.replace(SMALL, name="small/other/FC", model="lenet5")


def test_a_bill_is_the_median_of_an_epoch_by_loss_then_by_network():
    """Two epochs in 4, 6 and 20 seconds: 3 an epoch. Cross-entropy has its own speed, another loss that of all."""
    measured = [timed(SMALL.with_seed(seed), seconds) for seed, seconds in enumerate((4.0, 6.0, 20.0))]
    measured += [timed(FIRST.with_seed(7), 2.0), timed(FIRST.with_seed(8), 500.0, resumed_at_epoch=1)]
    speeds = Speeds([], measured)
    longer = dataclasses.replace(SMALL, epochs=10)
    assert speeds.bill([longer], seeds=[5, 6]) == Bill(2, pytest.approx(60.0), (SMALL.name,))
    assert speeds.bill([FIRST], seeds=[0]).seconds == pytest.approx(2.0)
    of_all = dataclasses.replace(FIRST, name="small/GCE", method=STUDENT.method, predecessor=FIRST)
    assert speeds.bill([of_all], seeds=[0]) == Bill(2, pytest.approx(2.0 + 5.0), ("small/GCE", FIRST.name))
    assert speeds.bill([OTHER], seeds=[0]) == Bill(1, None, (OTHER.name,))


def test_finished_runs_and_those_that_several_build_on_cost_once():
    speeds = Speeds([timed(FIRST.with_seed(1), 8.0)])
    again = dataclasses.replace(STUDENT, name="small/distilled/again")
    bill = speeds.bill([STUDENT, again, FIRST], seeds=[0, 1])
    assert (bill.runs, set(bill.names)) == (5, {STUDENT.name, again.name, FIRST.name})
    assert speeds.bill([FIRST], seeds=[1]) == Bill(0, 0, ())


def test_a_table_and_a_figure_without_results_name_command_and_time(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"(?s)No finished run under .*experiments\.sweep --under=LS/.*about"):
        report.refresh(tmp_path)
    error = drawing.missing_run("LN/table1/laptop-digits/symmetric40", tmp_path, seed=4)
    assert f"--under=LN/table1/laptop-digits/symmetric40 --seeds=4 --workdir={tmp_path}\n(9 runs, about " in str(error)
    assert "no speed measured" in missing.command("LN/table2/clothing1m", tmp_path)


def test_networks_without_a_finished_run_cost_what_their_steps_take(monkeypatch):
    monkeypatch.setattr(durations, "_of_networks", lambda: {"wrn28_2": 0.01})
    cifar = papers.find("LN/table1/cifar100/symmetric60/LN")
    assert Speeds([]).bill([cifar], seeds=[0]).seconds == pytest.approx(0.01 * 50_000 * 300)
    assert Speeds([], [timed(cifar, 30.0)]).bill([cifar], seeds=[1]).seconds == pytest.approx(30.0), "its own speed"
    assert Speeds([]).bill([papers.find("LN/table2/clothing1m/human/LN")], seeds=[0]).seconds is None


def test_every_network_of_cifar_has_a_speed():
    assert durations._of_networks().keys() == set(speeds.networks())
    assert all(0 < seconds < 10 for seconds in durations._of_networks().values())


def test_speeds_are_those_of_steps_with_a_batch(monkeypatch):
    taken = {"mlp": np.array([0.5, 0.7, 0.2])}
    monkeypatch.setattr(speeds.step_costs, "seconds_in_turn", lambda steps, rounds, calls: taken)
    assert speeds.seconds_an_image("mlp") == pytest.approx(0.5 / 32)

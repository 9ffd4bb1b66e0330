"""Values that methods are searched over: what is tried is kept, and the page is that of the committed searches."""

import json
import pathlib

import numpy as np
import pytest

from experiments.comparison import methods, runs, values
from experiments.experiment import CLEAN

RESULTS = pathlib.Path(__file__).parents[2] / "results" / "compare"
NAME = "ConfidencePenalty"
BETAS = methods.METHODS[NAME].space["beta"]


def test_page_is_that_of_the_results():
    assert (RESULTS / "values.md").read_text(encoding="utf-8") == values.page(RESULTS)


def test_what_choose_a_loss_says_of_logistic_normal_is_what_the_table_says():
    heading, *rows = values.rows("LogisticNormal", values._searches(RESULTS)["LogisticNormal"])
    found = {(row[0], row[1].split()[0]): [float(cell.strip("*")) for cell in row[2:-1]] for row in rows}
    default, one = found["1.0", "0.5"], found["1.0", "1.0"]
    assert len(default) == len(heading) - 3 >= 5
    assert all(better > worse for better, worse in zip(one, default, strict=True))
    assert abs(np.mean(found["0.5", "0.5"]) - np.mean(one)) < 2


def put(root, place, accuracies, chosen):
    trials = [
        {"arguments": {"beta": beta}, "seeds": [{"failed": "NaN"} if one is None else {"last": one} for one in ends]}
        for beta, ends in accuracies.items()
    ]
    found = {"trials": trials, **({} if chosen is None else {"chosen": {"beta": chosen}})}
    path = root / place / f"{NAME}-search.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(found))


def test_rows_are_means_over_seeds_and_noises(tmp_path):
    put(tmp_path, "digits/symmetric20", {0.1: [0.80, 0.90], 0.5: [0.70, 0.74], 1.0: [0.6, None]}, 0.1)
    put(tmp_path, "digits/symmetric40", {0.1: [0.60, 0.60], 0.5: [0.80, 0.82], 1.0: [0.5, 0.5]}, 0.5)
    put(tmp_path, "digits/none", {0.1: [0.95, 0.97]}, None)  # stopped after the first value
    text = values.page(tmp_path)
    assert [line for line in text.splitlines() if line.startswith("|") and "---" not in line] == [
        "| `beta` | digits, no wrong labels | digits, symmetric (2) | chosen |",
        "| 0.1 (default) | **96.0** | 72.5 | 1 of 2 |",
        "| 0.5 | – | **76.5** | 1 of 2 |",
        "| 1.0 | – | – | 0 of 2 |",
    ]


def test_values_are_tried_alone_and_those_that_are_done_are_not_tried_again(monkeypatch, tmp_path, capsys):
    tried = []

    def scores(method, case, arguments, trainers):
        del method, trainers
        if len(tried) == 3:  # in the middle of the second value
            tried.append("stopped")
            raise KeyboardInterrupt
        tried.append((arguments["beta"], case.seed))
        return {"last": 0.5, "validation": arguments["beta"]}

    def measure():
        return runs.measure("digits", [CLEAN], ["CrossEntropy", NAME], [0], tmp_path, values_only=True)

    monkeypatch.setattr(runs, "_scores", scores)
    with pytest.raises(KeyboardInterrupt):
        measure()
    first = json.loads((tmp_path / "none" / f"{NAME}-search.json").read_text())
    assert [trial["arguments"]["beta"] for trial in first["trials"]] == [BETAS[0]]
    assert "chosen" not in first
    del tried[:]
    tried.extend(["again"] * 4)
    assert measure() == []
    assert tried[4:] == [(beta, seed) for beta in BETAS[1:] for seed in (0, 1)]
    found = json.loads((tmp_path / "none" / f"{NAME}-search.json").read_text())
    assert found["chosen"] == {"beta": max(BETAS)}
    assert [path.name for path in tmp_path.rglob("*.json")] == [f"{NAME}-search.json"]  # and no run
    assert f"{len(BETAS)} values of {len(BETAS)}" in capsys.readouterr().out

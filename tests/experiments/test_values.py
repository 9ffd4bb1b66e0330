"""Values that methods are searched over: what is tried is kept, and the page is that of the committed searches."""

import json
import pathlib

import numpy as np
import pytest
from absl import flags

from experiments.comparison import methods, runs, values
from experiments.experiment import CLEAN

RESULTS = pathlib.Path(__file__).parents[2] / "results" / "compare"
NAME = "EarlyLearning"
SPACE = methods.METHODS[NAME].space
POINTS = runs.points(SPACE)


def test_page_is_that_of_the_results():
    assert (RESULTS / "values.md").read_text(encoding="utf-8") == values.page(RESULTS)
    assert values.searches(RESULTS)[1] == []  # all are of today


def test_scales_of_logistic_normal_that_choose_a_loss_names_are_better_than_the_defaults():
    """Under how many of the eleven noises of digits and Fashion-MNIST, and in the mean over them."""
    found = values.searches(RESULTS)[0]["LogisticNormal"]
    found = {place: values._accuracies(one, ["temperature", "min_scale"]) for place, one in found.items()}
    gains = {
        point: [one[point] - one[1.0, 0.5] for (dataset, _), one in found.items() if "cifar" not in dataset]
        for point in [(1.0, 1.0), (0.5, 0.5)]
    }
    assert [sum(gain > 0 for gain in one) for one in gains.values()] == [10, 8]
    assert all(sum(one) / len(one) > 5 for one in gains.values())


def test_temperatures_of_heteroscedastic_that_choose_a_loss_names_differ_as_it_says():
    heading, *rows = values.rows("Heteroscedastic", values.searches(RESULTS)[0]["Heteroscedastic"])
    found = {row[0]: [float(cell.strip("*")) for cell in row[1:-1]] for row in rows}
    assert [one.split(", ")[1].split()[0] for one in heading[1:-1]] == ["no", "symmetric", "asymmetric"]
    gains = np.subtract(found["20.0"], found["1.0 (default)"])
    assert gains.round().tolist() == [-1, 16, 4]


def put(root, place, ends, chosen=None, **changed):
    """Stores a search with these accuracies of two seeds by the number of the point."""
    dataset, noise = place.split("/")
    searched = {key: list(map(list, one)) if isinstance(one[0], tuple) else list(one) for key, one in SPACE.items()}
    settings = runs.settings_of_today(NAME, dataset)
    settings = {**settings, "arguments": {**settings["arguments"], **searched}, **changed}
    trials = [
        {"arguments": POINTS[i], "seeds": [{"failed": "NaN"} if one is None else {"last": one} for one in accuracies]}
        for i, accuracies in ends.items()
    ]
    found = {"settings": settings, "trials": trials, **({} if chosen is None else {"chosen": POINTS[chosen]})}
    path = root / dataset / noise / f"{NAME}-search.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(found))


def lines(text):
    return [line for line in text.splitlines() if line.startswith("|") and "---" not in line]


def test_rows_are_means_over_seeds_and_noises(tmp_path):
    put(tmp_path, "digits/symmetric40", {0: [0.60, 0.60], 1: [0.80, 0.82], 2: [0.5, 0.5]}, chosen=1)
    put(tmp_path, "digits/symmetric20", {0: [0.80, 0.90], 1: [0.70, 0.74], 2: [0.6, None]}, chosen=0)
    put(tmp_path, "digits/none", {0: [0.9504, 0.9504], 1: [0.95, 0.95]})  # stopped after the second
    text = values.page(tmp_path)
    assert lines(text) == [
        "| `beta` | `weight` | digits, no wrong labels | digits, symmetric 20 to 40 % (2 noises) | chosen |",
        "| 0.7 | 1.0 | **95.0** | 72.5 | 1 of 2 |",
        "| 0.7 | 3.0 (default) | **95.0** | **76.5** | 1 of 2 |",
        "| 0.7 | 7.0 | – | diverged | 0 of 2 |",
    ]
    assert "seeds (2 on digits)" in text
    assert "other settings" not in text


def test_values_are_looked_up_by_name(tmp_path):
    put(tmp_path, "digits/none", {0: [0.5, 0.7]})
    path = tmp_path / "digits" / "none" / f"{NAME}-search.json"
    content = json.loads(path.read_text())
    content["trials"][0]["arguments"] = dict(reversed(content["trials"][0]["arguments"].items()))
    path.write_text(json.dumps(content))
    assert "| 0.7 | 1.0 | **60.0** | 0 of 0 |" in lines(values.page(tmp_path))


def test_a_column_in_which_all_diverged_has_nothing_in_bold(tmp_path):
    put(tmp_path, "digits/none", {0: [None, 0.5], 1: [None, None]})
    assert [line.split("|")[3].strip() for line in lines(values.page(tmp_path))[1:]] == ["diverged", "diverged"]


@pytest.mark.parametrize(
    "changed", [{"epochs": 31}, {"method": "Focal"}, {"arguments": {"beta": [0.7], "weight": [1.0]}}]
)
def test_searches_of_other_settings_are_named_and_left_out(changed, tmp_path):
    put(tmp_path, "digits/none", {0: [0.9, 0.9]}, **changed)
    put(tmp_path, "digits/symmetric40", {0: [0.8, 0.8]})
    (tmp_path / "digits" / "none" / "Focal-search.json").write_text("{}")
    text = values.page(tmp_path)
    assert lines(text)[0] == "| `beta` | `weight` | digits, symmetric 40 % | chosen |"
    named = "other settings: `digits/none/EarlyLearning-search.json`, `digits/none/Focal-search.json`."
    assert named in " ".join(text.split())


def test_no_search_is_an_error_with_a_command(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"`python -m experiments\.compare --dataset=digits` makes some"):
        values.page(tmp_path)


def test_a_torn_search_is_named(tmp_path):
    put(tmp_path, "digits/none", {0: [0.9, 0.9]})
    path = tmp_path / "digits" / "none" / f"{NAME}-search.json"
    path.write_text(path.read_text()[:50])
    with pytest.raises(ValueError, match=r"EarlyLearning-search\.json"):
        values.page(tmp_path)


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"methods": ["Focal"]}, "must be given together"),
        ({"dataset": "digits"}, "must be given together"),
        ({"dataset": "digits", "methods": ["CrossEntropy"]}, "Unknown method with values: 'CrossEntropy'"),
        ({"dataset": "digits", "methods": ["Focal"], "noise": ["x"]}, "`--noise` must be"),
    ],
)
def test_flags_that_would_do_nothing_are_refused(given, error, tmp_path, monkeypatch):
    args = {"dataset": None, "methods": None, "noise": None, "workdir": str(tmp_path), "data_dir": None, **given}
    monkeypatch.setattr(flags, "FLAGS", type("Flags", (), args))
    with pytest.raises(ValueError, match=error):
        values.main()
    assert list(tmp_path.iterdir()) == []


def test_values_are_tried_alone_and_those_that_are_done_are_not_tried_again(monkeypatch, tmp_path, capsys):
    tried = []

    def scores(method, case, arguments, trainers):
        del method, trainers
        if len(tried) == 3:  # in the middle of the second value
            tried.append("stopped")
            raise KeyboardInterrupt
        tried.append((arguments["beta"], arguments["weight"], case.seed))
        return {"last": 0.5, "validation": arguments["weight"] - arguments["beta"]}

    def measure():
        return runs.measure("digits", [CLEAN], ["CrossEntropy", NAME], [0], tmp_path, values_only=True)

    monkeypatch.setattr(runs, "_scores", scores)
    monkeypatch.setattr(runs.results, "made_by", lambda: {"commit": "first" if not tried else "second"})
    with pytest.raises(KeyboardInterrupt):
        measure()
    path = tmp_path / "none" / f"{NAME}-search.json"
    first = json.loads(path.read_text())
    assert [trial["arguments"] for trial in first["trials"]] == [POINTS[0]]
    assert "chosen" not in first
    assert measure() == []
    assert tried[4:] == [(*point.values(), seed) for point in POINTS[1:] for seed in (0, 1)]
    found = json.loads(path.read_text())
    assert found["chosen"] == {"beta": 0.7, "weight": 7.0}
    assert (found["made_by"]["commit"], {one["commit"] for one in found["trials"][1:]}) == ("first", {"second"})
    assert [path.name for path in tmp_path.rglob("*.json")] == [f"{NAME}-search.json"]  # and no run
    assert f"{len(POINTS)} values of {len(POINTS)}" in capsys.readouterr().out

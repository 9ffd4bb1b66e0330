"""The search: every point of the grid once, a choice by noisy validation labels alone, and a stopped one goes on."""

import dataclasses
import itertools
import json
import math
import shutil
import types

import numpy as np
import pytest

from experiments import results, search, sources
from experiments.experiment import CROSS_ENTROPY, Experiment, Method, Noise
from experiments.papers.logistic_normal.methods import METHODS, MODELLED_ON, preset, space
from experiments.papers.logistic_normal.published import NATURAL, SYNTHETIC, TABLES_4_AND_5
from tfp_noise import datasets, losses, pipeline

SMALL = Experiment(
    name="small/symmetric40/LN",
    dataset="digits",
    noise=Noise("symmetric", 0.4),
    model="digits_cnn",
    method=Method("LN", losses.LogisticNormal, {"temperature": 1.0, "min_scale": 0.5, "target_smoothing": 0.02}),
    epochs=1,
    batch_size=128,
    optimizer=("Adam", {"learning_rate": 1e-3}),
    published=(50.0, 1.0),
)
GRID = {"temperature": (0.1, 1.0)}
LARGER = {"temperature": (0.1, 0.5, 1.0), "min_scale": (1.0, 0.5)}
POINTS = [dict(zip(LARGER, values, strict=True)) for values in itertools.product(*LARGER.values())]
FOLDER = f"{SMALL.name}/search"


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("finished")
    return workdir, search.search(SMALL, GRID, workdir)


@pytest.fixture
def scripted(monkeypatch):
    """Puts in the place of runs what `scores(values)` gives, and notes their experiments."""

    def use(scores):
        seen = []

        def run(experiment, workdir, data_dir):
            seen.append(experiment)
            return {"scores": scores({name: experiment.method.arguments[name] for name in LARGER})}

        monkeypatch.setattr(search, "run", run)
        return seen

    monkeypatch.setattr("keras.backend.clear_session", lambda: None)  # nothing is trained, and it takes its time
    return use


def _scores(validation, test):
    return {"validation_accuracy_observed": validation, "test_accuracy": test}


def test_trials_are_finished_runs_and_the_best_is_chosen(finished):
    workdir, outcome = finished
    folder = workdir / FOLDER
    assert json.loads((folder / "seed0" / "search.json").read_text()) == json.loads(json.dumps(outcome))
    scores = {}
    for temperature in GRID["temperature"]:
        stored = json.loads((folder / f"temperature{temperature}" / "seed0.json").read_text())
        arguments = {"temperature": temperature, "min_scale": 0.5, "target_smoothing": 0.02}
        assert stored["settings"]["method"]["arguments"] == arguments
        assert stored["settings"]["method"]["label"] == f"LN temperature {temperature}"
        assert stored["settings"]["published"] is None
        scores[temperature] = stored["scores"]
    assert [trial["values"]["temperature"] for trial in outcome["trials"]] == [0.1, 1.0]
    for trial in outcome["trials"]:
        of_run = scores[trial["values"]["temperature"]]
        assert {**trial, **of_run} == {**of_run, **trial}
    assert outcome["chosen"] == {"temperature": max(scores, key=lambda t: scores[t]["validation_accuracy_observed"])}
    assert outcome["settings"] == json.loads(json.dumps(SMALL.settings()))
    assert {"command", "commit", "versions"} <= set(outcome["made_by"])


def test_score_is_the_accuracy_on_noisy_validation_labels(finished):
    workdir, outcome = finished
    noisy = SMALL.noise.apply(datasets.load("digits"), 0)
    for trial in outcome["trials"]:
        model = results.find_model(search._variant(SMALL, trial["values"]), workdir)
        labels = model.predict(pipeline.one_pass(noisy.validation, 100), verbose=0).argmax(1)
        assert trial["validation_accuracy_observed"] == pytest.approx((labels == noisy.validation.observed).mean())
        assert (labels == noisy.validation.observed).mean() != (labels == noisy.validation.labels).mean()


@pytest.mark.thorough
def test_other_test_labels_same_choice(finished, tmp_path, monkeypatch):
    """Nothing but the reported test accuracy changes where all test labels are wrong."""
    _, outcome = finished
    load = sources.InMemory.load

    def mistaken(self, name, data_dir):
        data = load(self, name, data_dir)
        test = dataclasses.replace(data.test, labels=(data.test.labels + 1) % data.num_classes)
        return dataclasses.replace(data, test=test)

    monkeypatch.setattr(sources.InMemory, "load", mistaken)
    other = search.search(SMALL, GRID, tmp_path)
    assert other["chosen"] == outcome["chosen"]
    for one, two in zip(outcome["trials"], other["trials"], strict=True):
        assert one["test_accuracy"] != two["test_accuracy"]
        assert two == {**one, "test_accuracy": two["test_accuracy"]}


@pytest.mark.parametrize("best", range(6))
def test_every_point_once_and_the_best_by_validation_whatever_the_test(scripted, tmp_path, best):
    validation = np.roll([0.9, 0.1, 0.5, 0.3, 0.7, 0.2], best)
    seen = scripted(lambda values: _scores(validation[POINTS.index(values)], 1 - validation[POINTS.index(values)]))
    outcome = search.search(SMALL, LARGER, tmp_path)
    assert [trial["values"] for trial in outcome["trials"]] == POINTS
    assert [trial["validation_accuracy_observed"] for trial in outcome["trials"]] == validation.tolist()
    assert outcome["chosen"] == POINTS[best]
    assert len(seen) == len({experiment.name for experiment in seen}) == 6
    assert seen[1].name == f"{FOLDER}/temperature0.1-min_scale0.5"
    assert {experiment.seed for experiment in seen} == {0}


def test_of_equals_the_first(scripted, tmp_path):
    scripted(lambda values: _scores(0.2 if values == POINTS[0] else 0.5, values["temperature"]))
    assert search.search(SMALL, LARGER, tmp_path)["chosen"] == POINTS[1]


def test_failed_trials_are_said_and_never_chosen(scripted, tmp_path, capsys):
    def scores(values):
        if values != POINTS[4]:
            raise ValueError(f"NaN at {values['temperature']}")
        return _scores(0.1, 0.1)

    scripted(scores)
    outcome = search.search(SMALL.with_seed(3), LARGER, tmp_path)
    assert outcome["chosen"] == POINTS[4]
    said = ["NaN at 0.1", "NaN at 0.1", "NaN at 0.5", "NaN at 0.5", None, "NaN at 1.0"]
    assert [trial.get("failed") for trial in outcome["trials"]] == said
    assert f"1/6 {FOLDER}/temperature0.1-min_scale1.0 seed 3: failed: NaN at 0.1" in capsys.readouterr().out
    assert (tmp_path / FOLDER / "seed3" / "search.json").exists()


def test_nothing_to_choose_from(scripted, tmp_path):
    def scores(values):
        raise ValueError("NaN")

    scripted(scores)
    with pytest.raises(ValueError, match="None of the 6 trials finished"):
        search.search(SMALL, LARGER, tmp_path)
    assert not list(tmp_path.rglob("search.json"))


def test_other_errors_are_no_failed_trials(finished, scripted, tmp_path):
    def scores(values):
        raise OSError("disk full")

    seen = scripted(scores)
    with pytest.raises(OSError, match="disk full"):
        search.search(SMALL, LARGER, tmp_path)
    assert len(seen) == 1
    workdir, _ = finished
    shutil.copytree(workdir, tmp_path / "copy")
    with pytest.raises(ValueError, match=r"a result of other settings \(epochs: 1 there, 9 now\)"):
        search.search(dataclasses.replace(SMALL, epochs=9), GRID, tmp_path / "copy")
    assert len(seen) == 1


@pytest.mark.thorough
def test_stopped_search_goes_on(finished, tmp_path, monkeypatch):
    """Ctrl-C in the second trial: the first is not run again, the second is."""
    workdir, outcome = finished
    shutil.copytree(workdir / FOLDER / "temperature0.1", tmp_path / FOLDER / "temperature0.1")
    first = tmp_path / FOLDER / "temperature0.1" / "seed0.json"
    before, run = first.stat().st_mtime_ns, search.run

    def stopped(experiment, *arguments):
        if experiment.method.arguments["temperature"] == 1.0:
            raise KeyboardInterrupt
        return run(experiment, *arguments)

    monkeypatch.setattr(search, "run", stopped)
    with pytest.raises(KeyboardInterrupt):
        search.search(SMALL, GRID, tmp_path)
    assert not list(tmp_path.rglob("search.json"))
    monkeypatch.setattr(search, "run", run)
    again = search.search(SMALL, GRID, tmp_path)
    assert (again["trials"], again["chosen"]) == (outcome["trials"], outcome["chosen"])
    assert first.stat().st_mtime_ns == before
    assert len(list(tmp_path.rglob("seed0.json"))) == 2


def test_method_without_hyperparameters_is_refused_before_work(scripted, tmp_path):
    seen = scripted(lambda values: _scores(0.5, 0.5))
    with pytest.raises(ValueError, match=r"hyperparameters to search over. Received: 'x/CE', whose method 'CE'"):
        search.search(dataclasses.replace(SMALL, name="x/CE", method=CROSS_ENTROPY), space("CE", "mnist"), tmp_path)
    assert not seen
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("best", "verdict"),
    [
        ((1.0, 0.5), "Chosen: temperature 1.0, min_scale 0.5; as in the paper."),
        ((0.5, 0.1), "Chosen: temperature 0.5, min_scale 0.1; in the paper: temperature 1.0, min_scale 0.5."),
    ],
)
def test_command_shows_the_trials_and_the_choice(scripted, tmp_path, monkeypatch, capsys, best, verdict):
    def scores(values):
        if values == {"temperature": 0.1, "min_scale": 0.1}:
            raise FloatingPointError("NaN")
        return _scores(0.625 if tuple(values.values()) == best else 0.5, 0.9375)

    seen = scripted(scores)
    name = "LN/table1/laptop-digits/symmetric40/LN"
    flags = types.SimpleNamespace(experiment=name, seed=2, more_seeds=["3", "4"], workdir=tmp_path, data_dir=None)
    monkeypatch.setattr(search.flags, "FLAGS", flags)
    again = []
    monkeypatch.setattr(search, "run_all", lambda experiments, *_: again.extend(experiments))
    search.main()
    output = capsys.readouterr().out
    rows = [line.split() for line in output.splitlines()]
    assert verdict in output
    assert ["0.1", "0.1", "failed", "–"] in rows
    chosen = next(row for row in rows if "chosen" in row or "chosen," in row)
    assert chosen[:4] == [*map(str, best), "62.50", "93.75"]
    assert next(row for row in rows if row[-2:] == ["the", "paper's"])[:2] == ["1.0", "0.5"]
    assert len(seen) == 9
    point = f"{name}/search/temperature{best[0]}-min_scale{best[1]}"
    assert [(e.name, e.seed) for e in again] == [(point, 2), (point, 3), (point, 4)]
    assert {experiment.seed for experiment in seen} == {2}


def test_grids_as_published():
    """Englesson et al., appendix B.2; what the search of the paper chose lies on its grid."""
    sizes = {"Het-tau": 5, "Het-tau-Sigma_full": 15, "GCE": 5, "NAN": 5, "Bi-tempered": 9, "LN": 6}
    synthetic = itertools.product(METHODS, [*TABLES_4_AND_5, *MODELLED_ON], SYNTHETIC)
    for method, dataset, noise in [*synthetic, *itertools.product(METHODS, NATURAL, ["human"])]:
        grid, chosen = space(method, dataset), preset(method, dataset, noise)
        wider = method == "LN" and dataset in ("mnist", "digits")
        assert math.prod(map(len, grid.values())) == (9 if wider else sizes.get(method, 1))
        assert set(grid) == set(chosen) - {"target_smoothing"}
        assert all(chosen[name] in values for name, values in grid.items())
    assert preset("LN", "digits", "asymmetric40") == preset("LN", "mnist", "asymmetric40")

"""The study of losses by the kind of noise: what its tables count, and that the committed ones are of the results."""

import json
import pathlib

import numpy as np
import pytest

from experiments.comparison import otherwise
from experiments.comparison.compared_method import Case
from experiments.comparison.methods import LEFT_OUT
from experiments.comparison.training import ComparedSet, Trainer
from experiments.decision import methods, runs, sets, table
from tfp_noise import losses

RESULTS = pathlib.Path(__file__).parents[2] / "results" / "decision"


def scores(last, validation):
    return {"last": last, "best": last / 2, "validation": validation, "best_validation": validation}


@pytest.fixture
def folder(tmp_path):
    """Two sets under pair flips: cross-entropy is right on 0.5; a grid whose best point by validation is the third."""
    grid = {
        methods.point_name(values): scores(0.1 * n, 0.5 - abs(n - 2) / 10) for n, values in enumerate(methods.POINTS)
    }
    plain = {"CrossEntropy": scores(0.5, 0.5), **grid}
    for name, seed, focal in [("a-b", 0, 0.6), ("a-b", 1, 0.4), ("c", 0, 0.3)]:
        found = {**plain, "Focal": scores(focal, 0.9), "Bootstrap": {"failed": "NaN"}}
        (tmp_path / f"{name}-pair_flip40-{seed}.json").write_text(json.dumps(found))
    return tmp_path


def test_tables_are_those_of_the_results():
    assert RESULTS.with_suffix(".md").read_text(encoding="utf-8") == table.markdown(RESULTS)


def test_differences_are_means_over_sets_of_means_over_runs(folder):
    found = table.differences(runs.load(folder), "last")
    np.testing.assert_allclose(found["Focal"]["pair_flip"], [0, -20], atol=1e-9)
    np.testing.assert_allclose(found["LogisticNormal"]["pair_flip"], [20, 20])  # (1.0, 0.5), the eighth point
    np.testing.assert_allclose(found["searched LogisticNormal"]["pair_flip"], [-30, -30])
    assert "Bootstrap" not in found
    assert "| `Focal` | -10.0, below on 1 of 2 |" in table.markdown(folder)
    assert "| searched LogisticNormal | -30.0, below on 2 of 2 |" in table.markdown(folder)


def test_the_summary_names_what_leads_and_what_harms(folder):
    made = table.summary(folder)
    assert made.startswith("2 data sets, with the number of seeds of each: a-b 2, c 1.\n\n| labels are |")
    row = made.splitlines()[-1]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells == [
        "wrong to the next class, 40 %",
        "2",
        "50.0 %",
        "4.3",
        "`LogisticNormal` +20.0",
        "searched LogisticNormal -30.0, LogisticNormal at MNIST's values -20.0",  # Focal by -10.0 is not, for its seeds
    ]


def test_standard_errors_are_by_what_lies_between_seeds(folder):
    """One of four rows has a variance of 200, by differences of 10 and -10 points; the sets have two seeds and one."""
    (found,) = runs.standard_errors(folder).values()
    assert found.pooled == pytest.approx(np.sqrt(200 / 4 * (1 / 2 + 1)) / 2)
    assert found.own["Focal"] == found.largest("Focal") == pytest.approx(np.sqrt(200 * (1 / 2 + 1)) / 2)
    assert (found.own["LogisticNormal"], found.largest("LogisticNormal")) == (0, found.pooled)
    assert found.repeated == 1
    (folder / "a-b-pair_flip40-1.json").unlink()
    assert runs.standard_errors(folder) == {}
    assert "| wrong to the next class, 40 % | 2 | 50.0 % | – | none | none |" in table.summary(folder)


def test_every_loss_is_measured():
    assert {one.name for one in losses.available()} - set(methods.METHODS) == {*LEFT_OUT, "LogisticNormal"}


@pytest.mark.parametrize("name", methods.METHODS)
def test_every_loss_is_made_for_a_set(name, monkeypatch):
    task = sets.SETS["digits"]
    case = Case("digits", task, task.noises[1], 0, task.noises[1].apply(task.load(0, None), 0))
    eye = np.eye(10)[case.data.train.observed]
    monkeypatch.setattr(otherwise.training, "out_of_sample", lambda *_: eye)
    made = methods.METHODS[name](case)
    assert isinstance(made, losses.NoisyLabelLoss)
    assert made.num_classes == 10


@pytest.mark.thorough
def test_a_repeated_training_is_that_of_a_new_model():
    task = ComparedSet(sets.SETS["wine"].load, 5, 32)
    one, two = (sets.PAIRS[1].apply(task.load(seed, None), seed) for seed in (0, 1))

    def built():
        return Trainer(one, losses.OnlineLabelSmoothing(3), task)

    reused = built()
    reused.scores(one, 0)
    again, new = reused.scores(two, 1), built().scores(two, 1)
    assert {**again, "seconds": 0} == {**new, "seconds": 0}


@pytest.mark.parametrize("name", ["wine", "breast_cancer", "digits"])
def test_splits_share_no_example(name):
    data = sets.SETS[name].load(0, None)
    rows = [set(map(bytes, getattr(data, split).features)) for split in ("train", "validation", "test")]
    assert not rows[0] & rows[2]
    assert not rows[1] & rows[2]
    assert data.train.features.ndim == 2


def test_gradient_histograms_see_the_direction_of_an_edge():
    ramp = np.tile(np.arange(8.0), [8, 1])[None, :, :, None]
    right, down = (sets.gradient_histograms(image).reshape(4, 8) for image in (ramp, ramp.transpose(0, 2, 1, 3)))
    assert set(right.argmax(axis=1)) == {4}  # direction 0 of -pi to pi in 8 parts
    assert set(down.argmax(axis=1)) == {6}
    assert np.linalg.norm(right) == pytest.approx(np.sqrt(32))

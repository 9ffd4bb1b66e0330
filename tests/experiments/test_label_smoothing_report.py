"""The paper's report: verdicts against numbers made up for them, and the committed file against its runs."""

import json
import pathlib
import types

import numpy as np
import pytest
from scipy import stats

import models
from experiments import evaluation, papers, results
from experiments.evaluation import claims, summaries
from experiments.papers import drawing
from experiments.papers.label_smoothing import claims as paper
from experiments.papers.label_smoothing import figures, findings
from experiments.papers.label_smoothing.methods import ALPHAS, FAMILIES, names
from experiments.papers.label_smoothing.published import TABLES_3_AND_4
from tests.helpers.processes import run_script
from tests.helpers.small_experiments import SMALL, result_of
from tfp_noise import NoisyLabelClassifier, datasets, losses, pipeline

RESULTS = pathlib.Path(__file__).parents[2] / "results"
FOLDER = "LS/alpha/laptop-digits/symmetric20"


def result(name, seed, accuracy, calibration_error=0.1):
    train = {"accuracy": 0.5, "accuracy_clean": 0.5, "accuracy_mislabelled_true": 0.5, "accuracy_mislabelled": 0.5}
    settings = {"name": name, "seed": seed, "dataset": "digits", "model": "digits_cnn", "epochs": 100}
    return {
        **result_of(SMALL),
        "settings": {
            **settings,
            "noise": {"kind": "symmetric", "rate": 0.2},
            "published": None,
            "method": {"label": name.rpartition("/")[2]},
        },
        "scores": {"test_accuracy": accuracy, "test_ece_100_bins": calibration_error, "train": train},
    }


NOISE = np.array([0.0, 0.001, -0.001, 0.002])


def runs_of(accuracies, spread=1.0):
    """Four seeds a method; the seeds' own differences are the same for all, and each method has some noise besides."""
    rng = np.random.default_rng(0)
    return [
        result(f"{FOLDER}/{method}", seed, accuracy + 0.02 * seed + spread * noise)
        for method, accuracy in accuracies.items()
        for seed, noise in enumerate(rng.permutation(NOISE))
    ]


def line(text, finding):
    (found,) = [one for one in text.splitlines() if one.startswith("- **") and finding in one]
    return found


ACCURACIES = {"CE": 0.7, "LS0.1": 0.72, "LS0.2": 0.71, "LS0.4": 0.74, "LS0.6": 0.75}
ACCURACIES |= {"FC0.2": 0.8, "FC0.6": 0.9, "BC0.2": 0.7, "BC0.6": 0.6}


def smoothed_to(accuracy):
    return {**ACCURACIES, **{f"LS{alpha}": accuracy for alpha in ALPHAS}}


def test_verdicts():
    text = findings.markdown(runs_of(ACCURACIES))
    holds = line(text, "Smoothing improves accuracy")
    assert holds.startswith("- **Holds.**")
    assert "LS0.1 against CE +2.00" in holds
    assert line(text, "Alpha above the noise rate").startswith("- **2 for, 1 against.**")
    assert line(text, "Correction harms calibration").startswith("- **")
    few = findings.markdown([run for run in runs_of(ACCURACIES) if run["settings"]["seed"] < 2])
    assert line(few, "Smoothing improves accuracy").startswith("- **Not judged**: fewer than 3 seeds of a method ")
    assert "| LS | 73.05 ± " in text
    assert "| LS, paper: ResNet-32, CIFAR-100 | 0.111 | 0.108 | 0.156 | – | – |" in text
    worse = findings.markdown(runs_of(smoothed_to(0.6)))
    assert line(worse, "Smoothing improves acc").startswith("- **The opposite holds.**")


def test_little_evidence_decides_nothing():
    """A gain of two to three standard errors over four seeds, four times: nothing, by Student and Holm."""
    noisy = findings.markdown(runs_of(smoothed_to(0.715), spread=8.0))
    assert line(noisy, "Smoothing improves acc").startswith("- **Undecided.**")
    certain = findings.markdown(runs_of(smoothed_to(0.715), spread=0.5))
    assert line(certain, "Smoothing improves acc").startswith("- **Holds.**")


def test_gains_below_half_a_point_count_for_nothing():
    tiny = findings.markdown(runs_of(smoothed_to(0.703), spread=0.01))
    assert line(tiny, "Smoothing improves acc").startswith("- **Undecided.**")


@pytest.mark.parametrize(
    ("gap", "verdict"), [(0.002, "Holds"), (-0.05, "Holds"), (0.05, "The opposite holds"), (0.01, "Undecided")]
)
def test_loss_against_the_true_transition(gap, verdict):
    methods = {"CE": 0.5, "FC-true": 0.9, **{f"FC-{percentile}": 0.9 - gap for percentile in (97, 99.9, 100)}}
    runs = runs_of(methods)
    for run in runs:
        run["settings"]["name"] = run["settings"]["name"].replace(FOLDER, "LS/estimated/laptop-mnist/asymmetric40")
    assert line(findings.markdown(runs), "FC with the estimated transition").startswith(f"- **{verdict}.**")


def test_holm_is_stepwise_and_a_bound_is_by_bonferroni():
    """Four comparisons: p of 0.012 stands below 0.05 / 4 only; 0.04 does not, though nothing is left to correct for.

    A gain is bounded by a one-sided test against half a point, unless it is a gain for certain.
    """
    rng = np.random.default_rng(1)
    one, seen = claims.Comparison("a", "b"), set()
    for _ in range(200):
        gains = [rng.normal(rng.uniform(-1, 4), rng.choice([0.1, 1]), size=rng.integers(4, 8)) for _ in range(4)]
        p = [stats.ttest_1samp(gain, 0).pvalue for gain in gains]
        below = [stats.ttest_1samp(gain, 0.5, alternative="less").pvalue for gain in gains]
        expected = ["=" if one < 0.05 / 8 and len(gain) >= 5 else "?" for one, gain in zip(below, gains, strict=True)]
        alive = True
        for rank, index in enumerate(np.argsort(p)):
            alive = alive and p[index] <= 0.05 / (4 - rank)
            if alive and gains[index].mean() > 0:
                expected[index] = "?"
            if alive and abs(gains[index].mean()) >= 0.5:
                expected[index] = "+" if gains[index].mean() > 0 else "-"
        seen.update(expected)
        assert claims.decide([claims.Sample(gain, 50.0, 0.0) for gain in gains], [one] * 4, 4) == expected
    assert seen == set("+-=?")


def test_differences_are_paired_by_seed():
    better = [result("b", seed, accuracy) for seed, accuracy in ((0, 0.5), (1, 0.7), (2, 0.95), (7, 0.0))]
    worse = [result("w", seed, accuracy) for seed, accuracy in ((2, 0.9), (0, 0.4), (1, 0.5), (7, None))]
    methods = {"b": better, "w": worse}
    np.testing.assert_allclose(claims.sample(methods, claims.Comparison("b", "w")).gains, [10, 20, 5])
    np.testing.assert_allclose(claims.sample(methods, claims.Comparison("b", "w", sign=-1)).gains, [-10, -20, -5])
    assert claims.sample(methods, claims.Comparison("b", "missing")).gains.size == 0


def test_every_declared_group_has_a_section():
    folders = {name.rsplit("/", 1)[0] for name in papers.EXPERIMENTS if name.startswith("LS/")}
    assert folders == {folder for claim in paper.CLAIMS for folder in claim.settings}
    for name, experiment in papers.EXPERIMENTS.items():
        if name.startswith("LS/"):
            run = result(name, 0, 0.5)
            run["settings"] |= {"noise": {"kind": "symmetric", "rate": experiment.noise.rate}}
            assert f"## {name.rsplit('/', 1)[0]}" in findings.markdown([run])


def test_directions_are_the_papers_own():
    """The paper's Tables 3 and 4 as runs: every finding it draws from them must hold for them."""
    runs = []
    for (heading, family), by_alpha in TABLES_3_AND_4.items():
        key, factor, _ = summaries.SCORES[heading]
        for alpha, value in by_alpha.items():
            name = f"{FOLDER}/{names(family)[alpha]}"
            for seed in range(4):
                run = next((r for r in runs if (r["settings"]["name"], r["settings"]["seed"]) == (name, seed)), None)
                if run is None:
                    run = result(name, seed, 0.5)
                    runs.append(run)
                wiggle = value * (1 + 1e-4 * (seed - 1.5)) / factor
                target = run["scores"]["train"] if heading != "ECE 100" else run["scores"]
                target[key] = wiggle
    methods = {name.rsplit("/", 1)[1]: group for name, group in summaries.by_experiment(runs).items()}
    judged = 0
    for claim in paper.CLAIMS:
        if claim.source not in ("Table 3", "Table 4"):
            continue
        known = [one for one in claim.settings[FOLDER] if one.better in methods and one.worse in methods]
        gains = [claims.sample(methods, one).gains for one in known]
        assert all(gain.mean() > 0 for gain in gains), claim.text
        judged += len(known)
    assert judged >= 10


def test_nothing_of_this_paper_is_said():
    with pytest.raises(ValueError, match="No run of this paper"):
        findings.markdown([result("LN/table1/mnist/none/CE", 0, 0.5)])


def test_committed_report_is_made_from_the_committed_results():
    assert (RESULTS / "LS" / "findings.md").read_text() == findings.markdown(list(results.load(RESULTS).values()))


def test_scores_by_alpha_come_from_the_runs():
    runs = runs_of({"CE": 0.7, "LS0.1": 0.72, "FC0.1": 0.8}, spread=0.0)
    found = drawing.by_alpha(runs, FOLDER, names("LS"), "test")
    assert found == {0.0: pytest.approx([70, 72, 74, 76]), 0.1: pytest.approx([72, 74, 76, 78])}
    assert drawing.by_alpha(runs, "elsewhere", names("LS"), "test") == {}


@pytest.fixture
def untrained(monkeypatch):
    """The runs' models without the training: `{name: model}` as they are asked for."""
    models_by_name = {}

    def trained(experiment, workdir, data_dir):
        del workdir, data_dir
        network = models.build("digits_cnn", (8, 8, 1), 10)
        return models_by_name.setdefault(experiment.name, NoisyLabelClassifier(network, losses.CrossEntropy(10)))

    monkeypatch.setattr(figures, "trained", trained)
    return models_by_name


def test_representations_are_the_networks(untrained):
    experiment = papers.find(f"{FOLDER}/LS0.2")
    examples = evaluation.sample(experiment.noise.apply(datasets.load("digits"), 0).train)
    model = figures.trained(experiment, None, None)
    assert model is untrained[experiment.name]
    logits, features, kernel = figures.representations(model, examples)
    np.testing.assert_allclose(logits, model(pipeline.to_float(examples.features)), atol=1e-5)
    assert features.shape == (len(examples), 128)
    assert kernel.shape == (128, 10)
    assert examples.mislabelled.mean() == pytest.approx(0.18, abs=0.03)


def drawn_figures(**changes):
    methods = ["CE", "LS0.2", "FC0.2", "BC0.2"]
    args = {"under": FOLDER, "methods": methods, "classes": ["3", "4", "5"], "seed": 0, "workdir": RESULTS}
    args = types.SimpleNamespace(**args | {"data_dir": None} | changes)
    return {name: figure for draw_one in figures._FIGURES.values() for name, figure in draw_one(args).items()}


def test_every_figure_is_drawn_from_finished_runs(untrained):
    drawn = drawn_figures()
    assert drawn.keys() == {"figure1", "figure2", "figure3", "figure4", "figure6", "table4"}
    assert {name.rsplit("/", 1)[1] for name in untrained} == {"CE", "LS0.2", "FC0.2", "BC0.2"}
    (axes,) = drawn["figure2"].axes
    assert [curve.get_label() for curve in axes.lines] == list(FAMILIES)
    smoothing = axes.lines[0].get_xydata()
    np.testing.assert_array_equal(smoothing[:, 0], [0, *ALPHAS])
    accuracies = [
        json.loads(path.read_text())["scores"]["test_accuracy"] for path in (RESULTS / FOLDER / "LS0.6").glob("*.json")
    ]
    assert smoothing[-1, 1] == pytest.approx(100 * np.mean(accuracies))
    assert drawn["figure4"].axes[0].get_title() == "CE"
    assert "figure6" not in drawn_figures(under="LS/alpha/laptop-digits/symmetric40"), "no students there"


def test_figures_script_says_what_is_wrong_before_it_trains(tmp_path):
    done = run_script("experiments.papers.label_smoothing.figures", "--methods=CE,LS0.3", f"--workdir={tmp_path}")
    assert done.returncode == 1
    assert f"Did you mean '{FOLDER}/LS0" in done.stderr
    assert not list(tmp_path.iterdir())
    for classes in (["0", "1"], ["0", "1", "1"], ["0", "1", "two"]):
        with pytest.raises(ValueError, match="`--classes` must be three different class indices"):
            drawing.check_classes(classes)


def test_findings_script_writes_the_report(tmp_path):
    runs = runs_of(ACCURACIES)
    for run in runs:
        name, seed = run["settings"]["name"], run["settings"]["seed"]
        run["settings"] = json.loads(json.dumps(papers.find(name).with_seed(seed).settings()))
        path = tmp_path / name / f"seed{seed}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(run))
    done = run_script("experiments.papers.label_smoothing.findings", f"--workdir={tmp_path}")
    assert done.returncode == 0
    assert (tmp_path / "LS" / "findings.md").read_text() == findings.markdown(runs)

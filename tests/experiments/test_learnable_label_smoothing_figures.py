"""The LLS paper's figures and reports from runs: made-up results, and models without their training."""

import types

import keras
import numpy as np
import pytest
from scipy import stats

from experiments import evaluation, results
from experiments.papers.drawing import draw
from experiments.papers.learnable_label_smoothing import figures, findings, top_entries
from experiments.papers.learnable_label_smoothing.methods import ABLATION
from experiments.papers.learnable_label_smoothing.studies import TOP
from tests.helpers.drawn_figures import assert_tidy, legend_texts
from tfp_noise import NoisyLabelClassifier, datasets, losses, pipeline

DIGITS = "LLS/table3/laptop-digits/symmetric40"


def result(name, seed=0, accuracy=0.5, dataset="digits", **parts):
    settings = {"name": name, "seed": seed, "dataset": dataset, "noise": {"kind": "none"}, "optimizer": {}}
    return {"settings": settings, "scores": {"test_accuracy": accuracy, "train": {}}, **parts}


def rows(size, seed):
    return np.random.default_rng(seed).dirichlet(np.ones(size), size)


def learned(name, seed=0, parts_seed=0, **kwargs):
    """A result with rows, and counts of predictions."""
    counts = np.random.default_rng(parts_seed).integers(0, 50, [10, 10]) + 50 * np.eye(10, dtype=int)
    parts = {"class_rows": rows(10, parts_seed).tolist(), "test_confusion": counts.tolist()}
    return result(name, seed, **parts, **kwargs)


def fractions(matrix):
    """Fractions of each row without its diagonal, which is NaN."""
    others = np.where(np.eye(len(matrix), dtype=bool), np.nan, np.asarray(matrix, float))
    return others / np.nansum(others, axis=1, keepdims=True)


@pytest.fixture
def finished(monkeypatch):
    """A list that stands for the finished runs of every folder."""
    runs = []

    def find(experiment, workdir):
        del workdir
        wanted = (experiment.name, experiment.seed)
        return next((r for r in runs if (r["settings"]["name"], r["settings"]["seed"]) == wanted), None)

    monkeypatch.setattr(figures.results, "find", find)
    monkeypatch.setattr(figures.results, "load", lambda workdir: dict(enumerate(runs)))
    return runs


def drawn(axes):
    return axes.images[0].get_array().filled(np.nan)


def test_figure_4_stands_beside_the_confusion_of_lls(finished):
    finished += [learned(f"{DIGITS}/OLS", 3, 1), learned(f"{DIGITS}/LLS", 3, 2), learned(f"{DIGITS}/LLS", 0, 4)]
    args = types.SimpleNamespace(label="laptop-digits", noise="symmetric40", seed=3, workdir="w", data_dir=None)
    ((name, figure),) = figures._FIGURES["4"](args).items()
    assert name == "figure4/laptop-digits-symmetric40"
    assert figure.get_suptitle() == f"{DIGITS}, seed 3; confusion of LLS on test images"
    online, learnable, confusion, _ = figure.axes
    assert [axes.get_title().split("\n")[0] for axes in (online, learnable, confusion)] == ["OLS", "LLS", "confusion"]
    expected = (finished[0]["class_rows"], finished[1]["class_rows"], finished[1]["test_confusion"])
    for axes, matrix in zip((online, learnable, confusion), expected, strict=True):
        np.testing.assert_allclose(drawn(axes), fractions(matrix), rtol=1e-6)
        assert [label.get_text() for label in axes.get_xticklabels()] == list("0123456789")
    args.seed = 1
    with pytest.raises(FileNotFoundError, match=rf"No finished run of {DIGITS}/OLS with seed 1 in w\."):
        figures._FIGURES["4"](args)


def test_figure_9_has_a_panel_a_row_of_the_ablation(finished):
    folder = "LLS/table4/laptop-digits/none"
    finished += [learned(f"{folder}/{row.label}", 0, number) for number, row in enumerate(ABLATION)]
    args = types.SimpleNamespace(label="laptop-digits", noise="symmetric40", seed=0, workdir="w", data_dir=None)
    ((name, figure),) = figures._FIGURES["9"](args).items()
    assert name == "figure9/laptop-digits"
    *panels, _ = figure.axes
    assert [axes.get_title().split("\n")[0] for axes in panels] == [row.label for row in ABLATION]
    for axes, run in zip(panels, finished, strict=True):
        np.testing.assert_allclose(drawn(axes), fractions(run["class_rows"]), rtol=1e-6)


def test_figure_7_takes_all_seeds_of_a_setting(finished, tmp_path):
    under = "LLS/figure7/laptop-digits/none"
    finished += [result(f"{under}/LLS0.5", seed, accuracy) for seed, accuracy in ((0, 0.7), (1, 0.9))]
    finished += [result(f"{under}/LLS0.05", 0, 0.6), result("LLS/figure7/laptop-fashion_mnist/none/LLS0.1", 0, 0.1)]
    figure = figures.accuracy_by_alpha("w", "laptop-digits")
    axes = figure.axes[0]
    np.testing.assert_allclose(axes.lines[0].get_xydata(), [[0.05, 60], [0.5, 80]])
    (band,) = (path.vertices[:, 1] for path in axes.collections[0].get_paths())
    np.testing.assert_allclose([band.min(), band.max()], 80 + np.sqrt(200) * np.array([-1, 1]))
    assert axes.get_title() == "laptop-digits, seeds a point: 1 to 2"
    assert_tidy(figure, tmp_path)
    finished.pop(0)
    assert figures.accuracy_by_alpha("w", "laptop-digits").axes[0].get_title() == "laptop-digits, seeds a point: 1"
    with pytest.raises(FileNotFoundError, match="No finished run of LLS/figure7/cifar100-resnet18/none with"):
        figures.accuracy_by_alpha("w", "cifar100-resnet18")


@pytest.fixture
def untrained(monkeypatch):
    """Small models without training in the place of the runs', and few examples; `{method: (kernel, bias)}`."""
    weights = {}

    def trained(experiment, workdir, data_dir=None):
        del workdir, data_dir
        features = keras.layers.Dense(6, activation="relu", bias_initializer="ones")  # no class with a mean of zero
        layers = [keras.Input([8, 8, 1]), keras.layers.Flatten(), features, keras.layers.Dense(10)]
        model = NoisyLabelClassifier(keras.Sequential(layers), losses.LabelSmoothing(10, 0.1))
        weights[experiment.method.label] = [one.numpy() for one in features.weights]
        return model

    monkeypatch.setattr(figures, "trained", trained)
    monkeypatch.setattr(evaluation, "sample", lambda examples: examples.take(np.arange(150)))
    return weights


@pytest.mark.parametrize("classes", [None, [6, 0, 8]])
@pytest.mark.daily("classes1")
def test_clusters_are_of_training_features_by_true_class(finished, untrained, classes, tmp_path):
    methods = ("CE", "LS", "LLS", "OLS")
    finished += [result(f"{DIGITS}/{method}") for method in methods]
    figure = figures.clusters(DIGITS, 0, "w", classes=classes)
    examples = datasets.load("digits").train.take(np.arange(150))
    pixels = np.asarray(pipeline.to_float(examples.features)).reshape(150, -1).astype("float64")
    chosen = list(range(10)) if classes is None else classes
    assert [axes.get_title() for axes in figure.axes[:4]] == list(methods)
    for method, points, heat in zip(methods, figure.axes[:4], figure.axes[4:8], strict=True):
        counts = [len(cloud.get_offsets()) for cloud in points.collections]
        assert counts == [int((examples.labels == one).sum()) for one in chosen]
        kernel, bias = untrained[method]
        features = np.maximum(pixels @ kernel + bias, 0)
        means = [features[examples.labels == one].mean(axis=0) for one in chosen]
        units = np.array([mean / np.linalg.norm(mean) for mean in means])
        np.testing.assert_allclose(drawn(heat), fractions(1 - units @ units.T), atol=1e-5)
    assert legend_texts(figure) == [[str(one) for one in chosen]]
    assert_tidy(figure, tmp_path)


def test_figures_without_runs_do_not_stop_the_others(finished, untrained, tmp_path):
    finished += [result(f"{DIGITS}/{method}") for method in ("CE", "LS", "LLS", "OLS")]
    args = types.SimpleNamespace(figures=["7", "6"], workdir=tmp_path, label="laptop-digits", noise="symmetric40")
    args.__dict__.update(seed=0, data_dir=None, classes=["0", "6", "8"])
    with pytest.raises(SystemExit, match=r"^Figure 7: No finished run of LLS/figure7/laptop-digits/none"):
        draw(figures._FIGURES, args, "LLS")
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.png")] == [
        "LLS/figure6/laptop-digits-symmetric40.png"
    ]
    finished.pop()
    args.figures = ["8"]
    with pytest.raises(SystemExit, match=rf"^Figure 8: No finished run of {DIGITS}/OLS with seed 0"):
        draw(figures._FIGURES, args, "LLS")


def cells(text):
    """The table in Markdown, as lists of cells, headings first."""
    lines = [line for line in text.splitlines() if line.startswith("|") and "---" not in line]
    return [line.strip("| ").split(" | ") for line in lines]


def test_similarities_are_of_fashion_mnist():
    """The row of Shirt is made by hand: its own probability counts for nothing."""
    name = "LLS/table3/laptop-fashion_mnist/none/LLS"
    runs = [learned(name, seed, seed + 1, accuracy=0.9, dataset="fashion_mnist") for seed in (0, 1)]
    by_hand = {0: [0.2, 0, 0.1, 0, 0.05, 0, 0.5, 0, 0, 0.15], 1: [0.3, 0.02, 0.1, 0.02, 0.06, 0, 0.5, 0, 0, 0]}
    for run in runs:
        run["class_rows"][6] = by_hand[run["settings"]["seed"]]
        run["test_confusion"][6] = [0, 0, 30, 0, 10, 0, 700, 0, 60, 0]
    others = [learned("LLS/table3/laptop-digits/none/LLS"), result("CE", dataset="fashion_mnist")]
    head, line = cells(findings.similarities([*runs, *others]))
    assert head[2:] == ["test", "rank correlation", "nearest to Shirt", "Shirt is taken for"]
    apart = ~np.eye(10, dtype=bool)
    expected = [
        stats.spearmanr(*(fractions(run[key])[apart] for key in ("class_rows", "test_confusion"))).statistic
        for run in runs
    ]
    assert line == [
        name,
        "2",
        "90.00 ± 0.00",
        f"{np.mean(expected):.2f} ± {abs(expected[0] - expected[1]) / 2**0.5:.2f}",
        "T-shirt/top 50 ± 14, Pullover 20 ± 0, Ankle boot 15 ± 21",
        "Bag 60 ± 0, Pullover 30 ± 0, Coat 10 ± 0",
    ]
    with pytest.raises(
        FileNotFoundError, match=r"(?s)with learned rows\. Run first.*--under=LLS/table3/laptop-fashion"
    ):
        findings.similarities(others)


def test_what_entries_hold():
    """Entry by entry; the label's own entry may be kept, and counts for nothing."""
    whole, kept = rows(9, 0), np.array([np.random.default_rng(y).permutation(9)[:3] for y in range(9)])
    assert any(y in kept[y] for y in range(9))
    largest, found = [], []
    for y in range(9):
        best = sorted(range(9), key=lambda k, y=y: -whole[y, k])[:3]
        for total, of in ((largest, best), (found, kept[y])):
            total.append(sum(whole[y, k] for k in of if k != y) / (1 - whole[y, y]))
    np.testing.assert_allclose(top_entries.held(whole, kept), [np.mean(largest), np.mean(found)])
    learnable = np.where(np.eye(9, dtype=bool), 0, 1 / 8)
    others = np.array([[k for k in range(9) if k != y][:3] for y in range(9)])
    np.testing.assert_allclose(top_entries.held(learnable, others), 3 / 8)


def made_of_ten(whole):
    """The ten largest entries of each row, as a run of few entries keeps them."""
    indices = np.argsort(-whole, axis=1)[:, :TOP]
    values = np.take_along_axis(whole, indices, axis=1)
    return losses.TopRows(indices, values, 1 - values.sum(axis=1))


def top_runs():
    under = "LLS/top/digit_pairs"
    runs = [result(f"{under}/none/OLS", seed, a) for seed, a in ((0, 0.8), (1, 0.9), (2, 0.1))]
    runs += [result(f"{under}/none/OLS-top10", seed, a) for seed, a in ((1, 0.92), (0, 0.78), (3, 0.1))]
    return [*runs, result(f"{under}/none/CE", 0, 0.7), result(f"{under}/symmetric40/LLS", 0, 0.6)]


def rows_of(name, seed):
    whole = rows(100, seed)
    return made_of_ten(whole) if name.endswith("-top10") else whole


def test_entries_beside_whole_rows_are_paired_by_seed():
    text = top_entries.top_rows(top_runs(), rows_of)
    held = [100 * top_entries.held(rows_of("", seed), rows_of("-top10", seed).indices)[0] for seed in (0, 1)]
    mean = f"{np.mean(held):.1f} ± {np.std(held, ddof=1):.1f}"
    assert cells(text)[1:] == [
        ["none", "OLS", "2", "85.00 ± 7.07", "85.00 ± 9.90", "0.00 ± 2.83", mean, mean],
        ["none", "CE", "1", "70.00", "–", "–", "–", "–"],
    ]
    with pytest.raises(FileNotFoundError, match=r"(?s)few entries\. Run first.*--under=LLS/top --seeds=0,1,2"):
        top_entries.top_rows([run for run in top_runs() if "top10" not in run["settings"]["name"]][:3], rows_of)


def test_the_report_on_entries_reads_models(monkeypatch, tmp_path):
    monkeypatch.setattr(top_entries.missing, "load", lambda workdir: dict(enumerate(top_runs())))
    monkeypatch.setattr(top_entries.flags, "FLAGS", types.SimpleNamespace(workdir=tmp_path, data_dir="data"))

    def trained(experiment, workdir, data_dir):
        assert (workdir, data_dir) == (tmp_path, "data")
        return types.SimpleNamespace(loss=types.SimpleNamespace(class_rows=rows_of(experiment.name, experiment.seed)))

    monkeypatch.setattr(top_entries, "trained", trained)
    (tmp_path / "LLS").mkdir()
    top_entries.main()
    assert (tmp_path / "LLS/top_entries.md").read_text() == top_entries.top_rows(top_runs(), rows_of)
    monkeypatch.setattr(top_entries.missing, "load", lambda workdir: {0: learned(f"{DIGITS}/LLS")})
    with pytest.raises(SystemExit, match=r"^[^\n]*top_entries.md: No finished runs of whole rows and of few entries"):
        top_entries.main()


def test_a_report_without_runs_does_not_stop_the_verdicts(monkeypatch, tmp_path):
    runs = [learned(f"{DIGITS}/LLS")]
    monkeypatch.setattr(findings.missing, "load", lambda workdir: dict(enumerate(runs)))
    monkeypatch.setattr(results, "load_sound", lambda workdir, experiments: dict(enumerate(runs)))
    (tmp_path / "LLS").mkdir()
    monkeypatch.setattr(findings.flags, "FLAGS", types.SimpleNamespace(workdir=tmp_path, data_dir=None))
    with pytest.raises(SystemExit, match=r"^[^\n]*similarities.md: No finished run on Fashion-MNIST"):
        findings.main()
    assert [path.name for path in tmp_path.rglob("*.md")] == ["findings.md"]
    assert (tmp_path / "LLS/findings.md").read_text() == findings.markdown(runs)

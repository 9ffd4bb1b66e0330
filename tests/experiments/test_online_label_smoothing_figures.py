"""Figures and scores of Zhang et al. 2021 from made-up results."""

import types

import numpy as np
import pytest

from experiments.papers.drawing import draw
from experiments.papers.online_label_smoothing import figures, findings

KEYS = ("test_accuracy", "train_accuracy_observed", "train_accuracy_mislabelled")


def result(name, seed=0, accuracy=0.5, arguments=None, **scores):
    clean = {"kind": "none", "rate": 0.0, "exact": False}
    settings = {"name": name, "seed": seed, "noise": clean, "method": {"arguments": arguments or {}}}
    curves = {"epoch": [1, 2]} | {key: [accuracy / (i + 1)] * 2 for i, key in enumerate(KEYS)}
    return {"settings": settings, "scores": {"test_accuracy": accuracy, "train": {}, **scores}, "curves": curves}


def test_figures_4_and_5_take_one_seed_of_table_7(finished):
    for rate in (20, 40, 60):
        for method in ("CE", "OLS"):
            name = f"OLS/table7/laptop-digits/symmetric_other{rate}/{method}"
            finished += [result(name, 0, rate / 100), result(name, 1, 0.9)]
    finished.append(result("OLS/table7/laptop-fashion_mnist/symmetric_other20/CE", 0, 0.1))
    figure = figures.errors("w", "laptop-digits", ["CE", "OLS"], 0, (20, 40, 60))
    assert [axes.get_title() for axes in figure.axes[:3]] == ["20% noise", "40% noise", "60% noise"]
    drawn = [[line.get_ydata()[0] for line in axes.lines] for axes in figure.axes]
    test_errors = [0.8, 0.6, 0.4]
    train_errors = [0.9, 0.8, 0.7]
    np.testing.assert_allclose(drawn, np.repeat([*train_errors, *test_errors], 2).reshape(6, 2))
    five = figures.errors("w", "laptop-digits", ["OLS"], 0, (40,), keys=("train_accuracy_mislabelled",))
    np.testing.assert_allclose(five.axes[0].lines[0].get_ydata(), 1 - 0.4 / 3)
    message = r"(?s)No finished run of OLS/table7/laptop-digits/symmetric_other20/LS with seed 0 in w\..*--seeds=0 --w"
    with pytest.raises(FileNotFoundError, match=message):
        figures.errors("w", "laptop-digits", ["CE", "LS"], 0, (20,))


def test_figure_7_takes_all_seeds(finished):
    under = "OLS/figure7a/laptop-digits/none"
    finished += [result(f"{under}/OLS-alpha0.5", seed, a, {"alpha": 0.5}) for seed, a in ((0, 0.7), (1, 0.9))]
    finished += [result(f"{under}/OLS-alpha1.0", 0, 0.6, {"alpha": 1.0})]
    line = figures.by_alpha("w", "laptop-digits").axes[0].lines[0]
    np.testing.assert_allclose(line.get_xydata(), [[0.5, 20], [1.0, 40]])
    with pytest.raises(FileNotFoundError, match="No finished run of OLS/figure7b/laptop-digits/none with"):
        figures.by_period("w", "laptop-digits")
    under = "OLS/figure7b/laptop-digits/none"
    finished += [result(f"{under}/OLS", 0, 0.9, {"alpha": 0.5})]
    finished += [result(f"{under}/OLS-period42", 0, 0.8, {"update_period": 42})]
    line = figures.by_period("w", "laptop-digits").axes[0].lines[0]
    np.testing.assert_allclose(line.get_xydata(), [[21, 10], [42, 20]])


def test_scores_beside_the_papers():
    name = "OLS/table3/cifar100-resnet56/none/OLS"
    runs = [result(name, seed, ensembles={"6": a, "20": a + 0.02}) for seed, a in ((0, 0.75), (1, 0.77))]
    runs += [result("OLS/table7/laptop-digits/none/CE", test_ece_15_bins=0.025), result("LS/x/y", test_ece_15_bins=0.1)]
    runs += [result("OLS/figure7a/laptop-digits/none/OLS-alpha0.5", test_ece_15_bins=0.1)]
    assert findings.rows(runs) == [
        ["experiment", "score", "paper", "ours", "seeds"],
        [name, "6 models", "75.48", "76 ± 1.4", "2"],
        [name, "20 models", "76.09", "78 ± 1.4", "2"],
        ["OLS/table7/laptop-digits/none/CE", "calibration error", "–", "2.5", "1"],
    ]


def test_figures_without_runs_do_not_stop_the_others(finished, tmp_path):
    finished += [result("OLS/figure7a/laptop-digits/none/OLS-alpha0.5", 0, 0.7, {"alpha": 0.5})]
    args = types.SimpleNamespace(figures=["7b", "7a"], workdir=tmp_path, label="laptop-digits")
    with pytest.raises(SystemExit, match=r"^Figure 7b: No finished run of OLS/figure7b/laptop-digits/none"):
        draw(figures._FIGURES, args, "OLS")
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.png")] == [
        "OLS/figure7a/laptop-digits.png"
    ]

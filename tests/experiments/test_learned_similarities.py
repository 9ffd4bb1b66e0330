"""Learned rows of the committed runs on Fashion-MNIST: LLS, section 4.3."""

import json
import pathlib

import numpy as np
import pytest

from experiments import results
from experiments.papers.learnable_label_smoothing import findings
from tfp_noise import metrics

RESULTS = pathlib.Path(__file__).parents[2] / "results"
FOLDER = RESULTS / "LLS" / "table3" / "laptop-fashion_mnist"
NAMES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
SHIRT = NAMES.index("Shirt")
SEEDS = (0, 1, 2)


def run(noise, method, seed):
    return json.loads((FOLDER / noise / method / f"seed{seed}.json").read_text())


@pytest.mark.parametrize("seed", SEEDS)
def test_shirts_nearest_classes_are_t_shirt_pullover_and_coat(seed):
    row = np.array(run("none", "LLS", seed)["class_rows"])[SHIRT]
    assert {NAMES[i] for i in np.argsort(-row)[:3]} == {"T-shirt/top", "Pullover", "Coat"}


@pytest.mark.parametrize("seed", SEEDS)
def test_learned_rows_rank_classes_as_the_confusion_matrix_does(seed):
    """A correlation of 0.8 over 90 entries has a probability below 1e-20 by chance."""
    result = run("none", "LLS", seed)
    assert metrics.rank_correlation(result["class_rows"], result["test_confusion"]).overall > 0.8


@pytest.mark.parametrize("noise", ["none", "symmetric40"])
def test_every_method_and_seed_is_there(noise):
    for method in ("CE", "LS", "OLS", "LLS"):
        for seed in SEEDS:
            settings = run(noise, method, seed)["settings"]
            assert (settings["model"], settings["epochs"], settings["seed"]) == ("lenet5", 30, seed)


def test_the_report_is_what_the_runs_give():
    runs = list(results.load(RESULTS).values())
    assert (RESULTS / "LLS" / "similarities.md").read_text() == findings.similarities(runs)

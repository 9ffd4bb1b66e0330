"""A reconstruction of the authors' training: its likelihood and network, and the page beside our runs."""

import dataclasses
import pathlib

import numpy as np
import pytest
import tensorflow as tf

import models
from experiments import papers, results
from experiments.reconstruction import measure, table
from tfp_noise import losses

RESULTS = pathlib.Path(__file__).parents[2] / "results"


def test_page_is_that_of_the_results():
    page = (RESULTS / "reconstruction" / "table.md").read_text(encoding="utf-8")
    assert page == table.page(RESULTS / "reconstruction", RESULTS)


def test_likelihood_of_tfp_is_the_loss():
    settings = papers.find(measure.EXPERIMENT).method.arguments
    rng = np.random.default_rng(0)
    labels, outputs = rng.integers(0, 10, 64), tf.constant(rng.normal(size=(64, 20)), tf.float32)
    found = []
    for loss in (measure.likelihood(10, **settings), losses.LogisticNormal(10, **settings, reduction=None)):
        with tf.GradientTape() as tape:
            tape.watch(outputs)
            values = loss(labels, outputs)
        found.append((values, tape.gradient(values, outputs)))
    for theirs, ours in zip(*found, strict=True):
        np.testing.assert_allclose(theirs, ours, rtol=1e-5, atol=1e-3)


def test_network_has_the_layers_of_ours():
    ours = models.build("lenet5_same", (28, 28, 1), 20)
    theirs = measure.network((28, 28, 1), 10)
    weights, heads = theirs.get_weights()[:-4], theirs.get_weights()[-4:]
    assert [one.shape for one in weights] == [tuple(one.shape) for one in ours.weights[:-2]]
    ours.set_weights([*weights, np.concatenate(heads[::2], axis=1), np.concatenate(heads[1::2])])
    images = np.random.default_rng(0).random((4, 28, 28, 1), np.float32)
    np.testing.assert_allclose(theirs(images), ours(images), rtol=1e-4, atol=1e-5)


def test_a_short_training_learns_and_says_what_it_learned_from():
    small = papers.find("LN/table1/laptop-digits/symmetric20/LN")
    found = measure.trained(dataclasses.replace(small, epochs=8))
    assert len(found["curves"]["test_accuracy"]) == len(found["curves"]["memorised"]) == 8
    assert found["curves"]["test_accuracy"][0] < 0.6 < found["scores"]["test_accuracy"]
    assert found["scores"]["test_accuracy_with_dummy_class"] <= found["scores"]["test_accuracy"]
    assert found["data"].startswith("1293 examples, CRC-32 ")


def _stored(folder, seeds, data, **settings):
    for seed, accuracy in seeds.items():
        scores = {"test_accuracy": accuracy, "test_accuracy_with_dummy_class": accuracy - 0.01, "memorised": 0.25}
        curves = {"test_accuracy": [0.9, 0.7, accuracy], "memorised": [0.1, 0.5, 0.25]}
        of_seed = {**measure._settings(papers.find(measure.EXPERIMENT).with_seed(seed)), **settings}
        found = {"settings": of_seed, "data": data, "scores": scores, "curves": curves}
        results.write_json(folder / f"training-{seed}.json", found)


def test_trainings_are_compared_by_welchs_test(tmp_path):
    _stored(tmp_path, {3: 0.94, 4: 0.96, 11: 0.98}, "45000 examples, CRC-32 fbcd7a5c")
    page = table.page(tmp_path, tmp_path)
    assert "| 11 |  |  |  | 98.00 | 97.00 | 50.00 (2) | 25.00 |" in page
    assert "- Ours: too few seeds to compare, 0." in page
    # t = (96 - 96.54) / sqrt(4 / 3 + 1.44 / 5) = -0.424, with 2.8 degrees of freedom
    assert "- Reconstruction: 96.00 ± 2.00, 3 seeds; against the printed number p = 0.701 by Welch's t test." in page
    assert "as unpaired samples: too few seeds to compare." in page
    assert "- Both together, though they share images and wrong labels: 96.00 ± 2.00, 3 seeds;" in page


def test_ranks_and_means_of_two_samples():
    """The samples do not overlap, as in two of the 20 ways to choose three of six."""
    assert table._against_each_other([1.0, 2.0, 3.0], [4.0, 5.0, 6.0]).endswith("p = 0.100 by Mann and Whitney's")
    # t = -3 / sqrt(2 / 3), with 4 degrees of freedom
    assert table._against_each_other([1.0, 2.0, 3.0], [4.0, 5.0, 6.0]).startswith(
        "-3.00, 95 % interval -5.3 to -0.7, p = 0.021 by Welch's"
    )
    assert "p < 0.001 by Welch's" in table._against_each_other([1.0, 1.1, 1.2], [9.0, 9.1, 9.2])


def test_runs_of_ours_stand_beside_the_reconstruction(tmp_path):
    page = table.page(tmp_path, RESULTS)
    run = results.read_measured(RESULTS / measure.EXPERIMENT / "seed1.json")
    curves = run["curves"]
    highest = max(curves["train_accuracy_mislabelled"])
    epoch = curves["epoch"][curves["train_accuracy_mislabelled"].index(highest)]
    test, last = run["scores"]["test_accuracy"], curves["train_accuracy_mislabelled"][-1]
    assert f"| 1 | {100 * test:.2f} | {100 * highest:.2f} ({epoch}) | {100 * last:.2f} |  |  |  |  |" in page


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"data": "45000 examples, CRC-32 00000000"}, "Seed 1 must have the same images and labels in both"),
        ({"epochs": 2}, "must hold a training with today's settings and the seed of its name"),
        ({"seed": 2}, r"training-1\.json must hold a training with today's settings"),
    ],
)
def test_a_training_of_something_else_is_refused(change, error, tmp_path):
    data = change.pop("data", "45000 examples, CRC-32 66ea9a06")
    _stored(tmp_path, {1: 0.9}, data, **change)
    with pytest.raises(ValueError, match=error):
        table.page(tmp_path, RESULTS)


@pytest.mark.parametrize("name", ["training-0-old.json", "training--1.json", "training-old.json"])
def test_a_stray_file_is_refused_by_name(name, tmp_path):
    _stored(tmp_path, {0: 0.9}, "45000 examples, CRC-32 66ea9a06")
    (tmp_path / "training-0.json").rename(tmp_path / name)
    with pytest.raises(ValueError, match=name):
        table.page(tmp_path, tmp_path)


def test_no_training_at_all_is_an_error_with_a_command(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"`python -m experiments\.reconstruction\.measure` makes the latter"):
        table.page(tmp_path, tmp_path)

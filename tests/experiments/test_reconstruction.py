"""The authors' training put together anew: its likelihood and network are ours, and the page is that of the results."""

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


def _stored(folder, seeds, data):
    for seed, accuracy in seeds.items():
        scores = {"test_accuracy": accuracy, "test_accuracy_with_dummy_class": accuracy, "memorised": 0.25}
        curves = {"test_accuracy": [0.9, 0.7, accuracy], "memorised": [0.1, 0.5, 0.25]}
        results.write_json(measure.path_of(folder, seed), {"data": data, "scores": scores, "curves": curves})


def test_trainings_are_compared_by_welchs_test(tmp_path):
    _stored(tmp_path, {3: 0.94, 4: 0.96, 11: 0.98}, "45000 examples, CRC-32 fbcd7a5c")
    page = table.page(tmp_path, tmp_path)
    assert "| 11 |  |  |  | 98.00 | 98.00 | 50.00, epoch 2 | 25.00 |" in page
    assert "- ours: 0 seeds, too few to compare." in page
    # t = (96 - 96.54) / sqrt(4 / 3 + 1.44 / 5) = -0.424, with 2.8 degrees of freedom
    assert "- anew: 96.00 ± 2.00, 3 seeds; Welch's test against the printed number, p = 0.701." in page


def test_a_training_on_other_labels_is_refused(tmp_path):
    _stored(tmp_path, {1: 0.9}, "45000 examples, CRC-32 00000000")
    with pytest.raises(ValueError, match="Seed 1 must have the same images and labels"):
        table.page(tmp_path, RESULTS)

"""Segmentation with noisy labels: canvases and scores, and that the committed table is that of the results."""

import pathlib

import numpy as np

from experiments.dense import canvases, measure, table
from tfp_noise import losses

RESULTS = pathlib.Path(__file__).parents[2] / "results" / "dense"


def test_table_is_that_of_the_results():
    assert (RESULTS / "table.md").read_text(encoding="utf-8") == table.table(RESULTS)


def test_digits_have_their_labels_and_the_declared_noise():
    x, given, test, true = canvases.load(0)
    assert x.shape == (400, 24, 24, 1)
    assert given.shape == (400, 24, 24)
    np.testing.assert_array_equal(true > 0, test[..., 0] > 0.25)
    quarters = [part for half in np.split(true, 2, axis=1) for part in np.split(half, 2, axis=2)]
    assert {len(np.unique(part[i])) for part in quarters for i in range(len(part))} == {2}  # one digit, and none
    assert set(np.unique(true)) == set(range(canvases.NUM_CLASSES))
    np.testing.assert_array_equal(canvases.load(0)[1], given)
    assert (canvases.load(1)[1] != given).any()


def test_scores_are_counted():
    """One of the two pixels of class 1 is right; the other is taken for class 2, whose one pixel is right."""
    found = measure.scores(np.array([[0, 1, 2, 2]]), np.array([[0, 1, 1, 2]]))
    assert found == {"digit_pixels_right": 0.6667, "mean_iou": round((1 + 0.5 + 0.5) / canvases.NUM_CLASSES, 4)}


def test_the_network_is_as_wide_as_the_loss():
    loss = losses.LogisticNormal(canvases.NUM_CLASSES)
    assert measure.network(loss.num_outputs).output_shape == (None, None, None, loss.num_outputs)

"""Detection with noisy labels: boxes, anchors, average precision, and that the committed table is of the results."""

import itertools
import pathlib

import numpy as np
import pytest

from experiments.dense import canvases
from experiments.detection import anchors, measure, precision, table
from tfp_noise import losses

RESULTS = pathlib.Path(__file__).parents[2] / "results" / "detection"
SIZE, HALF, OUTSIDE = canvases.SIZE, canvases.SIZE // 2, 8


@pytest.fixture(scope="module")
def true():
    """Labels of the pixels of a few canvases."""
    return canvases.load(0, train=1, test=6)[3]


def filled(box):
    """The pixels of a box, on a canvas with some more around it."""
    found = np.zeros([SIZE + 2 * OUTSIDE] * 2, bool)
    top, left, bottom, right = np.asarray(box, int) + OUTSIDE
    found[top:bottom, left:right] = True
    return found


def test_table_is_that_of_the_results():
    assert (RESULTS / "table.md").read_text(encoding="utf-8") == table.table(RESULTS)


def test_boxes_hold_a_digit_each(true):
    boxes, classes = anchors.boxes_of_digits(true)
    for i, (quarter, (top, left)) in itertools.product(range(6), enumerate(itertools.product([0, HALF], [0, HALF]))):
        rows, columns = np.nonzero(true[i, top : top + HALF, left : left + HALF])
        expected = top + rows.min(), left + columns.min(), top + rows.max() + 1, left + columns.max() + 1
        assert tuple(boxes[i, quarter]) == expected
        assert classes[i, quarter] == true[i, top + rows[0], left + columns[0]]


def test_anchors_have_the_class_of_the_box_that_they_overlap_most(true):
    """IoU by counted pixels."""
    boxes, classes = anchors.boxes_of_digits(true)
    labels, masks = anchors.labels_of_anchors(true), [filled(box) for box in boxes[2]]
    assert labels.shape == (6, 12, 12, 2)
    for place in np.ndindex(12, 12, 2):
        mask = filled(anchors.grid()[place])
        overlaps = [np.sum(mask & other) / np.sum(mask | other) for other in masks]
        expected = classes[2, np.argmax(overlaps)] if max(overlaps) >= 0.5 else -1 if max(overlaps) >= 0.4 else 0
        assert labels[2][place] == expected
    assert {-1, 0} < set(labels[2].flat)


def test_average_precision_of_a_case_by_hand():
    """Each class has two boxes.

    Class 1: right, too far away, right, found again: (1/1 + 2/3) / 2. Class 2: on the wrong canvas, right: 1/2 / 2.
    """
    boxes = np.array([[[0, 0, 4, 4], [8, 8, 12, 12]], [[0, 0, 4, 4], [8, 8, 12, 12]]])
    classes = np.array([[1, 2], [2, 1]])
    corners = np.array([[0, 1, 4, 5], [8, 6, 12, 10], [8, 8, 12, 12], [0, 0, 4, 4], [8, 8, 12, 12], [8, 8, 12, 13]])
    scores, predicted = np.array([0.9, 0.8, 0.7, 0.6, 0.9, 0.3]), np.array([1, 1, 1, 1, 2, 2])
    found = corners, scores, predicted, np.array([0, 1, 1, 0, 1, 0])
    shuffled = [one[[3, 5, 0, 4, 2, 1]] for one in found]
    for one in (found, shuffled):
        assert precision.mean_average_precision(one, boxes, classes) == pytest.approx((5 / 6 + 1 / 4) / 2)
    nothing = [one[:0] for one in found]
    assert precision.mean_average_precision(nothing, boxes, classes) == 0


def test_the_best_prediction_has_a_detection_for_each_box(true):
    """Anchors know their classes, and those that overlap a box less are less sure."""
    boxes, classes = anchors.boxes_of_digits(true)
    labels = np.maximum(anchors.labels_of_anchors(true), 0)
    overlaps = anchors.intersection_over_union(anchors.grid().reshape(-1, 4), boxes).max(axis=-1).reshape(labels.shape)
    found = precision.detections((np.eye(11)[labels] * overlaps[..., np.newaxis]).astype("float32"))
    assert [len(one) for one in found] == [24] * 4
    assert sorted(zip(found[3], found[2], strict=True)) == sorted(
        zip(np.repeat(range(6), 4), classes.flat, strict=True)
    )
    assert precision.mean_average_precision(found, boxes, classes) == 1


def test_noise_changes_labels_only():
    (x, given, *_), (same, right, *_) = (canvases.load(0, 200, 1, one) for one in measure.TRANSITIONS.values())
    np.testing.assert_array_equal(x, same)
    (boxes, of_given), (same, of_right) = map(anchors.boxes_of_digits, (given, right))
    np.testing.assert_array_equal(boxes, same)
    assert 0.25 < np.mean(of_given != of_right) < 0.35


def test_the_network_has_outputs_for_each_anchor():
    loss = losses.LogisticNormal(canvases.NUM_CLASSES)
    assert measure.network(loss.num_outputs).output_shape == (None, *anchors.grid().shape[:3], loss.num_outputs)

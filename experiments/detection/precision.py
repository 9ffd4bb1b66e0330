"""Detections from the probabilities of anchors, and their average precision."""

import numpy as np
import tensorflow as tf
from sklearn import metrics

from experiments.detection import anchors

_SUPPRESSED = 0.2  # IoU with an anchor of a higher score; boxes of digits do not overlap
_LEAST_SCORE, _MOST = 0.02, 10  # of a detection, and detections of a class on a canvas


def detections(probabilities):
    """Return the anchors of each class that non-maximum suppression leaves on each canvas.

    Args:
        probabilities: float `[n, 12, 12, 2, K + 1]`, of the background and the classes.

    Returns:
        Boxes float `[d, 4]`, scores `[d]`, classes int `[d]` from 1 to K, and canvases int `[d]`.
    """
    count, num_classes = len(probabilities), probabilities.shape[-1] - 1
    boxes = np.broadcast_to(anchors.grid().reshape(1, -1, 1, 4), [count, anchors.grid().size // 4, 1, 4])
    found = tf.image.combined_non_max_suppression(
        boxes.astype(np.float32),
        probabilities.reshape(count, -1, num_classes + 1)[..., 1:],
        max_output_size_per_class=_MOST,
        max_total_size=_MOST * num_classes,
        iou_threshold=_SUPPRESSED,
        score_threshold=_LEAST_SCORE,
        clip_boxes=False,
    )
    boxes, scores, classes, counts = (one.numpy() for one in found)
    is_one = np.arange(scores.shape[1]) < counts[:, np.newaxis]
    return boxes[is_one], scores[is_one], classes[is_one].astype(int) + 1, np.nonzero(is_one)[0]


def mean_average_precision(found, boxes, classes):
    """Return the mean over classes of the area under the curve of precision by recall.

    A detection is right if its IoU with a box of its class is at least 0.5, and no detection with a higher score has
    that box. The area is the sum over right detections of the precision down to their score, divided by the number of
    boxes, without interpolation.

    Args:
        found: as `detections` returns it.
        boxes: `[n, b, 4]`, the boxes of each canvas.
        classes: int `[n, b]`, their true classes from 1 on; each class must have a box.

    Returns:
        A float in [0, 1].
    """
    corners, scores, predicted, canvases = found
    precisions = []
    for k in np.unique(classes):
        order = np.flatnonzero(predicted == k)
        order = order[np.argsort(-scores[order], kind="stable")]
        right = _right(corners[order], canvases[order], boxes, classes == k)
        part = metrics.average_precision_score(right, scores[order]) if right.any() else 0.0
        precisions.append(part * right.sum() / np.sum(classes == k))
    return float(np.mean(precisions))


def _right(corners, canvases, boxes, is_class):
    """Mark the detections of a class, in the order of their scores, that find a box which none before has found."""
    is_left, right = is_class.copy(), np.zeros(len(corners), bool)
    for i, (corner, canvas) in enumerate(zip(corners, canvases, strict=True)):
        (overlaps,) = anchors.intersection_over_union(corner[np.newaxis], boxes[canvas])
        nearest = np.where(is_class[canvas], overlaps, -1.0).argmax()
        right[i] = is_left[canvas, nearest] and overlaps[nearest] >= anchors.POSITIVE
        is_left[canvas, nearest] &= not right[i]
    return right

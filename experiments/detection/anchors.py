"""Boxes of the digits on canvases, anchors at each place of a grid, and the labels that anchors get from boxes.

A box is top, left, bottom and right in pixels. Boxes and anchors are compared by their intersection over union (IoU).
"""

import numpy as np

from experiments.dense import canvases

STRIDE = 2  # pixels between neighbouring anchors
SHAPES = np.array([[8, 6], [8, 4]])  # heights and widths of the anchors of a place
BACKGROUND, IGNORED = 0, -1
POSITIVE, NEGATIVE = 0.5, 0.4  # IoU with a box from which an anchor has its class, and below which it has none


def grid():
    """Return the anchors of a canvas, float `[12, 12, 2, 4]`."""
    centres = STRIDE * (np.arange(canvases.SIZE // STRIDE) + 0.5)
    centres = np.stack(np.meshgrid(centres, centres, indexing="ij"), axis=-1)[:, :, np.newaxis]
    return np.concatenate([centres - SHAPES / 2, centres + SHAPES / 2], axis=-1)


def boxes_of_digits(labels):
    """Return the smallest boxes around the four digits of each canvas, and their classes.

    Args:
        labels: int `[n, 24, 24]`, of pixels, as `canvases.load` returns them.

    Returns:
        Boxes, int `[n, 4, 4]`, and classes, int `[n, 4]`.
    """
    half, boxes, classes = canvases.SIZE // 2, [], []
    for quarter in range(canvases.DIGITS):
        top, left = half * np.array(divmod(quarter, 2))
        part = labels[:, top : top + half, left : left + half]
        rows, columns = (part > 0).any(axis=2), (part > 0).any(axis=1)
        first = top + rows.argmax(axis=1), left + columns.argmax(axis=1)
        last = top + half - rows[:, ::-1].argmax(axis=1), left + half - columns[:, ::-1].argmax(axis=1)
        boxes.append(np.stack([*first, *last], axis=-1))
        classes.append(part.max(axis=(1, 2)))
    return np.stack(boxes, axis=1), np.stack(classes, axis=1)


def intersection_over_union(one, other):
    """Return the IoU of each box with each other one, float `[..., n, m]`.

    Args:
        one: boxes, `[..., n, 4]`.
        other: boxes, `[..., m, 4]`.
    """
    one, other = one[..., :, np.newaxis, :], other[..., np.newaxis, :, :]
    overlap = np.minimum(one[..., 2:], other[..., 2:]) - np.maximum(one[..., :2], other[..., :2])
    common = np.prod(np.maximum(overlap, 0), axis=-1)
    areas = [np.prod(boxes[..., 2:] - boxes[..., :2], axis=-1) for boxes in (one, other)]
    return common / (areas[0] + areas[1] - common)


def labels_of_anchors(labels):
    """Return the class of the box that an anchor overlaps most, `BACKGROUND`, or between both `IGNORED`.

    Args:
        labels: int `[n, 24, 24]`, of pixels.

    Returns:
        Int `[n, 12, 12, 2]`.
    """
    boxes, classes = boxes_of_digits(labels)
    anchors = grid()
    overlaps = intersection_over_union(anchors.reshape(-1, 4), boxes)
    nearest, most = overlaps.argmax(axis=-1), overlaps.max(axis=-1)
    found = np.where(most >= POSITIVE, np.take_along_axis(classes, nearest, axis=1), IGNORED)
    return np.where(most < NEGATIVE, BACKGROUND, found).reshape(-1, *anchors.shape[:-1])

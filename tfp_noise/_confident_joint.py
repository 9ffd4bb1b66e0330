"""Confident joint of Northcutt et al. 2021: how many examples of which true class have which given label."""

import numpy as np

from tfp_noise import _validation


def confident_joint(probabilities, labels):
    """Counts of confident examples by class and given label, and the same scaled to all examples.

    The threshold of class j is the mean of `p_j` over the examples labelled j. An example counts for the most probable
    of the classes whose threshold its probability reaches, if there is any.

    Args:
        probabilities: float `[n, K]`, checked distributions; read in chunks.
        labels: int `[n]`, checked.

    Returns:
        `(counts, calibrated)`: int `[K, K]`, `counts[i, j]` confident examples of class i labelled j; float64 `[K, K]`,
        each column scaled to the number of examples with that label.
    """
    num_classes, labels = probabilities.shape[1], labels.astype(np.int64)  # products of small integers wrap
    sizes = np.bincount(labels, minlength=num_classes)
    own = probabilities[np.arange(len(labels)), labels]
    sums = np.bincount(labels, own, minlength=num_classes)
    # A mean of equal numbers may round above them.
    thresholds = np.where(sizes > 0, sums / np.maximum(sizes, 1) * (1 - 1e-9), np.inf)
    counts = np.zeros(num_classes**2, int)
    for part in _validation.row_chunks(probabilities):
        rows = probabilities[part]
        confident = np.where(rows >= thresholds, rows, -1)
        classes = confident.argmax(axis=1)
        sure = confident[np.arange(len(rows)), classes] >= 0
        counts += np.bincount(classes[sure] * num_classes + labels[part][sure], minlength=num_classes**2)
    counts = counts.reshape(num_classes, num_classes)
    return counts, counts * sizes / np.maximum(counts.sum(axis=0), 1)

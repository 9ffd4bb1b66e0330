"""Distances of classes against a loop, and the laws that they obey."""

import numpy as np
import pytest

from tfp_noise import metrics


def clouds(num_classes=6, n=120, size=8, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % num_classes
    return rng.normal(size=(num_classes, size))[labels] + 0.3 * rng.normal(size=(n, size)), labels


def test_class_distances_against_a_loop():
    features, labels = clouds()
    centers = [features[labels == label].mean(axis=0) for label in range(6)]
    expected = np.zeros([6, 6])
    for i, one in enumerate(centers):
        for j, other in enumerate(centers):
            expected[i, j] = 1 - np.dot(one, other) / (np.sqrt(np.dot(one, one)) * np.sqrt(np.dot(other, other)))
        expected[i] /= expected[i].sum()
    found = metrics.class_distances(features, labels)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    assert not np.diag(found).any()


def test_class_distances_heed_directions_only():
    features, labels = clouds()
    found = metrics.class_distances(features, labels)
    rotation, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(8, 8)))
    lengths = np.array([1.0, 2.0, 0.5, 7.0, 1.0, 3.0])[labels, None]
    np.testing.assert_allclose(metrics.class_distances(features @ rotation, labels), found, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(metrics.class_distances(features * lengths, labels), found, rtol=1e-9, atol=1e-12)
    order = np.random.default_rng(2).permutation(6)
    np.testing.assert_allclose(
        metrics.class_distances(features, np.argsort(order)[labels]), found[np.ix_(order, order)], rtol=1e-9, atol=1e-12
    )


def test_classes_of_a_simplex_are_equidistant():
    corners = np.eye(5) - 0.2
    np.testing.assert_allclose(metrics.class_distances(corners, np.arange(5)), (1 - np.eye(5)) / 4, atol=1e-12)


@pytest.mark.parametrize(
    ("features", "labels", "error", "message"),
    [
        (np.eye(3), [0, 1], ValueError, r"`features` must have shape \[2, size\]. Received shape \(3, 3\)"),
        (np.zeros(3), [0, 1, 2], ValueError, r"must have shape \[3, size\]"),
        (np.eye(3), [0, 1, 3], ValueError, "from 0 without a gap. Received: none of class 2"),
        (np.eye(3), [0, 0, 0], ValueError, "at least two classes, .* Received: 1 classes"),
        (np.eye(3), [0, 1, -1], ValueError, "Received: -1 at position 2"),
        (np.eye(3), [0.0, 1.0, 2.0], TypeError, "`labels` must be integer class indices"),
        (np.eye(3) * [1, 1, 0], [0, 1, 2], ValueError, "Received: a zero mean in class 2"),
        (np.ones([3, 2]), [0, 1, 2], ValueError, "means that all have the same direction"),
        (np.full([3, 2], np.nan), [0, 1, 2], ValueError, "`features` must be finite"),
    ],
)
def test_class_distances_refuse_what_has_no_directions(features, labels, error, message):
    with pytest.raises(error, match=message):
        metrics.class_distances(features, np.array(labels))

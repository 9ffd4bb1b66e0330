"""Distances between the classes in the feature space of a network."""

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics.pairwise import cosine_distances

from tfp_noise import _validation


def class_distances(features: ArrayLike, labels: ArrayLike) -> np.ndarray:
    """Cosine distances between the mean features of classes, each row divided by its sum.

    With `c_i` the mean feature vector of class i:

        d[i, j] = cd(i, j) / sum_j cd(i, j),    cd(i, j) = 1 - c_i . c_j / (|c_i| |c_j|)

    Equidistant classes, which label smoothing produces, give `1 / (K - 1)` everywhere off the diagonal.

    Args:
        features: float `[n, size]`, such as the inputs of the last layer of a network (`visualization.penultimate`).
        labels: int `[n]`, classes from 0 to K - 1, each at least once.

    Returns:
        float64 `[K, K]` with a diagonal of zeros and rows that sum to 1; without a unit.

    Raises:
        TypeError: if labels are not integers.
        ValueError: if there are fewer than two classes or a class has no example, if features are not finite or do not
            have shape `[n, size]`, or if the mean of a class is zero or all means have the same direction.

    Example:
        >>> class_distances(np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]), np.arange(3)).round(2).tolist()
        [[0.0, 0.33, 0.67], [0.5, 0.0, 0.5], [0.67, 0.33, 0.0]]

    References:
        "LLS: regulating neural network training via learnable label smoothing", section 5.2, Figures 5 and 8.
    """
    _validation.check_one_order({"features": features, "labels": labels})
    features = _validation.as_numbers("features", features).astype(np.float64)
    _validation.check_finite("features", features)
    labels = _validation.check_labels("labels", labels, np.iinfo(np.int32).max)
    if features.ndim != 2 or len(features) != len(labels):
        raise ValueError(
            f"`features` must have shape [{len(labels)}, size]. Received shape {features.shape}. Pass one row for each "
            "of `labels`."
        )
    present = np.unique(labels)
    gaps = present != np.arange(len(present))
    if len(present) < 2 or gaps.any():
        missing = f"none of class {int(gaps.argmax())}" if len(present) > 1 else f"{len(present)} classes"
        raise ValueError(
            "`labels` must hold examples of at least two classes, numbered from 0 without a gap. Received: "
            f"{missing}. Leave the missing classes out and number the others anew."
        )
    counts = np.bincount(labels)
    centers = np.zeros([len(counts), features.shape[1]])
    np.add.at(centers, labels, features)
    centers /= counts[:, None]
    if not centers.any(axis=1).all():
        raise ValueError(
            "`features` must have a nonzero mean in each class, because a zero vector has no direction. Received: a "
            f"zero mean in class {int(np.argmin(centers.any(axis=1)))}. Are these the inputs of the last layer?"
        )
    distances = cosine_distances(centers)
    sums = distances.sum(axis=1, keepdims=True)
    if sums.min() < len(counts) * np.finfo(np.float64).eps:
        raise ValueError(
            "`features` must differ between classes. Received: class means that all have the same direction. "
            "Is the network trained?"
        )
    return distances / sums

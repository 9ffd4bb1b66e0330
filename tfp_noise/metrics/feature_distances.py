"""Distances between the classes in the feature space of a network."""

import numpy as np
from sklearn.metrics.pairwise import cosine_distances

from tfp_noise import _validation


def class_distances(features, labels):
    """How far apart the classes lie in feature space, each row as shares of its sum.

    With `c_i` the mean feature vector of class i:

        d[i, j] = cd(i, j) / sum_j cd(i, j),    cd(i, j) = 1 - c_i . c_j / (|c_i| |c_j|)

    Equidistant classes, as label smoothing makes them, give `1 / (K - 1)` everywhere off the diagonal.

    Args:
        features: float `[n, size]`, such as the inputs of a network's last layer: `visualization.penultimate`.
        labels: int `[n]`, classes from 0 to K - 1, each at least once.

    Returns:
        float64 `[K, K]`, a diagonal of zeros, rows that sum to 1; without a unit.

    Raises:
        TypeError: labels that are not integers.
        ValueError: fewer than two classes, a class without an example, features that are not finite `[n, size]`, a
            class whose mean is zero, or means that all point the same way.

    Example:
        >>> class_distances(np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]), np.arange(3)).round(2).tolist()
        [[0.0, 0.33, 0.67], [0.5, 0.0, 0.5], [0.67, 0.33, 0.0]]

    References:
        "LLS: regulating neural network training via learnable label smoothing", section 5.2, Figures 5 and 8.
    """
    features = _validation.as_numbers("features", features).astype(np.float64)
    _validation.check_finite("features", features)
    labels = _validation.check_labels("labels", labels, np.iinfo(np.int32).max)
    if features.ndim != 2 or len(features) != len(labels):
        raise ValueError(
            f"`features` must have shape [{len(labels)}, size]. Received shape {features.shape}. Give a row for each "
            "of `labels`."
        )
    present = np.unique(labels)
    gaps = present != np.arange(len(present))
    if len(present) < 2 or gaps.any():
        missing = f"none of class {int(gaps.argmax())}" if len(present) > 1 else f"{len(present)} classes"
        raise ValueError(
            f"`labels` must hold examples of at least two classes, from 0 on without a gap. Received {missing}."
        )
    counts = np.bincount(labels)
    centers = np.zeros([len(counts), features.shape[1]])
    np.add.at(centers, labels, features)
    centers /= counts[:, None]
    if not centers.any(axis=1).all():
        raise ValueError(
            f"`features` must have a mean in each class that is not zero, or it has no direction. Received a zero mean "
            f"in class {int(np.argmin(centers.any(axis=1)))}. Are these the features before their last layer?"
        )
    distances = cosine_distances(centers)
    sums = distances.sum(axis=1, keepdims=True)
    if sums.min() < len(counts) * np.finfo(np.float64).eps:
        raise ValueError("`features` must differ between classes. Received class means that all point the same way.")
    return distances / sums

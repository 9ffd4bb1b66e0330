"""Whether what a network takes for similar classes agrees: in its features, its learned targets, and its mistakes."""

from typing import NamedTuple

import numpy as np
from scipy import stats
from sklearn.metrics.pairwise import cosine_distances

from tfp_noise import _class_rows, _validation


class RankCorrelation(NamedTuple):
    """What `rank_correlation` returns.

    Args:
        overall: float from -1 to 1, over the off-diagonal entries of all rows that were compared; NaN if none was.
        by_row: float64 `[K]`, of each row's own; NaN for rows that were not compared.
    """

    overall: float
    by_row: np.ndarray


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


def rank_correlation(rows, confusion):
    """Whether the classes that a learned row finds similar are those that its label is mistaken for.

    Spearman's rank correlation between off-diagonal entries, each row divided by its sum off the diagonal: the
    distributions of another class, given that it is another one. So rows that leave much on their diagonal (OLS) and
    such that leave nothing there (LLS) are measured alike. Equal entries, as all that `TopRows` does not keep, share
    their mean rank.

    Args:
        rows: `loss.class_rows`: float `[K, K]`, rows sum to 1, or `losses.TopRows`.
        confusion: counts or shares `[K, K]`, a row a true class, a column a predicted one, as
            `sklearn.metrics.confusion_matrix` gives them.

    Returns:
        A `RankCorrelation`. A row is not compared where it, or its class's confusion, is the same for all other
        classes: a uniform row, one that was not learned yet, or a class that is never mistaken.

    Raises:
        ValueError: rows that are no distributions, or a confusion matrix that does not fit or is negative.

    Example:
        >>> rows = [[0.1, 0.6, 0.3], [0.5, 0.1, 0.4], [0.2, 0.7, 0.1]]
        >>> found = rank_correlation(rows, [[9, 1, 0], [1, 7, 2], [0, 0, 10]])
        >>> round(found.overall, 2), found.by_row.round(2).tolist()
        (0.8, [1.0, -1.0, nan])

    References:
        "LLS: regulating neural network training via learnable label smoothing", section 4.3 and Figure 4, which
        compare the two by eye.
    """
    rows = _class_rows.check_rows("rows", rows)
    size = rows.num_classes
    learned = rows.block(range(size))
    confusion = _validation.check_matrix("confusion", confusion, size)
    if confusion.min() < 0:
        raise ValueError(f"`confusion` must hold counts or shares of at least 0. Received: {confusion.min():g}.")
    learned, confused = (one[~np.eye(size, dtype=bool)].reshape(size, size - 1) for one in (learned, confusion))
    compared = np.flatnonzero(_differs(learned) & _differs(confused))
    by_row = np.full(size, np.nan)
    if not compared.size:
        return RankCorrelation(np.nan, by_row)
    learned, confused = (one[compared] / one[compared].sum(axis=1, keepdims=True) for one in (learned, confused))
    by_row[compared] = [stats.spearmanr(*pair).statistic for pair in zip(learned, confused, strict=True)]
    return RankCorrelation(float(stats.spearmanr(learned.ravel(), confused.ravel()).statistic), by_row)


def _differs(entries):
    """Which rows have entries that differ by more than float32 rounds them: ranks of rounding errors say nothing."""
    return np.ptp(entries, axis=1) > 1e-6 * entries.max(axis=1)

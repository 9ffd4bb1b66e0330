"""Rank correlation between the class similarities that a loss has learned and the mistakes of the network."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from tfp_noise import _class_rows, _validation
from tfp_noise.losses import TopRows


class RankCorrelation(NamedTuple):
    """Result of `rank_correlation`.

    Args:
        overall: float from -1 to 1, correlation over the off-diagonal entries of all compared rows; NaN if no row could
            be compared.
        by_row: float64 `[K]`, correlation within each row; NaN for rows that could not be compared.
    """

    overall: float
    by_row: np.ndarray


def rank_correlation(rows: ArrayLike | TopRows, confusion: ArrayLike) -> RankCorrelation:
    """Rank correlation between learned class similarities and the confusion matrix.

    A high value says that a label's learned row ranks the other classes in the order in which they are confused with
    it. The correlation is Spearman's, between off-diagonal entries, after each row was divided by its off-diagonal sum.
    What is compared are therefore distributions over the other classes, so that rows with a large diagonal (OLS) and
    rows with almost no diagonal (LLS) are treated alike. Equal entries, such as all those that `TopRows` does not keep,
    get their mean rank.

    Args:
        rows: `loss.class_rows`: float `[K, K]`, rows sum to 1, or `losses.TopRows`.
        confusion: counts or fractions `[K, K]`, one row per true class and one column per predicted class, as in
            `sklearn.metrics.confusion_matrix`.

    Returns:
        A `RankCorrelation`. A row cannot be compared if its entries, or those of the confusion matrix, are equal for
        all other classes: a uniform row, a row that has not been learned yet, or a class that is never confused.

    Raises:
        TypeError: if `rows` or `confusion` are not numbers.
        ValueError: if rows are not distributions, or the confusion matrix is negative or has another shape.

    Example:
        >>> rows = [[0.1, 0.6, 0.3], [0.5, 0.1, 0.4], [0.2, 0.7, 0.1]]
        >>> found = rank_correlation(rows, [[9, 1, 0], [1, 7, 2], [0, 0, 10]])
        >>> round(found.overall, 2), found.by_row.round(2).tolist()
        (0.8, [1.0, -1.0, nan])

    References:
        "LLS: regulating neural network training via learnable label smoothing", section 4.3 and Figure 4, where the
        two are compared by eye.
    """
    checked = _class_rows.check_rows("rows", rows)
    size = checked.num_classes
    learned = checked.block(range(size))
    confusion = _validation.check_matrix("confusion", confusion, size)
    if confusion.min() < 0:
        raise ValueError(f"`confusion` must hold counts or fractions of at least 0. Received: {confusion.min():g}.")
    learned, confused = (one[~np.eye(size, dtype=bool)].reshape(size, size - 1) for one in (learned, confusion))
    compared = np.flatnonzero(_differs(learned) & _differs(confused))
    by_row = np.full(size, np.nan)
    if not compared.size:
        return RankCorrelation(np.nan, by_row)
    learned, confused = (one[compared] / one[compared].sum(axis=1, keepdims=True) for one in (learned, confused))
    by_row[compared] = [stats.spearmanr(*pair).statistic for pair in zip(learned, confused, strict=True)]
    return RankCorrelation(float(stats.spearmanr(learned.ravel(), confused.ravel()).statistic), by_row)


def _differs(entries):
    """True for rows whose entries differ by more than float32 rounding: ranks of rounding errors say nothing."""
    return np.ptp(entries, axis=1) > 1e-6 * entries.max(axis=1)

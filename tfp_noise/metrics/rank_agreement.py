"""Rank correlation between the class similarities that a loss has learned and the mistakes of the network."""

from typing import NamedTuple

import numpy as np
from scipy import stats

from tfp_noise import _learned_rows, _validation


class RankCorrelation(NamedTuple):
    """What `rank_correlation` returns.

    Args:
        overall: float from -1 to 1, over the off-diagonal entries of all rows that were compared; NaN if none was.
        by_row: float64 `[K]`, of each row's own; NaN for rows that were not compared.
    """

    overall: float
    by_row: np.ndarray


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
    learned = _learned_rows.to_matrix(_learned_rows.check_rows("rows", rows))
    size = len(learned)
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

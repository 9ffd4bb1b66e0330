"""Checks of square matrices over classes, transition matrices among them."""

import warnings

import numpy as np

from tfp_noise._validation.arrays import as_numbers

# Condition number from which on inverting a transition matrix visibly amplifies its errors and rounding.
ILL_CONDITIONED = 100.0
_ROW_SUM_TOLERANCE = 1e-6


def check_matrix(name, value, num_classes=None) -> np.ndarray:
    """`value` as a finite float64 [num_classes, num_classes] array."""
    expected = f"[{num_classes}, {num_classes}]" if num_classes else "square, at least [2, 2]"
    matrix = as_numbers(name, value).astype(np.float64)
    wrong_size = matrix.shape[0] != num_classes if num_classes and matrix.ndim else False
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or matrix.shape[0] < 2 or wrong_size:
        raise ValueError(
            f"`{name}` must be {expected}: one row and one column for each class. Received shape {matrix.shape}."
        )
    if not np.all(np.isfinite(matrix)):
        row, column = np.argwhere(~np.isfinite(matrix))[0]
        raise ValueError(f"`{name}` must be finite. Received: {matrix[row, column]} at [{row}, {column}].")
    return matrix


def check_transition(name, value, num_classes=None) -> np.ndarray:
    """`value` as a float64 row-stochastic matrix, `value[i, j] = P(observed = j | clean = i)`."""
    if value is None or isinstance(value, (str, int, float)):
        raise TypeError(
            f"`{name}` must be a matrix, P(given label = j | true label = i) in row i. Received: {value!r:.100}. "
            "Estimate it, from predictions by `estimation.from_confident_counts` or from labels that somebody checked "
            "by `estimation.from_trusted`; or make it, such as by `noise.symmetric`."
        )
    matrix = check_matrix(name, value, num_classes)
    if matrix.min() < 0 or matrix.max() > 1 + _ROW_SUM_TOLERANCE:
        row, column = np.argwhere((matrix < 0) | (matrix > 1 + _ROW_SUM_TOLERANCE))[0]
        raise ValueError(
            f"`{name}` must hold probabilities, from 0 to 1. Received: {matrix[row, column]:g} at [{row}, {column}]."
        )
    sums = matrix.sum(axis=1)
    if np.abs(sums - 1).max() > _ROW_SUM_TOLERANCE:
        row = int(np.abs(sums - 1).argmax())
        transposed = np.abs(matrix.sum(axis=0) - 1).max() <= _ROW_SUM_TOLERANCE
        cure = "Its columns sum to 1: pass its transpose." if transposed else "Divide each row by its sum."
        raise ValueError(f"`{name}` must have rows that sum to 1. Received: row {row} sums to {sums[row]:g}. {cure}")
    return matrix


def warn_if_uninformative(name, matrix):
    """Warns if all rows of a matrix that maps labels are equal up to rounding."""
    if np.ptp(matrix, axis=0).max() < 1e-6:
        warnings.warn(
            f"`{name}` should have rows that differ. Received equal rows: nothing is left of the labels, and the "
            "network learns nothing about classes. Lower alpha, or the noise rate.",
            stacklevel=3,
        )


def warn_of_no_labels(name):
    """Warns of label smoothing by 1."""
    warnings.warn(
        f"`{name}` should be below 1. Received: 1, at which the smoothed labels no longer depend on the given ones: "
        "the network learns to predict uniform probabilities.",
        stacklevel=3,
    )

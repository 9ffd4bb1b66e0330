"""Condition number of a large matrix without its singular value decomposition."""

import warnings

import numpy as np
from scipy import linalg
from scipy.sparse.linalg import LinearOperator, eigsh

_EXACT_UP_TO = 256  # classes; an SVD of 3,000 takes a minute
_TOLERANCE = 1e-2


def approximate_condition_number(matrix):
    """Condition number of `matrix` in the 2-norm: exact for few classes, else a lower bound within about 1 %.

    The largest and the smallest singular value are found by the Lanczos method on `A' A` and, by the LU decomposition
    of `A`, on its inverse. The method approaches the largest eigenvalue of either from below.

    Args:
        matrix: float64 `[K, K]`.

    Returns:
        A float, `inf` for a matrix that is singular.
    """
    if len(matrix) <= _EXACT_UP_TO:
        return float(np.linalg.cond(matrix))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", linalg.LinAlgWarning)  # singular: what the diagonal below tells
        factors = linalg.lu_factor(matrix, check_finite=False)
    if not np.diag(factors[0]).all():
        return np.inf

    def solve(vector, transposed):
        return linalg.lu_solve(factors, vector, trans=transposed, check_finite=False)

    largest = _largest_eigenvalue(lambda vector: matrix.T @ (matrix @ vector), len(matrix))
    inverse = _largest_eigenvalue(lambda vector: solve(solve(vector, 1), 0), len(matrix))
    return float(np.sqrt(largest * inverse))


def _largest_eigenvalue(multiply, size):
    operator = LinearOperator((size, size), matvec=multiply, dtype=np.float64)
    start = np.random.default_rng(0).standard_normal(size)
    return eigsh(operator, 1, which="LM", v0=start, tol=_TOLERANCE, return_eigenvectors=False)[0]

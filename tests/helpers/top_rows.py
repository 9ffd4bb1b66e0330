"""Rows of a matrix cut to their largest entries, and the square that such rows stand for."""

import numpy as np

from tfp_noise.losses import TopRows


def top_of(matrix, kept):
    indices = np.argsort(-matrix, axis=1)[:, :kept]
    values = np.take_along_axis(matrix, indices, axis=1)
    return TopRows(indices, values, 1 - values.sum(axis=1))


def spread(matrix, kept):
    """The square that `top_of` stands for, by a loop: the remainder is shared equally by the other classes."""
    square = np.empty_like(matrix)
    for row, entries in enumerate(matrix):
        order = np.argsort(-entries)
        square[row, order[:kept]] = entries[order[:kept]]
        square[row, order[kept:]] = entries[order[kept:]].mean()
    return square

"""Quasi-random points of the standard Gaussian."""

import math

import numpy as np
from scipy import special
from scipy.stats import qmc

MAX_DIMENSION = qmc.Sobol.MAXDIM


def sobol_gaussian(dimension, num_points, seed):
    """Scrambled Sobol points made Gaussian, float64 `[num_points, dimension]`; past `MAX_DIMENSION`, random numbers."""
    points = qmc.Sobol(min(dimension, MAX_DIMENSION), seed=seed)
    uniform = points.random_base2(math.ceil(math.log2(num_points)))[:num_points]
    if dimension > MAX_DIMENSION:
        rest = np.random.default_rng(seed).random([num_points, dimension - MAX_DIMENSION])
        uniform = np.concatenate([uniform, rest], axis=-1)
    half_a_cell = 2.0**-31  # the points are multiples of 2^-30, 0 among them, which the Gaussian has at infinity
    return special.ndtri(uniform + half_a_cell)

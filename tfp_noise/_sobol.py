"""Quasi-random points for averages over normal distributions."""

import math

import numpy as np
from scipy import special
from scipy.stats import qmc

MAX_DIMENSION = qmc.Sobol.MAXDIM


def sobol_gaussian(dimension, num_points, seed):
    """Scrambled Sobol points, transformed to Gaussian, float64 `[num_points, dimension]`.

    Dimensions beyond `MAX_DIMENSION` are filled with random numbers.
    """
    points = qmc.Sobol(min(dimension, MAX_DIMENSION), seed=seed)
    uniform = points.random_base2(math.ceil(math.log2(num_points)))[:num_points]
    if dimension > MAX_DIMENSION:
        rest = np.random.default_rng(seed).random([num_points, dimension - MAX_DIMENSION])
        uniform = np.concatenate([uniform, rest], axis=-1)
    half_a_cell = 2.0**-31  # points are multiples of 2^-30, and 0 would become minus infinity
    return special.ndtri(uniform + half_a_cell)

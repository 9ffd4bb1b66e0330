"""Quasi-random points for averages over normal distributions."""

import math

import numpy as np
from scipy import special
from scipy.stats import qmc

MAX_DIMENSION = qmc.Sobol.MAXDIM
BITS = 23  # of a coordinate, so that its cell's centre is exact in float32


def sobol_gaussian(dimension, num_points, seed):
    """Scrambled Sobol points, transformed to Gaussian, float64 `[num_points, dimension]`."""
    half_a_cell = 2.0**-31  # points are multiples of 2^-30, and 0 would become minus infinity
    return special.ndtri(_sobol(dimension, num_points, seed) + half_a_cell)


def sobol_bits(dimension, num_points, seed):
    """The first `BITS` binary digits of scrambled Sobol points, int32 `[num_points, dimension]`."""
    return (_sobol(dimension, num_points, seed) * 2**BITS).astype(np.int32)


def _sobol(dimension, num_points, seed):
    """Points in the unit cube, `[num_points, dimension]`; random numbers in dimensions beyond `MAX_DIMENSION`."""
    points = qmc.Sobol(min(dimension, MAX_DIMENSION), seed=seed)
    uniform = points.random_base2(math.ceil(math.log2(num_points)))[:num_points]
    if dimension > MAX_DIMENSION:
        rest = np.random.default_rng(seed).random([num_points, dimension - MAX_DIMENSION])
        uniform = np.concatenate([uniform, rest], axis=-1)
    return uniform

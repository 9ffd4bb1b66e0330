"""Expectations under a Gaussian by randomised quasi-Monte Carlo, with their standard errors."""

import functools

import numpy as np
import tensorflow as tf

from tfp_noise import _validation
from tfp_noise._sobol import MAX_DIMENSION, sobol_gaussian

# Averages of independently scrambled sets are independent and unbiased: their spread gives the standard error.
NUM_SETS = 8
DEFAULT_NUM_POINTS = 1024


def gaussian_points(gaussian, factor, num_points):
    """Quasi-random points of a `tfd.MultivariateNormalLinearOperator`, `[..., num_points, n]`.

    Sobol points are most uniform in their first coordinates. With `V` an orthonormal basis of the columns of `factor`,
    points `(a, b)` of R^(rank + n) give `V a + (I - V V') b`, which is standard Gaussian for every `V` and assigns the
    first coordinates to the directions of `factor`, along which the logits vary most. The distribution does not depend
    on `V`, so that no gradient needs to go through it; that of a QR decomposition does not exist for collinear columns.
    """
    _check_num_points(num_points)
    n = gaussian.event_shape[-1]
    rank = 0 if factor is None else factor.shape[-1]
    if n is None or rank is None:
        raise ValueError(
            "Expectations on the simplex need static numbers of logits and of columns of `scale_perturb_factor`. "
            f"Received: {n} and {rank}. Set them with `tf.ensure_shape`."
        )
    if factor is None:
        points = tf.constant(_sobol_gaussian(n, num_points), gaussian.dtype)
    else:
        basis = tf.linalg.qr(tf.stop_gradient(factor)).q
        rank = min(rank, n)
        first, rest = np.split(_sobol_gaussian(rank + n, num_points), [rank], axis=-1)
        first, rest = tf.constant(first, gaussian.dtype), tf.constant(rest, gaussian.dtype)
        points = rest + tf.matmul(first - rest @ basis, basis, transpose_b=True)
    deviations = tf.linalg.matrix_transpose(gaussian.scale.matmul(points, adjoint_arg=True))
    return gaussian.mean()[..., tf.newaxis, :] + deviations


@functools.lru_cache(maxsize=4)
def _sobol_gaussian(dimension, num_points):
    """`NUM_SETS` scrambled Sobol sets, transformed to Gaussian: float64 `[num_points, dimension]`."""
    if dimension > MAX_DIMENSION:
        raise ValueError(
            f"Expectations on the simplex need at most {MAX_DIMENSION} logits and columns of the factor. Received: "
            f"{dimension}. Average samples instead: `tf.reduce_mean(d.sample(1000, seed=0), axis=0)`."
        )
    return np.concatenate([sobol_gaussian(dimension, num_points // NUM_SETS, seed) for seed in range(NUM_SETS)])


def _check_num_points(num_points):
    _validation.check_int("num_points", num_points, 2 * NUM_SETS)
    if num_points & (num_points - 1):
        raise ValueError(
            f"`num_points` must be a power of two, because only such sets of Sobol points are balanced. Received: "
            f"{num_points}. Pass {1 << num_points.bit_length()}."
        )


def mean_and_error(values, axis):
    """The mean of `values` over points along a negative `axis`, and its standard error from the means of the sets."""
    axis = values.shape.rank + axis
    shape = tf.shape(values)
    sets = tf.reshape(values, tf.concat([shape[:axis], [NUM_SETS, -1], shape[axis + 1 :]], 0))
    means = tf.reduce_mean(sets, axis + 1)
    return tf.reduce_mean(means, axis), tf.math.reduce_std(means, axis) / np.sqrt(NUM_SETS - 1)

"""The part of the Logistic-Normal loss that depends on the network, for each form of the scale matrix S.

Each function gives `|S^-1 e|^2 / 2 + log|S|`, `[batch]`, for errors `e`, `[batch, n]`, and the raw outputs that S is
built from. `min_scale`, `l` below, is a scalar tensor.
"""

import keras
import numpy as np
from keras import ops

from tfp_noise.losses._gradients import with_gradient


def _identity(error, raw, min_scale):
    del raw, min_scale
    return 0.5 * ops.sum(ops.square(error), axis=-1)


def _isotropic(error, raw, min_scale):
    scale = ops.square(raw) + min_scale
    return 0.5 * ops.sum(ops.square(error / scale), axis=-1) + error.shape[-1] * ops.log(scale[:, 0])


def _diagonal(error, raw, min_scale):
    """With `s = c^2 + l` and `z = e / s`, `d/de = z / s` and `d/dc = 2 c (1 - z^2) / s`, by hand as in `_rank_one`."""

    @with_gradient
    def density(error, raw):
        scale = ops.square(raw) + min_scale
        ratio = error / scale

        def gradient(upstream):
            weight = ops.expand_dims(upstream, -1) / scale
            return weight * ratio, weight * (2 * raw) * (1 - ops.square(ratio))

        return ops.sum(0.5 * ops.square(ratio) + ops.log(scale), axis=-1), gradient

    return density(error, raw)


def _low_rank(error, raw, min_scale):
    n = error.shape[-1]
    rank = raw.shape[-1] // n
    if n == rank == 1:
        return _diagonal(error, raw, min_scale)
    if rank == 1:
        return _rank_one(error, raw, min_scale) + (n - 1) * ops.log(min_scale)
    factor = ops.reshape(raw, [-1, n, rank])
    return (_any_rank if rank < n else _full_rank)(error, factor, min_scale)


def _rank_one(error, factor, min_scale):
    """`|S^-1 e|^2 / 2 + log(l + c.c)` for `S = c c' + l I`, by Sherman and Morrison, with its gradient by hand.

    With `k = 1 / (l + c.c)` and `a = k c.e`, `S^-1 e = (e - a c) / l =: z / l` and `c.z = a l`, so that

        d/de = S^-2 e                           = z / l^2 - c a k / l
        d/dc = -(S^-2 e a + S^-1 e a k) + 2 k c  = c k (a^2 / l + 2) - z (1 / l + k) a / l

    Automatic differentiation gives the same with half as many passes again over [batch, n].
    """

    @with_gradient
    def density(error, factor):
        inverse = 1 / (min_scale + ops.sum(ops.square(factor), axis=-1, keepdims=True))
        along = inverse * ops.sum(factor * error, axis=-1, keepdims=True)
        rest = error - factor * along

        def gradient(upstream):
            upstream = ops.expand_dims(upstream, -1)
            weight = upstream * along / min_scale
            of_error = rest * (upstream / min_scale**2) - factor * (weight * inverse)
            of_factor = factor * (inverse * (weight * along + 2 * upstream)) - rest * (
                weight * (1 / min_scale + inverse)
            )
            return of_error, of_factor

        value = (0.5 / min_scale**2) * ops.sum(ops.square(rest), axis=-1) - ops.log(inverse[:, 0])
        return value, gradient

    return density(error, factor)


def _any_rank(error, factor, min_scale):
    """The form of rank 2 to n - 1, by Woodbury and Sylvester, with its gradient by hand.

    With `G = l I + C'C`, `x = G^-1 C'e` and `y = G^-1 x`, `u = S^-1 e = (e - C x) / l` and `log|S| = (n - rank) log l +
    log|G|`. As `C'u = x` and `C' S^-1 u = y`,

        d/de = v := S^-1 u = (u - C y) / l
        d/dC = 2 S^-1 C - u y' - v x' = C (2 G^-1 + x z' + y x' / l) - e z',    z = y / l + x / l^2

    so that one product with C, and one with e, make the whole gradient.
    """
    n, rank = factor.shape[1:]

    @with_gradient
    def density(error, factor):
        triangular = _triangular(factor, min_scale)
        wide, narrow = triangular.dtype, error.dtype
        half = ops.solve_triangular(triangular, ops.broadcast_to(_identity_matrix(triangular), ops.shape(triangular)))
        inverse = half @ ops.swapaxes(half, 1, 2)
        x = inverse @ ops.cast(ops.swapaxes(factor, 1, 2) @ ops.expand_dims(error, -1), wide)
        y = inverse @ x
        u = (error - ops.squeeze(factor @ ops.cast(x, narrow), -1)) / min_scale

        def gradient(upstream):
            upstream, scale = ops.expand_dims(upstream, -1), ops.cast(min_scale, wide)
            v = (u - ops.squeeze(factor @ ops.cast(y, narrow), -1)) / min_scale
            z = y / scale + x / scale**2
            weights = 2 * inverse + x @ ops.swapaxes(z, 1, 2) + y @ ops.swapaxes(x, 1, 2) / scale
            # In the wide type, because columns that are nearly collinear cancel in this product.
            along = ops.cast(ops.cast(factor, wide) @ weights, narrow)
            across = ops.expand_dims(error, -1) * ops.cast(ops.swapaxes(z, 1, 2), narrow)
            return upstream * v, ops.expand_dims(upstream, -1) * (along - across)

        constant = (n - rank) * ops.log(min_scale)
        return 0.5 * ops.sum(ops.square(u), axis=-1) + _log_determinant(triangular, error.dtype) + constant, gradient

    return density(error, factor)


def _full_rank(error, factor, min_scale):
    """The form of rank n or more, with the triangular R for which `S = R'R`.

    `S^-1 e = R^-1 R'^-1 e`. `_any_rank` would lose all digits here: where C spans all directions, the part of `e`
    outside of them, which it computes as a difference, is 0.
    """
    triangular = _triangular(ops.swapaxes(factor, 1, 2), min_scale)
    wide = ops.cast(ops.expand_dims(error, -1), triangular.dtype)
    half = ops.solve_triangular(ops.swapaxes(triangular, 1, 2), wide, lower=True)
    solved = ops.cast(ops.solve_triangular(triangular, half), error.dtype)
    return 0.5 * ops.sum(ops.square(solved), axis=(1, 2)) + _log_determinant(triangular, error.dtype)


def _triangular(factor, min_scale):
    """The upper triangular R, `[batch, columns, columns]`, for which `R'R = l I + C'C`.

    By Cholesky in float64, because `C'C` squares the condition number of large factors; rounding errors of factors so
    large that float64 is too narrow for `l` beside them are covered by adding their size to `l`, so that R stays finite
    and not singular. JAX has no float64 by default: there, by QR of `[C; sqrt(l) I]`, which takes longer.
    """
    columns = factor.shape[-1]
    if keras.backend.backend() == "jax":
        ridge = ops.sqrt(min_scale) * ops.eye(columns, dtype=factor.dtype)
        ridge = ops.broadcast_to(ridge, [ops.shape(factor)[0], columns, columns])
        return ops.qr(ops.concatenate([factor, ridge], axis=1))[1]
    factor = ops.cast(factor, "float64")
    gram = ops.swapaxes(factor, 1, 2) @ factor
    rounding = columns * np.finfo(np.float64).eps * ops.trace(gram, axis1=1, axis2=2)
    ridge = ops.cast(min_scale, "float64") + ops.reshape(rounding, [-1, 1, 1])
    return ops.swapaxes(ops.cholesky(gram + ridge * _identity_matrix(gram)), 1, 2)


def _identity_matrix(square):
    """The identity of the size and type of `square`."""
    return ops.eye(square.shape[-1], dtype=square.dtype)


def _log_determinant(triangular, dtype):
    """`2 sum_i log|R_ii|`, `[batch]`."""
    return ops.cast(2 * ops.sum(ops.log(ops.abs(ops.diagonal(triangular, axis1=1, axis2=2))), axis=-1), dtype)


# The functions by the loss's argument `covariance`.
SCALES = {"identity": _identity, "isotropic": _isotropic, "diagonal": _diagonal, "low_rank": _low_rank}

"""The part of the Logistic-Normal loss that depends on the network, for each form of the scale matrix S.

Each function gives `|S^-1 e|^2 / 2 + log|S|`, `[batch]`, for errors `e`, `[batch, n]`, and the raw outputs that S is
built from. `min_scale`, `l` below, is a scalar tensor.
"""

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
    """The form of rank 2 to n - 1, by Woodbury and Sylvester, with the QR factors of `A = [C; sqrt(l) I]`.

    As `A'A = l I + C'C`, `S^-1 e = (e - C (A'A)^-1 C'e) / l = (e - Q_C Q_C' e) / l` with `Q_C` the first n rows of Q,
    and `log|S| = (n - rank) log l + 2 sum_i log|R_ii|`. `A'A` itself is not computed, because it squares the condition
    number of large factors.
    """
    n, rank = factor.shape[1:]
    orthogonal, triangular = ops.qr(_with_ridge(factor, min_scale))
    upper = orthogonal[:, :n]
    along = ops.swapaxes(upper, 1, 2) @ ops.expand_dims(error, -1)
    rest = error - ops.squeeze(upper @ along, -1)
    constant = (n - rank) * ops.log(min_scale)
    return (0.5 / min_scale**2) * ops.sum(ops.square(rest), axis=-1) + _log_determinant(triangular) + constant


def _full_rank(error, factor, min_scale):
    """The form of rank n or more, with the QR factor of `A = [C'; sqrt(l) I]`, for which `A'A = S`.

    `S^-1 e = R^-1 R'^-1 e` and `log|S| = 2 log|R|`. `_any_rank` would lose all digits here: where C spans all
    directions, the part of `e` outside of them, which it computes as a difference, is 0.
    """
    _, triangular = ops.qr(_with_ridge(ops.swapaxes(factor, 1, 2), min_scale))
    half = ops.solve_triangular(ops.swapaxes(triangular, 1, 2), ops.expand_dims(error, -1), lower=True)
    solved = ops.solve_triangular(triangular, half)
    return 0.5 * ops.sum(ops.square(solved), axis=(1, 2)) + _log_determinant(triangular)


def _with_ridge(factor, min_scale):
    """`[C; sqrt(l) I]`, `[batch, rows + columns, columns]`."""
    columns = factor.shape[-1]
    ridge = ops.sqrt(min_scale) * ops.eye(columns, dtype=factor.dtype)
    return ops.concatenate([factor, ops.broadcast_to(ridge, [ops.shape(factor)[0], columns, columns])], axis=1)


def _log_determinant(triangular):
    """`2 sum_i log|R_ii|`, `[batch]`."""
    return 2 * ops.sum(ops.log(ops.abs(ops.diagonal(triangular, axis1=1, axis2=2))), axis=-1)


# The functions by the loss's argument `covariance`.
SCALES = {"identity": _identity, "isotropic": _isotropic, "diagonal": _diagonal, "low_rank": _low_rank}

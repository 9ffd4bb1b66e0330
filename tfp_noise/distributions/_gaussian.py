"""The Gaussian behind a Logistic-Normal distribution: checks of its arguments, and its assembly from TFP parts."""

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

tfd = tfp.distributions

_POSITIVE = {"is_non_singular": True, "is_self_adjoint": True, "is_positive_definite": True}


def common_dtype(**values):
    """The floating dtype of the first value that has one, float32 where all are plain numbers."""
    for name, value in values.items():
        dtype = tf.as_dtype(value.dtype) if hasattr(value, "dtype") else tf.int32
        if dtype.is_floating and dtype not in (tf.float32, tf.float64):
            raise ValueError(
                f"`{name}` must be float32 or float64. Received: {dtype.name}, which is too narrow for densities. Pass "
                f"`tf.cast({name}, tf.float32)`."
            )
        if dtype.is_floating:
            return dtype
    return tf.float32


def is_reference(value):
    """True for variables and deferred tensors, which are read at each use, so that they can be trained."""
    return isinstance(value, (tf.Variable, tfp.util.DeferredTensor))


def reference(value, dtype, name):
    """`value` as TFP stores it: a TensorFlow or Keras variable as it is, anything else as a tensor."""
    if isinstance(value, keras.Variable):
        value = value.value  # a `tf.Variable`
    return value if value is None or is_reference(value) else tf.convert_to_tensor(value, dtype, name=name)


def deferred(function, *values, shape=None):
    """`function(*values)`, computed at each use, so that variables are read then and a later tape records it.

    Its static shape is `shape`, or that of the first value.
    """
    references = [value for value in values if is_reference(value)]
    first, others = values[0], values[1:]
    shape = first.shape if shape is None else shape
    return tfp.util.DeferredTensor(first, lambda first: function(first, *others), shape=shape, also_track=references)


def gaussian_and_scale(loc, scale_diag, factor, **common):
    """The Gaussian before the bijector, and the number that the bijector multiplies by: a scalar `scale_diag`, or 1."""
    spans_all = _spans_all(factor, loc.shape[-1])
    if scale_diag.shape.rank == 0 and not spans_all:
        loc = deferred(lambda loc, scale: loc / scale, loc, scale_diag)
        if factor is None:
            return tfd.MultivariateNormalDiag(loc, **common), scale_diag
        factor = deferred(lambda factor, scale: factor / tf.sqrt(scale), factor, scale_diag)
        factor = _with_orthogonal_columns(factor, deferred(tf.ones_like, loc))
        return tfd.MultivariateNormalDiagPlusLowRank(loc, scale_perturb_factor=factor, **common), scale_diag
    if not scale_diag.shape.rank:  # a scalar, or of unknown rank
        shape = loc.shape if scale_diag.shape.rank == 0 else tf.TensorShape(None)
        scale_diag = deferred(lambda scale, loc: scale * tf.ones_like(loc), scale_diag, loc, shape=shape)
    one = tf.ones([], loc.dtype)
    if factor is None:
        return tfd.MultivariateNormalDiag(loc, scale_diag, **common), one
    scale = (_full_rank if spans_all else _low_rank)(factor, scale_diag)
    return tfd.MultivariateNormalLinearOperator(loc, scale, **common), one


def _spans_all(factor, n):
    """True for a factor that is known to have a column for each of n logits."""
    return factor is not None and None not in (n, factor.shape[-1]) and factor.shape[-1] >= n


def _low_rank(factor, diagonal):
    """`D + C C'` as an operator that is solved by Woodbury's formula."""
    factor, diagonal = _with_orthogonal_columns(factor, diagonal), tf.linalg.LinearOperatorDiag(diagonal, **_POSITIVE)
    return tf.linalg.LinearOperatorLowRankUpdate(diagonal, factor, is_diag_update_positive=True, **_POSITIVE)


def _with_orthogonal_columns(factor, diagonal):
    """`C V`, also a factor of `C C'`, with `V` the right singular vectors of `D^(-1/2) C`.

    TFP takes the Cholesky factor of `I + C' D^-1 C`, which squares the condition number of large and nearly collinear
    columns, so that float32 loses all digits. With `C V` in place of C that matrix is diagonal, to rounding. No
    gradient goes through V, because `C V V' C' = C C'` for every orthogonal V, and singular vectors of equal singular
    values have no gradient. Columns that are rounding errors become 0, because their gradients would be large multiples
    of such errors.
    """
    if factor.shape[-1] == 1:
        return factor

    def rotate(factor, diagonal):
        whitened = factor / tf.sqrt(diagonal)[..., tf.newaxis]
        whitened = tf.where(tf.math.is_finite(whitened), whitened, 0)
        _, _, directions = tf.linalg.svd(tf.linalg.qr(whitened).r, full_matrices=True)
        directions = tf.stop_gradient(directions)
        lengths = tf.norm(tf.matmul(whitened, directions), axis=-2, keepdims=True)
        negligible = lengths < 10 * np.finfo(factor.dtype.as_numpy_dtype).eps * tf.reduce_max(
            lengths, -1, keepdims=True
        )
        columns = tf.matmul(factor, directions)
        return columns - tf.stop_gradient(tf.where(negligible, columns, 0))

    return deferred(rotate, factor, diagonal, shape=_batch(factor, diagonal).concatenate(factor.shape[-2:]))


def _full_rank(factor, diagonal):
    """`D + C C'` as the operator `L L'`: `L'` is the QR factor R of `[C'; D^(1/2)]`.

    Woodbury's formula, with the difference of a vector and its part along C, loses all digits if C spans all
    directions.
    """

    def triangular(factor, diagonal):
        rows, ridge = tf.linalg.matrix_transpose(factor), tf.linalg.diag(tf.sqrt(diagonal))
        batch = tf.broadcast_dynamic_shape(tf.shape(rows)[:-2], tf.shape(ridge)[:-2])
        parts = [tf.broadcast_to(part, tf.concat([batch, tf.shape(part)[-2:]], 0)) for part in (rows, ridge)]
        return tf.linalg.matrix_transpose(tf.linalg.qr(tf.concat(parts, -2)).r)

    n = factor.shape[-2]
    factor = _with_orthogonal_columns(factor, diagonal)
    lower = deferred(triangular, factor, diagonal, shape=_batch(factor, diagonal).concatenate([n, n]))
    lower = tf.linalg.LinearOperatorLowerTriangular(lower, is_non_singular=True)
    return tf.linalg.LinearOperatorComposition([lower, lower.H], **_POSITIVE)


def _batch(factor, diagonal):
    return tf.broadcast_static_shape(factor.shape[:-2], diagonal.shape[:-1])


def log_ratio_gaussian(distribution, temperature, dtype=None):
    """The Gaussian of `Z / temperature` for the logits Z of a `LogisticNormal`, under any temperature."""
    parameters = [distribution.loc, distribution.scale_diag, temperature, distribution.scale_perturb_factor]
    dtype = dtype or distribution.dtype
    loc, scale_diag, temperature, factor = (value if value is None else tf.cast(value, dtype) for value in parameters)
    if scale_diag.shape.rank == 0:
        scale_diag = tf.fill(tf.shape(loc)[-1:], scale_diag)
    factor = None if factor is None else factor / tf.sqrt(temperature)
    return gaussian_and_scale(loc / temperature, scale_diag / temperature, factor)[0]

"""The Gaussian behind a Logistic-Normal distribution: its arguments, checked, and its TFP parts."""

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

tfd = tfp.distributions


def common_dtype(*values):
    """The floating dtype of the first value that has one, float32 where all are plain numbers."""
    dtypes = [tf.as_dtype(value.dtype) for value in values if hasattr(value, "dtype")]
    return next((dtype for dtype in dtypes if dtype.is_floating), tf.float32)


def is_reference(value):
    """Variables and what is deferred are read anew at each use, so that they are trained and seen to change."""
    return isinstance(value, (tf.Variable, tfp.util.DeferredTensor))


def reference(value, dtype, name):
    """`value` as TFP keeps it: a variable, also that of a Keras layer, as it is; anything else as a tensor."""
    if isinstance(value, keras.Variable):
        value = value.value  # a `tf.Variable`
    return value if value is None or is_reference(value) else tf.convert_to_tensor(value, dtype, name=name)


def deferred(function, *values):
    """`function(*values)`, computed at each use, so that variables are read anew and a later tape sees tensors."""
    references = [value for value in values if is_reference(value)]
    first, others = values[0], values[1:]
    return tfp.util.DeferredTensor(first, lambda first: function(first, *others), also_track=references)


def gaussian_and_scale(loc, scale_diag, factor, **common):
    """The Gaussian before the bijector, and what the bijector multiplies it by: a scalar `scale_diag`, or 1."""
    if scale_diag.shape.rank == 0:
        loc = deferred(lambda loc, scale: loc / scale, loc, scale_diag)
        if factor is None:
            return tfd.MultivariateNormalDiag(loc, **common), scale_diag
        factor = deferred(lambda factor, scale: factor / tf.sqrt(scale), factor, scale_diag)
        return tfd.MultivariateNormalDiagPlusLowRank(loc, scale_perturb_factor=factor, **common), scale_diag
    if factor is None:
        return tfd.MultivariateNormalDiag(loc, scale_diag, **common), tf.ones([], loc.dtype)
    positive = {"is_non_singular": True, "is_self_adjoint": True, "is_positive_definite": True}
    diagonal = tf.linalg.LinearOperatorDiag(scale_diag, **positive)
    scale = tf.linalg.LinearOperatorLowRankUpdate(diagonal, factor, is_diag_update_positive=True, **positive)
    return tfd.MultivariateNormalLinearOperator(loc, scale, **common), tf.ones([], loc.dtype)


def log_ratio_gaussian(distribution, temperature):
    """The Gaussian of `Z / temperature` for the logits Z of a `LogisticNormal`, under any temperature."""
    loc, scale_diag = tf.convert_to_tensor(distribution.loc), tf.convert_to_tensor(distribution.scale_diag)
    temperature, factor = tf.cast(temperature, loc.dtype), distribution.scale_perturb_factor
    if scale_diag.shape.rank == 0:
        scale_diag = tf.fill(tf.shape(loc)[-1:], scale_diag)
    factor = None if factor is None else factor / tf.sqrt(temperature)
    return gaussian_and_scale(loc / temperature, scale_diag / temperature, factor)[0]


def check_arguments(loc, scale_diag, factor, temperature):
    if loc.shape.rank is not None and loc.shape.rank < 1:
        raise ValueError("`loc` must have shape [..., n], the logits last. Received a scalar.")
    if temperature.shape.rank not in (0, None):
        raise ValueError(f"`temperature` must be a scalar. Received shape {temperature.shape}.")
    n = loc.shape[-1]
    if n is not None and scale_diag.shape.rank and scale_diag.shape[-1] not in (None, n):
        raise ValueError(
            f"`scale_diag` must be a scalar or end in the {n} logits of `loc`. Received shape {scale_diag.shape}."
        )
    wrong = factor is not None and factor.shape.rank is not None and factor.shape.rank < 2
    if wrong or (factor is not None and None not in (n, factor.shape.rank) and factor.shape[-2] not in (None, n)):
        raise ValueError(
            f"`scale_perturb_factor` must have shape [..., {n}, rank], {n} being the logits of `loc`. Received shape "
            f"{factor.shape}. For one column pass `factor[..., tf.newaxis]`."
        )
    for name, value in [("scale_diag", scale_diag), ("temperature", temperature)]:
        static = None if is_reference(value) else tf.get_static_value(value)
        if static is not None and not np.all(static > 0):
            raise ValueError(f"`{name}` must be positive. Received: {np.min(static):g}.")

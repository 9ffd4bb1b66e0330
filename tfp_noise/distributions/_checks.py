"""Checks of the arguments of a Logistic-Normal distribution, and of the points whose density is asked for."""

import numpy as np
import tensorflow as tf

from tfp_noise.distributions._gaussian import is_reference


def check_arguments(loc, scale_diag, factor, temperature):
    """Refuses static shapes that do not fit, and constant scales that are not positive and finite."""
    if loc.shape.rank is not None and loc.shape.rank < 1:
        raise ValueError(
            "`loc` must have shape [..., n], the logits last. Received a scalar. Pass `[loc]` for a single logit."
        )
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
        if static is not None and not np.all((static > 0) & np.isfinite(static)):
            wrong = np.ravel(static)[np.argmin(np.ravel((static > 0) & np.isfinite(static)))]
            raise ValueError(f"`{name}` must be positive and finite. Received: {wrong:g}.")


def parameter_assertions(distribution, is_init):
    """Assertions on parameters: on constants when the distribution is made, on variables at each use."""
    values = {
        "loc": distribution.loc,
        "scale_diag": distribution.scale_diag,
        "scale_perturb_factor": distribution.scale_perturb_factor,
        "temperature": distribution.temperature,
    }
    values = {name: value for name, value in values.items() if value is not None and is_init != is_reference(value)}
    finite = [tf.debugging.assert_all_finite(value, f"`{name}` must be finite") for name, value in values.items()]
    return finite + [
        tf.debugging.assert_positive(values[name], message=f"`{name}` must be positive")
        for name in values.keys() & {"scale_diag", "temperature"}
    ]


def simplex_assertions(points):
    """Assertions that points lie on the simplex."""
    # The rounding error of a sum of n + 1 numbers, plus the 10 units in the last place that TFP allows.
    rounding = tf.cast(10 + tf.shape(points)[-1], points.dtype) * np.finfo(points.dtype.as_numpy_dtype).eps
    total = tf.reduce_sum(points, axis=-1)
    return [
        tf.debugging.assert_non_negative(points, message="Probabilities must not be negative"),
        tf.debugging.assert_near(total, tf.ones_like(total), rounding, rounding, "Probabilities must sum to 1"),
    ]

"""The Logistic-Normal distribution, assembled from TFP parts so that it runs under XLA."""

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

tfb = tfp.bijectors
tfd = tfp.distributions


class LogisticNormal(tfd.TransformedDistribution):
    """Distribution of `softmax_centered(Z / temperature)` for a Gaussian `Z` in logit space.

    `Z ~ Normal(loc, scale @ scale.T)` on R^n, with

        scale = diag(scale_diag) + scale_perturb_factor @ scale_perturb_factor.T
        softmax_centered(z) = [exp(z_1), ..., exp(z_n), 1] / (1 + sum_k exp(z_k))

    so samples lie on the simplex of n + 1 classes, the last of which is the reference. The density is

        p(s) = Normal(temperature * log(s[:n] / s[n]); loc, scale @ scale.T) * temperature^n / (sqrt(n + 1) prod_k s_k)

    The factor `1 / sqrt(n + 1)` is TFP's convention for `tfb.SoftmaxCentered`: density with respect to the surface
    measure of the simplex; textbooks use n of its coordinates and leave it out.

    With a scalar `scale_diag`, `scale = a (I + (C / sqrt(a)) (C / sqrt(a))')`: the base is a
    `tfd.MultivariateNormalDiagPlusLowRank` without `scale_diag`, and `a` moves into the bijector. TFP then knows the
    operator to be positive definite and takes a Cholesky factor of the small capacitance matrix, where otherwise
    it takes a `MatrixDeterminant`, for which XLA has no kernel.

    Args:
        loc: float `[..., n]`, the mean of the logits. Its dtype, or else that of the next argument that has a floating
            one, is that of all; plain numbers are float32.
        scale_diag: positive float, a scalar or `[..., n]`.
        scale_perturb_factor: float `[..., n, rank]`, or `None` for a diagonal scale.
        temperature: positive float, a scalar.
        validate_args: as in TFP, for the Gaussian in logit space.
        allow_nan_stats: as in TFP.
        name: name of the distribution.

    Raises:
        ValueError: if a shape does not fit, or a constant `scale_diag` or `temperature` is not positive.

    Example:
        >>> d = LogisticNormal(loc=[1.0, 0.0], scale_diag=0.5, scale_perturb_factor=[[1.0], [0.0]])
        >>> d.event_shape
        TensorShape([3])
        >>> s = d.sample(5, seed=0)
        >>> np.allclose(tf.reduce_sum(s, -1), 1.0, atol=1e-6), d.log_prob(s).shape
        (True, TensorShape([5]))

    References:
        Atchison and Shen, "Logistic-normal distributions: some properties and uses", 1980; Englesson et al.,
        "Logistic-Normal likelihoods for heteroscedastic label noise in classification", 2023, Eq. 4, 9, 10 and
        appendix D.
    """

    def __init__(
        self,
        loc,
        scale_diag=1.0,
        scale_perturb_factor=None,
        temperature=1.0,
        validate_args=False,
        allow_nan_stats=True,
        name="LogisticNormal",
    ):
        parameters = dict(locals())
        with tf.name_scope(name):
            dtype = _common_dtype(loc, scale_diag, scale_perturb_factor, temperature)
            self._loc = _reference(loc, dtype, "loc")
            self._scale_diag = _scalar_or(_reference(scale_diag, dtype, "scale_diag"))
            self._temperature = _scalar_or(_reference(temperature, dtype, "temperature"))
            self._scale_perturb_factor = _reference(scale_perturb_factor, dtype, "scale_perturb_factor")
            _check_arguments(self._loc, self._scale_diag, self._scale_perturb_factor, self._temperature)
            base, outer = _gaussian_and_scale(
                self._loc,
                self._scale_diag,
                self._scale_perturb_factor,
                validate_args=validate_args,
                allow_nan_stats=allow_nan_stats,
            )
            scale = _deferred(lambda temperature, outer: outer / temperature, self._temperature, outer)
            super().__init__(
                distribution=base,
                bijector=tfb.Chain([tfb.SoftmaxCentered(), tfb.Scale(scale)]),
                validate_args=validate_args,
                parameters=parameters,
                name=name,
            )

    @classmethod
    def _parameter_properties(cls, dtype, num_classes=None):
        del num_classes
        logits = tfb.SoftmaxCentered().inverse_event_shape_tensor

        def positive():
            return tfb.Softplus(low=np.finfo(tf.as_dtype(dtype).as_numpy_dtype).eps)

        properties = tfp.util.ParameterProperties
        return {
            "loc": properties(event_ndims=1, shape_fn=logits),
            "scale_diag": properties(
                event_ndims=lambda self: min(self.scale_diag.shape.rank, 1),
                shape_fn=logits,
                default_constraining_bijector_fn=positive,
            ),
            "scale_perturb_factor": properties(
                event_ndims=2, shape_fn=lambda shape: tf.concat([logits(shape), [1]], 0), is_preferred=False
            ),
            "temperature": properties(
                event_ndims=0, shape_fn=lambda _: [], default_constraining_bijector_fn=positive, is_preferred=False
            ),
        }

    @property
    def loc(self):
        """Mean of the logits, `[..., n]`."""
        return self._loc

    @property
    def scale_diag(self):
        """Diagonal part of the scale, a scalar or `[..., n]`."""
        return self._scale_diag

    @property
    def scale_perturb_factor(self):
        """Low-rank part of the scale, `[..., n, rank]`, or `None`."""
        return self._scale_perturb_factor

    @property
    def temperature(self):
        """Scalar that divides the logits."""
        return self._temperature


def _common_dtype(*values):
    """The floating dtype of the first value that has one, float32 where all are plain numbers."""
    dtypes = [tf.as_dtype(value.dtype) for value in values if hasattr(value, "dtype")]
    return next((dtype for dtype in dtypes if dtype.is_floating), tf.float32)


def _is_reference(value):
    """Variables and what is deferred are read anew at each use, so that they are trained and seen to change."""
    return isinstance(value, (tf.Variable, tfp.util.DeferredTensor))


def _reference(value, dtype, name):
    return value if value is None or _is_reference(value) else tf.convert_to_tensor(value, dtype, name=name)


def _scalar_or(value):
    """Slicing a batch of distributions gives scalars the shape [1, ..., 1]: scalars again."""
    return tf.reshape(value, []) if not _is_reference(value) and value.shape.num_elements() == 1 else value


def _deferred(function, *values):
    """`function(*values)`, deferred where one of the values is a reference."""
    references = [value for value in values if _is_reference(value)]
    if not references:
        return function(*values)
    first, others = values[0], values[1:]
    return tfp.util.DeferredTensor(first, lambda first: function(first, *others), also_track=references)


def _gaussian_and_scale(loc, scale_diag, factor, **common):
    """The Gaussian before the bijector, and what the bijector multiplies it by: a scalar `scale_diag`, or 1."""
    if scale_diag.shape.rank == 0:
        loc = _deferred(lambda loc, scale: loc / scale, loc, scale_diag)
        if factor is None:
            return tfd.MultivariateNormalDiag(loc, **common), scale_diag
        factor = _deferred(lambda factor, scale: factor / tf.sqrt(scale), factor, scale_diag)
        return tfd.MultivariateNormalDiagPlusLowRank(loc, scale_perturb_factor=factor, **common), scale_diag
    if factor is None:
        return tfd.MultivariateNormalDiag(loc, scale_diag, **common), tf.ones([], loc.dtype)
    positive = {"is_non_singular": True, "is_self_adjoint": True, "is_positive_definite": True}
    diagonal = tf.linalg.LinearOperatorDiag(scale_diag, **positive)
    scale = tf.linalg.LinearOperatorLowRankUpdate(diagonal, factor, is_diag_update_positive=True, **positive)
    return tfd.MultivariateNormalLinearOperator(loc, scale, **common), tf.ones([], loc.dtype)


def _check_arguments(loc, scale_diag, factor, temperature):
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
        static = None if _is_reference(value) else tf.get_static_value(value)
        if static is not None and not np.all(static > 0):
            raise ValueError(f"`{name}` must be positive. Received: {np.min(static):g}.")

"""Squared Mahalanobis distances between the targets and the means of the Logistic-Normal likelihood."""

import numpy as np
from keras import ops
from numpy.typing import ArrayLike

from tfp_noise import _labels, _validation
from tfp_noise.losses import LogisticNormal


def label_dependent_term(
    loss: LogisticNormal, y_true: ArrayLike, y_pred: ArrayLike, identity: bool = False
) -> np.ndarray:
    """Squared Mahalanobis distance of the target from the predicted mean: `(z - loc)' Sigma^-1 (z - loc)`.

    This is the part of the Logistic-Normal loss that depends on the label: the loss is half of it, plus `log|S|` and
    constants. `z` is the target in logit space, `temperature * log(s[:n] / s[n])` for the smoothed label `s`. The
    covariance is `Sigma = S S'` with the scale `S` that the network's outputs define (see `losses.LogisticNormal`), so
    that the term equals `|S^-1 (z - loc)|^2`. It is computed in float64 without an n x n matrix: for `S = C C' + l I`,
    `S^-1 r = (r - C (l I + C'C)^-1 C'r) / l`.

    Args:
        loss: the `losses.LogisticNormal` that the network was trained with. If its `min_scale` is a schedule, the value
            at the step that its classifier has reached is used.
        y_true: int `[n]` or `[n, 1]`, or float `[n, num_classes]`: labels in the forms that the loss takes.
        y_pred: float `[n, loss.num_outputs]`, raw network outputs: `model(x)`, not `model.predict(x)`.
        identity: bool; True replaces the learned covariance by `Sigma = I`, which gives the squared length of the
            residual.

    Returns:
        float64 `[n]`, at least 0, without a unit.

    Raises:
        TypeError: if `loss` is another loss, labels are not integers, or `identity` is not a bool.
        ValueError: if outputs are not finite or have another width, or labels are out of range or too few.

    Example:
        >>> loss = LogisticNormal(2, min_scale=0.5, target_smoothing=0.5)
        >>> outputs = np.zeros([1, loss.num_outputs])  # loc = 0, C = 0, so S = 0.5 I; the target is (log 4, 0)
        >>> label_dependent_term(loss, [0], outputs, identity=True).round(4).tolist()
        [1.9218]
        >>> label_dependent_term(loss, [0], outputs).round(4).tolist()
        [7.6872]

    References:
        Englesson, Mehrpanah, Azizpour. Logistic-Normal likelihoods for heteroscedastic label noise in classification.
        2023, Eq. 5, and Figures 6 and 7, with `Sigma = I` and with the learned covariance.
    """
    if not isinstance(loss, LogisticNormal):
        raise TypeError(
            "`loss` must be a `losses.LogisticNormal`, because only its outputs hold a mean and a covariance. "
            f"Received: {loss!r:.100}."
        )
    _validation.check_bool("identity", identity)
    _validation.check_one_order({"y_true": y_true, "y_pred": y_pred})
    outputs = _validation.as_numbers("y_pred", y_pred).astype(np.float64)
    _validation.check_finite("y_pred", outputs)
    if outputs.ndim != 2 or outputs.shape[1] != loss.num_outputs:
        raise ValueError(
            f"`y_pred` must have shape [n, {loss.num_outputs}], the raw outputs that the loss reads. Received shape "
            f"{outputs.shape}. Are these probabilities? Pass `model(x)` instead of `model.predict(x)`."
        )
    loc, raw = np.split(outputs, [loss.num_prediction_outputs], axis=1)
    residual = _target(loss, y_true, len(outputs)) - loc
    covariance = "identity" if identity else loss.covariance
    min_scale = float(loss.min_scale(loss.count_updates())) if callable(loss.min_scale) else loss.min_scale
    return np.sum(_WHITENED[covariance](residual, raw, min_scale) ** 2, axis=1)


def _target(loss, y_true, num_examples):
    """Targets in logit space, float64 `[num_examples, loss.num_prediction_outputs]`."""
    y_true = _validation.as_label_array("y_true", y_true)
    _validation.check_targets("y_true", y_true, loss.num_classes)
    if len(y_true) != num_examples:
        raise ValueError(
            f"`y_true` and `y_pred` must have the same length. Received: {len(y_true)} and {num_examples}."
        )
    y_true = ops.convert_to_numpy(_labels.to_distributions(y_true, loss.num_classes, "float64"))
    off = loss.target_smoothing / (loss.num_prediction_outputs + 1)
    log_target = np.log((1 - loss.target_smoothing) * y_true + off)
    if loss.dummy_class:
        return loss.temperature * (log_target - np.log(off))
    return loss.temperature * (log_target[:, :-1] - log_target[:, -1:])


# Each of these functions returns `S^-1 r` for residuals `r` `[examples, n]` and the raw outputs that define S.


def _by_identity(residual, raw, min_scale):
    del raw, min_scale
    return residual


def _by_diagonal(residual, raw, min_scale):
    return residual / (raw**2 + min_scale)


def _by_low_rank(residual, raw, min_scale):
    factor = raw.reshape(*residual.shape, -1)
    transposed = factor.swapaxes(1, 2)
    capacitance = min_scale * np.eye(factor.shape[2]) + transposed @ factor
    along = factor @ np.linalg.solve(capacitance, transposed @ residual[:, :, np.newaxis])
    return (residual - along[:, :, 0]) / min_scale


_WHITENED = {
    "identity": _by_identity,
    "isotropic": _by_diagonal,  # broadcasts its single column over all n
    "diagonal": _by_diagonal,
    "low_rank": _by_low_rank,
}

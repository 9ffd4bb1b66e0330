"""Loss correction with a known or estimated transition matrix (Patrini et al. 2017)."""

import warnings

import keras
import numpy as np
from keras import ops

from tfp_noise import _validation
from tfp_noise.losses._gradients import with_gradient
from tfp_noise.losses.base import NoisyLabelLoss, register

# Stands for log(0) in a transition: below every log-probability that float32 logits up to 1e4 produce, so that
# it never decides a label that is possible, and finite, so that an impossible one costs much but not infinity.
_LOG_ZERO = -1e5
# From here on, rounding leaves nothing of the result that can be trusted.
_LARGEST_CONDITION_NUMBER = {"float32": 1e4, "float64": 1e12}


@register
class BackwardCorrection(NoisyLabelLoss):
    """Cross-entropy corrected backward: its expectation over the noise is the loss on clean labels.

    `-sum_j (y T^-1)_j log max(p_j, min_probability)` with `p = softmax(y_pred)`. Weights may be negative; the
    floor `min_probability` is then all that bounds the loss from below, as in the authors' code.

    The mean of that over a batch is `sum_k r_k`, where `r_k = mean_n (y_n T^-1)_k l_k(x_n)` with `l_k` the loss for
    class k estimates `P(clean = k) E[l_k | clean = k]`, which cannot be negative. With `non_negative=True` the mean is
    `sum_k max(0, r_k)`: a class whose estimate is negative, learned by heart, leaves the loss. The batch decides (of
    one replica), so an example's own loss depends on the others; Kiryo et al.'s gradient ascent is left out.

    Args:
        num_classes: int, K >= 2.
        transition: `[K, K]`, `transition[i, j] = P(observed = j | clean = i)`; rows sum to 1; invertible.
        min_probability: float in (0, 1), the floor of the probabilities.
        non_negative: bool, leave classes out whose risk in the batch is negative; examples cannot be weighed then.
        name: name of the loss.
        **kwargs: `reduction`, `dtype` and `ignore_class`, as in `NoisyLabelLoss`.

    Raises:
        ValueError: if `transition` is not row-stochastic or not invertible (a condition number from 1e4 on; in float64
            1e12), `min_probability` outside (0, 1), or `sample_weight` given with `non_negative`.

    Warns:
        UserWarning: if the condition number is above 100.

    Example:
        >>> import numpy as np
        >>> from tfp_noise import noise
        >>> loss = BackwardCorrection(2, noise.pair_flip(2, 0.2))
        >>> round(float(loss(np.array([0]), np.array([[0.0, 0.0]]))), 4)
        0.6931

    References:
        Patrini et al., "Making deep neural networks robust to label noise: a loss correction approach", 2017,
        Theorem 1; Lukasik et al. 2020, Eq. 4. Kiryo, Niu, du Plessis, Sugiyama, "Positive-unlabeled learning with
        non-negative risk estimator", 2017, Eq. 6, here for K classes.
    """

    def __init__(
        self,
        num_classes,
        transition,
        min_probability=1e-7,
        *,
        non_negative=False,
        name="backward_correction",
        **kwargs,
    ):
        super().__init__(num_classes, name=name, **kwargs)
        self.non_negative = _validation.check_bool("non_negative", non_negative)
        if self.non_negative:
            self._refuse_ignore_class("the mean of the whole batch decides which classes leave the loss")
        self.transition = _validation.check_transition("transition", transition, self.num_classes)
        self.min_probability = _validation.check_number("min_probability", min_probability, above=0, below=1)
        condition = np.linalg.cond(self.transition)
        if not condition < _LARGEST_CONDITION_NUMBER[self.dtype]:
            raise ValueError(
                f"`transition` must be better conditioned for backward correction in {self.dtype}. Received condition "
                f"number {condition:.3g}. Use ForwardCorrection, which needs no inverse, or a lower noise rate."
            )
        if condition > _validation.ILL_CONDITIONED:
            warnings.warn(
                f"`transition` is ill-conditioned. Received one with condition number {condition:.3g}: backward "
                "correction amplifies its errors by up to that. ForwardCorrection needs no inverse.",
                stacklevel=2,
            )
        self._inverse = np.linalg.inv(self.transition)

    def __call__(self, y_true, y_pred, sample_weight=None):
        if self.non_negative and sample_weight is not None:
            raise ValueError(
                "`sample_weight` must be None with `non_negative=True`: which classes leave the loss is decided on the "
                "batch as it is. Leave out `sample_weight` and `class_weight`, or `non_negative`."
            )
        return super().__call__(y_true, y_pred, sample_weight)

    def soft_label_loss(self, targets, y_pred):
        return self._cross_entropy(targets @ ops.cast(self._inverse, self.dtype), y_pred)

    def class_index_loss(self, labels, y_pred):
        return self._cross_entropy(ops.take(ops.cast(self._inverse, self.dtype), labels, axis=0), y_pred)

    def _cross_entropy(self, weights, y_pred):
        floor = float(np.log(self.min_probability))
        losses = -weights * ops.maximum(ops.log_softmax(y_pred, axis=-1), floor)
        if self.non_negative:
            losses = losses * ops.cast(ops.mean(losses, axis=0) > 0, self.dtype)
        return ops.sum(losses, axis=-1)

    def get_config(self):
        config = {"transition": self.transition.tolist(), "min_probability": self.min_probability}
        return {**super().get_config(), **config, "non_negative": self.non_negative}


@register
class ForwardCorrection(NoisyLabelLoss):
    """Cross-entropy of the observed label's predicted distribution: `-sum_j y_j log (T' p)_j`, `p = softmax(y_pred)`.

    The correction acts on probabilities, `(T' p)_j = sum_i p_i T[i, j]`; its minimiser under the noise `T` is
    the clean posterior. For class indices it is computed by logsumexp over `log p_i + log T[i, y]`, exact for
    logits of any size. For distributions one matrix product does it; in a batch where that underflows, K logsumexps do,
    which take longer, so that a one-hot label costs what its index does. A label that T calls impossible costs a large
    finite loss.

    Args:
        num_classes: int, K >= 2.
        transition: `[K, K]`, `transition[i, j] = P(observed = j | clean = i)`; rows sum to 1.
        name: name of the loss.
        **kwargs: `reduction`, `dtype` and `ignore_class`, as in `NoisyLabelLoss`.

    Raises:
        ValueError: if `transition` is not a row-stochastic `[K, K]`.

    Warns:
        UserWarning: if all rows are equal: nothing is left of the labels.

    Example:
        >>> import numpy as np
        >>> from tfp_noise import noise
        >>> loss = ForwardCorrection(2, noise.pair_flip(2, 0.25))
        >>> round(float(np.exp(-loss(np.array([0]), np.array([[100.0, 0.0]])))), 4)
        0.75

    References:
        Patrini et al. 2017, Theorem 2. Lukasik et al. 2020, Eq. 5 writes `l(T f)`, smoothing of the logits; on
        logits a symmetric T would only be a temperature, which contradicts that paper's Figure 1.
    """

    def __init__(self, num_classes, transition, *, name="forward_correction", **kwargs):
        super().__init__(num_classes, name=name, **kwargs)
        self.transition = _validation.check_transition("transition", transition, self.num_classes)
        _validation.warn_if_uninformative("transition", self.transition)
        with np.errstate(divide="ignore"):
            self._log_transition = np.maximum(np.log(self.transition), _LOG_ZERO)

    def class_index_loss(self, labels, y_pred):
        columns = ops.take(ops.cast(self._log_transition.T, self.dtype), labels, axis=0)
        return -ops.logsumexp(ops.log_softmax(y_pred, axis=-1) + columns, axis=-1)

    def soft_label_loss(self, targets, y_pred):
        log_clean = ops.log_softmax(y_pred, axis=-1)
        log_observed = _log_product(log_clean, targets, self.transition, self._log_transition)
        return -ops.sum(targets * log_observed, axis=-1)

    def get_config(self):
        return {**super().get_config(), "transition": self.transition.tolist()}


def _log_product(log_p, wanted, matrix, log_matrix):
    """`log(exp(log_p) @ matrix)`, `[batch, K]`, exact where `wanted` is not 0.

    One matrix product gives it, unless something wanted underflows: then each column is a logsumexp.
    """
    dtype = wanted.dtype
    finfo = np.finfo(keras.backend.standardize_dtype(dtype))
    matrix, log_columns = ops.cast(matrix, dtype), ops.cast(log_matrix.T, dtype)
    # Below this, terms that count have lost digits, and the gradient's quotients overflow.
    smallest = float(finfo.tiny / finfo.eps)

    @with_gradient
    def log_product(log_p):
        product = ops.exp(log_p) @ matrix
        underflows = ops.any(ops.logical_and(product < smallest, wanted != 0))
        floored = ops.maximum(product, smallest)

        def by_columns():
            return ops.transpose(ops.map(lambda column: ops.logsumexp(log_p + column, axis=-1), log_columns))

        value = ops.cond(underflows, by_columns, lambda: ops.log(floored))

        def gradient(upstream):
            def add_column(j, total):
                share = ops.exp(log_p + ops.take(log_columns, j, axis=0) - ops.take(value, [j], axis=1))
                return total + ops.take(upstream, [j], axis=1) * share

            return ops.cond(
                underflows,
                lambda: ops.fori_loop(0, len(log_matrix), add_column, ops.zeros_like(log_p)),
                lambda: ops.exp(log_p) * ((upstream / floored) @ ops.transpose(matrix)),
            )

        return value, gradient

    return log_product(log_p)

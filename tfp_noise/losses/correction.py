"""Loss correction with a known or estimated transition matrix (Patrini et al. 2017)."""

import warnings
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import ArrayLike

from tfp_noise import _validation
from tfp_noise.losses._checks import check_no_ignore_class
from tfp_noise.losses._gradients import with_gradient
from tfp_noise.losses.base import NoisyLabelLoss, register

# Stands for log(0) in a transition. It is below every log-probability that float32 logits up to 1e4 produce, so that it
# has no effect on a possible label, and finite, so that an impossible label has a large loss, but not infinity.
_LOG_ZERO = -1e5
# Above these, rounding errors are as large as the result.
_LARGEST_CONDITION_NUMBER = {"float32": 1e4, "float64": 1e12}


@register
class BackwardCorrection(NoisyLabelLoss):
    """Cross-entropy corrected backward: its expectation over the noise is the loss on clean labels.

    `-sum_j (y T^-1)_j log max(p_j, min_probability)` with `p = softmax(y_pred)`. The weights `y T^-1` may be negative;
    only the floor `min_probability` then bounds the loss from below, as in the authors' code.

    The mean over a batch is `sum_k r_k` with `r_k = mean_n (y_n T^-1)_k l_k(x_n)` and `l_k` the loss for class k. Each
    `r_k` estimates `P(clean = k) E[l_k | clean = k]`, which cannot be negative. With `non_negative=True` the mean is
    `sum_k max(0, r_k)`: a class with a negative estimate, a sign of memorised labels, is left out. Each batch of a
    replica decides on its own, so that the loss of an example depends on the other examples; the gradient ascent of
    Kiryo et al. is left out.

    Args:
        num_classes: int, K >= 2.
        transition: float `[K, K]`, T: `transition[i, j] = P(observed = j | clean = i)`; rows sum to 1; invertible.
        min_probability: float in (0, 1), the floor of the probabilities.
        non_negative: bool; True leaves out classes whose estimate in the batch is negative, and excludes
            `sample_weight`, `ignore_class` and masks of Keras.
        name: name of the loss.
        **kwargs: `reduction`, `dtype` and `ignore_class`, as in `NoisyLabelLoss`.

    Raises:
        TypeError: if an argument is of another type.
        ValueError: if `transition` is not row-stochastic or too close to singular (its condition number reaches 1e4, or
            1e12 with float64), `min_probability` is outside (0, 1), or `sample_weight`, `ignore_class` or a mask is
            given with `non_negative`.

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

    paper = "Patrini et al., 2017"
    needs = "a transition matrix"

    def __init__(
        self,
        num_classes: int,
        transition: ArrayLike,
        min_probability: float = 1e-7,
        *,
        non_negative: bool = False,
        name: str = "backward_correction",
        **kwargs: Any,
    ):
        super().__init__(num_classes, name=name, **kwargs)
        self.non_negative = _validation.check_bool("non_negative", non_negative)
        check_no_ignore_class(self)
        self.transition = _validation.check_transition("transition", transition, self.num_classes)
        self.min_probability = _validation.check_number("min_probability", min_probability, above=0, below=1)
        condition = np.linalg.cond(self.transition)
        if not condition < _LARGEST_CONDITION_NUMBER[self.dtype]:
            raise ValueError(
                f"`transition` must be well enough conditioned to be inverted in {self.dtype}. Received condition "
                f"number {condition:.3g}. Use ForwardCorrection, which needs no inverse, or a lower noise rate."
            )
        if condition > _validation.ILL_CONDITIONED:
            warnings.warn(
                f"`transition` is ill-conditioned. Received one with condition number {condition:.3g}: backward "
                "correction amplifies errors of `transition` up to that factor. ForwardCorrection needs no inverse.",
                stacklevel=2,
            )
        self._inverse = np.linalg.inv(self.transition)

    @property
    def needs_whole_batch(self):
        return "the mean of the whole batch decides which classes leave the loss" if self.non_negative else None

    def __call__(self, y_true, y_pred, sample_weight=None):
        if self.non_negative and sample_weight is not None:
            raise ValueError(
                "`sample_weight` must be None with `non_negative=True`, because the unweighted batch decides which "
                "classes leave the loss. Received: weights. Leave out `sample_weight` and `class_weight`, or "
                "`non_negative`."
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
    """Cross-entropy between the given label and the predicted noisy label: `-sum_j y_j log (T' p)_j`.

    The correction acts on probabilities `p = softmax(y_pred)`: `(T' p)_j = sum_i p_i T[i, j]`. Under the noise `T` the
    loss is minimal at the class probabilities of the true labels. For class indices it is the logsumexp of
    `log p_i + log T[i, y]`, exact for logits of any size. For distributions one matrix product is enough unless it
    underflows; then K logsumexps take its place, which are slower, so that a one-hot label always has the loss of its
    index. A label that is impossible under T has a large, finite loss.

    Args:
        num_classes: int, K >= 2.
        transition: float `[K, K]`, T: `transition[i, j] = P(observed = j | clean = i)`; rows sum to 1.
        name: name of the loss.
        **kwargs: `reduction`, `dtype` and `ignore_class`, as in `NoisyLabelLoss`.

    Raises:
        TypeError: if `transition` does not hold numbers.
        ValueError: if `transition` is not a row-stochastic `[K, K]`.

    Warns:
        UserWarning: if all rows are equal, so that nothing is left of the labels.

    Example:
        >>> import numpy as np
        >>> from tfp_noise import noise
        >>> loss = ForwardCorrection(2, noise.pair_flip(2, 0.25))
        >>> round(float(np.exp(-loss(np.array([0]), np.array([[100.0, 0.0]])))), 4)
        0.75

    References:
        Patrini et al. 2017, Theorem 2. Lukasik et al. 2020, Eq. 5, which writes `l(T f)`, as if T acted on the
        logits. There a symmetric T would only be a temperature, which contradicts that paper's Figure 1.
    """

    paper = "Patrini et al., 2017"
    needs = "a transition matrix"

    def __init__(self, num_classes: int, transition: ArrayLike, *, name: str = "forward_correction", **kwargs: Any):
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

    One matrix product is enough, unless an entry that is wanted underflows: then each column is a logsumexp.
    """
    dtype = wanted.dtype
    finfo = np.finfo(keras.backend.standardize_dtype(dtype))
    matrix, log_columns = ops.cast(matrix, dtype), ops.cast(log_matrix.T, dtype)
    # Below this, the product has lost digits, and the quotients in the gradient overflow.
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
                posterior = ops.exp(log_p + ops.take(log_columns, j, axis=0) - ops.take(value, [j], axis=1))
                return total + ops.take(upstream, [j], axis=1) * posterior

            return ops.cond(
                underflows,
                lambda: ops.fori_loop(0, len(log_matrix), add_column, ops.zeros_like(log_p)),
                lambda: ops.exp(log_p) * ((upstream / floored) @ ops.transpose(matrix)),
            )

        return value, gradient

    return log_product(log_p)

"""The bi-tempered logistic loss: a bounded loss of heavy-tailed probabilities (Amid et al. 2019)."""

from typing import Any, ClassVar

import numpy as np
from keras import ops

from tfp_noise import _validation
from tfp_noise.losses._entropies import cross_entropy
from tfp_noise.losses._gradients import with_gradient
from tfp_noise.losses.base import NoisyLabelLoss, register


@register
class BiTempered(NoisyLabelLoss):
    """A tempered logarithm of tempered probabilities: `t1 < 1` bounds the loss, `t2 > 1` makes heavy tails.

        log_t(u) = (u^(1 - t) - 1) / (1 - t),    exp_t(u) = [1 + (1 - t) u]_+^(1 / (1 - t))
        p_k = exp_t2(y_pred_k - norm),           norm such that sum_k p_k = 1
        loss = -sum_k y_k log_t1(p_k) - (1 - sum_k p_k^(2 - t1)) / (2 - t1)

    For an integer label that is the Bregman divergence from label to prediction, between 0 and `1 / (1 - t1)`: a
    mislabelled example far from the decision boundary costs no more than that. The probabilities have tails that fall
    as `|logit|^(-1 / (t2 - 1))`, so that a mislabelled example near the boundary hardly moves it. `t1 = t2 = 1` is
    cross-entropy.

    `probabilities` are these `p`, not a softmax. Everything is computed from `log p`, which is finite for logits of any
    size. `norm` is the root of a concave function, found by `num_iterations` third-order (Chebyshev) steps; its
    gradient is the escort distribution `p^t2 / sum p^t2`, whatever the number of steps.

    Args:
        num_classes: int, K >= 2.
        t1: float in [0, 1], the temperature of the logarithm.
        t2: float >= 1, the temperature of the probabilities; K^(t2 - 1) up to 1e30 in float32.
        num_iterations: int >= 1, steps towards `norm`. Measured: after five steps the rows of probabilities sum to 1
            within 1e-13 in float64 and 2e-6 in float32, for t2 up to 2 with K up to 1000 and for t2 up to 5 with K up
            to 14. Beyond that, five can be off by up to 0.01 (K = 1000, t2 = 4, logits of all sizes) and eight suffice.
        name: name of the loss.
        **kwargs: `reduction`, `dtype` and `ignore_class`, as in `NoisyLabelLoss`.

    Raises:
        TypeError: if an argument is not a number.
        ValueError: if a number is out of range.

    Example:
        >>> import numpy as np
        >>> loss = BiTempered(2, t1=0.5, t2=2.0)
        >>> outputs = np.array([[1e6, 0.0]])
        >>> round(float(loss(np.array([1]), outputs)), 2)
        2.0
        >>> loss.probabilities(outputs).numpy().round(6)
        array([[9.99999e-01, 1.00000e-06]], dtype=float32)

    References:
        Amid, Warmuth, Anil, Koren, "Robust bi-tempered logistic loss based on Bregman divergences", 2019, sections 2
        and 3, Algorithm 1. Departures: finite support (t2 < 1) and label smoothing are left out; the loss of a soft
        label is the weighted sum of the losses of its classes, which differs from the divergence by a term of the label
        alone. With five steps of Algorithm 1, the authors' default, row sums are off by up to 8e-6 at t2 = 1.1, 0.02 at
        t2 = 2 and 0.1 at t2 = 4 for K = 10, and by up to 0.9 at t2 = 2 for K = 1000.
    """

    paper = "Amid, Warmuth, Anil, Koren, 2019"
    search_space: ClassVar = {"t1": (0.5, 0.7, 0.9), "t2": (1.1, 2.0, 4.0)}  # Englesson et al., 2023, appendix B.2

    def __init__(
        self,
        num_classes: int,
        t1: float,
        t2: float,
        num_iterations: int = 5,
        *,
        name: str = "bi_tempered",
        **kwargs: Any,
    ):
        super().__init__(num_classes, name=name, **kwargs)
        if self._check_number("t1", t1) > 1 > self._check_number("t2", t2):
            raise ValueError(f"`t1` must be at most 1 and `t2` at least 1. Received: {t1} and {t2}. Are they swapped?")
        self.t1 = self._check_number("t1", t1, 0, 1)
        # The norm of equal logits is (K^(t2 - 1) - 1) / (t2 - 1).
        largest = 1 + float(np.log(np.finfo(self.dtype).max / 1e8) / np.log(self.num_classes))
        self.t2 = self._check_number("t2", t2, 1, largest)
        self.num_iterations = _validation.check_int("num_iterations", num_iterations, 1)

    def soft_label_loss(self, targets, y_pred):
        log_probabilities = self._log_probabilities(y_pred)
        return self._loss(-cross_entropy(targets, self._tempered(log_probabilities)), log_probabilities)

    def class_index_loss(self, labels, y_pred):
        log_probabilities = self._log_probabilities(y_pred)
        of_label = ops.take_along_axis(log_probabilities, ops.expand_dims(labels, -1), axis=-1)[:, 0]
        return self._loss(self._tempered(of_label), log_probabilities)

    def _loss(self, tempered_logarithm, log_probabilities):
        if self.t1 == 1:  # the second term of the divergence is 0
            return -tempered_logarithm
        power = 2 - self.t1
        return -tempered_logarithm - (1 - ops.sum(ops.exp(power * log_probabilities), axis=-1)) / power

    def _tempered(self, log_probabilities):
        """`log_t1(p)` from `log p`."""
        rest = 1 - self.t1
        return ops.expm1(rest * log_probabilities) / rest if rest else log_probabilities

    def _log_probabilities(self, y_pred):
        if self.t2 == 1:
            return ops.log_softmax(y_pred, axis=-1)
        return _tempered_log_softmax(y_pred, self.t2, self.num_iterations)

    @property
    def reads_logits(self):
        return self.t2 == 1

    @property
    def is_shift_invariant(self):
        return True

    def logits(self, y_pred):
        if self.t2 == 1:
            return y_pred
        # Keras's operations only: `deployable` makes a plain model of them.
        return _normalise(y_pred, self.t2, self.num_iterations)[0]

    def get_config(self):
        return {**super().get_config(), "t1": self.t1, "t2": self.t2, "num_iterations": self.num_iterations}


def _normalise(logits, t, steps):
    """`log p` of the tempered softmax with `t > 1`, and `p^(t - 1)`, both `[batch, K]`.

    With `s = t - 1`, `d = max(a) - a` and `x = 1 + s (m + d)`, `p = x^(-1/s)`. The root `m` of `g(m) = sum p = 1` is
    that of `h = g^(-s) = 1`; a power mean of `x`, `h` grows, is concave, linear where all `d` are equal, and at most
    `K^(-s)` times the arithmetic mean, which gives a start left of the root. Newton's step, in units of `c = 1 + s m`,
    with `r = c / x`, is

        v = (g^s - 1) / s * g / sum(p r)

    and stays left of it; it is longer than a fixed-point iteration, which follows the chord from `c = 0`. Chebyshev's
    step bends with the inverse function: `v (1 + t/2 v sum(p (r - mean r)^2) / sum(p r))`.
    """
    s = t - 1
    depth = ops.max(logits, axis=-1, keepdims=True) - logits
    of_equal_logits = float(np.expm1(s * np.log(logits.shape[-1]))) / s
    shift = ops.maximum(of_equal_logits - ops.mean(depth, axis=-1, keepdims=True), 0)
    for _ in range(steps):
        unit, p = 1 + s * shift, ops.exp(_log_power(shift + depth, s))
        ratio = unit / (1 + s * (shift + depth))
        total, first = ops.sum(p, axis=-1, keepdims=True), ops.sum(p * ratio, axis=-1, keepdims=True)
        spread = ops.sum(p * ops.square(ratio - first / total), axis=-1, keepdims=True)
        newton = ops.expm1(s * ops.log(total)) / s * total / first
        # Bounded, because with a class far below all others the correction overshoots the root by far.
        shift = shift + unit * newton * (1 + ops.minimum(0.5 * t * newton * spread / first, 4))
    return _log_power(shift + depth, s), 1 / (1 + s * (shift + depth))


def _log_power(depth, s):
    """`log (1 + s depth)^(-1/s)`, exact for small `s` too."""
    return -ops.log1p(s * depth) / s


def _tempered_log_softmax(logits, t, steps):
    """`log p` with its gradient by hand, by the implicit function theorem.

    `sum p = 1` gives `d norm / d a = w`, with `w = p^t / sum p^t`; `d log p_i / d a_j = p_i^(t - 1) (delta_ij - w_j)`.
    """

    @with_gradient
    def log_probabilities(logits):
        value, power = _normalise(logits, t, steps)

        def gradient(upstream):
            upstream = upstream * power
            escort = ops.exp(value) * power
            escort = escort / ops.sum(escort, axis=-1, keepdims=True)
            return upstream - escort * ops.sum(upstream, axis=-1, keepdims=True)

        return value, gradient

    return log_probabilities(logits)

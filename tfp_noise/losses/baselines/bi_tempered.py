"""The bi-tempered logistic loss: a bounded loss of heavy-tailed probabilities (Amid et al. 2019)."""

from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from tfp_noise import _labels, _validation
from tfp_noise.losses._entropies import cross_entropy_of_classes, product
from tfp_noise.losses._gradients import with_gradient
from tfp_noise.losses.base import NoisyLabelLoss, register

_OFF = 8  # rounding errors by which a sum of probabilities may differ from 1; sums of 21,843 differ by up to 4


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
            The loss takes no further step once all rows of a batch sum to 1 but for rounding errors, often after one.
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
        def of_labels(function, log_p):
            terms = product(function(log_p), targets)
            return ops.sum(terms, axis=-1), terms

        return self._divergence(of_labels, y_pred)

    def class_index_loss(self, labels, y_pred):
        if self.t1 == self.t2 == 1:
            return cross_entropy_of_classes(labels, y_pred)
        is_label = ops.one_hot(labels, self.num_classes, dtype="bool")

        def of_labels(function, log_p):
            of_label = function(_labels.label_entries(log_p, labels))
            return of_label, ops.where(is_label, ops.expand_dims(of_label, -1), 0)

        return self._divergence(of_labels, y_pred)

    def _divergence(self, of_labels, y_pred):
        """The loss with its gradient by hand; `of_labels(f, log_p)` is `sum_k y_k f(log p_k)`, and its terms.

        As `sum p = 1` gives `d norm / d y_pred_k = w_k`, with the escort distribution `w = p^t2 / sum p^t2`, the
        gradient is `v_k - w_k sum v`, with `v_k = (p_k - y_k) p_k^(t2 - t1)`.
        """
        t1, t2 = self.t1, self.t2

        @with_gradient
        def divergence(y_pred):
            log_p, p, power = self._probabilities(y_pred)
            value, weights = -of_labels(self._tempered, log_p)[0], p
            if t1 < 1:  # else the second term of the divergence is 0
                weights = ops.exp((2 - t1) * log_p)
                value = value - (1 - ops.sum(weights, axis=-1)) / (2 - t1)

            def gradient(upstream):
                slopes = weights * power - of_labels(lambda log_p: ops.exp((t2 - t1) * log_p), log_p)[1]
                escort = p * power
                ratio = ops.sum(slopes, axis=-1, keepdims=True) / ops.sum(escort, axis=-1, keepdims=True)
                return ops.expand_dims(upstream, -1) * (slopes - ratio * escort)

            return value, gradient

        return divergence(y_pred)

    def _tempered(self, log_probabilities):
        """`log_t1(p)` from `log p`."""
        rest = 1 - self.t1
        return ops.expm1(rest * log_probabilities) / rest if rest else log_probabilities

    def _probabilities(self, y_pred):
        """`log p`, `p` and `p^(t2 - 1)`."""
        if self.t2 > 1:
            return _normalise(y_pred, self.t2, self.num_iterations, early=True)
        log_p = ops.log_softmax(y_pred, axis=-1)
        return log_p, ops.exp(log_p), 1.0

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


def _normalise(logits, t, num_iterations, early=False):
    """`log p`, `p` and `p^(t - 1)` of the tempered softmax with `t > 1`, all `[batch, K]`.

    With `s = t - 1`, `d = max(a) - a` and `x = 1 + s (m + d)`, `p = x^(-1/s)`, where `m` is the root of
    `g(m) = sum p = 1`. With `early`, no step follows once `g` is 1 in all rows, but for rounding errors.
    """
    s = t - 1
    off = _OFF * float(np.finfo(keras.backend.standardize_dtype(logits.dtype)).eps)
    depth = s * (ops.max(logits, axis=-1, keepdims=True) - logits)

    def at(shift):  # `s m`
        log_x = ops.log((1 + shift) + depth) if s >= 1 else ops.log1p(shift + depth)  # which takes twice as long
        log_p = log_x * (-1 / s)
        return shift, log_p, ops.exp(log_p)

    def is_off(shift, log_p, p):
        del shift, log_p
        return ops.any(ops.abs(ops.sum(p, axis=-1) - 1) > off)

    def step(shift, log_p, p):
        del log_p
        return at(shift + _step(1 / ((1 + shift) + depth), p, s))

    found = at(_start(depth, s))
    if early:
        found = ops.while_loop(is_off, step, found, maximum_iterations=num_iterations)
    else:
        for _ in range(num_iterations):
            found = step(*found)
    shift, log_p, p = found
    return log_p, p, 1 / ((1 + shift) + depth)


def _start(depth, s):
    """An estimate of `s m`, `[batch, 1]`: exact for equal logits, else left of the root, or near it for similar logits.

    The power mean of `x` that is K^s at the root is at most the arithmetic mean, and less by about
    `(1 + 1 / s) / 2 var(x) / K^s`, which counts where it is small.
    """
    of_equal_logits = float(np.expm1(s * np.log(depth.shape[-1])))
    mean = ops.mean(depth, axis=-1, keepdims=True)
    variance = ops.mean(ops.square(depth), axis=-1, keepdims=True) - ops.square(mean)
    excess = 0.5 * (1 + 1 / s) * variance / (1 + of_equal_logits) ** 2
    excess = ops.where(excess < 0.03, excess, 0)
    return ops.maximum(of_equal_logits + (1 + of_equal_logits) * excess - mean, 0)


def _step(inverse, p, s):
    """Chebyshev's step of `s m`, `[batch, 1]`, from `1 / x` and `p`.

    The root of `g = 1` is that of `h = g^(-s) = 1`; a power mean of `x`, `h` grows with m, is concave, linear where all
    `d` are equal, and at most `K^(-s)` times the arithmetic mean, which gives a start left of the root. Newton's step,

        v = (g^s - 1) g / sum(p / x)

    stays left of it; it is longer than a fixed-point iteration, which follows the chord from `x = 0`. Chebyshev's step
    bends with the inverse function: with the means of `1 / x` and `1 / x^2`, weighted by p, it is
    `v (1 + (1 + 1 / s) / 2 v (mean x^-2 / mean x^-1 - mean x^-1))`.
    """
    first = p * inverse
    total, of_first, of_second = (ops.sum(one, axis=-1, keepdims=True) for one in (p, first, first * inverse))
    newton = ops.expm1(s * ops.log(total)) * total / of_first
    bend = 0.5 * (1 + 1 / s) * newton * (of_second / of_first - of_first / total)
    # Bounded, because with a class far below all others the correction overshoots the root by far.
    return newton * (1 + ops.clip(bend, 0, 4))

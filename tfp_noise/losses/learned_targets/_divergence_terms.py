"""Cross-entropies and entropies of a target and a prediction, with gradients for both."""

from keras import ops

from tfp_noise.losses._entropies import product
from tfp_noise.losses._gradients import with_gradient

# The terms of the symmetric Kullback-Leibler divergence, KL(t || p) + KL(p || t).
TERMS = ("forward_cross_entropy", "reverse_cross_entropy", "prediction_entropy", "target_entropy")
_SMALLEST = 1e-30  # floor of targets inside the logarithm: a target of 0 has a loss of 69 nats, not infinity


def mean_divergence(targets_of, weight, rows, logits):
    """`(KL(t || p) + KL(p || t)) / 2 = sum_k (t_k - p_k) (log t_k - log p_k) / 2`, `[batch]`.

    The same as `half_sum_of_terms` with all terms, in fewer arrays: four of `[batch, K]` for the gradient.

    Args:
        targets_of: as in `half_sum_of_terms`.
        weight: as in `half_sum_of_terms`.
        rows: as in `half_sum_of_terms`.
        logits: as in `half_sum_of_terms`.
    """

    @with_gradient
    def measure(rows, logits):
        log_p = ops.log_softmax(logits, axis=-1)
        p = ops.exp(log_p)
        targets = targets_of(rows)
        inside = ops.maximum(targets, _SMALLEST)
        gap, difference = log_p - ops.log(inside), p - targets

        def gradient(upstream):
            upstream = ops.expand_dims(0.5 * upstream, -1)
            slope = difference + product(gap, p)
            by_logits = slope - p * ops.sum(slope, axis=-1, keepdims=True)
            return product(gap + difference / inside, -weight * upstream), upstream * by_logits

        return 0.5 * ops.sum(product(gap, difference), axis=-1), gradient

    return measure(rows, logits)


def half_sum_of_terms(targets_of, weight, rows, logits, terms):
    """Half the sum of the chosen of `H(t, p)`, `H(p, t)`, `-H(p)`, `-H(t)`, with `p = softmax(logits)`, `[batch]`.

    Args:
        targets_of: a function from `rows` to the targets t `[batch, K]`, which are `weight * rows` plus a constant.
        weight: float.
        rows: float `[batch, K]`, rows sum to 1; gradients flow to them.
        logits: float `[batch, K]`.
        terms: a subset of `TERMS`.
    """
    forward, reverse, prediction, target = (term in terms for term in TERMS)

    @with_gradient
    def measure(rows, logits):
        log_p = ops.log_softmax(logits, axis=-1)
        p = ops.exp(log_p)
        targets = targets_of(rows)
        inside = ops.maximum(targets, _SMALLEST)
        log_t = ops.log(inside)
        of_log_p = _difference(prediction and p, forward and targets)  # the factor of log p
        of_log_t = _difference(target and targets, reverse and p)

        def gradient(upstream):
            upstream = ops.expand_dims(0.5 * upstream, -1)
            slope = of_log_p + _difference(prediction and product(log_p, p), reverse and p * log_t)
            by_logits = slope - p * ops.sum(slope, axis=-1, keepdims=True)
            by_targets = _difference(target and log_t, forward and log_p) + of_log_t / inside
            return product(by_targets, weight * upstream), upstream * by_logits

        return 0.5 * (ops.sum(product(log_p, of_log_p), axis=-1) + ops.sum(of_log_t * log_t, axis=-1)), gradient

    return measure(rows, logits)


def _difference(plus, minus):
    """`plus - minus`, where False stands for 0 and needs no operation."""
    if plus is False:
        return 0.0 if minus is False else -minus
    return plus if minus is False else plus - minus

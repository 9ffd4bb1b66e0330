"""Scores in [0, 1] of how well a given label agrees with a prediction; low is suspicious."""

from collections.abc import Callable

import numpy as np

_RIDGE = 1e-2
_LEAST_SHARE = 1e-2

Scorer = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def _self_confidence(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """`p_y`, the probability of the given label."""
    return _entries(probabilities, labels)


def _normalized_margin(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """`(p_y - max_{k != y} p_k + 1) / 2`."""
    others = probabilities.copy()
    others[np.arange(len(labels)), labels] = -np.inf
    return (_entries(probabilities, labels) - others.max(axis=1) + 1) / 2


def _confidence_weighted_entropy(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """`log(1 + x) / x` with `x = H(p) / (p_y log K)`: 1 for a label that is certain, 0 for an impossible one."""
    own = _entries(probabilities, labels)
    logs = np.log(probabilities, where=probabilities > 0, out=np.zeros_like(probabilities))
    entropy = -np.einsum("ij,ij->i", probabilities, logs).astype(np.float64) / np.log(probabilities.shape[1])
    x = np.maximum(entropy, 0) / np.where(own > 0, own, 1)
    scores = np.log1p(x) / np.where(x > 0, x, 1)
    return np.where(own > 0, np.where(x > 0, scores, 1), 0)


_BY_PREDICTION = {
    "self_confidence": _self_confidence,
    "normalized_margin": _normalized_margin,
    "confidence_weighted_entropy": _confidence_weighted_entropy,
}
NAMES = (*_BY_PREDICTION, "confident_joint")


def scorer(name: str, joint: np.ndarray) -> Scorer:
    """A function that gives some examples their scores and the classes that are suggested for them.

    Args:
        name: one of `NAMES`.
        joint: float64 `[K, K]`, calibrated confident joint; its rows are true classes.

    Returns:
        A function of probabilities, float32 or float64 `[m, K]`, and labels, int `[m]`, that returns `(scores,
        suggested)`, float64 `[m]` and int `[m]`.
    """
    if name in _BY_PREDICTION:
        return lambda probabilities, labels: (_BY_PREDICTION[name](probabilities, labels), probabilities.argmax(axis=1))
    return _posterior(_smoothed_transition(joint))


def _smoothed_transition(joint: np.ndarray) -> np.ndarray:
    """Rows of the joint divided by their sums, each class's wrong labels smoothed by Laplace's rule.

    One example is added to each pair of different classes, and the estimated number of wrong labels of each class is
    then restored: of many pairs with few examples each, chance would leave most at 0. A class without examples is
    taken to be labelled correctly.
    """
    sums, right = joint.sum(axis=1), np.diag(joint)
    smoothed = joint + 1
    np.fill_diagonal(smoothed, 0)
    smoothed *= ((sums - right) / smoothed.sum(axis=1))[:, None]
    np.fill_diagonal(smoothed, np.where(sums > 0, right, 1))
    return smoothed / np.where(sums > 0, sums, 1)[:, None]


def _posterior(transition: np.ndarray) -> Scorer:
    """`q_y T_yy / sum_j q_j T_jy`, the probability that the given label is the true one, by Bayes' rule.

    The predicted probabilities of given labels are `p = q T`, with `q` those of the true class. That is solved by ridge
    regression, which bears a `T` that is singular; each entry of `q` is at least a hundredth of that of `p`, which
    keeps examples in order whose label looks impossible.
    """
    gram = transition @ transition.T + _RIDGE * np.eye(len(transition))
    inverse, by_label = np.linalg.solve(gram, transition).T, np.ascontiguousarray(transition.T)

    def score(probabilities, labels):
        dtype = probabilities.dtype
        true = probabilities @ inverse.astype(dtype, copy=False)
        np.maximum(true, probabilities * dtype.type(_LEAST_SHARE), out=true)
        evidence = np.einsum("ij,ij->i", true, by_label.astype(dtype, copy=False)[labels]).astype(np.float64)
        kept = _entries(true, labels) * transition[labels, labels]
        return kept / np.maximum(evidence, np.finfo(np.float32).tiny), true.argmax(axis=1)

    return score


def _entries(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """One entry of each row, float64."""
    return rows[np.arange(len(columns)), columns].astype(np.float64)

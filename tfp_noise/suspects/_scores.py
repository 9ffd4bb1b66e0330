"""Scores in [0, 1] of how well a given label agrees with a prediction, by the prediction alone; low is suspicious."""

import numpy as np


def _self_confidence(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """`p_y`, the probability of the given label."""
    return entries(probabilities, labels)


def _normalized_margin(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """`(p_y - max_{k != y} p_k + 1) / 2`."""
    others = probabilities.copy()
    others[np.arange(len(labels)), labels] = -np.inf
    return (entries(probabilities, labels) - others.max(axis=1) + 1) / 2


def _confidence_weighted_entropy(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """`log(1 + x) / x` with `x = H(p) / (p_y log K)`: 1 for a label that is certain, 0 for an impossible one."""
    own = entries(probabilities, labels)
    logs = np.log(probabilities, where=probabilities > 0, out=np.zeros_like(probabilities))
    entropy = -np.einsum("ij,ij->i", probabilities, logs).astype(np.float64) / np.log(probabilities.shape[1])
    x = np.maximum(entropy, 0) / np.where(own > 0, own, 1)
    scores = np.log1p(x) / np.where(x > 0, x, 1)
    return np.where(own > 0, np.where(x > 0, scores, 1), 0)


BY_PREDICTION = {
    "self_confidence": _self_confidence,
    "normalized_margin": _normalized_margin,
    "confidence_weighted_entropy": _confidence_weighted_entropy,
}


def entries(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """One entry of each row, float64."""
    return rows[np.arange(len(columns)), columns].astype(np.float64)

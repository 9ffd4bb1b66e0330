"""Probabilities of the true class of each example by Bayes' rule, from its prediction and its given label."""

import numpy as np
from scipy import optimize, sparse

_RIDGE = 1e-2
_LEAST_FRACTION = 1e-2
_TEMPERATURES = (0.05, 10.0)
_TINY = np.finfo(np.float32).tiny


class Posterior:
    """Bayes' rule with the transition `T` that a confident joint implies.

    Args:
        joint: float64 `[K, K]`, calibrated confident joint; its rows are true classes.
    """

    def __init__(self, joint: np.ndarray):
        transition = _smoothed_transition(joint)
        gram = transition @ transition.T + _RIDGE * np.eye(len(transition))
        self._inverse = np.linalg.solve(gram, transition).T
        self._by_label = np.ascontiguousarray(transition.T)

    def true_classes(self, probabilities: np.ndarray) -> np.ndarray:
        """The probabilities `q` of the true classes, before the given labels are seen.

        Those of the given labels are `p = q T`. That is solved by ridge regression, which bears a `T` that is singular;
        each entry of `q` is at least a hundredth of that of `p`, which keeps examples in order whose label looks
        impossible.

        Args:
            probabilities: float32 or float64 `[m, K]`, predictions `p`.

        Returns:
            `[m, K]` of the same dtype; the rows sum to nearly 1.
        """
        dtype = probabilities.dtype
        true = probabilities @ self._inverse.astype(dtype, copy=False)
        return np.maximum(true, probabilities * dtype.type(_LEAST_FRACTION), out=true)

    def given(self, true: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """The probabilities of the true classes, given the labels y: `q_i T_iy / sum_j q_j T_jy`, `[m, K]`."""
        joint = true * self._by_label.astype(true.dtype, copy=False)[labels]
        joint /= np.maximum(joint.sum(axis=1, keepdims=True), _TINY)
        return joint

    def temperature(self, true: np.ndarray, labels: np.ndarray) -> float:
        """The temperature at which `q^(1 / temperature)`, normalised, has the highest likelihood of the labels.

        It corrects predictions that are less, or more, certain of the true class than their agreement with the labels
        allows: Guo et al., "On calibration of modern neural networks", 2017, through a transition matrix.
        """
        of_label = self._by_label.astype(true.dtype, copy=False)[labels]

        def loss(log_temperature):
            likelihood = np.einsum("ij,ij->i", tempered(true, np.exp(log_temperature)), of_label)
            return -np.mean(np.log(np.maximum(likelihood, _TINY), dtype=np.float64))

        found = optimize.minimize_scalar(loss, bounds=np.log(_TEMPERATURES), method="bounded", options={"xatol": 0.01})
        return float(np.exp(found.x))


def tempered(true: np.ndarray, temperature: float) -> np.ndarray:
    """`q^(1 / temperature)` with rows that sum to 1."""
    logs = np.log(np.maximum(true, _TINY))
    logs -= logs.max(axis=1, keepdims=True)
    powers = np.exp(logs * true.dtype.type(1 / temperature))
    powers /= powers.sum(axis=1, keepdims=True)
    return powers


def sums_by_label(rows: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Sums of the rows of each label, float64 `[K, K]`, a column a label."""
    num_classes, starts = rows.shape[1], np.arange(len(labels) + 1)
    one_hot = sparse.csr_array((np.ones(len(labels)), labels, starts), shape=(len(labels), num_classes))
    return rows.T @ one_hot


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

"""Temperature scaling: one number, fitted after training, that makes predictions more or less confident."""

import warnings

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, special

from tfp_noise import _validation
from tfp_noise.metrics.scores import check_predictions, log_probabilities

_LOWEST, _HIGHEST = 0.01, 100.0


def fit_temperature(probabilities: ArrayLike, labels: ArrayLike) -> float:
    """Temperature with the smallest mean negative log-likelihood: `argmin_T mean_n -log softmax(log p_n / T)_{y_n}`.

    It is computed in float64 as the root of the derivative with respect to `1 / T`, which is `mean_n (E_{k ~
    softmax(log p_n / T)} log p_nk - log p_{n, y_n})`. The objective is convex in `1 / T`, so the root is unique. Use
    examples that the model was not trained on, and score the scaled predictions on yet other examples.

    A temperature fitted on noisy labels is calibrated for the noisy labels. Suppose that p is calibrated for the true
    labels, and that symmetric noise of rate r made the observed labels from them. Then the derivative at T = 1 is
    `r mean_n (sum_k p_nk log p_nk - 1/K sum_k log p_nk) >= 0`, so that T exceeds 1 unless p is uniform: the scaled
    predictions are under-confident about the true labels. Fit on held-out observed labels to forecast observed labels,
    and on a trusted subset to predict true labels.

    Args:
        probabilities: float `[n, num_classes]`, predictions for held-out examples. From a loss that models the noise,
            these are predictions of the true label. A probability of 0 counts as 1.2e-38, the smallest normal float32.
        labels: int `[n]`, the labels that the scaled predictions should be calibrated for.

    Returns:
        A float in [0.01, 100]: above 1 if the predictions were over-confident, below 1 if under-confident.

    Raises:
        TypeError, ValueError: as `accuracy`.

    Warns:
        UserWarning: if the optimum lies outside of [0.01, 100]; the nearer end is returned. The optimum is T = 0 if
            every label is the most probable class, and infinity if the predictions are no better than guessing.

    Example:
        >>> round(fit_temperature(np.tile([0.9, 0.1], [4, 1]), np.array([0, 0, 0, 1])), 6)
        2.0

    References:
        Guo, Pleiss, Sun, Weinberger. On calibration of modern neural networks. ICML 2017, Eq. 9.
    """
    probabilities, labels = check_predictions(probabilities, labels)
    logits = _logits(probabilities)
    of_labels = logits[np.arange(len(labels)), labels].mean()

    def slope(log_temperature):
        scaled = special.softmax(logits / np.exp(log_temperature), axis=1)
        return np.vdot(scaled, logits) / len(logits) - of_labels

    low, high = np.log([_LOWEST, _HIGHEST])
    if slope(high) >= 0:
        _warn_of_end(
            _HIGHEST,
            "The predictions are no better than guessing. Are labels and predictions in the same order?",
        )
        return _HIGHEST
    if slope(low) <= 0:
        _warn_of_end(
            _LOWEST,
            "Almost every label is the predicted class. Fit on examples that the model was not trained on, or on more.",
        )
        return _LOWEST
    return float(np.exp(optimize.brentq(slope, low, high, xtol=1e-12)))


def apply_temperature(probabilities: ArrayLike, temperature: float) -> np.ndarray:
    """Probabilities at another temperature: `softmax(log p / T)`, that is `p_k^(1/T)` divided by their sum.

    The order of the classes is preserved, and with it the accuracy. `log p` differs from the logits by one constant per
    row, so the result is the same as that of scaling the logits.

    Args:
        probabilities: float `[n, num_classes]`; 0 counts as 1.2e-38, the smallest normal float32.
        temperature: float above 0; 1 changes nothing, higher values approach uniform rows, lower values one-hot rows.

    Returns:
        float64 `[n, num_classes]`, rows sum to 1.

    Raises:
        TypeError: if `temperature` is not a number.
        ValueError: if probabilities are negative, not finite or do not sum to 1, or `temperature` is not above 0.

    Example:
        >>> apply_temperature(np.array([[0.9, 0.1]]), 2.0).round(6).tolist()
        [[0.75, 0.25]]

    References:
        Guo, Pleiss, Sun, Weinberger. On calibration of modern neural networks. ICML 2017, Eq. 9.
    """
    probabilities = _validation.check_distributions("probabilities", probabilities)
    temperature = _validation.check_number("temperature", temperature, above=0)
    return special.softmax(_logits(probabilities) / temperature, axis=1)


def _logits(probabilities):
    """Log-probabilities minus the maximum of their row, so that the most probable class has exactly 0."""
    logits = log_probabilities(probabilities)
    return logits - logits.max(axis=1, keepdims=True)


def _warn_of_end(temperature, cure):
    warnings.warn(
        f"The best temperature lies outside of [{_LOWEST:g}, {_HIGHEST:g}]: {temperature:g} is returned. {cure}",
        stacklevel=3,
    )

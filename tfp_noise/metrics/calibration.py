"""Calibration errors: binned differences between predicted probabilities and observed frequencies.

| function | looks at | bins |
|---|---|---|
| `expected_calibration_error`, `reliability_curve` | the predicted class | of equal width |
| `classwise_calibration_error` | every class | of equal width |
| `adaptive_calibration_error` | every class | of equal counts |

On noisy labels, all of them measure how well the predictions forecast the noisy labels.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from tfp_noise import _validation
from tfp_noise.metrics.scores import check_predictions, log_probabilities


def expected_calibration_error(probabilities: ArrayLike, labels: ArrayLike, num_bins: int = 15) -> float:
    """Mean gap between confidence and accuracy: `sum_b (n_b / n) |accuracy_b - confidence_b|`.

    The confidence of a prediction is the probability of the predicted class. The bins divide [0, 1] into `num_bins`
    intervals of equal width. Each includes its lower end and excludes its upper end; the last one includes both.

    Args:
        probabilities: float `[n, num_classes]`.
        labels: int `[n]`.
        num_bins: int; 15 is the usual choice, some papers take 100.

    Returns:
        A float from 0 to 1; computed in float32 by `tfp.stats.expected_calibration_error`.

    Raises:
        TypeError, ValueError: as `accuracy`; also if `num_bins` is not an integer of at least 1.

    Example:
        >>> round(expected_calibration_error(np.array([[0.9, 0.1], [0.9, 0.1]]), np.array([0, 1])), 4)
        0.4

    References:
        Guo, Pleiss, Sun, Weinberger. On calibration of modern neural networks. ICML 2017, Eq. 3.
    """
    import tensorflow_probability as tfp  # here, because it takes seconds

    probabilities, labels = check_predictions(probabilities, labels)
    num_bins = _validation.check_int("num_bins", num_bins, 1)
    logits = log_probabilities(probabilities).astype(np.float32)
    predicted = probabilities.argmax(axis=1).astype(np.int32)
    return float(tfp.stats.expected_calibration_error(num_bins, logits, labels, predicted))


class ReliabilityCurve(NamedTuple):
    """Result of `reliability_curve`: one entry per bin, from the lowest confidence to the highest.

    Args:
        confidence: float64 `[num_bins]`, mean confidence of the examples in the bin.
        accuracy: float64 `[num_bins]`, fraction of them that are predicted correctly.
        count: int64 `[num_bins]`, number of examples in the bin.
    """

    confidence: np.ndarray
    accuracy: np.ndarray
    count: np.ndarray  # type: ignore[assignment]  # the method of tuples that it hides has no use here


def reliability_curve(probabilities: ArrayLike, labels: ArrayLike, num_bins: int = 15) -> ReliabilityCurve:
    """Mean confidence, accuracy and number of examples in each bin of confidence.

    The bins are those of `expected_calibration_error`, which equals `sum(count * abs(accuracy - confidence)) / n`.

    Args:
        probabilities: float `[n, num_classes]`.
        labels: int `[n]`.
        num_bins: int >= 1.

    Returns:
        A `ReliabilityCurve`. In a bin without examples confidence, accuracy and count are 0.

    Raises:
        TypeError, ValueError: as `expected_calibration_error`.

    Example:
        >>> curve = reliability_curve(np.array([[0.875, 0.125], [0.875, 0.125]]), np.array([0, 1]), num_bins=2)
        >>> curve.confidence.round(4).tolist(), curve.accuracy.tolist(), curve.count.tolist()
        ([0.0, 0.875], [0.0, 0.5], [0, 2])

    References:
        Guo, Pleiss, Sun, Weinberger. On calibration of modern neural networks. ICML 2017, section 2.
    """
    probabilities, labels = check_predictions(probabilities, labels)
    num_bins = _validation.check_int("num_bins", num_bins, 1)
    predicted = probabilities.argmax(axis=1)
    # TFP assigns float32 softmax outputs to bins; a confidence near the end of a bin must be rounded the same way here.
    outputs = tf.nn.softmax(log_probabilities(probabilities).astype(np.float32)).numpy()
    confidence = outputs[np.arange(len(labels)), predicted]
    bins = _equal_width_bins(confidence, num_bins)
    count = np.bincount(bins, minlength=num_bins)

    def mean(values):
        return np.bincount(bins, values, minlength=num_bins) / np.maximum(count, 1)

    return ReliabilityCurve(mean(confidence), mean(predicted == labels), count)


def classwise_calibration_error(probabilities: ArrayLike, labels: ArrayLike, num_bins: int = 15) -> float:
    """Mean gap between probability and frequency of classes: `1/K sum_k sum_b (n_kb / n) |frequency_kb - mean_kb|`.

    Bin b of class k holds the `n_kb` examples whose `p_nk` lies in it. `frequency_kb` is the fraction of them that are
    labelled k, `mean_kb` is the mean of their `p_nk`. The bins are those of `expected_calibration_error`. Nixon et al.
    call the same number the static calibration error.

    Args:
        probabilities: float `[n, num_classes]`.
        labels: int `[n]`.
        num_bins: int >= 1.

    Returns:
        A float from 0 to `2 / num_classes`. Most classes have a probability near 0 for most examples, and their small
        errors dilute the mean over classes. Compare values only between problems with equally many classes.

    Raises:
        TypeError, ValueError: as `expected_calibration_error`.

    Example:
        >>> round(classwise_calibration_error(np.array([[0.9, 0.1], [0.9, 0.1]]), np.array([0, 1])), 4)
        0.4

    References:
        Kull et al. Beyond temperature scaling: obtaining well-calibrated multi-class probabilities with Dirichlet
        calibration. NeurIPS 2019, section 2, classwise-ECE;
        Nixon et al. Measuring calibration in deep learning. CVPR Workshops 2019, SCE.
    """
    probabilities, labels = check_predictions(probabilities, labels)
    num_bins = _validation.check_int("num_bins", num_bins, 1)
    total = 0.0
    for k, p in enumerate(probabilities.T):
        # n_kb |frequency - mean| is the absolute sum of the bin's differences.
        total += np.abs(np.bincount(_equal_width_bins(p, num_bins), (labels == k) - p)).sum()
    return float(total / probabilities.size)


def adaptive_calibration_error(probabilities: ArrayLike, labels: ArrayLike, num_bins: int = 15) -> float:
    """Classwise calibration error in bins of equal counts: `1/K sum_k sum_r (n_r / n) |frequency - mean|`.

    This is the ACE of Nixon et al., over all classes and not only over the predicted one. For each class the examples
    are sorted by `p_nk` and cut into `num_bins` ranges. The paper leaves three cases open:

    - `num_bins` does not divide n: the sizes `n_r` differ by at most one, and all examples have the same weight, which
      is the paper's `1 / R` if `num_bins` divides n.
    - There are fewer examples than ranges: each example has its own range, and the result is
      `mean_nk |[y_n = k] - p_nk|`, which is large even for calibrated predictions. Use tens of examples per range.
    - Examples have equal `p_nk` in float32: each of them counts with their mean frequency, so that their order does
      not matter.

    Args:
        probabilities: float `[n, num_classes]`.
        labels: int `[n]`.
        num_bins: int >= 1, the number of ranges R.

    Returns:
        A float from 0 to `2 / num_classes`.

    Raises:
        TypeError, ValueError: as `expected_calibration_error`.

    Example:
        >>> probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.2, 0.8]])
        >>> round(adaptive_calibration_error(probabilities, np.array([0, 1, 1, 1]), num_bins=2), 4)
        0.3

    References:
        Nixon et al. Measuring calibration in deep learning. CVPR Workshops 2019, ACE.
    """
    probabilities, labels = check_predictions(probabilities, labels)
    num_bins = _validation.check_int("num_bins", num_bins, 1)
    ranges = np.arange(len(labels)) * num_bins // len(labels)
    total = 0.0
    for k, p in enumerate(probabilities.T):
        # Dividing rows by their sums makes equal probabilities differ in the last digit of float64, not of float32.
        _, tie, size = np.unique(p.astype(np.float32), return_inverse=True, return_counts=True)
        mean_difference = np.bincount(tie, (labels == k) - p) / size
        total += np.abs(np.bincount(ranges, np.repeat(mean_difference, size))).sum()
    return float(total / probabilities.size)


def _equal_width_bins(values, num_bins):
    """Index of the bin of each value in [0, 1], computed in float32 like `tfp.stats.expected_calibration_error`."""
    return tf.histogram_fixed_width_bins(values.astype(np.float32), [0.0, 1.0], num_bins).numpy()

"""How good and how honest predictions are: pure functions of probabilities and labels, as NumPy arrays.

Everywhere `probabilities` is float `[n, num_classes]`, rows that sum to 1 (what `predict` returns), and `labels` is
int `[n]`. Rows are divided by their sums, which takes float32's rounding out of the scores.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_noise import _validation

# The least normal float32: a class given probability 0 costs -log of it, 87.3 nats, and not infinity.
_SMALLEST = float(np.finfo(np.float32).tiny)


def accuracy(probabilities, labels):
    """Share of examples whose most probable class is their label: `mean_n [argmax_k p_nk = y_n]`.

    Args:
        probabilities: float `[n, num_classes]`; of equal ones the first class counts as the prediction.
        labels: int `[n]`.

    Returns:
        A float from 0 to 1.

    Raises:
        TypeError: labels that are not integers.
        ValueError: probabilities that are not finite, negative or do not sum to 1; labels out of range or too few.

    Example:
        >>> accuracy(np.array([[0.7, 0.3], [0.4, 0.6]]), np.array([0, 0]))
        0.5
    """
    probabilities, labels = _check(probabilities, labels)
    return float(np.mean(probabilities.argmax(axis=1) == labels))


def negative_log_likelihood(probabilities, labels):
    """Mean negative log-likelihood of the labels, in nats: `mean_n -log p_{n, y_n}`.

    A probability below 1.2e-38, the least normal float32, counts as that, so an example costs at most 87.3 nats.

    Args:
        probabilities: float `[n, num_classes]`.
        labels: int `[n]`.

    Returns:
        A float of at least 0, in nats an example.

    Raises:
        TypeError, ValueError: as `accuracy`.

    Example:
        >>> round(negative_log_likelihood(np.array([[0.5, 0.5], [0.25, 0.75]]), np.array([0, 0])), 4)
        1.0397
    """
    probabilities, labels = _check(probabilities, labels)
    return float(-np.mean(np.log(np.maximum(probabilities[np.arange(len(labels)), labels], _SMALLEST))))


def brier_score(probabilities, labels):
    """Mean squared distance of the probabilities from the one-hot labels: `mean_n sum_k (p_nk - [k = y_n])^2`.

    This is `tfp.stats.brier_score + 1`: TFP leaves the constant of the square out, which makes a perfect prediction
    score -1; here, as in Brier's paper, it scores 0.

    Args:
        probabilities: float `[n, num_classes]`.
        labels: int `[n]`.

    Returns:
        A float from 0 (certain and right) to 2 (certain and wrong), without a unit.

    Raises:
        TypeError, ValueError: as `accuracy`.

    Example:
        >>> round(brier_score(np.array([[0.8, 0.2], [0.4, 0.6]]), np.array([0, 0])), 4)
        0.4

    References:
        Brier. Verification of forecasts expressed in terms of probability. Monthly Weather Review, 1950.
    """
    probabilities, labels = _check(probabilities, labels)
    return float(np.mean(tfp.stats.brier_score(labels, _logits(probabilities)))) + 1.0


def expected_calibration_error(probabilities, labels, num_bins=15):
    """How far confidence is from accuracy: `sum_b (n_b / n) |accuracy_b - confidence_b|`.

    The confidence of a prediction is the probability of the predicted class. Bins divide [0, 1] into `num_bins` equal
    parts, each with its lower and without its upper end (the last one with both).

    Args:
        probabilities: float `[n, num_classes]`.
        labels: int `[n]`.
        num_bins: int; 15 is the usual choice, some papers take 100.

    Returns:
        A float from 0 to 1; computed in float32 by `tfp.stats.expected_calibration_error`.

    Raises:
        TypeError, ValueError: as `accuracy`; `num_bins` that is no integer, or below 1.

    Example:
        >>> round(expected_calibration_error(np.array([[0.9, 0.1], [0.9, 0.1]]), np.array([0, 1])), 4)
        0.4

    References:
        Guo, Pleiss, Sun, Weinberger. On calibration of modern neural networks. ICML 2017, Eq. 3.
    """
    probabilities, labels = _check(probabilities, labels)
    num_bins = _validation.check_int("num_bins", num_bins, 1)
    predicted = probabilities.argmax(axis=1).astype(np.int32)
    return float(tfp.stats.expected_calibration_error(num_bins, _logits(probabilities), labels, predicted))


class ReliabilityCurve(NamedTuple):
    """What `reliability_curve` returns: three arrays `[num_bins]`, from the lowest confidence to the highest."""

    confidence: np.ndarray
    accuracy: np.ndarray
    count: np.ndarray


def reliability_curve(probabilities, labels, num_bins=15):
    """Mean confidence, accuracy and number of examples in each bin of confidence.

    The bins are those of `expected_calibration_error`, which equals `sum(count * abs(accuracy - confidence)) / n`.

    Args:
        probabilities: float `[n, num_classes]`.
        labels: int `[n]`.
        num_bins: int.

    Returns:
        `ReliabilityCurve(confidence, accuracy, count)`: float64, float64 and int64 `[num_bins]`. In a bin without
        examples all three are 0.

    Raises:
        TypeError, ValueError: as `expected_calibration_error`.

    Example:
        >>> curve = reliability_curve(np.array([[0.875, 0.125], [0.875, 0.125]]), np.array([0, 1]), num_bins=2)
        >>> curve.confidence.round(4).tolist(), curve.accuracy.tolist(), curve.count.tolist()
        ([0.0, 0.875], [0.0, 0.5], [0, 2])

    References:
        Guo, Pleiss, Sun, Weinberger. On calibration of modern neural networks. ICML 2017, Eq. 1 and 2.
    """
    probabilities, labels = _check(probabilities, labels)
    num_bins = _validation.check_int("num_bins", num_bins, 1)
    predicted = probabilities.argmax(axis=1)
    # TFP bins float32 softmax outputs: a confidence near the end of a bin must round here as it does there.
    confidence = tf.nn.softmax(_logits(probabilities)).numpy()[np.arange(len(labels)), predicted]
    bins = tf.histogram_fixed_width_bins(confidence, [0.0, 1.0], num_bins).numpy()
    count = np.bincount(bins, minlength=num_bins)

    def mean(values):
        return np.bincount(bins, values, minlength=num_bins) / np.maximum(count, 1)

    return ReliabilityCurve(mean(confidence), mean(predicted == labels), count)


def split_accuracy(probabilities, examples):
    """Accuracy on all examples, and on those labelled rightly and wrongly: is the label noise learned by heart?

    The four columns of the paper's table; `s_n` is the predicted class, `y_n` the clean label, `o_n` the observed one:

    | key | examples | accuracy |
    |---|---|---|
    | `accuracy` | all | `s_n = y_n` |
    | `accuracy_clean` | `o_n = y_n` | `s_n = y_n` |
    | `accuracy_mislabelled_true` | `o_n != y_n` | `s_n = y_n`: the label was seen through |
    | `accuracy_mislabelled` | `o_n != y_n` | `s_n = o_n`: the wrong label was memorised |

    Args:
        probabilities: float `[n, num_classes]`, predictions for `examples` in their order.
        examples: `datasets.Examples` with observed labels.

    Returns:
        A dict of floats from 0 to 1 (the paper prints percent); `None` where a part has no examples.

    Raises:
        TypeError, ValueError: as `accuracy`; examples without observed labels.

    Example:
        >>> from tfp_noise.datasets.base import Examples
        >>> ids, clean = np.arange(3), np.array([0, 0, 1])
        >>> examples = Examples(np.zeros([3, 2]), clean, ids, observed=np.array([0, 1, 0]))
        >>> probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.6, 0.4]])
        >>> {key: round(value, 2) for key, value in split_accuracy(probabilities, examples).items()}
        {'accuracy': 0.67, 'accuracy_clean': 1.0, 'accuracy_mislabelled_true': 0.5, 'accuracy_mislabelled': 0.5}

    References:
        Lukasik, Bhojanapalli, Menon, Kumar. Does label smoothing mitigate label noise? ICML 2020, Table 3.
    """
    if examples.observed is None:
        raise ValueError(
            "`examples` must have observed labels. Received: `examples.observed` is None. Corrupt the labels first."
        )
    probabilities, clean = _check(probabilities, examples.labels)
    _, observed = _check(probabilities, examples.observed)
    predicted, wrong = probabilities.argmax(axis=1), examples.mislabelled

    def share(hits):
        return float(hits.mean()) if hits.size else None

    return {
        "accuracy": share(predicted == clean),
        "accuracy_clean": share((predicted == clean)[~wrong]),
        "accuracy_mislabelled_true": share((predicted == clean)[wrong]),
        "accuracy_mislabelled": share((predicted == observed)[wrong]),
    }


def _check(probabilities, labels):
    """`probabilities` as float64 whose rows sum to 1, `labels` as int32 of the same length."""
    probabilities = _validation.check_distributions("probabilities", probabilities)
    labels = _validation.check_labels("labels", labels, probabilities.shape[1]).astype(np.int32)
    if len(labels) != len(probabilities):
        raise ValueError(
            f"`probabilities` and `labels` must have one length. Received: {len(probabilities)} and {len(labels)}."
        )
    return probabilities / probabilities.sum(axis=1, keepdims=True), labels


def _logits(probabilities):
    """Float32 log-probabilities, finite at 0 too: what TFP's scores take."""
    return np.log(np.maximum(probabilities, _SMALLEST)).astype(np.float32)

"""Accuracy and proper scores of predictions."""

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from tfp_noise import _validation
from tfp_noise.datasets.base import Examples, true_labels

# The smallest normal float32. A probability of 0 counts as this, so that it costs 87.3 nats instead of infinity.
_SMALLEST = float(np.finfo(np.float32).tiny)


def accuracy(probabilities: ArrayLike, labels: ArrayLike) -> float:
    """Fraction of examples whose most probable class is their label: `mean_n [argmax_k p_nk = y_n]`.

    Args:
        probabilities: float `[n, num_classes]`; among equal probabilities the first class is the prediction.
        labels: int `[n]`.

    Returns:
        A float from 0 to 1.

    Raises:
        TypeError: if labels are not integers.
        ValueError: if probabilities are negative, not finite or do not sum to 1, if labels are out of range, or if
            there are not as many labels as rows.

    Example:
        >>> accuracy(np.array([[0.7, 0.3], [0.4, 0.6]]), np.array([0, 0]))
        0.5
    """
    probabilities, labels = check_predictions(probabilities, labels)
    return float(np.mean(probabilities.argmax(axis=1) == labels))


def top_k_accuracy(probabilities: ArrayLike, labels: ArrayLike, k: int) -> float:
    """Fraction of examples whose label is among their k most probable classes; `k=1` is `accuracy`.

    Args:
        probabilities: float `[n, num_classes]`; among equal probabilities the lower class index counts as larger.
        labels: int `[n]`.
        k: int from 1 to num_classes; the fraction for num_classes is 1.

    Returns:
        A float from 0 to 1. The papers' top-5 error is `1 - top_k_accuracy(probabilities, labels, 5)`.

    Raises:
        TypeError, ValueError: as `accuracy`; also if `k` is not an integer in range.

    Example:
        >>> top_k_accuracy(np.array([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]]), np.array([1, 2]), k=2)
        0.5
    """
    probabilities, labels = check_predictions(probabilities, labels)
    num_classes = probabilities.shape[1]
    if _validation.check_int("k", k, 1) > num_classes:
        raise ValueError(f"`k` must be at most {num_classes}, the number of classes. Received: {k}.")
    first = np.argsort(-probabilities, axis=1, kind="stable")[:, :k]
    return float(np.mean(np.any(first == labels[:, np.newaxis], axis=1)))


def negative_log_likelihood(probabilities: ArrayLike, labels: ArrayLike) -> float:
    """Mean negative log-likelihood of the labels, in nats: `mean_n -log p_{n, y_n}`.

    Probabilities below 1.2e-38, the smallest normal float32, count as 1.2e-38: an example costs at most 87.3 nats.

    Args:
        probabilities: float `[n, num_classes]`.
        labels: int `[n]`.

    Returns:
        A float of at least 0, in nats per example.

    Raises:
        TypeError, ValueError: as `accuracy`.

    Example:
        >>> round(negative_log_likelihood(np.array([[0.5, 0.5], [0.25, 0.75]]), np.array([0, 0])), 4)
        1.0397
    """
    probabilities, labels = check_predictions(probabilities, labels)
    return float(-np.mean(log_probabilities(probabilities[np.arange(len(labels)), labels])))


def brier_score(probabilities: ArrayLike, labels: ArrayLike) -> float:
    """Mean squared distance of the probabilities from the one-hot labels: `mean_n sum_k (p_nk - [k = y_n])^2`.

    A perfect prediction scores 0, as in Brier's paper. `tfp.stats.brier_score` omits the constant term of the square
    and is therefore smaller by 1.

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
    probabilities, labels = check_predictions(probabilities, labels)
    errors = probabilities - np.eye(probabilities.shape[1])[labels]
    return float(np.mean(np.sum(errors**2, axis=1)))


def mean_kl_divergence(targets: ArrayLike, probabilities: ArrayLike, where: ArrayLike | None = None) -> float:
    """Mean divergence of the probabilities from target distributions: `mean_n sum_k t_nk log(t_nk / p_nk)`.

    Probabilities below 1.2e-38 count as 1.2e-38, as in `negative_log_likelihood`. The divergence of a model from human
    judgement, on those images of CIFAR-10's test split that the model classifies correctly, is
    `mean_kl_divergence(human, probabilities, where=probabilities.argmax(axis=1) == labels)` with
    `human = datasets.cifar10h.load(test)`.

    Args:
        targets: float `[n, num_classes]`, distributions.
        probabilities: float `[n, num_classes]`.
        where: bool `[n]`, true for the examples that count; `None` for all.

    Returns:
        A float of at least 0, up to rounding, in nats per example.

    Raises:
        TypeError: if `where` is not boolean.
        ValueError: if rows are not distributions, shapes differ, or no example counts.

    Example:
        >>> round(mean_kl_divergence(np.array([[1.0, 0.0]]), np.array([[0.5, 0.5]])), 4)
        0.6931

    References:
        Zhang et al. Delving deep into label smoothing. IEEE TIP, 2021, Table XII.
    """
    _validation.check_one_order({"targets": targets, "probabilities": probabilities, "where": where})
    targets, probabilities = _check_rows("targets", targets), _check_rows("probabilities", probabilities)
    if targets.shape != probabilities.shape:
        raise ValueError(
            "`targets` and `probabilities` must have the same shape. Received: "
            f"{targets.shape} and {probabilities.shape}."
        )
    each = np.sum(special.xlogy(targets, targets) - targets * log_probabilities(probabilities), axis=1)
    if where is None:
        return float(each.mean())
    where = _validation.as_numbers("where", where)
    if where.dtype != bool:
        raise TypeError(f"`where` must be boolean. Received dtype {where.dtype}.")
    if where.shape != each.shape or not where.any():
        raise ValueError(
            f"`where` must have shape {each.shape} and be true for at least one example. Received shape {where.shape}, "
            f"true for {where.sum()} examples."
        )
    return float(each[where].mean())


def split_accuracy(probabilities: ArrayLike, examples: Examples) -> dict[str, float | None]:
    """Accuracy on all, on correctly labelled and on mislabelled examples, to see how much noise is memorised.

    These are the four columns of the paper's table, for the predicted class `s_n`, the true label `y_n` and the
    observed label `o_n`:

    | key | examples | accuracy |
    |---|---|---|
    | `accuracy` | all | `s_n = y_n` |
    | `accuracy_clean` | `o_n = y_n` | `s_n = y_n` |
    | `accuracy_mislabelled_true` | `o_n != y_n` | `s_n = y_n`: the wrong label was overruled |
    | `accuracy_mislabelled` | `o_n != y_n` | `s_n = o_n`: the wrong label was memorised |

    Args:
        probabilities: float `[n, num_classes]`, predictions for `examples` in their order.
        examples: `datasets.Examples` with true and observed labels.

    Returns:
        A dict of floats from 0 to 1 (the paper prints percent), `None` for a part without examples.

    Raises:
        TypeError, ValueError: as `accuracy`; also if the examples have no true or no observed labels.

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
    if getattr(examples, "observed", None) is None:
        raise ValueError(
            f"`examples` must have observed labels. Received: {type(examples).__name__} without any. Corrupt the "
            "labels first: `noise.corrupt_dataset`."
        )
    probabilities, clean = check_predictions(probabilities, true_labels("examples", examples))
    _, observed = check_predictions(probabilities, examples.observed)
    predicted, wrong = probabilities.argmax(axis=1), examples.mislabelled

    def fraction(hits):
        return float(hits.mean()) if hits.size else None

    return {
        "accuracy": fraction(predicted == clean),
        "accuracy_clean": fraction((predicted == clean)[~wrong]),
        "accuracy_mislabelled_true": fraction((predicted == clean)[wrong]),
        "accuracy_mislabelled": fraction((predicted == observed)[wrong]),
    }


def check_predictions(probabilities, labels) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities as float64 with rows that sum to 1, and labels as int32 of the same length."""
    _validation.check_one_order({"probabilities": probabilities, "labels": labels})
    probabilities = _check_rows("probabilities", probabilities)
    labels = _validation.check_labels("labels", labels, probabilities.shape[1]).astype(np.int32)
    if len(labels) != len(probabilities):
        raise ValueError(
            f"`probabilities` and `labels` must have the same length. Received: {len(probabilities)} and {len(labels)}."
        )
    return probabilities, labels


def _check_rows(name, rows) -> np.ndarray:
    """Distributions as float64, each row divided by its sum."""
    rows = _validation.check_distributions(name, rows)
    return rows / rows.sum(axis=1, keepdims=True)


def log_probabilities(probabilities):
    """Logarithms of probabilities, in nats; finite for a probability of 0, too."""
    return np.log(np.maximum(probabilities, _SMALLEST))

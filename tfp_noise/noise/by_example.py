"""Label noise that differs between examples of one class: a distribution of the given label for each example."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from tfp_noise import _random, _validation
from tfp_noise.datasets.dataset import Dataset
from tfp_noise.noise.corruption import check_clean, check_example_ids

_CURE = (
    "Are they logits? Pass probabilities: what a `NoisyLabelClassifier` predicts, or the softmax of the outputs of "
    "another model."
)


def instance_dependent(probabilities: ArrayLike, labels: ArrayLike, rate: float) -> np.ndarray:
    """Instance-dependent noise from a model's probabilities: what the model finds hard is mislabelled most often.

    Example `n` with the true class `y` gets the wrong label `j` with a probability in proportion to `p_nj`:

        P(given = j | n) = r_n p_nj / d_n for j != y,    P(given = y | n) = 1 - r_n,
        d_n = sum of p_nj over j != y,                   r_n = min(1, c d_n),

    where `c` is the one number at which the mean of `r_n` over all examples is `rate`. The drawn labels have this rate
    in expectation. With uniform probabilities this is `symmetric(K, rate, include_true=False)`.

    An example with `c d_n >= 1` is always mislabelled, and one with `d_n = 0` never. A model that is sure of nearly
    all examples leaves few between; soften it with `metrics.apply_temperature`.

    Args:
        probabilities: float `[n, K]`, a model's predictions, such as those of `cross_predict` with the true labels.
        labels: int `[n]`, the true classes.
        rate: float in [0, 1], the mean probability of a wrong label.

    Returns:
        float64 `[n, K]`, the distribution of the given label of each example, to be drawn by `draw_labels`.

    Raises:
        TypeError: if labels are not integers, or `rate` is not a number.
        ValueError: if the probabilities are no distributions, lengths differ, a number is out of range, or `rate` is
            above the fraction of examples for which the model gives another class any probability.

    Example:
        >>> instance_dependent([[0.8, 0.2, 0.0], [0.4, 0.0, 0.6]], [0, 0], rate=0.2).round(2).tolist()
        [[0.9, 0.1, 0.0], [0.7, 0.0, 0.3]]

    References:
        Chen, Ye, Chen, Zhao, Heng. Beyond class-conditional assumption: a primary attempt to combat instance-dependent
        label noise. AAAI 2021. Their algorithm 1 flips the hardest examples, each to its most probable wrong class;
        here both are drawn.
    """
    _validation.check_one_order({"probabilities": probabilities, "labels": labels})
    others = _validation.check_distributions("probabilities", probabilities, _CURE).copy()
    labels = _validation.check_labels("labels", labels, others.shape[1])
    rate = _validation.check_number("rate", rate, 0, 1)
    if len(labels) != len(others):
        raise ValueError(
            f"`probabilities` and `labels` must have the same length. Received: {len(others)} and {len(labels)}."
        )
    own = np.arange(len(labels)), labels
    others[own] = 0
    difficulty = others.sum(axis=1)
    flips = _with_mean(difficulty, rate)
    unsure = difficulty > 0
    others[unsure] *= (flips[unsure] / difficulty[unsure])[:, np.newaxis]
    others[own] = 1 - flips
    return others


def _with_mean(difficulty, rate):
    """`min(1, c difficulty)`, float64 `[n]`, with the factor `c` for which its mean is `rate`.

    With the m positive difficulties in ascending order, `c` is a constant as long as the same ones are capped at 1: if
    the j smallest are not, `c = (rate n - (m - j)) / (sum of the j smallest)`. The right j is the largest at which none
    of these j exceeds 1. All sums go by size, so that the order of the examples does not change the last bit.
    """
    ascending = np.sort(difficulty[difficulty > 0])
    count, wanted = len(ascending), rate * len(difficulty)
    if wanted > count * (1 + 1e-12):
        raise ValueError(
            f"`rate` must be at most {count / len(difficulty):g}, the fraction of examples for which the model gives "
            f"another class than the true one any probability. Received: {rate:g}. Soften the probabilities, "
            "`metrics.apply_temperature(probabilities, 2.0)`, or take those of a smaller model."
        )
    if not count:
        return np.zeros_like(difficulty)
    left = wanted - np.arange(count - 1, -1, -1)
    sums = np.cumsum(ascending)
    last = np.flatnonzero(left * ascending <= sums)
    end = last[-1] if len(last) else 0
    factor = left[end] / sums[end]
    return np.minimum(1, factor * difficulty)


def draw_labels(distributions: ArrayLike, seed: int, ids: ArrayLike | None = None) -> np.ndarray:
    """Draws the label of every example from the example's own distribution.

    As in `corrupt`, the result is a pure function of (distribution, id, seed): inverse transform sampling with
    `u = SipHash(seed, id) / 2^32`. With the rows `transition[labels]` the result is that of `corrupt`.

    Args:
        distributions: float `[n, K]`, rows sum to 1, such as `instance_dependent` returns.
        seed: int in [0, 2^31).
        ids: integers or strings `[n]`, one that identifies each example. Defaults to positions.

    Returns:
        int32 `[n]`, the given labels.

    Raises:
        TypeError: if `seed` is not an integer, or ids are neither integers nor strings.
        ValueError: if the rows are no distributions, `seed` is out of range, or there are not as many ids as rows.

    Warns:
        UserWarning: if all examples have the same id, because one random number then decides for all.

    Example:
        >>> draw_labels(np.eye(3)[[2, 0, 1]], seed=0).tolist()
        [2, 0, 1]
    """
    _validation.check_one_order({"distributions": distributions, "ids": ids})
    rows = _validation.check_distributions("distributions", distributions, _CURE)
    seed = _validation.check_seed(seed)
    ids = check_example_ids(np.arange(len(rows)) if ids is None else ids)
    if tuple(ids.shape) != (len(rows),):
        raise ValueError(f"`ids` must have shape [{len(rows)}], one for each row. Received shape {tuple(ids.shape)}.")
    uniform = _random.hashed_uniform(seed, tf.convert_to_tensor(ids)).numpy()
    cumulative = np.cumsum(rows, axis=1)
    return (cumulative > (uniform * cumulative[:, -1])[:, np.newaxis]).argmax(axis=1).astype(np.int32)


def mean_transition(distributions: ArrayLike, labels: ArrayLike) -> np.ndarray:
    """The transition matrix of noise that differs between examples: the mean distribution in each true class.

    Methods that know one matrix, such as `losses.ForwardCorrection`, see the noise as this matrix.

    Args:
        distributions: float `[n, K]`, rows sum to 1, such as `instance_dependent` returns.
        labels: int `[n]`, the true classes.

    Returns:
        float64 `[K, K]`; a class without examples keeps its label.

    Raises:
        TypeError: if labels are not integers.
        ValueError: if the rows are no distributions, labels are out of range, or lengths differ.

    Example:
        >>> mean_transition([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]], [0, 0, 1]).tolist()
        [[0.75, 0.25], [0.0, 1.0]]
    """
    _validation.check_one_order({"distributions": distributions, "labels": labels})
    rows = _validation.check_distributions("distributions", distributions, _CURE)
    labels = _validation.check_labels("labels", labels, rows.shape[1])
    if len(labels) != len(rows):
        raise ValueError(
            f"`distributions` and `labels` must have the same length. Received: {len(rows)} and {len(labels)}."
        )
    transition = np.eye(rows.shape[1])
    for label in np.unique(labels):
        transition[label] = rows[labels == label].mean(axis=0)
    return transition


def corrupt_dataset_by_example(dataset: Dataset, probabilities: Sequence[ArrayLike], rate: float, seed: int) -> Dataset:
    """A data set with instance-dependent noise in its training and validation splits; the test split stays clean.

    Both splits get one noise: `instance_dependent` of their examples together.

    Args:
        dataset: a `tfp_noise.datasets.Dataset` with true labels.
        probabilities: two float arrays `[n, K]`, a model's predictions for the training and the validation split.
        rate: float in [0, 1], the mean probability of a wrong label over both splits.
        seed: int in [0, 2^31).

    Returns:
        A new `Dataset`, whose `transition` is the `mean_transition` over both splits.

    Raises:
        TypeError: if an argument is of another type.
        ValueError: as `instance_dependent`; also if `dataset` is noisy already, nobody knows its true labels, or the
            probabilities are not those of its examples and classes.

    Example:
        >>> from tfp_noise import datasets
        >>> data = datasets.load("two_moons")
        >>> unsure = [np.full([len(split), 2], 0.5) for split in (data.train, data.validation)]
        >>> corrupt_dataset_by_example(data, unsure, rate=0.2, seed=0).transition.round(2).tolist()
        [[0.8, 0.2], [0.2, 0.8]]
    """
    splits = check_clean(dataset)
    if not isinstance(probabilities, (list, tuple)) or len(probabilities) != len(splits):
        raise TypeError(
            "`probabilities` must be a list of two arrays, for the training and the validation split. Received: "
            f"{type(probabilities).__name__}. Pass `[model.predict(dataset.train.inputs), "
            "model.predict(dataset.validation.inputs)]`."
        )
    given = []
    for index, (split, rows) in enumerate(zip(splits, probabilities, strict=True)):
        given.append(_validation.as_numbers(f"probabilities[{index}]", rows))
        shape = len(split), dataset.num_classes
        if given[-1].shape != shape:
            raise ValueError(
                f"`probabilities[{index}]` must have shape {shape}, a row for each example of the "
                f"{('training', 'validation')[index]} split. Received shape {given[-1].shape}."
            )
    labels = np.concatenate([split.labels for split in splits])
    rows = instance_dependent(np.concatenate(given), labels, rate)
    observed = draw_labels(rows, seed, np.concatenate([split.ids for split in splits]))
    noisy = [
        dataclasses.replace(split, observed=part)
        for split, part in zip(splits, np.split(observed, [len(splits[0])]), strict=True)
    ]
    return dataclasses.replace(dataset, train=noisy[0], validation=noisy[1], transition=mean_transition(rows, labels))

"""Observed labels drawn from clean ones, as a function of the label, the example's id and the seed."""

import dataclasses
import warnings

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from tfp_noise import _random, _validation
from tfp_noise._validation.tensors import assert_labels
from tfp_noise.datasets.dataset import Dataset


def corrupt(
    labels: ArrayLike | tf.Tensor, transition: ArrayLike, seed: int, ids: ArrayLike | tf.Tensor | None = None
) -> np.ndarray | tf.Tensor:
    """Draws an observed label from row `labels[n]` of `transition` for every example `n`.

    The result is a pure function of (label, id, seed): inverse transform sampling with `u = SipHash(seed, id) / 2^32`.
    The same example gets the same label from an array, inside `tf.data.Dataset.map`, or in another process.

    Args:
        labels: integers `[n]`, `[n, 1]` or, with a label at each position, `[n, ...]` (or a scalar, with `ids`), NumPy
            or tensor, in `[0, K)`.
        transition: float `[K, K]`, rows sum to 1.
        seed: int in [0, 2^31).
        ids: integers or strings, shaped as `labels`, one that identifies each example. Defaults to positions in the
            array; inside `tf.data` there are none, so pass ids (for instance from `Dataset.enumerate`).

    Returns:
        Observed labels, shaped as `labels`: int32 NumPy for NumPy, an int32 tensor for a tensor.

    Raises:
        ValueError: if labels or transition are out of range, or `ids` are missing inside a graph.
        TypeError: if labels are not integers, or ids neither integers nor strings.

    Warns:
        UserWarning: if all examples of an array have the same id, because one random number then decides for all.

    Example:
        >>> corrupt(np.array([0, 1, 2, 2]), np.eye(3), seed=0).tolist()
        [0, 1, 2, 2]
        >>> from tfp_noise import noise
        >>> noisy = corrupt(np.zeros(10_000, np.int32), noise.symmetric(10, 0.4), seed=1)
        >>> round(float(np.mean(noisy != 0)), 1)
        0.4
    """
    _validation.check_one_order({"labels": labels, "ids": ids})
    matrix = _validation.check_transition("transition", transition)
    seed = _validation.check_seed(seed)
    num_classes = len(matrix)
    from_tensor = tf.is_tensor(labels)
    symbolic = from_tensor and not hasattr(labels, "numpy")
    given = _check_symbolic_labels(labels, num_classes) if symbolic else _check_labels(labels, num_classes)
    if ids is None:
        if symbolic or not given.shape.rank:
            raise ValueError(
                "`ids` must be given for a single label in `labels`, and inside a graph (`tf.data`), where a position "
                "does not identify the example. Received: None. Pass ids, for instance from `Dataset.enumerate`."
            )
        ids = np.arange(int(tf.size(given))).reshape(given.shape)
    ids = check_example_ids(ids)
    if not symbolic and tuple(ids.shape) != tuple(given.shape):
        raise ValueError(
            f"`ids` must be shaped as `labels`, {given.shape}. Received shape {tuple(ids.shape)}. Give each label an "
            "id of its own; or leave `ids` out to identify labels by their positions."
        )
    observed = _inverse_transform(given, _random.hashed_uniform(seed, tf.convert_to_tensor(ids)), matrix)
    return observed if from_tensor else observed.numpy()


def _check_labels(labels, num_classes):
    """`labels` of any container and shape as a tensor."""
    array = _validation.as_label_array("labels", labels)
    _validation.check_labels("labels", array.reshape(-1), num_classes)
    return tf.constant(array)


def _check_symbolic_labels(labels, num_classes):
    """`labels`, a tensor inside a graph, with an assertion on their range."""
    if not labels.dtype.is_integer:
        raise TypeError(f"`labels` must be integer class indices. Received a tensor of dtype {labels.dtype.name}.")
    assert_labels("labels", labels, num_classes)
    return labels


def check_example_ids(ids) -> np.ndarray | tf.Tensor:
    """`ids` as a tensor or an array of integers or strings; a warning if all of an array are equal."""
    if tf.is_tensor(ids):
        if not (ids.dtype.is_integer or ids.dtype == tf.string):
            raise TypeError(f"`ids` must be integers or strings. Received a tensor of dtype {ids.dtype.name}.")
        return ids
    ids = _validation.check_ids("ids", ids)
    if ids.size > 1 and (ids == ids.flat[0]).all():
        warnings.warn(
            "`ids` should differ: examples with equal ids get the same random number. Received: "
            f"{ids.flat[0]!r} for each of {ids.size} examples. Leave `ids` out to identify examples by their "
            "positions.",
            stacklevel=3,
        )
    return ids


def _inverse_transform(labels, uniform, transition):
    """The smallest class whose cumulative probability in the label's row exceeds `uniform`.

    All rows are searched as one sorted array, row `i` shifted by `i`, which takes memory for K^2 numbers and not for
    n K. `uniform` has 32 bits, so that label + uniform is exact in float64, and classes of probability 0 never drawn.
    """
    num_classes = len(transition)
    cumulative = np.cumsum(transition, axis=1)
    cumulative /= cumulative[:, -1:]
    table = tf.constant((cumulative + np.arange(num_classes)[:, None]).reshape(-1))
    position = tf.cast(labels, tf.float64) + uniform
    flat = tf.searchsorted(table, tf.reshape(position, [-1]), side="right")
    return tf.reshape(flat, tf.shape(position)) - num_classes * tf.cast(labels, tf.int32)


def corrupt_exact(labels: ArrayLike, transition: ArrayLike, seed: int) -> np.ndarray:
    """Flips exact counts: of the `n_i` examples of class `i`, `n_i T[i, j]` become `j`, rounded by largest remainder.

    The seed decides which of several equal remainders are rounded up, so that no observed label is favoured (with
    symmetric noise all remainders are equal). Which examples flip depends on all labels of the array, so that this
    function takes no batches or streams.

    Args:
        labels: integers `[n]`, in `[0, K)`.
        transition: float `[K, K]`, rows sum to 1.
        seed: int in [0, 2^31).

    Returns:
        int32 `[n]`, the observed labels.

    Raises:
        TypeError: if labels are not integers.
        ValueError: if labels or transition are out of range.

    Example:
        >>> from tfp_noise import noise
        >>> noisy = corrupt_exact(np.zeros(1000, np.int32), noise.symmetric(10, 0.5), seed=0)
        >>> np.bincount(noisy).tolist()
        [550, 50, 50, 50, 50, 50, 50, 50, 50, 50]
    """
    matrix = _validation.check_transition("transition", transition)
    indices = _validation.check_labels("labels", labels, len(matrix))
    seed = _validation.check_seed(seed)
    rng = np.random.default_rng(seed)
    ties = np.random.default_rng([seed, 1])  # a second generator, so that without ties the result does not depend on it
    observed = np.empty(len(indices), np.int32)
    for clean, row in enumerate(matrix):
        members = np.flatnonzero(indices == clean)
        wanted = len(members) * row / row.sum()
        counts = np.floor(wanted).astype(int)
        # Rounded, because remainders that are equal in theory may differ in their last bits.
        remainders = np.lexsort([ties.permutation(len(row)), np.round(counts - wanted, 9)])
        counts[remainders[: len(members) - counts.sum()]] += 1
        observed[rng.permutation(members)] = np.repeat(np.arange(len(row)), counts)
    return observed


def corrupt_dataset(dataset: Dataset, transition: ArrayLike, seed: int, exact: bool = False) -> Dataset:
    """A data set with noisy labels in its training and validation splits; the test split stays clean.

    Args:
        dataset: a `tfp_noise.datasets.Dataset`.
        transition: float `[K, K]`, rows sum to 1; the result has it as `Dataset.transition`.
        seed: int in [0, 2^31).
        exact: bool, flip exact counts (`corrupt_exact`) instead of drawing each label on its own (`corrupt`).

    Returns:
        A new `Dataset`; its `effective_rate` is the fraction of training labels that are wrong.

    Raises:
        TypeError: if an argument is of another type.
        ValueError: if `dataset` is noisy already, nobody knows its true labels, or `transition` is for another number
            of classes.

    Example:
        >>> from tfp_noise import datasets, noise
        >>> noisy = corrupt_dataset(datasets.load("digits"), noise.symmetric(10, 0.4), seed=0)
        >>> 0.3 < noisy.effective_rate < 0.42
        True
    """
    splits = check_clean(dataset)
    exact = _validation.check_bool("exact", exact)
    matrix = _validation.check_transition("transition", transition, dataset.num_classes)

    def observe(examples):
        if exact:
            observed = corrupt_exact(examples.labels, matrix, seed)
        else:
            observed = corrupt(examples.labels, matrix, seed, ids=examples.ids)
        return dataclasses.replace(examples, observed=observed)

    train, validation = map(observe, splits)
    return dataclasses.replace(dataset, train=train, validation=validation, transition=matrix)


def check_clean(dataset):
    """The training and the validation split of a `Dataset` that has true labels and no others."""
    _validation.check_instance("dataset", dataset, Dataset)
    if dataset.train.labels is None or dataset.validation.labels is None:
        raise ValueError(
            f"`dataset` must have true labels, to draw noisy ones from. Received: {dataset.name!r}, with given labels "
            "only. Train on those as they are; or, to add noise to what you trust, pass them as the true ones: "
            "`dataclasses.replace(examples, labels=examples.observed, observed=None)` for each split."
        )
    if dataset.transition is not None or any(
        split.observed is not None for split in (dataset.train, dataset.validation, dataset.test)
    ):
        raise ValueError(
            f"`dataset` must have clean labels. Received: {dataset.name!r}, which has observed labels already. Train "
            "on those, or leave them out first: `dataclasses.replace(dataset, transition=None, **{name: "
            "dataclasses.replace(getattr(dataset, name), observed=None) for name in ('train', 'validation', 'test')})`."
        )
    return dataset.train, dataset.validation

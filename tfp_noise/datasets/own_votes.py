"""Votes of several annotators as a data set: the majority as the given label, and how far they agree."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tfp_noise import _validation
from tfp_noise.datasets import own_arrays, own_labels
from tfp_noise.datasets.base import check_votes
from tfp_noise.datasets.dataset import Dataset

_SINGLE_VOTES = (
    "Are these one label of each annotator? Then pass `item, annotator = np.nonzero(votes >= 0)` and their labels: "
    '`datasets.from_votes(features, {"item": item, "annotator": annotator, '
    '"label": votes[item, annotator].astype(int)})`.'
)
_COLUMNS = ("item", "annotator", "label")


def from_votes(
    features: ArrayLike,
    votes: Any,
    *,
    true_labels: ArrayLike | None = None,
    class_names: Sequence[str] | None = None,
    test: tuple[Any, Any] | None = None,
    validation_share: float = 0.1,
    seed: int = 0,
) -> Dataset:
    """Makes a data set of examples that several annotators labelled, by majority.

    `Examples.votes` of each split holds the counts, `soft_labels` the fractions `c_nk / sum_k c_nk`, which every loss
    takes as labels, and `agreement` the largest of them. A tie is broken by the seed, so that no class is favoured.

    Args:
        features: as of `from_arrays`.
        votes: counts, int `[n, num_classes]`; or single votes, a vote a row: a dict or a pandas `DataFrame` of the
            columns "item" (positions in `features`), "annotator" (names or numbers) and "label" (integers, strings or
            bools).
        true_labels: as of `from_arrays`.
        class_names: all classes in their order; `None` for the labels that occur, sorted, or for the numbers of the
            columns of counts.
        test: as of `from_arrays`.
        validation_share: as of `from_arrays`.
        seed: int in [0, 2^31), which decides what is held out, and ties.

    Returns:
        A `Dataset` named "votes". `observed` holds the majority's label.

    Raises:
        ValueError: an example without a vote; counts that are negative or no whole numbers; items that are no
            positions; two votes of one annotator on one item; or what `from_arrays` refuses.
        TypeError: as of `from_arrays`.

    Warns:
        UserWarning: if counts look like a label of each annotator: in most rows more than half are one number above 0,
            and the rows have different sums.

    Example:
        >>> votes = {"item": [0, 0, 0, 1, 1, 2, 3], "annotator": list("abcabaa"), "label": list("xyxyyxy")}
        >>> train = from_votes(np.eye(4), votes, validation_share=0).train
        >>> train.observed.tolist(), train.votes.tolist()
        ([0, 1, 0, 1], [[2, 1], [0, 2], [1, 0], [0, 1]])
        >>> train.agreement.round(2).tolist()
        [0.67, 1.0, 1.0, 1.0]
    """
    seed = _validation.check_seed(seed)
    _validation.check_one_order({"features": features, "true_labels": true_labels})
    feature_names = own_arrays.column_names(features)
    inputs = own_arrays.check_features("features", features)
    is_table = isinstance(votes, dict) or own_arrays.column_names(votes)
    counts, classes = (_count if is_table else _check_counts)(votes, len(inputs), class_names)
    ties = np.random.default_rng(seed).random(counts.shape)  # below 1: they decide between equal counts only
    majority = (counts + ties).argmax(axis=1)
    own_labels.check_sizes("votes", classes.names, np.bincount(majority, minlength=len(classes.names)))
    return own_arrays.make(
        "votes",
        inputs,
        majority.astype(np.int32),
        classes,
        true_labels=None if true_labels is None else classes.indices("true_labels", true_labels),
        test=None if test is None else own_arrays.check_test(test, classes, feature_names),
        votes=counts,
        feature_names=feature_names,
        validation_share=validation_share,
        seed=seed,
    )


def _check_counts(votes, size, class_names):
    """Counts as an int array `[size, num_classes]`, and the classes."""
    counts = check_votes(votes, _SINGLE_VOTES)
    if len(counts) != size:
        raise ValueError(
            f"`votes` must have a row for each of the {size} rows of `features`. Received: {len(counts)} rows. Pass "
            "single votes as a dict of the columns 'item', 'annotator' and 'label'."
        )
    if _look_like_labels(counts):
        warnings.warn(
            "`votes` should be counts, a column a class. Received: numbers of which more than half are equal in most "
            f"rows, with sums from {counts.sum(axis=1).min()} to {counts.sum(axis=1).max()}. {_SINGLE_VOTES}",
            stacklevel=3,
        )
    names = tuple(map(str, range(counts.shape[1]))) if class_names is None else class_names
    names = _validation.check_class_names(names, counts.shape[1])
    return counts, own_labels.Classes(tuple(range(len(names))), names)


def _look_like_labels(counts):
    """True if most rows have a number above 0 that most annotators would have given, and rows have different sums."""
    middle = np.sort(counts, axis=1)[:, counts.shape[1] // 2]  # which a number in more than half the row is
    alike = (counts == middle[:, None]).mean(axis=1) > 0.5
    return np.ptp(counts.sum(axis=1)) > 0 and (alike & (middle > 0)).mean() > 0.5


def _count(table, size, class_names):
    """Single votes as counts `[size, num_classes]`, and the classes."""
    for name in _COLUMNS:
        if name not in table:
            raise ValueError(
                f"`votes` must have the columns {', '.join(map(repr, _COLUMNS))}. Received: "
                f"{', '.join(repr(str(column)) for column in table)}. Rename the columns, or pass counts as an array "
                "[n, num_classes]."
            )
    items, annotators = (np.asarray(table[name]).reshape(-1) for name in ("item", "annotator"))
    values = own_labels.read("votes", table["label"])
    lengths = {"item": len(items), "annotator": len(annotators), "label": len(values)}
    if len(set(lengths.values())) != 1:
        raise ValueError(f"`votes` must have columns of one length. Received: {lengths}.")
    if items.dtype.kind not in "iu" or items.min() < 0 or items.max() >= size:
        received = f"{items.min()} to {items.max()}" if items.dtype.kind in "iu" else repr(items.tolist()[0])
        raise ValueError(
            f"`votes` must name items by their positions in `features`, integers from 0 to {size - 1}. Received: "
            f"{received}. Number other identities: `np.searchsorted(ids, items)`, with the sorted ids of `features`."
        )
    _check_once(items, annotators)
    classes = own_labels.classes_of("votes", table["label"], values, class_names)
    counts = np.zeros([size, len(classes.names)], np.int64)
    np.add.at(counts, (items, classes.indices("votes", values)), 1)
    return check_votes(counts), classes


def _check_once(items, annotators):
    """Refuses two votes of an annotator on one item."""
    seen = set()
    for pair in zip(items.tolist(), annotators.tolist(), strict=True):
        if pair in seen:
            raise ValueError(
                f"`votes` must hold one vote of an annotator on an item. Received two of {pair[1]!r} on item "
                f"{pair[0]}. Leave the earlier ones out: `table.drop_duplicates(['item', 'annotator'], keep='last')`."
            )
        seen.add(pair)

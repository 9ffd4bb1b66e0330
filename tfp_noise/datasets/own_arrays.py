"""A user's own arrays as a data set, whether or not anybody knows the true labels."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn import model_selection

from tfp_noise import _validation
from tfp_noise.datasets import human, own_labels
from tfp_noise.datasets.base import Examples
from tfp_noise.datasets.dataset import Dataset


def from_arrays(
    features: ArrayLike,
    labels: ArrayLike,
    *,
    true_labels: ArrayLike | None = None,
    class_names: Sequence[str] | None = None,
    test: tuple[Any, Any] | None = None,
    validation_share: float = 0.1,
    seed: int = 0,
) -> Dataset:
    """Makes a data set of one's own arrays, whose labels may be wrong.

    Labels may be names (strings), integers or bools. The classes are those that occur, sorted, or the categories of a
    pandas column in their order, or `class_names`. The validation split has the classes in the proportions of the
    given labels.

    Args:
        features: numbers `[n, ...]`, a row an example, or paths of files, strings `[n]`; also a pandas `DataFrame` of
            numbers. uint8 stands for images, 0 to 255; other numbers become float32.
        labels: `[n]` or `[n, 1]`, the given label of each example, right or wrong: integers, strings or bools.
        true_labels: likewise, the true ones; `None` where nobody knows them.
        class_names: all classes in their order, also those that do not occur; integers are positions in it. `None` for
            the classes that occur.
        test: `(features, true labels)` of other examples, to measure by; `None` for a test split without examples.
        validation_share: float in [0, 1), the fraction of the examples that is held out.
        seed: int in [0, 2^31), which decides what is held out.

    Returns:
        A `Dataset` named "arrays". `observed` holds the given labels, `labels` the true ones or `None`, `ids` the
        positions in `features`, of training and validation examples, and in the features of `test`. With `true_labels`,
        `transition` is counted. `feature_names` are the columns of a `DataFrame`.

    Raises:
        ValueError: lengths that differ; columns of pandas with one index in two orders; missing labels or features;
            fewer than two classes, one with a single example, or more than half the examples; names that differ in case
            or spaces only; `validation_share` out of range.
        TypeError: features that are no numbers; labels that are neither integers, nor strings, nor bools, or several
            of these.

    Example:
        >>> data = from_arrays(np.eye(20), ["cat", "dog"] * 10)
        >>> data.class_names, len(data.train), len(data.validation), len(data.test)
        (('cat', 'dog'), 18, 2, 0)
        >>> data.train.observed[:4].tolist(), data.train.labels
        ([0, 1, 0, 1], None)
    """
    feature_names = column_names(features)
    _validation.check_one_order({"features": features, "labels": labels, "true_labels": true_labels})
    features = check_features("features", features)
    classes, given = own_labels.find("labels", labels, class_names)
    return make(
        "arrays",
        features,
        given,
        classes,
        true_labels=None if true_labels is None else classes.indices("true_labels", true_labels),
        test=None if test is None else check_test(test, classes, feature_names),
        feature_names=feature_names,
        validation_share=validation_share,
        seed=seed,
    )


def make(
    name,
    features,
    given,
    classes,
    *,
    true_labels=None,
    test=None,
    ids=None,
    votes=None,
    feature_names=None,
    validation_share=0.1,
    seed=0,
):
    """The `Dataset` of arrays and class indices, part of it held out.

    Args:
        name: of the data set.
        features: an array `[n, ...]`.
        given: int32 `[n]`.
        classes: `own_labels.Classes`.
        true_labels: int32 `[n]`, or `None`.
        test: `Examples`, or `None`.
        ids: `[n]`; `None` for positions.
        votes: int `[n, num_classes]`, or `None`.
        feature_names: as of `Dataset`.
        validation_share: as of `from_arrays`.
        seed: as of `from_arrays`.
    """
    lengths = {"features": len(features), "labels": len(given)}
    lengths |= {} if true_labels is None else {"true_labels": len(true_labels)}
    if len(set(lengths.values())) != 1:
        raise ValueError(
            f"{' and '.join(f'`{one}`' for one in lengths)} must have one length, an entry an example. Received: "
            f"{', '.join(f'{count} {one}' for one, count in lengths.items())}. Were rows left out of one only?"
        )
    positions = np.arange(len(given))
    whole = Examples(features, true_labels, positions if ids is None else ids, given, votes)
    if test is None:
        test = Examples(whole.features[:0], given[:0], positions[:0])
    if test.features.shape[1:] != whole.features.shape[1:]:
        raise ValueError(
            f"`test` must have features of shape {list(whole.features.shape[1:])} an example, as `features`. Received: "
            f"{list(test.features.shape[1:])}. Prepare both in the same way."
        )
    train, validation = _split(given, validation_share, seed)
    transition = None if true_labels is None else human.count_transition(true_labels, given, len(classes.names))
    return Dataset(name, whole.take(train), whole.take(validation), test, classes.names, transition, feature_names)


def _split(given, share, seed):
    """Positions to train on and to hold out, each sorted, with the classes in the same proportions."""
    share = _validation.check_number("validation_share", share, 0, below=1)
    seed = _validation.check_seed(seed)
    count, size = len(given), round(share * len(given))
    occurring = len(np.unique(given))
    if not share:
        return np.arange(count), np.arange(0)
    if not occurring <= size <= count - occurring:
        raise ValueError(
            f"`validation_share` must leave an example of each class on both sides, {occurring} or more of {count}: at "
            f"least {occurring / count:.3g}, at most {1 - occurring / count:.3g}, or 0 to hold nothing out. Received: "
            f"{share:g}."
        )
    parts = model_selection.train_test_split(np.arange(count), test_size=size, stratify=given, random_state=seed)
    return tuple(map(np.sort, parts))


def check_test(test, classes, feature_names):
    """A pair of features and true labels as `Examples`.

    Args:
        test: the pair.
        classes: `own_labels.Classes`.
        feature_names: those of the training features, which columns of a `DataFrame` must have; or `None`.
    """
    if not isinstance(test, (tuple, list)) or len(test) != 2:
        raise TypeError(
            f"`test` must be a pair, (features, true labels). Received: {test!r:.100}. Leave it out where no true "
            "labels are known."
        )
    _validation.check_one_order({"test": test})
    if feature_names and column_names(test[0]) not in (None, feature_names):
        raise ValueError(
            f"`test` must have the columns of `features`, in their order. Received: {column_names(test[0])!r:.200}. "
            "Pass `table[list(features.columns)]`."
        )
    features, labels = check_features("test", test[0]), classes.indices("test", test[1])
    if len(features) != len(labels):
        raise ValueError(f"`test` must have a label an example. Received: {len(features)} and {len(labels)}.")
    return Examples(features, labels, np.arange(len(labels)))


def column_names(features):
    """Names of the columns of a pandas `DataFrame`, a tuple of strings; `None` of anything else."""
    is_table = hasattr(features, "columns") and hasattr(features, "dtypes")
    return tuple(map(str, features.columns)) if is_table else None


def check_features(name, features):
    """`features` of any container as an array of float32 numbers, of images in uint8, or of paths."""
    if isinstance(features, dict):
        raise TypeError(
            f"`{name}` must be one array [n, ...]. Received a dict of {', '.join(map(repr, features)) or 'nothing'}. "
            "Stack columns of numbers: `np.column_stack(list(features.values()))`."
        )
    _validation.check_dense(name, features)
    is_table = column_names(features) is not None
    if is_table:
        _check_columns(name, features)
    array = _validation.check_features(name, np.asarray(features, np.float32) if is_table else features)
    if array.dtype.kind in "OUS":
        return array
    if array.ndim < 2:
        raise ValueError(
            f"`{name}` must have a row an example, [n, ...]. Received shape {list(array.shape)}. A single feature is "
            "`features[:, None]`."
        )
    if array.dtype == np.uint8:
        return array
    with np.errstate(over="ignore"):
        array = array.astype(np.float32)
    _validation.check_finite(name, array, "example", "Divide numbers that float32 does not hold.")
    return array


def _check_columns(name, table):
    """Refuses a pandas `DataFrame` with columns of anything but numbers, or with missing values."""
    _validation.check_columns(name, table)
    missing = {str(column): int(count) for column, count in table.isna().sum().items() if count}
    if missing:
        raise ValueError(
            f"`{name}` must be complete. Received missing values in "
            f"{', '.join(f'{column!r} ({count})' for column, count in missing.items())}. Leave out those rows, "
            "`table.dropna()`, and their labels; or fill them, `table.fillna(table.median())`."
        )

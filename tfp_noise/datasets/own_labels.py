"""Labels as people write them (names, numbers, pandas columns) and the classes that they mean."""

import collections
import dataclasses
import decimal
import math
import numbers
from typing import Any

import numpy as np

from tfp_noise import _validation

_LISTED = 10
_KINDS = {bool: "bools", int: "integers", str: "strings"}


@dataclasses.dataclass(frozen=True)
class Classes:
    """The classes of a data set: what a label may be, and what each class is called.

    Args:
        values: the value of a label that means each class, in the order of the classes.
        names: a string a class.
    """

    values: tuple[Any, ...]
    names: tuple[str, ...]

    def indices(self, name, labels):
        """`labels` as class indices, int32 `[n]`.

        Args:
            name: the argument that they are, for errors.
            labels: as `find` takes them.

        Raises:
            ValueError: a label is missing, or of no class.
            TypeError: labels are neither integers, nor strings, nor bools.
        """
        index = {value: position for position, value in enumerate(self.values)}
        values = read(name, labels)
        unknown = next((value for value in values if value not in index), None)
        if unknown is not None:
            self._refuse(name, unknown, values.index(unknown))
        return np.array([index[value] for value in values], np.int32)

    def _refuse(self, name, value, position):
        if isinstance(value, str) and all(isinstance(one, str) for one in self.values):
            _validation.check_choice(name, value, self.values, "class")
        known = ", ".join(map(repr, self.values[:_LISTED])) + (" and so on" if len(self.values) > _LISTED else "")
        raise ValueError(
            f"`{name}` must be labels of the known classes, {known}. Received: {value!r:.100} at position {position}. "
            "Name all classes in `class_names`; integers are positions in it, from 0 on."
        )


def find(name, labels, class_names=None):
    """The classes of given labels, and the labels as indices of them.

    Args:
        name: the argument that they are, for errors.
        labels: integers, strings or bools, `[n]` or `[n, 1]`, in any container; categories of pandas keep their order.
        class_names: all classes in their order; `None` for those that occur, sorted. Integers are positions in it.

    Returns:
        `(Classes, int32 [n])`.

    Raises:
        ValueError: labels that are missing, of unknown classes, of fewer than two classes, of a class with one example,
            of more classes than half the examples, or that differ in case or spaces only.
        TypeError: labels that are neither integers, nor strings, nor bools, or several of these.
    """
    values = read(name, labels)
    classes = classes_of(name, labels, values, class_names)
    indices = classes.indices(name, values)
    check_sizes(name, classes.names, np.bincount(indices, minlength=len(classes.names)))
    return classes, indices


def classes_of(name, labels, values, class_names=None):
    """The `Classes` of labels.

    Args:
        name: as of `find`.
        labels: as of `find`.
        values: the same labels as a list, as `read` gives them.
        class_names: as of `find`.
    """
    if class_names is not None:
        return _named(class_names, values)
    _check_spellings(name, collections.Counter(values))
    known = _categories(labels) or sorted(set(values))
    return Classes(tuple(known), tuple(map(str, known)))


def from_text(names, class_names=None):
    """`names`, a list of strings, as integers if all are written as such, so that classes are sorted by number.

    Names that `class_names` lists stay strings.
    """
    different = set(names)
    listed = class_names is not None and different <= set(_validation.check_class_names(class_names))
    plain = all(name.removeprefix("-").isdecimal() and str(int(name)) == name for name in different)
    return [int(name) for name in names] if plain and not listed else names


def read(name, labels):
    """`labels` as a list of Python integers, strings or bools, all of one kind and none missing."""
    _validation.check_dense(name, labels)
    array = to_array(labels)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1 or not len(array):
        raise ValueError(
            f"`{name}` must be a label an example, of shape [n] or [n, 1]. Received shape {array.shape}. Pass the most "
            "probable class of rows of probabilities, `rows.argmax(axis=1)`."
        )
    values = to_list(name, array)
    check_kind(name, values)
    return values


def to_array(labels):
    """Labels of any container as an array: of objects for lists, and for masked arrays with `None` where they miss."""
    if np.ma.isMaskedArray(labels):
        labels = np.where(np.ma.getmaskarray(labels), None, labels.data)
    is_plain = isinstance(labels, (list, tuple))  # NumPy would turn numbers among strings into strings
    return np.asarray(labels, object) if is_plain else np.asarray(labels)


def to_list(name, array):
    """Labels in an array `[n]` as a list of Python's own types; refuses those that are missing."""
    values = array.tolist()
    if array.dtype == object:
        values = [value.item() if isinstance(value, np.generic) else value for value in values]
    missing = [position for position, value in enumerate(values) if _is_missing(value)]
    if missing:
        raise ValueError(
            f"`{name}` must give every example a label. Received: {len(missing)} of {len(values)} missing, at "
            f"{_listed(missing)}. Leave those examples out, of the features too."
        )
    return values


def check_kind(name, values):
    """Refuses a list of labels that are neither integers, nor strings, nor bools, or several of these."""
    kinds = {type(value): value for value in reversed(values)}  # the first of each
    if len(kinds) != 1 or not kinds.keys() <= _KINDS.keys():
        _refuse_kinds(name, kinds)


def _is_missing(value):
    if isinstance(value, str):
        return not value.strip()
    is_nan = isinstance(value, float) and math.isnan(value)
    return value is None or is_nan or type(value).__name__ in ("NAType", "NaTType")


def _refuse_kinds(name, kinds):
    if len(kinds) > 1:
        received = ", ".join(f"{kind.__name__} ({value!r:.30})" for kind, value in kinds.items())
        raise TypeError(
            f"`{name}` must be of one type: integers, strings or bools. Received several: {received}. Make them "
            "strings: `[str(label) for label in labels]`."
        )
    ((kind, value),) = kinds.items()
    cure = "Pass the name or the number of the class of each example."
    if issubclass(kind, numbers.Real):
        cure = (
            "Pass class numbers as `labels.astype(int)`. Is it a continuous target? This library is for classes: cut "
            "the range into some, `np.digitize(labels, edges)`."
        )
    elif issubclass(kind, bytes):
        cure = "Decode them: `[label.decode() for label in labels]`."
    raise TypeError(
        f"`{name}` must be integers, strings or bools. Received: {value!r:.100} of type {kind.__name__}. {cure}"
    )


def _categories(labels):
    """The categories of a pandas column in their order, `None` for anything else."""
    categories = getattr(getattr(labels, "dtype", None), "categories", None)
    return None if categories is None else np.asarray(categories).tolist()


def _named(class_names, values):
    names = _validation.check_class_names(class_names, once=True)
    return Classes(names if isinstance(values[0], str) else tuple(range(len(names))), names)


def _check_spellings(name, counts):
    """Refuses names that differ in case or spaces only, or as "1" and "1.0": is it one class, or are there several?"""
    spellings = collections.defaultdict(list)
    for value in counts:
        spellings[_meaning(str(value))].append(value)
    several = [some for some in spellings.values() if len(some) > 1]
    if not several:
        return
    same = [" and ".join(f"{one!r} ({counts[one]} times)" for one in some) for some in several]
    are_numbers = isinstance(_meaning(str(several[0][0])), decimal.Decimal)
    differ = "are one number" if are_numbers else "differ in case or spaces only"
    cure = 'in Python by `[" ".join(label.split()).lower() for label in labels]`'
    raise ValueError(
        f"`{name}` must spell each class in one way. Received names that {differ}: "
        f"{'; '.join(same[:_LISTED])}{' and so on' if len(same) > _LISTED else ''}. If they are one class, spell "
        f"it in one way, {f'such as {min(several[0], key=len)!r}' if are_numbers else cure}; if they are several, "
        "list all in `class_names`."
    )


def _meaning(text):
    """The number that a name spells, else the name without differences in case and spaces."""
    plain = " ".join(text.split()).casefold()
    try:
        number = decimal.Decimal(plain)
    except decimal.InvalidOperation:
        return plain
    return number if number.is_finite() and "_" not in plain else plain  # Python reads "1_0" as 10


def check_sizes(name, names, sizes):
    """Refuses labels that are no classes to learn: one only, too many, or with a single example."""
    occurring = np.count_nonzero(sizes)
    if occurring < 2:
        raise ValueError(
            f"`{name}` must be of two classes or more. Received: {sizes.sum()} labels, all {names[sizes.argmax()]!r}. "
            "Is it the right column, or folder?"
        )
    if 2 * occurring > sizes.sum():
        raise ValueError(
            f"`{name}` must have at most half as many classes as examples. Received: {occurring} different labels of "
            f"{sizes.sum()} examples. Is it a continuous target, an identity or free text? This library is for "
            "classes: cut a continuous target into some, `np.digitize(labels, edges)`."
        )
    single = [names[position] for position in np.flatnonzero(sizes == 1)]
    if single:
        raise ValueError(
            f"`{name}` must give each class two examples or more, to learn from one and to check by another. Received: "
            f"one example of {_listed(single)}. Is the name misspelt? Otherwise leave the class out, or unite it with "
            "another."
        )


def _listed(values):
    return ", ".join(map(repr, values[:_LISTED])) + (
        f" and {len(values) - _LISTED} more" if len(values) > _LISTED else ""
    )

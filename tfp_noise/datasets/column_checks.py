"""Checks of columns that are to be features: row numbers, text, missing cells, copies of the label."""

import collections
import re
import warnings

import numpy as np

from tfp_noise.datasets import csv_columns

_MOST_CATEGORIES = 1000  # of a column
_FEWEST_ROWS = 6  # of which fewer rise by chance
_LISTED = 5
_FEWEST_NUMBERS = 10  # beside each cell that is none, where that looks like a slip
_NO_NAME = re.compile(r"(Unnamed: \d+)?")  # as pandas writes the index, and as it reads that back


def check_kinds(path, filled, numbers, comma, are_listed):
    """Refuses columns that say nothing about an example, all at once: row numbers, and text that is no category.

    Args:
        path: the file.
        filled: dict from each column to the text of its cells that are not missing.
        numbers: dict from each column to these cells as numbers, or to `None`.
        comma: bool, commas are decimal points.
        are_listed: bool, the user has named the columns, and means also those that look like row numbers.
    """
    rows = {} if are_listed else {name: why for name in filled if (why := _row_numbers(name, numbers[name]))}
    texts = {name: why for name in filled if numbers[name] is None and (why := _free_text(filled[name], comma))}
    if not rows and not texts:
        return
    refused = rows | texts
    received = "; ".join(f"the column {name!r} of {path.name!r}, which {why}" for name, why in refused.items())
    others = ", ".join(repr(name) for name in filled if name not in refused)
    cure = f"List the other columns in `features`{f', {others}' if others else ''}"
    if texts:
        cure += "; or correct cells that are meant to be numbers"
    if rows:
        cure += (
            ". Row numbers tell the given label where rows are sorted by class; if they were measured, list "
            f"{' and '.join(map(repr, rows))}, too"
        )
    raise ValueError(f"`features` must be columns of numbers or of categories. Received: {received}. {cure}.")


def _row_numbers(name, values):
    """The reason why a column seems to number the rows, or `None`."""
    if _NO_NAME.fullmatch(name):
        return "has no name, like the row numbers that pandas writes"
    if values is None or len(values) < _FEWEST_ROWS or not np.isfinite(values).all() or (values % 1).any():
        return None
    steps = np.diff(values)
    if (steps > 0).all() or (steps < 0).all():
        return f"holds integers that {'rise' if steps[0] > 0 else 'fall'} from row to row, as row numbers do"
    if (np.diff(np.sort(values)) == 1).all():
        return f"holds each integer from {values.min():.0f} to {values.max():.0f} once, as row numbers do"
    return None


def _free_text(cells, comma):
    """The reason why text has more values than half the examples or than can be features, or `None`."""
    size = len(set(cells))
    if size <= min(len(cells) / 2, _MOST_CATEGORIES):
        return None
    example = next(cell for cell in cells if csv_columns.numbers(np.array([cell], object), comma) is None)
    return f"has {size} different texts in {len(cells)} rows, such as {example!r:.50}"


def warn_of_odd_cells(path, filled, numbers, comma):
    """Warns of columns that are taken for categories because of a few cells that are no numbers.

    Args:
        path: the file.
        filled: as of `check_kinds`.
        numbers: as of `check_kinds`.
        comma: as of `check_kinds`.
    """
    for name, cells in filled.items():
        if numbers[name] is not None:
            continue
        counts = collections.Counter(cells)
        odd = {one: counts[one] for one in counts if csv_columns.numbers(np.array([one], object), comma) is None}
        if _FEWEST_NUMBERS * sum(odd.values()) <= len(cells):
            shown = ", ".join(f"{one!r:.50}" for one in list(odd)[:_LISTED]) + (", ..." if len(odd) > _LISTED else "")
            warnings.warn(
                f"`features` should be columns of numbers or of categories. Received: the column {name!r} of "
                f"{path.name!r}, taken for {len(counts)} categories, where all of {len(cells)} cells but "
                f"{sum(odd.values())} are numbers. The others are {shown}. Correct these cells; or, if nothing is "
                "known there, empty them and pass `impute=True`.",
                stacklevel=3,
            )


def check_missing(path, missing, size, impute):
    """Refuses columns without any value, and others with missing cells unless they are to be filled.

    Args:
        path: the file.
        missing: dict from each column to the text of its missing cells.
        size: int, number of rows.
        impute: bool.
    """
    empty = [name for name, cells in missing.items() if len(cells) == size]
    if empty:
        raise ValueError(
            f"`features` must be columns with values. Received: {', '.join(map(repr, empty))} of {path.name!r}, "
            f"where all {size} cells are missing. List the other columns in `features`."
        )
    found = ", ".join(f"{name!r} ({len(cells)})" for name, cells in missing.items() if len(cells))
    if found and not impute:
        marks = sorted(set().union(*missing.values()) - {""})
        category = f" If {' or '.join(map(repr, marks))} names a category, give it another name there." if marks else ""
        raise ValueError(
            f"`features` must be complete. Received missing cells in {found} of {size} rows of {path.name!r}. Fill "
            "them by `impute=True` (median, or most frequent value), or list the other columns in "
            f"`features`.{category}"
        )


def warn_of_copies(path, filled, numbers, labels):
    """Warns of columns whose values and the classes stand for each other one to one.

    Args:
        path: the file.
        filled: as of `check_kinds`.
        numbers: as of `check_kinds`.
        labels: dict from each column to the class indices of the rows where it is not missing.
    """
    copies = [
        name
        for name, cells in filled.items()
        if _are_one_to_one((cells if numbers[name] is None else numbers[name]).tolist(), labels[name].tolist())
    ]
    if copies:
        others = ", ".join(repr(name) for name in filled if name not in copies)
        warnings.warn(
            "`features` should not hold the given label. Received: "
            f"{' and '.join(f'the column {name!r}' for name in copies)} of {path.name!r}, with one value for each "
            "class, such as its code. By it every label is predicted, so that wrong ones look right. If it was made of "
            f"the label, leave it out: list the other columns in `features`{f', {others}' if others else ''}.",
            stacklevel=3,
        )


def _are_one_to_one(values, labels):
    pairs = set(zip(values, labels, strict=True))
    return len(pairs) == len(set(values)) == len(set(labels)) and 1 < len(pairs) <= len(values) / 2

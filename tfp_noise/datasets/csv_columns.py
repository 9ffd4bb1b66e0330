"""Columns of a CSV file as text, and a column of labels."""

import csv

import numpy as np

from tfp_noise import _validation
from tfp_noise.datasets import own_labels

# Cells that say that nothing is known, without regard to case: those of pandas, and "?".
_MISSING = frozenset(
    ["", "?", "#n/a", "#n/a n/a", "#na", "-1.#ind", "-1.#qnan", "-nan", "1.#ind", "1.#qnan", "<na>", "n/a", "na", "nan"]
    + ["null"]
)

_DELIMITERS = ",;\t|"


def delimiter(path):
    """The delimiter of a CSV file: comma, semicolon, tab or bar, whichever is most frequent in the first line."""
    with open(path, encoding="utf-8-sig", newline="") as stream:
        header = stream.readline()
    return max(_DELIMITERS, key=header.count)


def read(path):
    """Reads a CSV file with a header line.

    Args:
        path: a `pathlib.Path`; empty lines are passed over.

    Returns:
        A dict from each column's name, without spaces around it, to a list of its cells, text as it stands.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no CSV file in UTF-8, two columns have one name, or a line has more or fewer cells than the
            header.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{str(path)!r} must be a CSV file. Received: no file of this name. Is the path right?")
    try:
        with open(path, encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, delimiter=delimiter(path), strict=True)
            rows = [(reader.line_num, row) for row in reader if row]
    except (csv.Error, UnicodeDecodeError) as error:
        raise ValueError(
            f"{str(path)!r} must be a CSV file in UTF-8. Received one that cannot be read: {error}. Save it again as "
            '"CSV UTF-8".'
        ) from error
    if len(rows) < 2:
        raise ValueError(
            f"{str(path)!r} must have a header line and examples. Received: {_validation.counted(len(rows), 'line')}."
        )
    (_, header), *examples = rows
    names = [name.strip() for name in header]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(
            f"{str(path)!r} must name each column once, in its first line. Received: {', '.join(map(repr, twice))} "
            "more than once. Is there a header line? If so, rename all but one of each."
        )
    wrong = [(number, len(row)) for number, row in examples if len(row) != len(names)]
    if wrong:
        raise ValueError(
            f"{str(path)!r} must have {len(names)} cells a line, as the header has. Received: {wrong[0][1]} in line "
            f"{wrong[0][0]}, one of {len(wrong)} such lines. Put quotes around cells that hold the delimiter."
        )
    columns = zip(*(row for _, row in examples), strict=True)
    return dict(zip(names, map(list, columns), strict=True))


def is_missing(cell):
    """True for a cell that says that nothing is known."""
    text = cell.strip()  # "none" names a category as often, but Python writes "None"
    return text.casefold() in _MISSING or text == "None"


def numbers(cells, comma):
    """Text as float64 `[n]`; `None` if not all of it is numbers, with commas for decimal points if `comma`."""
    try:
        return (np.array([cell.replace(",", ".") for cell in cells], object) if comma else cells).astype(np.float64)
    except ValueError:
        return None


def labels(argument, path, name, cells, class_names=None):
    """The labels in a column, integers where all are written as such, so that classes are sorted by number.

    Args:
        argument: what the user passed, for errors.
        path: the file.
        name: of the column.
        cells: a list of text.
        class_names: as of `own_labels.find`.

    Raises:
        ValueError: a cell `is_missing`.
    """
    missing = [(position, cell) for position, cell in enumerate(cells) if is_missing(cell)]
    if missing:
        (first, cell), count = missing[0], len(missing)
        raise ValueError(
            f"`{argument}` must be a column without missing cells. Received: {count} of {len(cells)} missing in "
            f"{name!r} of {path.name!r}, the first {cell!r} in row {first}. Rows count from 0. Leave those "
            f"rows out of the file{f'; if {cell!r} names a class, give it another name there' if cell.strip() else ''}."
        )
    return own_labels.from_text(cells, class_names)

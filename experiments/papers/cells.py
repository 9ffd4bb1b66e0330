"""Cells of the papers' tables: every number that is printed, and its experiment or the reason why there is none."""

from typing import NamedTuple

ACCURACY = "test_accuracy"


class Cell(NamedTuple):
    """One number of a table.

    Args:
        table: text, as "OLS/table2".
        column: text, data set, network or noise.
        row: text, the method.
        number: the paper's mean and standard deviation, or mean and `None`.
        score: key of the score in a result that stands beside it.
        experiment: name of the experiment that has this score; `None` if no experiment has it.
        reason: text, why there is none; `None` if there is one.
    """

    table: str
    column: str
    row: str
    number: tuple[float, float | None]
    score: str
    experiment: str | None
    reason: str | None


def of_column(table, column, numbers, folder, *, score=ACCURACY, left_out=None):
    """Yield the cells of a column.

    Args:
        table: text, as in `Cell`.
        column: text, as in `Cell`.
        numbers: a dict `{row: number}`; a row with `None`, which the paper leaves empty, has no cell.
        folder: text, where the experiments of the column are; a row is an experiment's last name.
        score: as in `Cell`.
        left_out: a dict `{row: reason}` of rows without an experiment, or one reason for the whole column.

    Raises:
        ValueError: if `left_out` names a row that the column does not have.
    """
    reasons = dict.fromkeys(numbers, left_out) if isinstance(left_out, str) else left_out or {}
    if unknown := reasons.keys() - numbers.keys():
        raise ValueError(f"`left_out` must name rows of {table}, {column}. Received: {sorted(unknown)}.")
    for row, number in numbers.items():
        if number is not None:
            reason = reasons.get(row)
            yield Cell(table, column, row, number, score, None if reason else f"{folder}/{row}", reason)

"""Order of methods by their accuracies: that of finished runs beside the papers'."""

from typing import NamedTuple

import numpy as np
from scipy import stats

from experiments.evaluation import summaries

FEWEST_METHODS = 4
_ACCURACY = "test_accuracy"


class Agreement(NamedTuple):
    """Rank correlation of a column that was run with a column of the paper.

    Args:
        run: text, the folder of the runs.
        column: text, the paper's table and column.
        methods: int, how many both have.
        rho: float, Spearman's.
    """

    run: str
    column: str
    methods: int
    rho: float


def agreements(cells, runs):
    """Return an `Agreement` for each pair of columns of one table and noise, with enough methods in common.

    Args:
        cells: list of `papers.cells.Cell`.
        runs: results.

    Returns:
        A list, in the order of the runs' folders; rho is not a number where all accuracies of a column are equal.
    """
    published, measured = _published(cells), _measured(runs)
    found = []
    for folder, ours in measured.items():
        for (table, column, place), theirs in published.items():
            common = sorted(ours.keys() & theirs.keys())
            if _comparable(folder, place) and len(common) >= FEWEST_METHODS:
                rho = stats.spearmanr([ours[one] for one in common], [theirs[one] for one in common]).statistic
                found.append(Agreement(folder, f"{table}: {column}", len(common), float(rho)))
    return found


def _comparable(folder, place):
    """Folders PAPER/TABLE/SETTING/NOISE: the paper's own setting, or a small one of the same table and noise."""
    ours, theirs = folder.split("/"), place.split("/")
    return folder == place or ("/laptop-" in folder and ours[:2] + ours[3:] == theirs[:2] + theirs[3:])


def _published(cells):
    """`{(table, column, folder): {method: accuracy}}`."""
    found = {}
    for cell in cells:
        if cell.experiment and cell.score == _ACCURACY:
            folder, _, method = cell.experiment.rpartition("/")
            found.setdefault((cell.table, cell.column, folder), {})[method] = cell.number[0]
    return found


def _measured(runs):
    """`{folder: {method: mean accuracy}}`."""
    found = {}
    for name, group in summaries.by_experiment(runs).items():
        folder, _, method = name.rpartition("/")
        mean = float(np.mean(summaries.values(group, "test")))
        found.setdefault(folder, {})[method] = round(mean, 9)  # equal accuracies tie, in whatever order they were added
    return found

"""The papers' experiments as data, one folder a paper, with the published numbers to set ours beside.

Each folder has the same files, those that apply: `methods` (the rows of the tables), `settings` (data, networks,
optimizers), `published` (the paper's numbers), `tables` and `studies` (the experiments: those with rows in a table, and
all others), `cells` (each published number with its experiment, or the reason why none has it), `claims` (what the
paper says about its methods, as comparisons of experiments), `figures` and `findings` (scripts that read finished
runs). No paper reads another one's folder.
"""

import pathlib

from experiments.papers import (
    label_smoothing,
    learnable_label_smoothing,
    logistic_normal,
    online_label_smoothing,
    own,
)
from tfp_noise import _validation

_ALL = [
    *own.EXPERIMENTS,
    *logistic_normal.EXPERIMENTS,
    *label_smoothing.EXPERIMENTS,
    *learnable_label_smoothing.EXPERIMENTS,
    *online_label_smoothing.EXPERIMENTS,
]
EXPERIMENTS = {experiment.name: experiment for experiment in _ALL}
CELLS = [
    *logistic_normal.CELLS,
    *label_smoothing.CELLS,
    *learnable_label_smoothing.CELLS,
    *online_label_smoothing.CELLS,
]


def find(name):
    """Return the experiment of that name.

    Raises:
        ValueError: for an unknown name; the message lists the near ones.
    """
    return EXPERIMENTS[_validation.check_choice("name", name, EXPERIMENTS, "experiment")]


def under(folder):
    """Return the experiments of a folder of names, as "LN/table1/mnist", or the one of that name.

    Raises:
        ValueError: if there is none.
    """
    found = [e for name, e in EXPERIMENTS.items() if f"{name}/".startswith(f"{folder.rstrip('/')}/")]
    if not found:
        _validation.check_choice("folder", folder, _folders(), "folder of experiments")
    return found


def _folders():
    """Every folder that an experiment's name lies in."""
    return sorted({str(folder) for name in EXPERIMENTS for folder in pathlib.PurePosixPath(name).parents})

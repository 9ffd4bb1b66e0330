"""One file, or folder, a paper: its experiments as data, and its published numbers to set ours beside."""

import pathlib

from experiments import digits, precision
from experiments.papers import (
    label_smoothing,
    learnable_label_smoothing,
    logistic_normal,
    online_label_smoothing,
)
from tfp_noise import _validation

_ALL = [
    *digits.EXPERIMENTS,
    *precision.EXPERIMENTS,
    *logistic_normal.EXPERIMENTS,
    *label_smoothing.EXPERIMENTS,
    *learnable_label_smoothing.EXPERIMENTS,
    *online_label_smoothing.EXPERIMENTS,
]
EXPERIMENTS = {experiment.name: experiment for experiment in _ALL}


def find(name):
    """The experiment of that name.

    Raises:
        ValueError: for an unknown name; the message says the near ones.
    """
    return EXPERIMENTS[_validation.check_choice("name", name, EXPERIMENTS, "experiment")]


def under(folder):
    """The experiments of a folder of names, as "LN/table1/mnist", or the one of that name.

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

"""One file, or folder, a paper: its experiments as data, and its published numbers to set ours beside."""

from experiments import digits
from experiments.papers import label_smoothing, logistic_normal
from tfp_noise import _validation

_ALL = [*digits.EXPERIMENTS, *logistic_normal.EXPERIMENTS, *label_smoothing.EXPERIMENTS]
EXPERIMENTS = {experiment.name: experiment for experiment in _ALL}


def find(name):
    """The experiment of that name.

    Raises:
        ValueError: for an unknown name; the message says the near ones.
    """
    return EXPERIMENTS[_validation.check_choice("experiment", name, EXPERIMENTS)]


def under(prefix):
    """All experiments whose names start with `prefix`.

    Raises:
        ValueError: if there is none.
    """
    found = [experiment for name, experiment in EXPERIMENTS.items() if name.startswith(prefix)]
    if not found:
        folders = sorted({name.rsplit("/", 1)[0] for name in EXPERIMENTS})
        raise ValueError(f"No experiment's name starts with {prefix!r}. Known: {', '.join(folders)}.")
    return found

"""One file a paper: its experiments as data, and its published numbers to set ours beside."""

from experiments.papers import logistic_normal
from tfp_noise import _validation

EXPERIMENTS = {experiment.name: experiment for experiment in logistic_normal.TABLE_1}


def find(name):
    """The experiment of that name.

    Raises:
        ValueError: for an unknown name; the message says the near ones.
    """
    return EXPERIMENTS[_validation.check_choice("experiment", name, EXPERIMENTS)]

"""Englesson, Mehrpanah, Azizpour, "Logistic-Normal likelihoods for heteroscedastic label noise", 2023."""

from experiments.papers.logistic_normal import studies, tables
from experiments.papers.logistic_normal.cells import CELLS

__all__ = ["CELLS", "EXPERIMENTS"]

EXPERIMENTS = [*tables.TABLE_1, *tables.TABLE_2, *tables.TABLE_3]
EXPERIMENTS += [*studies.FIGURE_3, *studies.FIGURE_5, *studies.FIGURE_6]

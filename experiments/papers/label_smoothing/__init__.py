"""Lukasik, Bhojanapalli, Menon, Kumar, "Does label smoothing mitigate label noise?", 2020."""

from experiments.papers.label_smoothing import studies, tables
from experiments.papers.label_smoothing.cells import CELLS

__all__ = ["CELLS", "EXPERIMENTS"]

EXPERIMENTS = [*tables.TABLE_8, *tables.TABLE_5, *studies.FIGURE_6, *studies.ESTIMATED, *tables.TABLE_2]

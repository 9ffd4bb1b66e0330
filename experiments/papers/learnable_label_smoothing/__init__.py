"""Paper LLS: "LLS: regulating neural network training via learnable label smoothing"."""

from experiments.papers.learnable_label_smoothing import studies, tables
from experiments.papers.learnable_label_smoothing.cells import CELLS

__all__ = ["CELLS", "EXPERIMENTS"]

EXPERIMENTS = [*tables.TABLE_1, *tables.TABLE_2, *tables.TABLE_3, *tables.LAPTOP_TABLE_3]
EXPERIMENTS += tables.LAPTOP_TABLE_2
EXPERIMENTS += [*tables.TABLE_4, *studies.FIGURE_7]
EXPERIMENTS += [*tables.TABLE_5, *tables.WHOLE, *tables.TABLES_6_AND_7]
EXPERIMENTS += [*tables.TABLE_8, *studies.TOP_ENTRIES]

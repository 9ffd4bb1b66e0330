"""Zhang, Jiang, Hou, Wei, Han, Li, Cheng, "Delving deep into label smoothing", 2021."""

from experiments.papers.online_label_smoothing import studies, tables
from experiments.papers.online_label_smoothing.cells import CELLS

__all__ = ["CELLS", "EXPERIMENTS"]

EXPERIMENTS = [*tables.TABLE_2, *tables.TABLE_3, *tables.TABLE_4, *tables.TABLE_6, *tables.TABLE_7]
EXPERIMENTS += [*tables.TABLE_8, *tables.TABLE_11]
EXPERIMENTS += [*studies.FIGURE_7A, *studies.FIGURE_7B, *studies.VARIANTS]

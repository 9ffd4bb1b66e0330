"""Paper LLS: "LLS: regulating neural network training via learnable label smoothing"."""

from experiments.papers.learnable_label_smoothing import ablation, augmentation, knowledge, tables, top_entries

EXPERIMENTS = [*tables.TABLE_1, *tables.TABLE_2, *tables.TABLE_3, *tables.LAPTOP_TABLE_3]
EXPERIMENTS += [*ablation.TABLE_4, *ablation.FIGURE_7]
EXPERIMENTS += [*knowledge.TABLE_5, *knowledge.WHOLE, *knowledge.TABLES_6_AND_7]
EXPERIMENTS += [*augmentation.TABLE_8, *top_entries.EXPERIMENTS]

"""Table 5 and Figure 6: distillation from teachers trained on noisy labels, teacher and student of one architecture.

The student learns the teacher's probabilities at temperature 2 (Figure 6: 1) only, no labels. Teachers are the runs of
`LS/alpha`. alpha = 0.1.
"""

import dataclasses

from experiments.experiment import CROSS_ENTROPY
from experiments.papers.label_smoothing import alpha
from experiments.papers.label_smoothing.settings import ALPHAS, LAPTOP, PAPER, forward, smoothing

_TABLE_5_ALPHA = 0.1
# Column of the table: the teacher's method, and the student's.
_COLUMNS = {
    "vanilla": (CROSS_ENTROPY, CROSS_ENTROPY),
    "LS-teacher": (smoothing(_TABLE_5_ALPHA), CROSS_ENTROPY),
    "LS-student": (CROSS_ENTROPY, smoothing(_TABLE_5_ALPHA)),
    "FC-teacher": (forward(_TABLE_5_ALPHA), CROSS_ENTROPY),
    "FC-student": (CROSS_ENTROPY, forward(_TABLE_5_ALPHA)),
}
# Table 5, clean test accuracy in percent, (mean, standard deviation) of five seeds, a column for each of _COLUMNS.
_PUBLISHED = {
    "cifar100-resnet32": [(63.98, 0.26), (64.48, 0.25), (63.83, 0.28), (66.65, 0.18), (63.94, 0.34)],
    "cifar100-resnet56": [(64.31, 0.26), (65.63, 0.24), (64.50, 0.32), (66.35, 0.20), (64.24, 0.26)],
    "cifar10-resnet32": [(80.44, 0.64), (86.95, 1.82), (85.72, 2.61), (86.81, 1.86), (86.92, 2.11)],
    "cifar10-resnet56": [(77.98, 0.25), (87.10, 1.66), (86.98, 1.71), (86.88, 1.80), (86.82, 1.76)],
}
_RUNS = {experiment.name: experiment for experiment in alpha.EXPERIMENTS}


def _student(group, label, base, name, teacher, method, temperature, published=None):
    predecessor = _RUNS[base.variant(f"LS/alpha/{label}", teacher).name]
    method = dataclasses.replace(method, label=name, distillation={"temperature": temperature})
    return base.variant(f"LS/{group}/{label}", method, predecessor=predecessor, published=published)


TABLE_5 = [
    _student("table5", label, base, name, teacher, student, temperature=2.0, published=published)
    for label, base in {**PAPER, **LAPTOP}.items()
    for (name, (teacher, student)), published in zip(_COLUMNS.items(), _PUBLISHED.get(label, [None] * 5), strict=True)
]
FIGURE_6 = [
    _student("figure6", label, base, f"teacher-{teacher.label}", teacher, CROSS_ENTROPY, temperature=1.0)
    for label, base in {"cifar100-resnet32": PAPER["cifar100-resnet32"], **LAPTOP}.items()
    for teacher in [CROSS_ENTROPY, *map(smoothing, ALPHAS)]
]

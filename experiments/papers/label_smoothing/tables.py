"""Tables 2, 5 and 8, and the runs of Figure 2 and Tables 3 and 4. Their `laptop` variants.

Table 5 distils from teachers trained on noisy labels, teacher and student of one architecture, alpha = 0.1: the student
learns the teacher's probabilities at temperature 2 only, no labels. Teachers are the runs of Table 8.
"""

import dataclasses

from experiments.experiment import CROSS_ENTROPY, Noise
from experiments.papers.label_smoothing import published
from experiments.papers.label_smoothing.methods import (
    ALPHA_OF_FIGURES_8_AND_9,
    ALPHAS,
    CORRECTED_BY_ESTIMATE,
    FAMILIES,
    forward,
    smoothing,
)
from experiments.papers.label_smoothing.settings import LAPTOP, LARGE_BATCHES, PAPER


def _by_alpha(label, base, alphas=ALPHAS):
    """One experiment a method."""
    numbers = published.TABLE_8.get(label, {})

    def experiment(method, predecessor=None):
        number = numbers.get(method.label)
        return base.variant(f"LS/alpha/{label}", method, published=number, predecessor=predecessor)

    plain = experiment(CROSS_ENTROPY)
    smeared = [experiment(build(alpha)) for build in FAMILIES.values() for alpha in alphas]
    return [plain, *smeared, *(experiment(method, predecessor=plain) for method in CORRECTED_BY_ESTIMATE)]


TABLE_8 = [one for label, base in PAPER.items() for one in _by_alpha(label, base, (*ALPHAS, ALPHA_OF_FIGURES_8_AND_9))]
TABLE_8 += [one for label, base in LAPTOP.items() for one in _by_alpha(label, base)]
TABLE_8 += _by_alpha("laptop-digits", dataclasses.replace(LAPTOP["laptop-digits"], noise=Noise("symmetric", 0.4)))
_RUNS = {experiment.name: experiment for experiment in TABLE_8}


def student(folder, label, base, name, teacher, method, temperature, published=None):
    """Return a student, which learns the probabilities of the run of `teacher` and no labels.

    Args:
        folder: text, of the experiment's name.
        label: text, the setting.
        base: the experiment of cross-entropy at that setting.
        name: text, the row's name.
        teacher: a `Method` of Table 8.
        method: a `Method`, whose loss the student has.
        temperature: float, of the teacher's probabilities.
        published: as in `Experiment`.
    """
    predecessor = _RUNS[base.variant(f"LS/alpha/{label}", teacher).name]
    method = dataclasses.replace(method, label=name, distillation={"temperature": temperature})
    return base.variant(f"LS/{folder}/{label}", method, predecessor=predecessor, published=published)


# The row of Table 5: the teacher's method, and the student's.
_TABLE_5_ALPHA = 0.1
_STUDENTS = {
    "vanilla": (CROSS_ENTROPY, CROSS_ENTROPY),
    "LS-teacher": (smoothing(_TABLE_5_ALPHA), CROSS_ENTROPY),
    "LS-student": (CROSS_ENTROPY, smoothing(_TABLE_5_ALPHA)),
    "FC-teacher": (forward(_TABLE_5_ALPHA), CROSS_ENTROPY),
    "FC-student": (CROSS_ENTROPY, forward(_TABLE_5_ALPHA)),
}
TABLE_5 = [
    student("table5", label, base, name, *methods, 2.0, published.TABLE_5.get(label, {}).get(name))
    for label, base in {**PAPER, **LAPTOP}.items()
    for name, methods in _STUDENTS.items()
]
TABLE_2 = [
    base.variant(f"LS/table2/{label}", method, published=published.TABLE_2.get(label, {}).get(method.label))
    for label, base in LARGE_BATCHES.items()
    for method in [CROSS_ENTROPY, *(build(alpha) for build in (smoothing, forward) for alpha in ALPHAS)]
]

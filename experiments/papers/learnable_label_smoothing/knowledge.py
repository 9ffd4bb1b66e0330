"""Tables 5, 6 and 7: what a trained network, or its Q alone, teaches. Their `laptop` variants.

Table 5 (Eq. 6 with beta = 0 and temperature 1): students that learn nothing but the predictions of teachers which were
trained with one-hot labels (CE), LS and LLS; "LLS-ST" has Q in the teacher's place, and the labels.

Tables 6 and 7: half of the training samples, at random, and the first half of the classes; "LLS-ST" has the Q that was
learned on all of them. The test split of Table 7 has these classes only.
"""

import dataclasses

from experiments import sources, streamed_parts
from experiments.experiment import CROSS_ENTROPY, Method
from experiments.papers.learnable_label_smoothing import published
from experiments.papers.learnable_label_smoothing.settings import LAPTOP, LEARNABLE, SMOOTHING, base, model
from experiments.papers.learnable_label_smoothing.tables import folder, run
from experiments.transitions import SubstituteTeacher
from tfp_noise import losses

SUBSTITUTE = Method("LLS-ST", losses.LabelSmearing, {"matrix": SubstituteTeacher(0.1)})
_TEACHERS = (CROSS_ENTROPY, SMOOTHING, LEARNABLE)
# Where their runs are.
_TABLES = {
    "caltech_birds2011": "table1",
    "oxford_flowers102": "table1",
    "cifar100": "table2",
    "tiny_imagenet": "table2",
    "imagenet100": "table3",
}
# What half of the examples is, by where all of them come from.
_PARTS = {
    "table6": {sources.InMemory: sources.RandomExamples, sources.Stream: streamed_parts.RandomExamples},
    "table7": {sources.InMemory: sources.FirstClasses, sources.Stream: streamed_parts.FirstClasses},
}


def _students(student, place, teachers, numbers):
    """The rows of Table 5; `teachers` are the runs of _TEACHERS."""
    for teacher in teachers:
        row = dataclasses.replace(
            CROSS_ENTROPY, label=f"{teacher.method.label}-teacher", distillation={"temperature": 1.0}
        )
        yield student.variant(place, row, predecessor=teacher, published=numbers.get(row.label))
    yield student.variant(place, SUBSTITUTE, predecessor=teachers[-1], published=numbers.get(SUBSTITUTE.label))


def _halves(table, setting, place, whole, numbers):
    """The rows of Tables 6 and 7: `setting` on half of its source; `whole` is the run of LLS on all of it."""
    part = _PARTS[table][type(setting.source)]
    half = dataclasses.replace(setting, source=part(*dataclasses.astuple(setting.source), 0.5))
    for row in _TEACHERS:
        yield half.variant(place, row, published=numbers.get(row.label))
    yield half.variant(place, SUBSTITUTE, predecessor=whole, published=numbers.get(SUBSTITUTE.label))


def _runs(table, column):
    return [run(table, column, method.label) for method in _TEACHERS]


TABLE_5 = [
    experiment
    for (dataset, teacher, student), numbers in published.TABLES["table5"].items()
    if model(dataset, student)
    for experiment in _students(
        base(dataset, student),
        folder("table5", dataset, teacher, student),
        _runs(_TABLES[dataset], (dataset, teacher)),
        numbers,
    )
]
TABLE_5 += [
    experiment
    for label, student in LAPTOP.items()
    for experiment in _students(student, f"LLS/table5/{label}", _runs("table3", label), {})
]

# Of Fashion-MNIST the other tables have AlexNet only.
WHOLE = [base("fashion_mnist", "R18").variant(folder("whole", "fashion_mnist", "R18"), LEARNABLE)]
_WHOLE = {"fashion_mnist": WHOLE[0]} | {
    dataset: run(_TABLES[dataset], (dataset, "R18"), LEARNABLE.label)
    for dataset in ("cifar100", "tiny_imagenet", "imagenet100")
}
TABLES_6_AND_7 = [
    experiment
    for table in _PARTS
    for (dataset, network), numbers in published.TABLES[table].items()
    for experiment in _halves(
        table, base(dataset, network, part=0.5), folder(table, dataset, network), _WHOLE[dataset], numbers
    )
]
TABLES_6_AND_7 += [
    experiment
    for table in _PARTS
    for label, setting in LAPTOP.items()
    for experiment in _halves(table, setting, f"LLS/{table}/{label}", run("table3", label, LEARNABLE.label), {})
]

"""Tables 1 to 8, every cell that the paper has a number for, and the `laptop` variants of Tables 2 to 8.

A cell that the paper leaves empty ("-") is not declared; columns without an experiment stand in
`published.LEFT_OUT`. Table 9's numbers are of runs of Table 2: the tests count its parameters in the same networks, and
`python -m experiments.bench` measures on smaller ones what learnable label smoothing adds to a step.

Table 5 (Eq. 6 with beta = 0 and temperature 1): students that learn nothing but the predictions of teachers which were
trained with one-hot labels (CE), LS and LLS; "LLS-ST" has Q in the teacher's place, and the labels.

Tables 6 and 7: half of the training samples, at random, and the first half of the classes; "LLS-ST" has the Q that was
learned on all of them. The test split of Table 7 has these classes only.
"""

import dataclasses

from experiments import sources
from experiments.experiment import CLEAN, CROSS_ENTROPY, Noise
from experiments.papers.laptop import FEW_IMAGES, LAPTOP
from experiments.papers.learnable_label_smoothing import published
from experiments.papers.learnable_label_smoothing.methods import (
    ABLATION,
    AUGMENTATIONS,
    LEARNABLE,
    ROWS,
    SUBSTITUTE,
    TEACHERS,
    rows,
)
from experiments.papers.learnable_label_smoothing.settings import base, folder, model
from tfp_noise import pipeline


def _column(table, column, numbers):
    """One experiment a row of Tables 1 to 3; a method that learns from itself follows the run of cross-entropy."""
    plain = base(*column).variant(folder(table, *column), CROSS_ENTROPY, published=numbers.get(CROSS_ENTROPY.label))
    for method in rows(table, column[0]):
        if method.label in numbers and numbers[method.label] is None:
            continue  # "-" in the paper; a row that it does not have at all is declared, without a number
        changes = {"published": numbers.get(method.label), "predecessor": plain if method.needs_predecessor else None}
        yield plain.variant(folder(table, *column), method, **changes)


def _table(name):
    return [
        experiment
        for column, numbers in published.TABLES[name].items()
        if model(*column)
        for experiment in _column(name, column, numbers)
    ]


TABLE_1, TABLE_2, TABLE_3 = map(_table, ("table1", "table2", "table3"))
LAPTOP_TABLE_3 = [
    dataclasses.replace(one, noise=noise).variant(f"LLS/table3/{label}", method)
    for label, one in {**LAPTOP, **FEW_IMAGES}.items()
    for noise in (CLEAN, Noise("symmetric", 0.4))
    for method in ROWS
]
# The rows that only Table 2 has.
LAPTOP_TABLE_2 = [
    plain.variant(
        f"LLS/table2/{plain.name.split('/')[2]}", method, predecessor=plain if method.needs_predecessor else None
    )
    for plain in LAPTOP_TABLE_3
    if plain.method is CROSS_ENTROPY
    for method in rows("table2", plain.dataset)
    if method not in ROWS
]
_RUNS = {experiment.name: experiment for experiment in [*TABLE_1, *TABLE_2, *TABLE_3, *LAPTOP_TABLE_3]}


def _run(place, method):
    """The run of Table 1, 2 or 3 with clean labels."""
    return _RUNS[f"{place}/{CLEAN.name}/{method.label}"]


TABLE_4 = [
    base(*column).variant(folder("table4", *column), row, published=numbers.get(row.label))
    for column, numbers in published.TABLES["table4"].items()
    if model(*column)
    for row in ABLATION
]
TABLE_4 += [one.variant(f"LLS/table4/{label}", row) for label, one in LAPTOP.items() for row in ABLATION]

# The tables that have the runs of teachers, and of LLS on all data.
_TABLES = {
    "caltech_birds2011": "table1",
    "oxford_flowers102": "table1",
    "cifar100": "table2",
    "tiny_imagenet": "table2",
    "imagenet100": "table3",
}


def _students(student, place, teachers_place, numbers):
    """The rows of Table 5."""
    teachers = [_run(teachers_place, method) for method in TEACHERS]
    for teacher in teachers:
        row = dataclasses.replace(
            CROSS_ENTROPY, label=f"{teacher.method.label}-teacher", distillation={"temperature": 1.0}
        )
        yield student.variant(place, row, predecessor=teacher, published=numbers.get(row.label))
    yield student.variant(place, SUBSTITUTE, predecessor=teachers[-1], published=numbers.get(SUBSTITUTE.label))


TABLE_5 = [
    experiment
    for (dataset, teacher, student), numbers in published.TABLES["table5"].items()
    if model(dataset, student)
    for experiment in _students(
        base(dataset, student),
        folder("table5", dataset, teacher, student),
        folder(_TABLES[dataset], dataset, teacher),
        numbers,
    )
]
TABLE_5 += [
    experiment
    for label, student in LAPTOP.items()
    for experiment in _students(student, f"LLS/table5/{label}", f"LLS/table3/{label}", {})
]

_HALVES = {"table6": sources.RandomExamples(0.5), "table7": sources.FirstClasses(0.5)}
# The other tables have AlexNet only on Fashion-MNIST.
WHOLE = [base("fashion_mnist", "R18").variant(folder("whole", "fashion_mnist", "R18"), LEARNABLE)]
_WHOLE = {"fashion_mnist": WHOLE[0]} | {
    dataset: _run(folder(_TABLES[dataset], dataset, "R18"), LEARNABLE)
    for dataset in ("cifar100", "tiny_imagenet", "imagenet100")
}


def _halves(table, setting, place, whole, numbers):
    """The rows of Tables 6 and 7: `setting` on half of its source; `whole` is the run of LLS on all of it."""
    half = dataclasses.replace(setting, source=dataclasses.replace(setting.source, part=_HALVES[table]))
    for row in TEACHERS:
        yield half.variant(place, row, published=numbers.get(row.label))
    yield half.variant(place, SUBSTITUTE, predecessor=whole, published=numbers.get(SUBSTITUTE.label))


TABLES_6_AND_7 = [
    experiment
    for table in _HALVES
    for column, numbers in published.TABLES[table].items()
    for experiment in _halves(table, base(*column, part=0.5), folder(table, *column), _WHOLE[column[0]], numbers)
]
TABLES_6_AND_7 += [
    experiment
    for table in _HALVES
    for label, setting in LAPTOP.items()
    for experiment in _halves(table, setting, f"LLS/{table}/{label}", _run(f"LLS/table3/{label}", LEARNABLE), {})
]


def _augmented(plain, place, numbers):
    """The rows of Table 8: plain, and with each augmentation after the data set's crops; cross-entropy and LLS."""
    for method in (CROSS_ENTROPY, LEARNABLE):
        yield plain.variant(place, method, published=numbers.get(method.label))
    for name, added in AUGMENTATIONS.items():
        both = pipeline.Compose((plain.augmentation, added)) if plain.augmentation else added
        for label, method in ((name, CROSS_ENTROPY), (f"{name}-LLS", LEARNABLE)):
            row = dataclasses.replace(method, label=label)
            yield plain.variant(place, row, augmentation=both, published=numbers.get(label))


TABLE_8 = [
    experiment
    for column, numbers in published.TABLES["table8"].items()
    for experiment in _augmented(base(*column), folder("table8", *column), numbers)
]
TABLE_8 += [
    experiment for label, plain in LAPTOP.items() for experiment in _augmented(plain, f"LLS/table8/{label}", {})
]

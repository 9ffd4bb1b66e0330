"""Tables 1, 2 and 3: every cell that the paper has a number for; and Table 3's `laptop` variants.

Table 9's numbers are of runs of Table 2. Here its parameters are counted in the same networks by the tests, and what
learnable label smoothing adds to the time of a step is measured by `python -m experiments.bench`, on smaller ones.
"Zipf" is left out: a loss sees no feature maps.
"""

import dataclasses

from experiments.experiment import CLEAN, Noise
from experiments.papers.learnable_label_smoothing import published
from experiments.papers.learnable_label_smoothing.settings import LAPTOP, METHODS, ROWS, base, model


def folder(table, *column):
    """Where the experiments of a column are, as "LLS/table5/cifar100-resnet34-resnet18"."""
    dataset, *networks = column
    return f"LLS/{table}/{'-'.join([dataset, *(model(dataset, network) for network in networks)])}"


def _column(table, column, numbers):
    """One experiment a number; what learns from itself follows the run of cross-entropy."""

    def experiment(method, predecessor=None):
        number = numbers[method.label]
        return base(*column).variant(folder(table, *column), method, published=number, predecessor=predecessor)

    plain, *others = (method for label, method in METHODS.items() if label in numbers)
    plain = experiment(plain)
    return [plain, *(experiment(method, plain if method.needs_predecessor else None) for method in others)]


def _table(name):
    return [
        experiment
        for column, numbers in published.TABLES[name].items()
        if model(*column)
        for experiment in _column(name, column, numbers)
    ]


TABLE_1 = _table("table1")
TABLE_2 = _table("table2")
TABLE_3 = _table("table3")
LAPTOP_TABLE_3 = [
    dataclasses.replace(one, noise=noise).variant(f"LLS/table3/{label}", method)
    for label, one in LAPTOP.items()
    for noise in (CLEAN, Noise("symmetric", 0.4))
    for method in ROWS
]

_RUNS = {experiment.name: experiment for experiment in [*TABLE_1, *TABLE_2, *TABLE_3, *LAPTOP_TABLE_3]}


def run(table, column, label):
    """The experiment of Table 1, 2 or 3 with clean labels; a column of the laptop variants is their name."""
    place = f"LLS/{table}/{column}" if isinstance(column, str) else folder(table, *column)
    return _RUNS[f"{place}/{CLEAN.name}/{label}"]

"""Every cell of Tables II to XII that is a loss, and `laptop` variants of Tables III, VII and VIII.

Tables VIII and XII are two measures of the same runs, and so are Tables IV and IX; Table XI's ResNet-56 is Table VII
without noise, and so are its `laptop` variants.
"""

import dataclasses

from experiments.measures import Attacks, HumanDistance, SnapshotEnsembles, TopAccuracy
from experiments.papers.online_label_smoothing import published
from experiments.papers.online_label_smoothing.methods import THREE
from experiments.papers.online_label_smoothing.settings import (
    FINE_GRAINED,
    LAPTOP,
    NOISES,
    cifar,
    fine_grained,
    imagenet,
)


def _variants(folder, base, methods, numbers, measures=()):
    """One experiment a method, with its number of a column of the table."""
    base = dataclasses.replace(base, measures=measures)
    return [base.variant(folder, method, published=numbers.get(method.label)) for method in methods]


def _column(table, column):
    return {row: cells[column] for row, cells in table.items()}


TABLE_2 = [
    one
    for network in published.TABLE_2["CE"]
    for one in _variants(
        f"OLS/table2/cifar100-{network}", cifar("cifar100", network), THREE, _column(published.TABLE_2, network)
    )
]
TABLE_3 = [
    one
    for label, base in {"cifar100-resnet56": cifar("cifar100", "resnet56"), **LAPTOP}.items()
    for one in _variants(
        f"OLS/table3/{label}",
        base,
        THREE,
        {} if label in LAPTOP else _column(published.TABLE_3, "1"),
        (SnapshotEnsembles(),),
    )
]
_ATTACKED = tuple(published.TABLE_9)
TABLE_4 = [
    dataclasses.replace(
        one,
        measures=(
            (*one.measures, Attacks(top=5)) if network == "resnet50" and one.method.label in _ATTACKED else one.measures
        ),
    )
    for network, table in published.TABLE_4.items()
    for one in _variants(
        f"OLS/table4/imagenet2012-{network}",
        imagenet(f"{network}_untrained"),
        THREE,
        _column(table, "top1"),
        (TopAccuracy(),),
    )
]
TABLE_6 = [
    one
    for network, table in published.TABLE_6.items()
    for label in FINE_GRAINED
    for one in _variants(
        f"OLS/table6/{label}-{network}", fine_grained(label, network), THREE, table[label], (TopAccuracy(),)
    )
]
TABLE_7 = [
    one
    for label, base in {"cifar100-resnet56": cifar("cifar100", "resnet56"), **LAPTOP}.items()
    for rate, noise in NOISES.items()
    for one in _variants(
        f"OLS/table7/{label}",
        dataclasses.replace(base, noise=noise),
        THREE,
        {} if label in LAPTOP else _column(published.TABLE_7, str(rate)),
    )
]
TABLE_8 = _variants(
    "OLS/table8/cifar10-resnet29",
    cifar("cifar10", "resnet29"),
    THREE,
    _column(published.TABLE_8, "clean"),
    (Attacks(), HumanDistance()),
)
TABLE_8 += [
    one for label, base in LAPTOP.items() for one in _variants(f"OLS/table8/{label}", base, THREE, {}, (Attacks(),))
]
TABLE_11 = [
    one
    for network in ("resnet74", "resnet110")
    for one in _variants(
        f"OLS/table11/cifar100-{network}", cifar("cifar100", network), THREE, _column(published.TABLE_11, network)
    )
]

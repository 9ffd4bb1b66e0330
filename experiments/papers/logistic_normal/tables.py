"""Every cell of Tables 1, 2 and 3, and `laptop` variants of Table 1 and of the columns of CIFAR-10N (worst).

In the names of Table 3, "no-dummy" is the low-rank covariance without the dummy class. All rows of Table 3 have the
hyperparameters that the search chose for the low-rank covariance, which the paper calls Full; it gives no others.
"""

import dataclasses

from experiments.experiment import CLEAN, Method, Noise
from experiments.papers.logistic_normal import published
from experiments.papers.logistic_normal.methods import MODELLED_ON, methods, preset
from experiments.papers.logistic_normal.published import NATURAL
from experiments.papers.logistic_normal.settings import BASES
from tfp_noise import losses

_HUMAN = Noise("human")
_ABLATION = {
    **{covariance: {"covariance": covariance} for covariance in ("identity", "isotropic", "diagonal", "low_rank")},
    "no-dummy": {"dummy_class": False},
}


def _noises(exact):
    """The columns of Table 1."""
    symmetric = [Noise("symmetric", rate, exact) for rate in (0.2, 0.4, 0.6, 0.8)]
    return [CLEAN, *symmetric, *(Noise("asymmetric", rate, exact) for rate in (0.1, 0.2, 0.3, 0.4))]


def _column(group, label, base, numbers):
    """One experiment a method; a correction reads its transition off the model that cross-entropy trains."""

    def experiment(row, predecessor=None):
        return base.variant(f"LN/{group}/{label}", row, published=numbers.get(row.label), predecessor=predecessor)

    plain, *rows = methods(base.dataset, base.noise)
    plain = experiment(plain)
    return [plain, *(experiment(row, plain if row.needs_predecessor else None) for row in rows)]


def _table_1(label, base):
    numbers = published.TABLE_1.get(label.removesuffix("-lenet5_same"), {})
    return [
        experiment
        for noise in _noises(exact=MODELLED_ON.get(base.dataset, base.dataset) == "mnist")
        for experiment in _column("table1", label, dataclasses.replace(base, noise=noise), numbers.get(noise.name, {}))
    ]


def _natural(dataset, size=""):
    """The name of a column and its settings: those of the images, with human labels."""
    base = BASES[size + dataset.split(":")[0].removesuffix("n")]
    return size + dataset.replace(":", "-"), dataclasses.replace(base, dataset=dataset, noise=_HUMAN)


def _table_3(label, base, numbers):
    chosen = preset("LN", base.dataset, base.noise)
    rows = [Method(name, losses.LogisticNormal, chosen | changes) for name, changes in _ABLATION.items()]
    return [base.variant(f"LN/table3/{label}", row, published=numbers[row.label] if numbers else None) for row in rows]


TABLE_1 = [
    experiment for label, base in BASES.items() if base.dataset not in NATURAL for experiment in _table_1(label, base)
]
_SMALL = "cifar10n:worst", "laptop-"
TABLE_2 = [e for dataset in NATURAL for e in _column("table2", *_natural(dataset), published.TABLE_2[dataset])]
TABLE_2 += _column("table2", *_natural(*_SMALL), {})
TABLE_3 = [e for dataset, numbers in published.TABLE_3.items() for e in _table_3(*_natural(dataset), numbers)]
TABLE_3 += _table_3(*_natural(*_SMALL), {})

"""Table 4 and Figure 7: what each term of the loss is worth, and the weight alpha. Their `laptop` variants.

Figure 7 is ResNet-18 on CIFAR-100, CUB-200 and Flowers-102, a point each alpha; no numbers are printed beside it. Here
it is CIFAR-100 alone: `settings` says why the other two are left out, and Table 4's ResNet-18 on CUB-200.
"""

from experiments.experiment import Method
from experiments.papers.learnable_label_smoothing import published
from experiments.papers.learnable_label_smoothing.settings import LAPTOP, base, model
from experiments.papers.learnable_label_smoothing.tables import folder
from tfp_noise import losses

_FCE, _RCE = "forward_cross_entropy", "reverse_cross_entropy"
_PREDICTIONS, _TARGETS = "prediction_entropy", "target_entropy"
_TERMS = {
    "no-FCE": (_RCE, _PREDICTIONS, _TARGETS),
    "no-RCE": (_FCE, _PREDICTIONS, _TARGETS),
    "no-pred-EM": (_FCE, _RCE, _TARGETS),
    "no-targets-EM": (_FCE, _RCE, _PREDICTIONS),
    "FCE-only": (_FCE,),
    "symmetric-CE": (_FCE, _RCE),
    "forward-KL": (_FCE, _TARGETS),
    "reverse-KL": (_RCE, _PREDICTIONS),
    "LLS": (_FCE, _RCE, _PREDICTIONS, _TARGETS),
}
ALPHAS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5)

ROWS = [
    Method(label, losses.LearnableLabelSmoothing, {"alpha": 0.1, "terms": terms}) for label, terms in _TERMS.items()
]
POINTS = [Method(f"LLS{alpha}", losses.LearnableLabelSmoothing, {"alpha": alpha}) for alpha in ALPHAS]

TABLE_4 = [
    base(*column).variant(folder("table4", *column), row, published=numbers[row.label])
    for column, numbers in published.TABLES["table4"].items()
    if model(*column)
    for row in ROWS
]
FIGURE_7 = [base("cifar100", "R18").variant(folder("figure7", "cifar100", "R18"), point) for point in POINTS]

for _label, _base in LAPTOP.items():
    TABLE_4 += [_base.variant(f"LLS/table4/{_label}", row) for row in ROWS]
    FIGURE_7 += [_base.variant(f"LLS/figure7/{_label}", point) for point in POINTS]

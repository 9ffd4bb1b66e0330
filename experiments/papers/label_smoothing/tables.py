"""Figure 2, Tables 3, 4 and 8: smoothing, forward and backward correction with the symmetric matrix of alpha.

"FC-Patrini" and "BC-Patrini" (Table 8) correct with a matrix that is estimated from the anchors, at the 99.9th
percentile, of the model that cross-entropy trains.
"""

from experiments.experiment import CROSS_ENTROPY, Method, Noise
from experiments.papers.label_smoothing.settings import ALPHAS, FAMILIES, LAPTOP, PAPER
from experiments.transitions import AnchorTransition
from tfp_noise import losses

_CORRECTED_BY_ESTIMATE = [
    Method("FC-Patrini", losses.ForwardCorrection, {"transition": AnchorTransition(99.9)}),
    Method("BC-Patrini", losses.BackwardCorrection, {"transition": AnchorTransition(99.9)}),
]

# Table 8 of the supplement, clean test accuracy in percent, (mean, standard deviation) of five seeds, alpha = 0.1.
_COLUMNS = ("CE", "LS0.1", "FC0.1", "BC0.1", "FC-Patrini", "BC-Patrini")
_TABLE_8 = {
    "cifar100-resnet32": [(57.06, 0.38), (60.70, 0.28), (61.29, 0.38), (53.91, 0.40), (57.25, 0.24), (55.89, 0.33)],
    "cifar100-resnet56": [(54.93, 0.37), (59.04, 0.53), (60.00, 0.31), (52.25, 0.51), (55.09, 0.39), (55.00, 0.13)],
    "cifar10-resnet32": [(80.44, 0.63), (83.95, 0.18), (80.78, 0.42), (77.23, 0.72), (80.33, 0.29), (80.65, 0.59)],
    "cifar10-resnet56": [(77.98, 0.24), (80.98, 0.48), (79.66, 0.26), (77.32, 0.35), (77.97, 0.45), (77.66, 0.44)],
}


# Tables 3 and 4, by heading of our table and family: one run of ResNet-32 on CIFAR-100, at alpha.
PUBLISHED = {
    ("train", "LS"): {0.0: 77.39, 0.1: 80.11, 0.2: 81.22},
    ("clean part", "LS"): {0.0: 86.75, 0.1: 87.99, 0.2: 88.27},
    ("noisy: true", "LS"): {0.0: 39.92, 0.1: 48.58, 0.2: 53.01},
    ("noisy: fit", "LS"): {0.0: 17.88, 0.1: 12.27, 0.2: 8.32},
    ("ECE 100", "LS"): {0.0: 0.111, 0.1: 0.108, 0.2: 0.156},
    ("ECE 100", "FC"): {0.0: 0.111, 0.1: 0.153, 0.2: 0.165},
    ("ECE 100", "BC"): {0.0: 0.111, 0.1: 0.214, 0.2: 0.266},
}
_FIGURES_8_AND_9 = 0.7  # shown for CIFAR only


def _group(label, base, noise, alphas=ALPHAS):
    """One experiment a method."""
    published = dict(zip(_COLUMNS, _TABLE_8.get(label, [None] * len(_COLUMNS)), strict=True))

    def experiment(method, predecessor=None):
        number = published.get(method.label)
        return base.variant(f"LS/alpha/{label}", method, noise=noise, published=number, predecessor=predecessor)

    plain = experiment(CROSS_ENTROPY)
    smeared = [experiment(build(alpha)) for build in FAMILIES.values() for alpha in alphas]
    return [plain, *smeared, *(experiment(method, predecessor=plain) for method in _CORRECTED_BY_ESTIMATE)]


EXPERIMENTS = [
    run for label, base in PAPER.items() for run in _group(label, base, base.noise, (*ALPHAS, _FIGURES_8_AND_9))
]
EXPERIMENTS += [run for label, base in LAPTOP.items() for run in _group(label, base, base.noise)]
EXPERIMENTS += _group("laptop-digits", LAPTOP["laptop-digits"], Noise("symmetric", 0.4))

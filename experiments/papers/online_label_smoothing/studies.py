"""Section V-E: Figure 7, by alpha and by the period of the updates; and variants of online label smoothing.

Figure 7 has ResNet-29; which CIFAR it is on the paper does not say; here CIFAR-100. `laptop` periods are the
same fractions of their epoch as the paper's of its 384 steps, and at least one step.

Variants, on ResNet-56 and CIFAR-100: the prediction of a single example in place of the mean (the paper's OLS-Single
draws it from the class at random; here it is the latest of the steps before); those of the authors' code: zeros before
the first update, and a row that freezes once its largest entry reaches 0.88 (in their fine-grained code, which also
adds the two losses without halving them: twice the learning rate, and resets a frozen row that has no correct
prediction in an epoch; here it stays).
"""

from experiments.papers.laptop import LAPTOP
from experiments.papers.online_label_smoothing import published
from experiments.papers.online_label_smoothing.methods import ONLINE, online
from experiments.papers.online_label_smoothing.settings import (
    LAPTOP_STEPS_PER_EPOCH,
    NOISES,
    STEPS_PER_EPOCH,
    cifar,
)

ALPHAS = tuple(i / 10 for i in range(11))
_PERIODS = tuple(12 * 2**i for i in range(9))
_PAPERS_EPOCH = 384

_RESNET_29 = {"cifar100-resnet29": cifar("cifar100", "resnet29"), **LAPTOP}
_RESNET_56 = {"cifar100-resnet56": cifar("cifar100", "resnet56"), **LAPTOP}


def steps_per_epoch(label):
    """Return the training steps of an epoch in a setting of Figure 7."""
    return LAPTOP_STEPS_PER_EPOCH.get(label, STEPS_PER_EPOCH)


def periods(label):
    """Return the update periods of a setting in steps, ascending, without the default, an epoch."""
    if label not in LAPTOP_STEPS_PER_EPOCH:
        return _PERIODS
    scale = LAPTOP_STEPS_PER_EPOCH[label] / _PAPERS_EPOCH
    return tuple(dict.fromkeys(max(1, round(period * scale)) for period in _PERIODS))


FIGURE_7A = [
    base.variant(f"OLS/figure7a/{label}", online(f"alpha{alpha}", alpha=alpha))
    for label, base in _RESNET_29.items()
    for alpha in ALPHAS
]
FIGURE_7B = [
    base.variant(f"OLS/figure7b/{label}", method)
    for label, base in _RESNET_29.items()
    for method in [ONLINE, *(online(f"period{steps}", update_period=steps) for steps in periods(label))]
]
VARIANTS = [
    base.variant(
        f"OLS/variants/{label}",
        method,
        noise=noise,
        published=published.SINGLE if (label, rate, method.label) == ("cifar100-resnet56", 0, "OLS-single") else None,
    )
    for label, base in _RESNET_56.items()
    for rate, noise in NOISES.items()
    if rate in (0, 40)
    for method in (
        online("single", per_sample=True, update_period=1, unseen="kept"),
        online("zeros", initial="zeros"),
        online("freeze", freeze_above=0.88),
    )
]

"""Figure 6, and a study of our own: correction with an estimated transition beside correction with the true one.

Figure 6: students of teachers at each alpha, at temperature 1.

Ours, because the paper's noise is symmetric: MNIST, 40 % asymmetric noise, LeNet-5, 20 epochs. The transition is read
off the model that cross-entropy trains, at the percentiles of Patrini et al. (97, and 100, the argmax) and of the paper
(99.9). The word behind a method's name is the percentile, or "true"; a result holds the mean absolute error of its
transition.
"""

import dataclasses

from experiments.evaluation.resolvers import AnchorTransition, TrueTransition
from experiments.experiment import CROSS_ENTROPY, Method, Noise
from experiments.papers.label_smoothing.methods import ALPHAS, smoothing
from experiments.papers.label_smoothing.settings import LAPTOP, PAPER
from experiments.papers.label_smoothing.tables import student
from tfp_noise import losses

FIGURE_6 = [
    student("figure6", label, base, f"teacher-{teacher.label}", teacher, CROSS_ENTROPY, temperature=1.0)
    for label, base in {"cifar100-resnet32": PAPER["cifar100-resnet32"], **LAPTOP}.items()
    for teacher in [CROSS_ENTROPY, *map(smoothing, ALPHAS)]
]

PERCENTILES = (97, 99.9, 100)
_BASE = dataclasses.replace(LAPTOP["laptop-fashion_mnist"], dataset="mnist", epochs=20, noise=Noise("asymmetric", 0.4))
_FOLDER = "LS/estimated/laptop-mnist"
_PRETRAINED = _BASE.variant(_FOLDER, CROSS_ENTROPY)
_CORRECTIONS = {"FC": losses.ForwardCorrection, "BC": losses.BackwardCorrection}


def _corrected(source, transition):
    """Both corrections; those with the true transition follow the same run too, so that all start from one seed."""
    return [
        _BASE.variant(
            _FOLDER, Method(f"{correction}-{source}", loss, {"transition": transition}), predecessor=_PRETRAINED
        )
        for correction, loss in _CORRECTIONS.items()
    ]


ESTIMATED = [_PRETRAINED, *_corrected("true", TrueTransition())]
for _percentile in PERCENTILES:
    ESTIMATED += _corrected(_percentile, AnchorTransition(_percentile))

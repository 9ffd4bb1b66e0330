"""Correction with an estimated transition beside correction with the true one: MNIST, 40 % asymmetric noise.

Not in the paper, whose noise is symmetric: LeNet-5, 20 epochs. The transition is read off the model that cross-entropy
trains, at the percentiles of Patrini et al. (97, and 100, the argmax) and of the paper (99.9). The word behind a
method's name says which transition; a result holds the mean absolute error of its transition.
"""

import dataclasses

from experiments.experiment import CROSS_ENTROPY, Method, Noise
from experiments.papers.label_smoothing.settings import LAPTOP
from experiments.transitions import AnchorTransition, TrueTransition
from tfp_noise import losses

_BASE = dataclasses.replace(LAPTOP["laptop-fashion_mnist"], dataset="mnist", epochs=20, noise=Noise("asymmetric", 0.4))
_FOLDER = "LS/estimated/laptop-mnist"
_PRETRAINED = _BASE.variant(_FOLDER, CROSS_ENTROPY)
_CORRECTIONS = {"FC": losses.ForwardCorrection, "BC": losses.BackwardCorrection}


def _corrected(source, transition):
    """Both corrections; those with the true transition follow the same run too, so that all start from one seed."""
    return [
        _BASE.variant(
            _FOLDER,
            Method(f"{correction}-{source}", loss, {"transition": transition}),
            predecessor=_PRETRAINED,
        )
        for correction, loss in _CORRECTIONS.items()
    ]


PERCENTILES = (97, 99.9, 100)
EXPERIMENTS = [_PRETRAINED, *_corrected("true", TrueTransition())]
for _percentile in PERCENTILES:
    EXPERIMENTS += _corrected(_percentile, AnchorTransition(_percentile))

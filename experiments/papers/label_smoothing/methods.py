"""Methods of the paper: smoothing, and forward and backward correction by the symmetric matrix of alpha."""

from experiments.evaluation.resolvers import AnchorTransition, SymmetricTransition
from experiments.experiment import CROSS_ENTROPY, Method
from tfp_noise import losses

ALPHAS = (0.1, 0.2, 0.4, 0.6)
ALPHA_OF_FIGURES_8_AND_9 = 0.7  # shown for CIFAR only

# Corrections by a matrix estimated from the anchors, at the 99.9th percentile, of cross-entropy's model (Table 8).
CORRECTED_BY_ESTIMATE = (
    Method("FC-Patrini", losses.ForwardCorrection, {"transition": AnchorTransition(99.9)}),
    Method("BC-Patrini", losses.BackwardCorrection, {"transition": AnchorTransition(99.9)}),
)


def smoothing(alpha):
    """Return label smoothing."""
    return Method(f"LS{alpha}", losses.LabelSmoothing, {"alpha": alpha})


def forward(alpha):
    """Return forward correction by the symmetric matrix of `alpha`, whatever the true noise."""
    return Method(f"FC{alpha}", losses.ForwardCorrection, {"transition": SymmetricTransition(alpha)})


def backward(alpha):
    """Return backward correction by the symmetric matrix of `alpha`, whatever the true noise."""
    return Method(f"BC{alpha}", losses.BackwardCorrection, {"transition": SymmetricTransition(alpha)})


FAMILIES = {"LS": smoothing, "FC": forward, "BC": backward}


def names(family):
    """Return the names of a family's methods, `{alpha: name}`; at 0 all are cross-entropy."""
    return {0.0: CROSS_ENTROPY.label} | {alpha: FAMILIES[family](alpha).label for alpha in ALPHAS}

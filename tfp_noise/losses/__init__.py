"""Losses for noisy labels: `keras.losses.Loss` objects on raw network outputs."""

from tfp_noise._class_rows import TopRows
from tfp_noise.losses.base import NoisyLabelLoss
from tfp_noise.losses.baselines import (
    BiTempered,
    Bootstrap,
    ConfidencePenalty,
    DisturbLabel,
    Focal,
    GeneralizedCrossEntropy,
    NoiseAgainstNoise,
    PairwiseConfusion,
    SymmetricCrossEntropy,
    TeacherFree,
)
from tfp_noise.losses.correction import BackwardCorrection, ForwardCorrection
from tfp_noise.losses.heteroscedastic import Heteroscedastic
from tfp_noise.losses.learned_targets.learnable import LearnableLabelSmoothing
from tfp_noise.losses.learned_targets.online import OnlineLabelSmoothing
from tfp_noise.losses.logistic_normal import LogisticNormal
from tfp_noise.losses.smearing import LabelSmearing, LabelSmoothing

__all__ = [
    "BackwardCorrection",
    "BiTempered",
    "Bootstrap",
    "ConfidencePenalty",
    "DisturbLabel",
    "Focal",
    "ForwardCorrection",
    "GeneralizedCrossEntropy",
    "Heteroscedastic",
    "LabelSmearing",
    "LabelSmoothing",
    "LearnableLabelSmoothing",
    "LogisticNormal",
    "NoiseAgainstNoise",
    "NoisyLabelLoss",
    "OnlineLabelSmoothing",
    "PairwiseConfusion",
    "SymmetricCrossEntropy",
    "TeacherFree",
    "TopRows",
]

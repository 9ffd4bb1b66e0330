"""Baselines that tolerate noise or regularise without modelling it: bounded, mixed, random and penalised losses."""

from tfp_noise.losses.robust.bi_tempered import BiTempered
from tfp_noise.losses.robust.bootstrap import Bootstrap
from tfp_noise.losses.robust.confidence_penalty import ConfidencePenalty
from tfp_noise.losses.robust.disturb_label import DisturbLabel
from tfp_noise.losses.robust.focal import Focal
from tfp_noise.losses.robust.generalized_cross_entropy import GeneralizedCrossEntropy
from tfp_noise.losses.robust.noise_against_noise import NoiseAgainstNoise
from tfp_noise.losses.robust.pairwise_confusion import PairwiseConfusion
from tfp_noise.losses.robust.symmetric_cross_entropy import SymmetricCrossEntropy
from tfp_noise.losses.robust.teacher_free import TeacherFree

__all__ = [
    "BiTempered",
    "Bootstrap",
    "ConfidencePenalty",
    "DisturbLabel",
    "Focal",
    "GeneralizedCrossEntropy",
    "NoiseAgainstNoise",
    "PairwiseConfusion",
    "SymmetricCrossEntropy",
    "TeacherFree",
]

"""Baselines that tolerate noise or regularise without modelling it: bounded, mixed, random and penalised losses."""

from tfp_noise.losses.baselines.bi_tempered import BiTempered
from tfp_noise.losses.baselines.bootstrap import Bootstrap
from tfp_noise.losses.baselines.confidence_penalty import ConfidencePenalty
from tfp_noise.losses.baselines.disturb_label import DisturbLabel
from tfp_noise.losses.baselines.focal import Focal
from tfp_noise.losses.baselines.generalized_cross_entropy import GeneralizedCrossEntropy
from tfp_noise.losses.baselines.noise_against_noise import NoiseAgainstNoise
from tfp_noise.losses.baselines.pairwise_confusion import PairwiseConfusion
from tfp_noise.losses.baselines.symmetric_cross_entropy import SymmetricCrossEntropy
from tfp_noise.losses.baselines.teacher_free import TeacherFree

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

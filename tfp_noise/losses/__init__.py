"""Losses for noisy labels: `keras.losses.Loss` objects on raw network outputs."""

from tfp_noise._class_rows import TopRows
from tfp_noise.losses.base import NoisyLabelLoss
from tfp_noise.losses.baselines.active_negative import ActiveNegative
from tfp_noise.losses.baselines.active_passive import ActivePassive
from tfp_noise.losses.baselines.bi_tempered import BiTempered
from tfp_noise.losses.baselines.bootstrap import Bootstrap
from tfp_noise.losses.baselines.confidence_penalty import ConfidencePenalty
from tfp_noise.losses.baselines.disturb_label import DisturbLabel
from tfp_noise.losses.baselines.early_learning import EarlyLearning
from tfp_noise.losses.baselines.focal import Focal
from tfp_noise.losses.baselines.generalized_cross_entropy import GeneralizedCrossEntropy
from tfp_noise.losses.baselines.jensen_shannon import JensenShannon
from tfp_noise.losses.baselines.logit_clip import LogitClip
from tfp_noise.losses.baselines.noise_against_noise import NoiseAgainstNoise
from tfp_noise.losses.baselines.pairwise_confusion import PairwiseConfusion
from tfp_noise.losses.baselines.pencil import PENCIL
from tfp_noise.losses.baselines.symmetric_cross_entropy import SymmetricCrossEntropy
from tfp_noise.losses.baselines.teacher_free import TeacherFree
from tfp_noise.losses.baselines.zipf_label_smoothing import ZipfLabelSmoothing
from tfp_noise.losses.bounded_forward_correction import BoundedForwardCorrection
from tfp_noise.losses.correction import BackwardCorrection, ForwardCorrection
from tfp_noise.losses.cross_entropy import CrossEntropy
from tfp_noise.losses.heteroscedastic import Heteroscedastic
from tfp_noise.losses.learned_targets.learnable import LearnableLabelSmoothing
from tfp_noise.losses.learned_targets.online import OnlineLabelSmoothing
from tfp_noise.losses.logistic_normal import LogisticNormal
from tfp_noise.losses.multi_label import MultiLabel
from tfp_noise.losses.shifted_gaussian_noise import ShiftedGaussianNoise
from tfp_noise.losses.smearing import LabelSmearing, LabelSmoothing
from tfp_noise.losses.summaries import LossSummary, available

__all__ = [
    "PENCIL",
    "ActiveNegative",
    "ActivePassive",
    "BackwardCorrection",
    "BiTempered",
    "Bootstrap",
    "BoundedForwardCorrection",
    "ConfidencePenalty",
    "CrossEntropy",
    "DisturbLabel",
    "EarlyLearning",
    "Focal",
    "ForwardCorrection",
    "GeneralizedCrossEntropy",
    "Heteroscedastic",
    "JensenShannon",
    "LabelSmearing",
    "LabelSmoothing",
    "LearnableLabelSmoothing",
    "LogisticNormal",
    "LogitClip",
    "LossSummary",
    "MultiLabel",
    "NoiseAgainstNoise",
    "NoisyLabelLoss",
    "OnlineLabelSmoothing",
    "PairwiseConfusion",
    "ShiftedGaussianNoise",
    "SymmetricCrossEntropy",
    "TeacherFree",
    "TopRows",
    "ZipfLabelSmoothing",
    "available",
]

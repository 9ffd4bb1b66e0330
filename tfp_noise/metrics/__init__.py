"""Quality and calibration of predictions: pure functions of NumPy arrays of probabilities and labels.

`ExpectedCalibrationError` is the one Keras metric, for `compile`, where predictions come in batches.

Everywhere `probabilities` is float `[n, num_classes]` with rows that sum to 1 (what `predict` returns), and `labels` is
int `[n]`. Each row is divided by its sum, which removes the rounding errors of float32. `label_dependent_term` reads
the raw outputs of a network, `class_distances` its features.
"""

from tfp_noise.metrics.calibration import (
    ReliabilityCurve,
    adaptive_calibration_error,
    classwise_calibration_error,
    expected_calibration_error,
    reliability_curve,
)
from tfp_noise.metrics.feature_distances import class_distances
from tfp_noise.metrics.rank_agreement import RankCorrelation, rank_correlation
from tfp_noise.metrics.residuals import label_dependent_term
from tfp_noise.metrics.scores import (
    accuracy,
    brier_score,
    mean_kl_divergence,
    negative_log_likelihood,
    split_accuracy,
    top_k_accuracy,
)
from tfp_noise.metrics.streaming import ExpectedCalibrationError
from tfp_noise.metrics.temperature import apply_temperature, fit_temperature

__all__ = [
    "ExpectedCalibrationError",
    "RankCorrelation",
    "ReliabilityCurve",
    "accuracy",
    "adaptive_calibration_error",
    "apply_temperature",
    "brier_score",
    "class_distances",
    "classwise_calibration_error",
    "expected_calibration_error",
    "fit_temperature",
    "label_dependent_term",
    "mean_kl_divergence",
    "negative_log_likelihood",
    "rank_correlation",
    "reliability_curve",
    "split_accuracy",
    "top_k_accuracy",
]

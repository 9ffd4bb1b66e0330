"""Training with noisy labels for Keras 3 and TensorFlow Probability."""

from tfp_noise import (
    attacks,
    callbacks,
    datasets,
    distribute,
    distributions,
    estimation,
    losses,
    metrics,
    noise,
    optimizers,
    pipeline,
    schedules,
    search,
    similarities,
    suspects,
    visualization,
)
from tfp_noise.classifier import NoisyLabelClassifier
from tfp_noise.cross_prediction import cross_predict
from tfp_noise.distillation import DistilledClassifier

__all__ = [
    "DistilledClassifier",
    "NoisyLabelClassifier",
    "attacks",
    "callbacks",
    "cross_predict",
    "datasets",
    "distribute",
    "distributions",
    "estimation",
    "losses",
    "metrics",
    "noise",
    "optimizers",
    "pipeline",
    "schedules",
    "search",
    "similarities",
    "suspects",
    "visualization",
]

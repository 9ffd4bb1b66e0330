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
    similarities,
    visualization,
)
from tfp_noise.classifier import NoisyLabelClassifier
from tfp_noise.distillation import DistilledClassifier

__all__ = [
    "DistilledClassifier",
    "NoisyLabelClassifier",
    "attacks",
    "callbacks",
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
    "similarities",
    "visualization",
]

"""Training with noisy labels for Keras 3 and TensorFlow Probability."""

from tfp_noise import datasets, distributions, estimation, losses, metrics, noise, pipeline, visualization
from tfp_noise.classifier import NoisyLabelClassifier

__all__ = [
    "NoisyLabelClassifier",
    "datasets",
    "distributions",
    "estimation",
    "losses",
    "metrics",
    "noise",
    "pipeline",
    "visualization",
]

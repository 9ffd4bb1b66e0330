"""Training with noisy labels for Keras 3 and TensorFlow Probability."""

from tfp_noise import datasets, distributions, losses, metrics, noise, pipeline, visualization
from tfp_noise.classifier import NoisyLabelClassifier

__all__ = [
    "NoisyLabelClassifier",
    "datasets",
    "distributions",
    "losses",
    "metrics",
    "noise",
    "pipeline",
    "visualization",
]

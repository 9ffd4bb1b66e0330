"""Paper LLS: "LLS: regulating neural network training via learnable label smoothing"."""

from experiments.papers.learnable_label_smoothing.laptop import EXPERIMENTS

__all__ = ["EXPERIMENTS"]

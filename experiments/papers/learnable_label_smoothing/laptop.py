"""The column "FMNIST" of Table 3 for 2 CPU cores: LeNet-5 and Adam for 30 epochs, clean and with 40 % wrong labels.

The paper has AlexNet and SGD for 200 epochs, and clean labels only.
"""

import dataclasses

from experiments.experiment import CROSS_ENTROPY, Method, Noise
from experiments.papers.label_smoothing.settings import LAPTOP
from tfp_noise import losses

_METHODS = [
    CROSS_ENTROPY,
    Method("LS", losses.LabelSmoothing, {"alpha": 0.1}),
    Method("OLS", losses.OnlineLabelSmoothing),
    Method("LLS", losses.LearnableLabelSmoothing),
]

EXPERIMENTS = [
    dataclasses.replace(LAPTOP["laptop-fashion_mnist"], noise=noise).variant("LLS/table3/laptop-fashion_mnist", method)
    for noise in (Noise("none"), Noise("symmetric", 0.4))
    for method in _METHODS
]

"""The demonstration: real 8x8 digits, 40 % of the labels under noise, five methods.

Symmetric noise, and asymmetric noise to the next class (`pair_flip`). The corrections are given the true transition.
"""

from experiments.evaluation.resolvers import TrueTransition
from experiments.experiment import ADAM, CROSS_ENTROPY, Experiment, Method, Noise
from tfp_noise import losses

_METHODS = [
    CROSS_ENTROPY,
    Method("LS", losses.LabelSmoothing, {"alpha": 0.4}),
    Method("BC", losses.BackwardCorrection, {"transition": TrueTransition()}),
    Method("FC", losses.ForwardCorrection, {"transition": TrueTransition()}),
    Method("LN", losses.LogisticNormal, {"temperature": 0.5, "min_scale": 0.5}),
]

EXPERIMENTS = [
    Experiment(
        name=f"digits/{noise.name}/{method.label}",
        dataset="digits",
        noise=noise,
        model="digits_cnn",
        method=method,
        epochs=100,
        batch_size=64,
        optimizer=ADAM,
    )
    for noise in (Noise("symmetric", 0.4), Noise("pair_flip", 0.4))
    for method in _METHODS
]

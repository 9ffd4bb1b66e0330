"""Lukasik, Bhojanapalli, Menon, Kumar, "Does label smoothing mitigate label noise?", 2020.

Figure 2, Tables 3, 4 and 8: label smoothing (LS), forward (FC) and backward correction (BC) with symmetric matrices of
the same alpha, whatever the true noise, under 20 % symmetric noise. The number behind a method's name is alpha.

CIFAR: ResNet-32 and 56, batch 128, about 64,000 steps, SGD with Nesterov momentum 0.9, 0.1 over 10 at 32,000 and
48,000, weight decay 1e-4, crops and flips: for an accelerator (days on 2 CPU cores). Keras's weight decay bypasses
the momentum, which multiplies the paper's (part of the gradient) by 10: 1e-3 shrinks weights as fast. `laptop`
variants: LeNet-5 on Fashion-MNIST for 30 epochs (about 100 s a run on 2 CPU cores), and a small network on 8x8 digits
for 100 epochs (10 s).
"""

from experiments.experiment import CROSS_ENTROPY, Experiment, Method, Noise, SymmetricTransition
from tfp_noise import losses, pipeline

_ALPHAS = (0.1, 0.2, 0.4, 0.6)
_ADAM = ("Adam", {"learning_rate": 1e-3})
_SGD = (
    "SGD",
    {
        "learning_rate": {
            "class_name": "PiecewiseConstantDecay",
            "config": {"boundaries": [32_000, 48_000], "values": [0.1, 0.01, 0.001]},
        },
        "momentum": 0.9,
        "nesterov": True,
        "weight_decay": 1e-3,  # see above
    },
)

METHODS = [
    CROSS_ENTROPY,
    *(Method(f"LS{alpha}", losses.LabelSmoothing, {"alpha": alpha}) for alpha in _ALPHAS),
    *(Method(f"FC{alpha}", losses.ForwardCorrection, {"transition": SymmetricTransition(alpha)}) for alpha in _ALPHAS),
    *(Method(f"BC{alpha}", losses.BackwardCorrection, {"transition": SymmetricTransition(alpha)}) for alpha in _ALPHAS),
]

# Table 8 of the supplement, clean test accuracy in percent, (mean, standard deviation) of five seeds, alpha = 0.1.
_COLUMNS = ("CE", "LS0.1", "FC0.1", "BC0.1")
_TABLE_8 = {
    ("cifar100", "resnet32"): [(57.06, 0.38), (60.70, 0.28), (61.29, 0.38), (53.91, 0.40)],
    ("cifar100", "resnet56"): [(54.93, 0.37), (59.04, 0.53), (60.00, 0.31), (52.25, 0.51)],
    ("cifar10", "resnet32"): [(80.44, 0.63), (83.95, 0.18), (80.78, 0.42), (77.23, 0.72)],
    ("cifar10", "resnet56"): [(77.98, 0.24), (80.98, 0.48), (79.66, 0.26), (77.32, 0.35)],
}


def _alphas(dataset, model, rate, label, **settings):
    """One experiment a method."""
    published = dict(zip(_COLUMNS, _TABLE_8.get((dataset, model), ()), strict=False))
    return [
        Experiment(
            name=f"LS/alpha/{label}/symmetric{round(100 * rate)}/{method.label}",
            dataset=dataset,
            noise=Noise("symmetric", rate),
            model=model,
            method=method,
            published=published.get(method.label),
            **settings,
        )
        for method in METHODS
    ]


ALPHA = [
    experiment
    for dataset, model in _TABLE_8
    for experiment in _alphas(
        dataset,
        model,
        0.2,
        label=f"{dataset}-{model}",
        epochs=182,  # 64,000 steps of 45,000 / 128
        batch_size=128,
        optimizer=_SGD,
        augmentation=pipeline.CropAndFlip(pad=4),
    )
]
ALPHA += _alphas("fashion_mnist", "lenet5", 0.2, "laptop-fashion_mnist", epochs=30, batch_size=256, optimizer=_ADAM)
for _rate in (0.2, 0.4):
    ALPHA += _alphas("digits", "digits_cnn", _rate, "laptop-digits", epochs=100, batch_size=64, optimizer=_ADAM)

"""What the paper's experiments share: data, networks, optimizers; and the `laptop` variants for 2 CPU cores.

CIFAR: ResNet-32 and 56, batch 128, about 64,000 steps, SGD with Nesterov momentum 0.9, 0.1 over 10 at 32,000 and
48,000, weight decay 1e-4, crops and flips: for an accelerator (days on 2 CPU cores). Keras's weight decay bypasses
the momentum, which multiplies the paper's (part of the gradient) by 10: 1e-3 shrinks weights as fast. `laptop`
variants: LeNet-5 on Fashion-MNIST for 30 epochs (about 100 s a run on 2 CPU cores), and a small network on 8x8 digits
for 100 epochs (10 s).
"""

import dataclasses

from experiments.experiment import ADAM, CLEAN, CROSS_ENTROPY, Experiment, Method, Noise
from experiments.transitions import SymmetricTransition
from tfp_noise import losses, pipeline

ALPHAS = (0.1, 0.2, 0.4, 0.6)
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


def _cross_entropy(dataset, model, epochs, batch_size, optimizer, augmentation=None):
    """Cross-entropy under 20 % symmetric noise, which every experiment is a variant of."""
    noise = Noise("symmetric", 0.2)
    return Experiment("", dataset, noise, model, CROSS_ENTROPY, epochs, batch_size, optimizer, augmentation)


# 182 epochs: 64,000 steps of 45,000 / 128
PAPER = {
    f"{dataset}-{model}": _cross_entropy(dataset, model, 182, 128, _SGD, pipeline.CropAndFlip(pad=4))
    for dataset in ("cifar100", "cifar10")
    for model in ("resnet32", "resnet56")
}
LAPTOP = {
    "laptop-fashion_mnist": _cross_entropy("fashion_mnist", "lenet5", 30, 256, ADAM),
    "laptop-digits": _cross_entropy("digits", "digits_cnn", 100, 64, ADAM),
}
CLEAN_LAPTOP = {label: dataclasses.replace(base, noise=CLEAN) for label, base in LAPTOP.items()}  # of other papers


def smoothing(alpha):
    """Label smoothing."""
    return Method(f"LS{alpha}", losses.LabelSmoothing, {"alpha": alpha})


def forward(alpha):
    """Forward correction by the symmetric matrix of `alpha`, whatever the true noise."""
    return Method(f"FC{alpha}", losses.ForwardCorrection, {"transition": SymmetricTransition(alpha)})


def backward(alpha):
    """Backward correction by the symmetric matrix of `alpha`, whatever the true noise."""
    return Method(f"BC{alpha}", losses.BackwardCorrection, {"transition": SymmetricTransition(alpha)})


FAMILIES = {"LS": smoothing, "FC": forward, "BC": backward}


def names(family):
    """Names of a family's methods, `{alpha: name}`; at 0 all are cross-entropy."""
    return {0.0: CROSS_ENTROPY.label} | {alpha: FAMILIES[family](alpha).label for alpha in ALPHAS}

"""Data, networks and optimizers of the paper's experiments (appendix B.1), and of the `laptop` variants.

MNIST: LeNet-5, Adam 1e-3, batch 256, 100 epochs, 10 % of the training set held out with noisy labels; exact counts of
labels are flipped, as in the authors' code. "mnist" has the classic LeNet-5 of 61,706 parameters and 54,000 training
images: 5 to 15 minutes a run on one CPU core. "mnist-lenet5_same" has the authors' network, with SAME padding and nine
times the parameters, and as many images as theirs, 45,000: about 20 minutes.

CIFAR: WRN-28-2, SGD with Nesterov momentum 0.9 at a constant 0.01, batch 128, 300 epochs, weight decay 5e-4, crops from
2 pixels of padding, and flips: for an accelerator. Keras's weight decay bypasses the momentum, which multiplies the
paper's (part of the gradient) by 10: 5e-3 shrinks weights as fast.

Clothing1M: ResNet-50 from ImageNet's weights, batch 32, SGD with Nesterov momentum 0.9, 1e-3 divided by 10 after five
of ten epochs, of 18,976 images of each noisy class; weight decay 1e-3 (the authors' code has 5e-4); random crops of 224
from images whose shorter side is 256, and flips.

`laptop` variants: a small network on 8x8 digits for 100 epochs (10 to 20 s a run), LeNet-5 for 30 epochs on CIFAR-10,
and on the human labels of CIFAR-10N (worst). Times are those of cross-entropy; with LeNet-5 a step of the Het rows
takes 1.4 to 1.7 times as long (`results/heteroscedastic/table.md`).
"""

import dataclasses

from experiments import sources
from experiments.experiment import ADAM, CLEAN, CROSS_ENTROPY, Experiment, Noise
from experiments.papers import laptop
from experiments.papers.schedules import divided_by_ten
from tfp_noise import pipeline

_SGD = ("SGD", {"learning_rate": 0.01, "momentum": 0.9, "nesterov": True, "weight_decay": 5e-3})  # see above
# Divided by 10 after five epochs of 8,302 steps.
_FINE_TUNING = (
    "SGD",
    _SGD[1]
    | {
        "learning_rate": divided_by_ten(1e-3, [41_510]),
        "weight_decay": 1e-2,  # as above
    },
)
_CROP = pipeline.CropAndFlip(pad=2)

_MNIST = Experiment("", "mnist", CLEAN, "lenet5", CROSS_ENTROPY, 100, 256, ADAM)

_AS_MANY_AS_THE_AUTHORS = sources.InMemory(part=sources.FirstExamples(45_000))

# Cross-entropy without noise; every experiment is a variant of one of these.
BASES = {
    "mnist": _MNIST,
    "mnist-lenet5_same": dataclasses.replace(_MNIST, model="lenet5_same", source=_AS_MANY_AS_THE_AUTHORS),
    "cifar10": Experiment("", "cifar10", CLEAN, "wrn28_2", CROSS_ENTROPY, 300, 128, _SGD, _CROP),
    "cifar100": Experiment("", "cifar100", CLEAN, "wrn28_2", CROSS_ENTROPY, 300, 128, _SGD, _CROP),
    "clothing1m": Experiment(
        "",
        "clothing1m",
        Noise("human"),
        "resnet50",
        CROSS_ENTROPY,
        10,
        32,
        _FINE_TUNING,
        pipeline.CropAndFlip(pad=0),
        source=sources.Clothing1M(),
    ),
    "laptop-digits": laptop.LAPTOP["laptop-digits"],
    "laptop-cifar10": Experiment("", "cifar10", CLEAN, "lenet5", CROSS_ENTROPY, 30, 256, ADAM, _CROP),
}

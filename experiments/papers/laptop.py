"""Settings for 2 CPU cores, on clean labels, which the `laptop` variants of several papers are made of.

LeNet-5 on Fashion-MNIST for 30 epochs (2 to 3 minutes a run), or on 10,000 of its images for 40 epochs (1 to 2
minutes), and a small network on 8x8 digits for 100 epochs (10 to 20 s), by Adam and without augmentation. Clean digits
hardly tell methods apart: five runs of Tables 5 and 7 of paper LLS came to 99.4 to 100 %.

If 20, 40 or 80 % of the labels are wrong, cross-entropy learns about 3 % of the wrong ones of all images of
Fashion-MNIST, 15, 25 and 60 % of those of 10,000, and all of the digits'. Where labels are learned in part, methods
against noise have something to gain: the tables of noisy labels have `FEW_IMAGES`, too.
"""

import dataclasses

from experiments import sources
from experiments.experiment import ADAM, CLEAN, CROSS_ENTROPY, Experiment

_FASHION_MNIST = Experiment("", "fashion_mnist", CLEAN, "lenet5", CROSS_ENTROPY, 30, 256, ADAM)
_TEN_THOUSAND = sources.InMemory(part=sources.FirstExamples(10_000))

LAPTOP = {
    "laptop-fashion_mnist": _FASHION_MNIST,
    "laptop-digits": Experiment("", "digits", CLEAN, "digits_cnn", CROSS_ENTROPY, 100, 64, ADAM),
}
FEW_IMAGES = {
    "laptop-fashion_mnist_10k": dataclasses.replace(_FASHION_MNIST, epochs=40, batch_size=128, source=_TEN_THOUSAND),
}

"""Settings for 2 CPU cores, on clean labels, which the `laptop` variants of several papers are made of.

LeNet-5 on Fashion-MNIST for 30 epochs (about 100 s a run), and a small network on 8x8 digits for 100 epochs (10 s), by
Adam and without augmentation. Clean digits hardly tell methods apart: five runs of Tables 5 and 7 of paper LLS came to
99.4 to 100 %.
"""

from experiments.experiment import ADAM, CLEAN, CROSS_ENTROPY, Experiment

LAPTOP = {
    "laptop-fashion_mnist": Experiment("", "fashion_mnist", CLEAN, "lenet5", CROSS_ENTROPY, 30, 256, ADAM),
    "laptop-digits": Experiment("", "digits", CLEAN, "digits_cnn", CROSS_ENTROPY, 100, 64, ADAM),
}

"""Englesson, Mehrpanah, Azizpour, "Logistic-Normal likelihoods for heteroscedastic label noise", 2023.

Table 1, MNIST: LeNet-5, Adam 1e-3, batch 256, 100 epochs, 10 % of the training set held out with noisy labels; exact
counts of labels are flipped, as in the authors' code. Departures: the classic 61,706-parameter LeNet-5 (the authors'
pads to SAME throughout and is nine times as large), and 54,000 training images (the authors use 45,000 of the first
50,000). Cost: about 8 minutes a run on 2 CPU cores.
"""

from experiments.experiment import CROSS_ENTROPY, Experiment, Method, Noise
from tfp_noise import losses

_NOISES = [Noise("none")]
_NOISES += [Noise("symmetric", rate, exact=True) for rate in (0.2, 0.4, 0.6, 0.8)]
_NOISES += [Noise("asymmetric", rate, exact=True) for rate in (0.1, 0.2, 0.3, 0.4)]

# Table 1, clean test accuracy in percent, (mean, standard deviation) of five seeds, a column for each of _NOISES.
_PUBLISHED = {
    "CE": [(99.27, 0.07), (88.41, 0.34), (70.67, 1.30), (51.04, 1.19), (29.53, 1.08)]
    + [(96.64, 0.32), (91.09, 0.79), (86.31, 1.25), (80.31, 1.81)],
    "LN": [(99.38, 0.06), (98.53, 0.27), (97.21, 0.38), (90.93, 2.29), (60.15, 5.01)]
    + [(99.24, 0.06), (99.19, 0.10), (99.01, 0.19), (96.54, 1.20)],
}
# Tables 4 and 5: temperature and min_scale (lambda) that a search on noisy validation accuracy chose.
_TEMPERATURE_AND_MIN_SCALE = [(1.0, 1.0), (1.0, 1.0), (1.0, 0.5), (0.5, 0.1), (1.0, 0.1)]
_TEMPERATURE_AND_MIN_SCALE += [(1.0, 0.1), (0.5, 0.1), (0.5, 0.1), (0.5, 0.1)]


def _methods(column):
    temperature, min_scale = _TEMPERATURE_AND_MIN_SCALE[column]
    arguments = {"temperature": temperature, "min_scale": min_scale, "target_smoothing": 0.01}
    return [CROSS_ENTROPY, Method("LN", losses.LogisticNormal, arguments)]


TABLE_1 = [
    Experiment(
        name=f"LN/table1/mnist/{noise.kind}{round(100 * noise.rate)}/{method.label}",
        dataset="mnist",
        noise=noise,
        model="lenet5",
        method=method,
        epochs=100,
        batch_size=256,
        optimizer=("Adam", {"learning_rate": 1e-3}),
        published=_PUBLISHED[method.label][column],
    )
    for column, noise in enumerate(_NOISES)
    for method in _methods(column)
]

"""The losses that are compared, with their default hyperparameters, or those of the papers."""

import functools
import itertools

from experiments.decision import training
from tfp_noise import estimation, losses

CROSS_ENTROPY = "CrossEntropy"
# Arguments that have no default, or another value here: MNIST's with 40 % symmetric noise in the Logistic-Normal paper
# for BiTempered and NoiseAgainstNoise, the online label smoothing paper's for the next three; fewer samples, for speed.
_ARGUMENTS = {
    "BiTempered": {"t1": 0.5, "t2": 4.0},
    "NoiseAgainstNoise": {"sigma": 1.0},
    "Bootstrap": {"beta": 0.8, "hard": True},
    "DisturbLabel": {"rate": 0.1},
    "PairwiseConfusion": {"weight": 10.0},
    "Heteroscedastic": {"train_samples": 100, "test_samples": 30},
}
# No method by itself: label smoothing is the matrix that would be chosen.
LEFT_OUT = ("LabelSmearing",)
# The grid of the Logistic-Normal paper for MNIST, searched by the accuracy on given validation labels.
GRID = {"temperature": (0.1, 0.5, 1.0), "min_scale": (0.1, 0.5, 1.0)}
ESTIMATED = "ForwardCorrection, estimated"


def _plain(name):
    loss, arguments = getattr(losses, name), _ARGUMENTS.get(name, {})
    return lambda data, seed, task: loss(data.num_classes, **arguments)


def _told(name):
    """A correction that is given the matrix that the labels were drawn from, or for human labels, counted from them."""

    def make(data, seed, task):
        return getattr(losses, name)(data.num_classes, training.transition_of(data))

    return make


def _estimated(data, seed, task):
    probabilities = training.out_of_sample(data, losses.CrossEntropy, task, seed)
    found = estimation.from_confident_counts(probabilities, data.train.training_labels)
    return losses.ForwardCorrection(data.num_classes, found.transition)


def _point(values, data, seed, task):
    return losses.LogisticNormal(data.num_classes, **values)


def point_name(values):
    """The name of a point of the grid, as in the results."""
    return "LogisticNormal " + ", ".join(f"{name} {value}" for name, value in values.items())


def grid_points():
    """Every point of the grid, a dict from argument to value."""
    return [dict(zip(GRID, values, strict=True)) for values in itertools.product(*GRID.values())]


def _all():
    names = [one.name for one in losses.available() if one.name not in LEFT_OUT]
    made = {
        one.name: (_told if "transition" in one.needs else _plain)(one.name)
        for one in losses.available()
        if one.name in names
    }
    points = {point_name(values): functools.partial(_point, values) for values in grid_points()}
    return {CROSS_ENTROPY: made.pop(CROSS_ENTROPY), **made, ESTIMATED: _estimated, **points}


# Functions of the noisy data, the seed and the `ComparedSet` that make a loss.
METHODS = _all()

"""The losses that are compared, with their default hyperparameters, or those of the papers."""

import itertools

from experiments.decision import training
from tfp_noise import estimation, losses

CROSS_ENTROPY = "CrossEntropy"
# Arguments without a default, or with another value than that. Those of the first two are CIFAR-10's under 40 %
# symmetric noise in the Logistic-Normal paper; of the next three, the online label smoothing paper's. Fewer samples.
_ARGUMENTS = {
    "BiTempered": {"t1": 0.7, "t2": 2.0},
    "NoiseAgainstNoise": {"sigma": 0.75},
    "Bootstrap": {"beta": 0.8, "hard": True},
    "DisturbLabel": {"rate": 0.1},
    "PairwiseConfusion": {"weight": 10.0},
    # A training is ten of Keras's epochs here: its phases in the proportion of the authors' 70, 130 and 120.
    "PENCIL": {"backbone_epochs": 2, "joint_epochs": 4},
    "Heteroscedastic": {"train_samples": 100, "test_samples": 30},
}
# Label smearing is label smoothing with another matrix, which nobody states; Logistic-Normal is a point of its grid.
_LEFT_OUT = ("LabelSmearing", "LogisticNormal")
# The grid of the Logistic-Normal paper for MNIST, searched by the accuracy on given validation labels.
GRID = {"temperature": (0.1, 0.5, 1.0), "min_scale": (0.1, 0.5, 1.0)}
ESTIMATED = "estimated ForwardCorrection"


def _plain(name):
    loss, arguments = getattr(losses, name), _ARGUMENTS.get(name, {})

    def make(data, *_):
        remembered = {"num_examples": len(data.train)} if loss.needs_ids else {}
        return loss(data.num_classes, **remembered, **arguments)

    return make


def _told(name):
    """A correction that is given the matrix that the labels were drawn from, or for human labels, counted from them."""
    loss = getattr(losses, name)
    return lambda data, *_: loss(data.num_classes, data.transition)


def _estimated(data, seed, task):
    probabilities = training.out_of_sample(data, losses.CrossEntropy, task, seed)
    found = estimation.from_confident_counts(probabilities, data.train.training_labels)
    return losses.ForwardCorrection(data.num_classes, found.transition)


def _point(values):
    return lambda data, *_: losses.LogisticNormal(data.num_classes, **values)


def point_name(values):
    """The name of a point of the grid in the results."""
    return "LogisticNormal " + ", ".join(f"{name} {value}" for name, value in values.items())


POINTS = [dict(zip(GRID, values, strict=True)) for values in itertools.product(*GRID.values())]


def _all():
    listed = [one for one in losses.available() if one.name not in _LEFT_OUT]
    made = {one.name: (_told if "transition" in one.needs else _plain)(one.name) for one in listed}
    points = {point_name(values): _point(values) for values in POINTS}
    return {CROSS_ENTROPY: made.pop(CROSS_ENTROPY), **points, **made, ESTIMATED: _estimated}


# Functions of the noisy data, the seed and the `ComparedSet` that make a loss.
METHODS = _all()

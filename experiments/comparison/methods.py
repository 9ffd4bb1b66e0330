"""The list of all methods that are compared: every loss, and what trains otherwise.

A loss of `tfp_noise.losses` is in the list by itself. One that has arguments without a default has its line in
`ARGUMENTS`, one that is searched over its line in `_SPACES`, and a classifier its line in `otherwise.OTHERS`.
"""

import inspect

from experiments.comparison.compared_method import ComparedMethod
from experiments.comparison.otherwise import OTHERS
from tfp_noise import losses

CROSS_ENTROPY = "CrossEntropy"


def _steps(case):
    """The number of steps of the training of a `Case`."""
    return case.task.epochs * len(case.data.train) / case.task.batch_size


# The values of Bi-tempered and noise against noise are CIFAR-10's under 40 % symmetric noise in the Logistic-Normal
# paper; of the next three, the online label smoothing paper's.
ARGUMENTS = {
    "BiTempered": {"t1": 0.7, "t2": 2.0},
    "NoiseAgainstNoise": {"sigma": 0.75},
    "Bootstrap": {"beta": 0.8, "hard": True},
    "DisturbLabel": {"rate": 0.1},
    "PairwiseConfusion": {"weight": 10.0},
    "LogitClip": {"max_norm": 5.0},
    # This and the next in the proportion of the authors' training, in what Keras calls an epoch here. Phases of 70, 130
    # and 120 epochs:
    "PENCIL": {
        "backbone_epochs": lambda case: round(case.task.periods * 70 / 320),
        "joint_epochs": lambda case: round(case.task.periods * 130 / 320),
    },
    # An average that reaches back over 10,000 steps of 300 epochs of 390; of the labels' weight, these leave 0.995^300,
    # as 0.951^30 would.
    "ShiftedGaussianNoise": {"average_decay": lambda case: round(1 - 300 * 390 / 10_000 / _steps(case), 4)},
}
# Values to search over where a loss declares no `search_space`, or one of fewer than four or more than nine points:
# those of papers or around them, so that every method with numbers to set has four to nine points.
_SPACES = {
    "ActiveNegative": {"weights": ((1.0, 1.0), (5.0, 5.0), (10.0, 1.0), (1.0, 5.0))},
    "ActivePassive": {"weights": ((1.0, 1.0), (1.0, 10.0), (10.0, 0.1), (10.0, 1.0))},
    "Bootstrap": {"beta": (0.8, 0.95), "hard": (True, False)},
    "ConfidencePenalty": {"beta": (0.1, 0.3, 0.5, 1.0)},
    "DisturbLabel": {"rate": (0.05, 0.1, 0.2, 0.4)},
    "EarlyLearning": {"beta": (0.7, 0.9), "weight": (1.0, 3.0, 7.0)},
    "Focal": {"gamma": (0.5, 1.0, 2.0, 5.0)},
    "JensenShannon": {"weight": (0.1, 0.3, 0.5, 0.7, 0.9)},
    "LearnableLabelSmoothing": {"alpha": (0.1, 0.2, 0.4, 0.6)},
    "LogitClip": {"max_norm": (1.0, 2.0, 5.0, 10.0)},
    "OnlineLabelSmoothing": {"alpha": (0.1, 0.3, 0.5, 0.7, 0.9)},
    "PENCIL": {"alpha": (0.1, 0.4), "beta": (0.1, 0.8)},
    "PairwiseConfusion": {"weight": (1.0, 5.0, 10.0, 20.0)},
    "ShiftedGaussianNoise": {"label_decay": (0.9, 0.93, 0.95, 0.98)},
    "SymmetricCrossEntropy": {"alpha": (0.01, 0.1, 1.0, 6.0), "beta": (0.1, 1.0)},
    "TeacherFree": {"alpha": (0.1, 0.5, 0.9), "temperature": (20.0, 40.0)},
    "ZipfLabelSmoothing": {"weight": (0.1, 0.3, 1.0, 3.0)},
}
LEFT_OUT = {
    "LabelSmearing": "label smoothing with another matrix, which nobody states",
    "MultiLabel": "for several labels an example",
}
_TRANSITION = "the transition matrix"


def _of_classes(case, make, **arguments):
    """The loss that `make` builds for the case's number of classes, and of examples if it keeps something of each."""
    sizes = [case.data.num_classes]
    if "num_examples" in inspect.signature(make).parameters:
        sizes.append(len(case.data.train))
    return make(*sizes, **arguments)


def _told(case, make, **arguments):
    """A correction that is given the matrix that the labels were drawn from, or for human labels, counted from them."""
    return make(case.data.num_classes, case.data.transition, **arguments)


def _clipped(case, make, **arguments):
    return make(losses.CrossEntropy(case.data.num_classes), **arguments)


_MAKERS = {"a transition matrix": _told, "another loss": _clipped}


def _compared(one):
    """The entry of a loss, from its `LossSummary`."""
    make, maker = getattr(losses, one.name), _MAKERS.get(one.needs, _of_classes)
    return ComparedMethod(
        make,
        lambda case, **arguments: maker(case, make, **arguments),
        ARGUMENTS.get(one.name, {}),
        told=_TRANSITION if maker is _told else "",
        space=_SPACES.get(one.name, make.search_space),
    )


def _all():
    found = {one.name: _compared(one) for one in losses.available() if one.name not in LEFT_OUT}
    return {CROSS_ENTROPY: found.pop(CROSS_ENTROPY), **found, **OTHERS}


METHODS = _all()

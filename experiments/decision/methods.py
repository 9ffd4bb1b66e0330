"""The losses that are compared, with their default hyperparameters, or those of the papers."""

import itertools

from experiments.comparison import methods, otherwise
from experiments.comparison.methods import CROSS_ENTROPY
from tfp_noise import losses

# The grid of the Logistic-Normal paper for MNIST, searched by the accuracy on given validation labels.
GRID = {"temperature": (0.1, 0.5, 1.0), "min_scale": (0.1, 0.5, 1.0)}
ESTIMATED = "estimated ForwardCorrection"


def _made(method):
    return lambda case: method.loss(case, **method.values(case))


def _point(values):
    return lambda case: losses.LogisticNormal(case.data.num_classes, **values)


def point_name(values):
    """The name of a point of the grid in the results."""
    return "LogisticNormal " + ", ".join(f"{name} {value}" for name, value in values.items())


POINTS = [dict(zip(GRID, values, strict=True)) for values in itertools.product(*GRID.values())]


def _all():
    listed = {one.name for one in losses.available()} - set(methods.LEFT_OUT) - {"LogisticNormal", CROSS_ENTROPY}
    points = {point_name(values): _point(values) for values in POINTS}
    made = {name: _made(methods.METHODS[name]) for name in sorted(listed)}
    estimated = _made(otherwise.OTHERS["EstimatedForwardCorrection"])
    return {CROSS_ENTROPY: _made(methods.METHODS[CROSS_ENTROPY]), **points, **made, ESTIMATED: estimated}


# Functions of a `Case` that make a loss.
METHODS = _all()

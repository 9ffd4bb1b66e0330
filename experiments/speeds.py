"""Seconds an image of training networks on images of 32 x 32 pixels: `python -m experiments.speeds`.

Measures a few steps of each network that an experiment on CIFAR trains, on the cores of the process, and writes
`DIR/speeds.json`. Pages of verdicts tell by it what runs would cost that nobody has made (`evaluation.durations`).
"""

import pathlib

import keras
import numpy as np
from absl import flags

import models
from experiments import papers, results
from experiments.console import shared_flags, terminal
from experiments.evaluation import step_costs
from experiments.evaluation.durations import IMAGES, SPEEDS
from tfp_noise import NoisyLabelClassifier, losses

_BATCH, _CLASSES, _STEPS = 32, 100, 3


def networks():
    """Return the names of the networks that experiments on CIFAR train."""
    experiments = papers.EXPERIMENTS.values()
    return sorted({one.model for one in experiments if one.dataset.partition(":")[0] in IMAGES})


def seconds_an_image(name):
    """Return the seconds that a training step takes for each of its images, the median of a few steps.

    Args:
        name: of a network of `models`.
    """
    rng = np.random.default_rng(0)
    images, labels = rng.random((_BATCH, 32, 32, 3), "float32"), rng.integers(0, _CLASSES, _BATCH)
    classifier = NoisyLabelClassifier(models.build(name, (32, 32, 3), _CLASSES), losses.CrossEntropy(_CLASSES))
    classifier.compile(keras.optimizers.SGD(0.01, momentum=0.9), jit_compile=False)
    steps = {name: lambda: classifier.train_on_batch(images, labels)}
    return float(np.median(step_costs.seconds_in_turn(steps, _STEPS, calls=1)[name])) / _BATCH


def main():
    """Measure all networks, and store the speeds."""
    measured = {}
    for name in networks():
        measured[name] = float(f"{seconds_an_image(name):.3g}")
        terminal.console().print(f"{name}: {1 / measured[name]:,.0f} images a second")
    path = pathlib.Path(flags.FLAGS.workdir) / SPEEDS
    results.write_json(path, {"seconds_an_image": measured, "made_by": results.made_by()})
    terminal.console().print(path)


if __name__ == "__main__":
    shared_flags.define_workdir_to_read()
    terminal.start(main)

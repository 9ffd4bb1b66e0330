"""Losses of the classes of anchors, on canvases of digits: `python -m experiments.detection.measure`.

One JSON file for each noise and seed; what is there already is not measured again.
"""

import functools

import keras
import numpy as np

from experiments.console import terminal
from experiments.dense import canvases
from experiments.dense.measure import convolution, trained
from experiments.detection import anchors, precision
from experiments.evaluation import losses_by_seed
from tfp_noise import losses

TRANSITIONS = {"clean": np.eye(canvases.NUM_CLASSES), "pair_flip30": canvases.TRANSITION}
_of_anchors = functools.partial(dict, num_classes=canvases.NUM_CLASSES, ignore_class=anchors.IGNORED)
LOSSES = {
    "cross-entropy": lambda _: losses.CrossEntropy(**_of_anchors()),
    "label smoothing": lambda _: losses.LabelSmoothing(**_of_anchors()),
    "online label smoothing": lambda _: losses.OnlineLabelSmoothing(**_of_anchors()),
    "focal": lambda _: losses.Focal(**_of_anchors(gamma=2.0)),
    "Logistic-Normal": lambda _: losses.LogisticNormal(**_of_anchors()),
    "Logistic-Normal (0.5, 0.5)": lambda _: losses.LogisticNormal(**_of_anchors(temperature=0.5)),
    "Logistic-Normal (0.5, 1)": lambda _: losses.LogisticNormal(**_of_anchors(temperature=0.5, min_scale=1.0)),
    "forward correction": lambda transition: losses.ForwardCorrection(**_of_anchors(transition=transition)),
}


def main():
    """Measures what the flags ask for."""
    for noise, transition in TRANSITIONS.items():
        load = functools.partial(canvases.load, transition=transition)
        losses_by_seed.measure(load, functools.partial(measured, transition), f"{noise}-")


def measured(transition, name, data, seed):
    """Scores of a loss, by its name in `LOSSES`, for labels with the noise of a transition matrix."""
    x, pixels, test, true = data
    model = trained(LOSSES[name](transition), x, anchors.labels_of_anchors(pixels), seed, network)
    found = precision.detections(model.predict(test, verbose=0))
    score = precision.mean_average_precision(found, *anchors.boxes_of_digits(true))
    return {"mean_average_precision": round(score, 4)}


def network(num_outputs):
    """A small network from canvases to the outputs of each anchor, `[n, 12, 12, 2, num_outputs]`."""
    *places, _ = anchors.grid().shape
    inputs = keras.Input([canvases.SIZE, canvases.SIZE, 1])
    fine = convolution(48)(keras.layers.MaxPooling2D()(convolution(16)(inputs)))
    coarse = convolution(96)(keras.layers.MaxPooling2D()(convolution(48)(fine)))
    both = keras.layers.Concatenate()([fine, keras.layers.UpSampling2D(interpolation="bilinear")(coarse)])
    outputs = keras.layers.Conv2D(places[-1] * num_outputs, 1)(convolution(64)(both))
    return keras.Model(inputs, keras.layers.Reshape([*places, num_outputs])(outputs))


if __name__ == "__main__":
    losses_by_seed.define_flags(LOSSES, "results/detection")
    terminal.start(main)

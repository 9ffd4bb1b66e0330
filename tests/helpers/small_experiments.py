"""Experiments that take a second, for the tests of the scripts."""

import dataclasses
import json

from experiments.evaluation.resolvers import AnchorTransition, TrueTransition
from experiments.experiment import CROSS_ENTROPY, Experiment, Method, Noise
from tfp_noise import losses

SMALL = Experiment(
    name="small/symmetric40/FC",
    dataset="digits",
    noise=Noise("symmetric", 0.4),
    model="digits_cnn",
    method=Method("FC", losses.ForwardCorrection, {"transition": TrueTransition()}),
    epochs=2,
    batch_size=128,
    optimizer=("Adam", {"learning_rate": 1e-3}),
    published=(50.0, 1.0),
)
FIRST = dataclasses.replace(SMALL, name="small/symmetric40/CE", method=CROSS_ENTROPY)
STUDENT = dataclasses.replace(
    SMALL,
    name="small/distilled/LS",
    method=Method("LS", losses.LabelSmoothing, {"alpha": 0.1}, distillation={"temperature": 2.0}),
    predecessor=FIRST,
)
ESTIMATED = dataclasses.replace(
    SMALL,
    name="small/estimated/FC",
    method=Method("FC", losses.ForwardCorrection, {"transition": AnchorTransition(97)}),
    predecessor=FIRST,
)


def result_of(experiment):
    """A finished result, as its JSON holds it, without a training."""
    keys = ("test_accuracy", "train_accuracy_clean", "train_accuracy_mislabelled", "train_accuracy_mislabelled_true")
    return {
        "settings": json.loads(json.dumps(experiment.settings())),
        "scores": {"test_accuracy": 0.5, "train": {"accuracy": 0.75, "accuracy_mislabelled": None}},
        "curves": {"epoch": [1, 2], **{key: [0.25, 0.5] for key in keys}},
    }

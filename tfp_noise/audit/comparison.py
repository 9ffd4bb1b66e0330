"""Comparison of losses by accuracy on given labels that were held out."""

import dataclasses
from collections.abc import Callable

import numpy as np
from sklearn.model_selection import StratifiedKFold

from tfp_noise import losses
from tfp_noise.audit.folder import OutputFolder
from tfp_noise.audit.training import Training

# Functions of the number of classes and the estimated transition; the first of equally good ones is taken.
LOSSES: dict[str, Callable[[int, np.ndarray], losses.NoisyLabelLoss]] = {
    "CrossEntropy": lambda num_classes, _: losses.CrossEntropy(num_classes),
    "GeneralizedCrossEntropy": lambda num_classes, _: losses.GeneralizedCrossEntropy(num_classes),
    "ForwardCorrection": losses.ForwardCorrection,
    # The default scales are slow (results/compare/values.md).
    "LogisticNormal(temperature=0.5)": lambda num_classes, _: losses.LogisticNormal(num_classes, temperature=0.5),
}


@dataclasses.dataclass(frozen=True)
class Result:
    """Accuracy of one loss.

    Args:
        loss: its name.
        accuracy: fraction of the held-out given labels that were predicted; `None` if training diverged.
        standard_error: of the accuracy, by the number of examples held out.
        true_accuracy: the same for true labels; `None` if nobody knows them.
    """

    loss: str
    accuracy: float | None
    standard_error: float | None
    true_accuracy: float | None


def split(labels: np.ndarray, folds: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions to train on and to hold out, one part of `folds`, with the classes in equal proportions."""
    return next(StratifiedKFold(folds, shuffle=True, random_state=seed).split(labels, labels))


def compare(
    training: Training, transition: np.ndarray, train: np.ndarray, held_out: np.ndarray, folder: OutputFolder
) -> list[Result]:
    """Trains a network with each loss; those that an interrupted audit has compared are read.

    Args:
        training: what the networks have in common.
        transition: float64 `[K, K]`, estimated on the examples at `train`.
        train: positions of the examples to train on.
        held_out: positions of the others.
        folder: keeps each result.

    Returns:
        A result for each loss, in the order of `LOSSES`.
    """
    stored = folder.stored("comparison") or {}
    for name, make in LOSSES.items():
        if name not in stored:
            loss = make(len(training.data.class_names), transition)
            stored[name] = dataclasses.asdict(_measured(name, training, loss, train, held_out))
            folder.store("comparison", stored)
    return [Result(**stored[name]) for name in LOSSES]


def best(results: list[Result]) -> Result:
    """The result with the highest accuracy.

    Raises:
        FloatingPointError: if every training diverged.
    """
    finished = [one for one in results if one.accuracy is not None]
    if not finished:
        raise FloatingPointError(
            "Training diverged with every loss. Are features on very different scales, or is the learning rate of "
            "`--model` too high for its layers? Add normalisation to the network."
        )
    return max(finished, key=lambda one: one.accuracy or 0.0)


def _measured(name, training, loss, train, held_out):
    try:
        model = training.trained(loss, train)
    except FloatingPointError:
        return Result(name, None, None, None)
    data = training.data
    predicted = model.predict(data.features[held_out], verbose=0).argmax(axis=1)
    accuracy = float(np.mean(predicted == data.labels[held_out]))
    truth = None if data.true_labels is None else float(np.mean(predicted == data.true_labels[held_out]))
    return Result(name, accuracy, float(np.sqrt(accuracy * (1 - accuracy) / len(held_out))), truth)

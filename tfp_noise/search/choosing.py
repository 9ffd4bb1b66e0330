"""Search over losses and their hyperparameters, for a user's own network and data."""

import os
import pathlib
import tempfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from tfp_noise import _validation
from tfp_noise._training.model_checks import check_new_weights
from tfp_noise.classifier import NoisyLabelClassifier
from tfp_noise.datasets.dataset import Dataset
from tfp_noise.losses.base import NoisyLabelLoss
from tfp_noise.search.finished_trials import FinishedTrials
from tfp_noise.search.record import SearchResult, Trial
from tfp_noise.search.walk import points, walk

Spaces = Mapping[type[NoisyLabelLoss], Mapping[str, Sequence[Any]] | None]

_FORM = "`spaces` must be a dict {class of `losses`: {argument: [values]}}, or `None` in place of the inner dict."


def choose_loss(
    build: Callable[[NoisyLabelLoss], NoisyLabelClassifier],
    spaces: Spaces,
    data: Dataset,
    *,
    epochs: int,
    batch_size: int = 32,
    max_trials: int | None = None,
    seed: int = 0,
    workdir: str | os.PathLike[str] | None = None,
    verbose: str | int = "auto",
) -> SearchResult:
    """Trains with each loss and hyperparameters, and compares accuracies on given labels that were held out.

    Each trial trains a new model on the training split and measures the accuracy at the end of training on the given
    labels of the validation split. These are as noisy as those of training, and no true label is read. Losses are not
    compared by their values, because these are not on one scale: a hyperparameter such as a temperature changes the
    scale of the loss, and another loss has another scale. A trial whose training diverges does not stop the others.

    Differences below the standard error of an accuracy, `sqrt(a (1 - a) / n)` for `n` held-out examples, are chance.

    Args:
        build: function of a loss that returns a new, compiled `NoisyLabelClassifier` with that loss, whose network has
            `loss.num_outputs` outputs.
        spaces: `{class of loss: {argument: values}}`: every combination of the values is a trial. An argument that is
            not to be searched has one value: `{losses.ForwardCorrection: {"transition": [matrix]}}`. `None` stands for
            the values that the class declares as `search_space`, and `{}` for the default arguments. A loss that
            remembers examples gets `num_examples` from `data`.
        data: data set with a validation split, such as `datasets.from_arrays` makes.
        epochs: int, how long each model is trained.
        batch_size: int, as in `fit`.
        max_trials: int, how many combinations are tried, drawn by `seed`; `None` for all.
        seed: int, for the weights and the order of examples, the same in each trial, and for the draw.
        workdir: a folder that keeps the accuracy of each finished trial, or `None`. The same call takes them from
            there, also with other `spaces`; a call with other data, network or settings is refused.
        verbose: progress as `fit` shows it: `"auto"`, 0, 1 or 2.

    Returns:
        A `SearchResult`; its `best` trial makes the loss to train with.

    Raises:
        ImportError: if KerasTuner is not installed (`pip install "tfp-noise[search]"`).
        TypeError: if `build` is not callable or does not return a `NoisyLabelClassifier`, or `data` is no `Dataset`.
        ValueError: if `spaces` is empty or a loss refuses a value in it, there are no validation examples, `workdir`
            belongs to another call, or a model shares trainable weights with that of the trial before.
        FloatingPointError: if every training diverged.

    Example:
        >>> from tfp_noise import datasets, losses
        >>> def build(loss):
        ...     network = keras.Sequential([keras.Input([2]), keras.layers.Dense(loss.num_outputs)])
        ...     model = NoisyLabelClassifier(network, loss)
        ...     model.compile("adam")
        ...     return model
        >>> spaces = {losses.CrossEntropy: {}, losses.GeneralizedCrossEntropy: {"q": [0.3, 0.7]}}
        >>> result = choose_loss(build, spaces, datasets.load("two_moons"), epochs=1, verbose=0)
        >>> [trial.arguments for trial in result.trials]
        [{}, {'q': 0.3}, {'q': 0.7}]
        >>> model = build(result.best.build_loss(num_classes=2))

    References:
        Englesson, Mehrpanah, Azizpour, "Logistic-Normal likelihoods for heteroscedastic label noise in
        classification", 2023, appendix B.2: the choice by noisy validation labels.
    """
    _validation.check_callable("build", build, "Pass the function that makes a model of a loss.")
    _validation.check_instance("data", data, Dataset, "Make one by `datasets.from_arrays`.")
    if not len(data.validation):
        raise ValueError(
            "`data` must have validation examples, to compare losses by. Received: a data set without any. Make it "
            "with `validation_share` above 0."
        )
    settings = {
        "epochs": _validation.check_int("epochs", epochs, 1),
        "batch_size": _validation.check_int("batch_size", batch_size, 1),
        "seed": _validation.check_seed(seed),
    }
    if max_trials is not None:
        max_trials = _validation.check_int("max_trials", max_trials, 1)
    if type(verbose) not in (str, int) or verbose not in ("auto", 0, 1, 2):
        raise ValueError(f"`verbose` must be 'auto', 0, 1 or 2. Received: {verbose!r:.100}.")
    classes, checked = _check_spaces(spaces, data.num_classes, len(data.train))
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary) if workdir is None else _validation.check_path("workdir", workdir)
        finished, trials = FinishedTrials(folder, data, settings), []
        trained: list[keras.Variable] = []

        def evaluate(name, arguments):
            nonlocal trained
            loss = classes[name](data.num_classes, **arguments)
            keras.utils.set_random_seed(seed)
            model = _check_model(build(loss), loss)
            check_new_weights(model, trained, "trial")
            accuracy = finished.find(name, arguments, model, lambda: _accuracy(model, data, settings, verbose))
            trained = model.trainable_variables
            trials.append(Trial(classes[name], arguments, accuracy))
            return accuracy

        walk(checked, evaluate, folder, max_trials, seed)
    if all(trial.accuracy is None for trial in trials):
        raise FloatingPointError(
            f"Each of the {len(trials)} trainings diverged: nothing to choose from. Are features on very different "
            "scales, or is the learning rate of the model that `build` makes too high?"
        )
    return SearchResult(tuple(trials))


def _check_spaces(spaces, num_classes, num_examples):
    """Classes by name, and their spaces by name, whose every point makes a loss."""
    if not isinstance(spaces, Mapping) or not spaces:
        raise ValueError(f"{_FORM} Received: {spaces!r:.100}.")
    classes, checked = {}, {}
    for loss, given in spaces.items():
        if not (isinstance(loss, type) and issubclass(loss, NoisyLabelLoss)):
            raise ValueError(f"{_FORM} Received the key {loss!r:.100}. Pass the class, such as `losses.CrossEntropy`.")
        space = loss.search_space if given is None else given
        lists = isinstance(space, Mapping) and all(
            isinstance(values, (list, tuple)) and len(values) for values in space.values()
        )
        if not lists:
            arrays = isinstance(space, Mapping) and any(isinstance(values, np.ndarray) for values in space.values())
            cure = "Make arrays of values lists: `values.tolist()`." if arrays else "Put single values into a list."
            raise ValueError(f"{_FORM} Received for {loss.__name__}: {space!r:.100}. {cure}")
        if loss.needs_ids:
            space = {"num_examples": [num_examples], **space}
        for arguments in points(space):
            _check_point(loss, num_classes, arguments)
        classes[loss.__name__], checked[loss.__name__] = loss, dict(space)
    return classes, checked


def _check_point(loss, num_classes, arguments):
    try:
        loss(num_classes, **arguments)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"`spaces` must give every argument of {loss.__name__} that has no default, and right values. Received: "
            f"{arguments!r:.100}, and the loss says: {error}"
        ) from error


def _check_model(model, loss):
    if not isinstance(model, NoisyLabelClassifier) or not model.compiled or model.loss is not loss:
        raise TypeError(
            "`build` must return a compiled `NoisyLabelClassifier` with the loss that it is given. Received: "
            f"{model!r:.100}. Return `NoisyLabelClassifier(network, loss)` after `compile`."
        )
    return model


def _accuracy(model, data, settings, verbose):
    """Accuracy on the given validation labels after training; `None` if it diverged."""
    try:
        model.fit(
            data.train.inputs,
            data.train.training_labels,
            epochs=settings["epochs"],
            batch_size=settings["batch_size"],
            verbose=verbose,
        )
    except FloatingPointError:
        return None
    predicted = model.predict(data.validation.inputs, verbose=0).argmax(axis=1)
    return float(np.mean(predicted == data.validation.training_labels))

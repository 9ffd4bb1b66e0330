"""Walk over hyperparameters, in the order that KerasTuner gives."""

import itertools
import math
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tfp_noise import _extras

Space = Mapping[str, Sequence[Any]]

_OBJECTIVE = "accuracy"
_KIND = "kind"


def points(space: Space) -> list[dict[str, Any]]:
    """All combinations of the values of a space, the last argument's values changing fastest."""
    return [dict(zip(space, values, strict=True)) for values in itertools.product(*space.values())]


def walk(
    spaces: Mapping[str, Space],
    evaluate: Callable[[str, dict[str, Any]], float | None],
    folder: pathlib.Path,
    max_trials: int | None = None,
    seed: int = 0,
) -> None:
    """Calls `evaluate` for the points of several spaces, one after the other.

    An error of `evaluate` ends the walk. KerasTuner 1.4.8 does not store the place of its `GridSearchOracle`: after a
    reload it fails, or stops early; every walk begins at its start, and `evaluate` is to read what it has finished
    before. And a tuner's `search` takes every error, a full disk too, for a failed trial; here a tuner only gives the
    oracle its folder.

    Args:
        spaces: `{name: {argument: values}}`.
        evaluate: function of a name and the values of one point, that returns an accuracy, or `None` for a failure.
        folder: what KerasTuner writes goes here, into `keras_tuner`.
        max_trials: number of points, drawn without repetition; `None` for all, in their order.
        seed: of the draw.

    Raises:
        ImportError: if KerasTuner is not installed.
    """
    keras_tuner = _extras.load("keras_tuner", "`search.choose_loss`")
    from keras_tuner.engine.base_tuner import BaseTuner
    from keras_tuner.engine.trial import TrialStatus

    size = sum(math.prod(map(len, space.values())) for space in spaces.values())
    settings = {
        "objective": keras_tuner.Objective(_OBJECTIVE, "max"),
        "hyperparameters": _hyperparameters(keras_tuner, spaces),
        "max_consecutive_failed_trials": size + 1,  # never
    }
    if max_trials is None or max_trials >= size:
        oracle = keras_tuner.oracles.GridSearchOracle(**settings)
    else:
        oracle = keras_tuner.oracles.RandomSearchOracle(
            max_trials=max_trials, seed=seed + 1, **settings
        )  # 0 is "any seed"
    oracle.verbose = 0
    BaseTuner(oracle, directory=folder, project_name="keras_tuner", overwrite=True)
    while (trial := oracle.create_trial("search")).status == TrialStatus.RUNNING:
        chosen = trial.hyperparameters
        name = chosen.get(_KIND)
        values = {argument: options[chosen.get(f"{name}.{argument}")] for argument, options in spaces[name].items()}
        accuracy = evaluate(name, values)
        if accuracy is None:
            trial.status = TrialStatus.FAILED
        else:
            trial.status = TrialStatus.COMPLETED
            oracle.update_trial(trial.trial_id, {_OBJECTIVE: accuracy})
        oracle.end_trial(trial)


def _hyperparameters(keras_tuner, spaces):
    """The positions of all values, because KerasTuner takes numbers and text only, and a value may be a matrix."""
    found = keras_tuner.HyperParameters()
    found.Choice(_KIND, list(spaces))
    for name, space in spaces.items():
        with found.conditional_scope(_KIND, [name]):
            for argument, values in space.items():
                found.Choice(f"{name}.{argument}", list(range(len(values))))
    return found

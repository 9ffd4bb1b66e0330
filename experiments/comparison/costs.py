"""Cost of a training step of each method beside cross-entropy's, measured in turn in one process."""

import keras

from experiments import results
from experiments.comparison import sets
from experiments.comparison.methods import CROSS_ENTROPY, METHODS
from experiments.comparison.runs import settings_of_today
from experiments.evaluation import step_costs

_ROUNDS, _CALLS = 40, 3


def read(dataset, folder):
    """Return the stored ratios of methods whose settings are still those of then, `{method: float}`.

    Args:
        dataset: a key of `sets.SETS`.
        folder: `pathlib.Path` of the results of a data set.
    """
    stored = results.read_measured(folder / "costs.json")
    settings = stored.get("settings", {})
    return {
        name: one
        for name, one in stored.get("ratios", {}).items()
        if settings.get(name) == settings_of_today(name, dataset)
    }


def measure(dataset, methods, folder, data_dir=None):
    """Measure and store the ratio of each method's step to cross-entropy's, if one of them is not stored yet.

    Steps are those of the training, input and augmentation included, with the authors' arguments; of a method that
    corrects labels after a warm-up, those after it. The labels are those of the data set's strongest noise.

    Args:
        dataset: a key of `sets.SETS`.
        methods: list of keys of `METHODS`.
        folder: `pathlib.Path` of the results of the data set.
        data_dir: folder of prepared data sets, or `None`.
    """
    stored = read(dataset, folder)
    if all(name in stored for name in methods):
        return
    noise = max(sets.SETS[dataset].noises, key=lambda one: one.rate)
    (case,) = sets.cases(dataset, [noise], 0, data_dir)
    names = [name for name in dict.fromkeys((*stored, *methods)) if name != CROSS_ENTROPY]
    steps = {name: _steps(METHODS[name], case) for name in names}
    ratios = step_costs.ratios(steps, _steps(METHODS[CROSS_ENTROPY], case), _ROUNDS, _CALLS)
    found = {CROSS_ENTROPY: 1.0, **{name: round(ratio, 2) for name, ratio in ratios.items()}}
    settings = {name: settings_of_today(name, dataset) for name in found}
    results.write_json(folder / "costs.json", {"ratios": found, "settings": settings, "made_by": results.made_by()})
    keras.backend.clear_session()


def _steps(method, case):
    """A function that takes as many steps as an epoch has, compiled, without the cost of its beginning and end."""
    return method.trainer(case, method.shortest_warm_up(), {}).period(case.data)

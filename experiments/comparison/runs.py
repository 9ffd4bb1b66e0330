"""Runs of the comparison: one JSON file each in `FOLDER/NOISE/METHOD-SEED.json`, and one for each search."""

import dataclasses
import json
import warnings

import keras

from experiments import results
from experiments.comparison import sets
from experiments.comparison.methods import METHODS
from experiments.comparison.training import HIDDEN
from experiments.console import terminal
from tfp_noise.search.walk import points


def measure(dataset, noises, methods, seeds, folder, data_dir=None, values_only=False):
    """Train what is missing: for each method and seed on each noise.

    A run that diverges is stored as such. One that fails otherwise is named, and does not stop the others.

    Args:
        dataset: a key of `sets.SETS`.
        noises: list of `Noise`.
        methods: list of keys of `METHODS`.
        seeds: list of int.
        folder: `pathlib.Path` of the results of the data set.
        data_dir: folder of prepared data sets, or `None`.
        values_only: bool, try the values that the methods are searched over, and train nothing else.

    Returns:
        A list of text, the runs that failed.
    """
    failed = []
    cases = [case for seed in seeds for case in sets.cases(dataset, noises, seed, data_dir)]
    for method in methods:
        trainers = {}  # of equal losses: one method's runs follow each other, so that most need no new compilation
        for case in cases:
            title = f"{method}, {case.noise.name}, seed {case.seed}"
            try:
                if not values_only:
                    _find_or_train(method, case, folder, trainers, title, data_dir)
                elif METHODS[method].space:
                    _search(method, case, folder, trainers, data_dir)
            except Exception as error:  # of any kind, because the other runs have nothing to do with it
                failed.append(title)
                terminal.console().print(f"{title}: failed: {type(error).__name__}: {error}", markup=False)
        if trainers:
            keras.backend.clear_session()
    return failed


def path_of(folder, noise, method, ending):
    """Return the path of the file of a run, or with the ending "search" of a search.

    Args:
        folder: `pathlib.Path` of the results of a data set.
        noise: a `Noise`.
        method: a key of `METHODS`.
        ending: int, the seed, or text.
    """
    return folder / noise.name / f"{method}-{ending}.json"


def _find_or_train(name, case, folder, trainers, title, data_dir):
    path = path_of(folder, case.noise, name, case.seed)
    arguments = _search(name, case, folder, trainers, data_dir) if case.task.searched and METHODS[name].space else {}
    settings = _settings(name, case, arguments)
    if not _is_there(path, settings):
        scores = _scores(METHODS[name], case, arguments, trainers)
        results.write_json(path, {"settings": settings, "scores": scores, "made_by": results.made_by()})
        shown = scores.get("failed") or f"clean test accuracy {scores['last']:.1%}, {scores['seconds']} s"
        terminal.console().print(f"{title}: {shown}", markup=False)


def _search(name, case, folder, trainers, data_dir):
    """The point of the method's space with the highest accuracy on given validation labels, the first of equals.

    The accuracy is the mean at the end of trainings with the data set's `search_seeds`, all of which must finish. Each
    point is stored when it is done, and the choice when all of them are.
    """
    path, method, seeds = path_of(folder, case.noise, name, "search"), METHODS[name], case.task.search_seeds
    settings = {**_settings(name, case, method.space), "seed": list(seeds)}
    found = results.read_measured(path) if _is_there(path, settings) else {"settings": settings, "trials": []}
    if "chosen" in found:
        return found["chosen"]
    cases = [one for seed in seeds for one in sets.cases(case.dataset, [case.noise], seed, data_dir)]
    trials, made_by = found["trials"], results.made_by()
    found.setdefault("made_by", made_by)  # of the first; each trial has the commit of its own
    for point in points(method.space)[len(trials) :]:
        scores = [_scores(method, one, point, trainers) for one in cases]
        trials.append({"arguments": point, "seeds": scores, "commit": made_by["commit"]})
        results.write_json(path, found)
        terminal.console().print(f"{path}: {point}, {len(trials)} values of {len(points(method.space))}", markup=False)
    finished = [trial for trial in trials if not any("failed" in scores for scores in trial["seeds"])]
    if not finished:
        raise ValueError(f"none of the {len(trials)} trials of {path} finished: {trials[0]['seeds']}")
    best = max(finished, key=lambda trial: sum(scores["validation"] for scores in trial["seeds"]))
    results.write_json(path, {**found, "chosen": best["arguments"]})
    return best["arguments"]


def _settings(name, case, arguments):
    """The settings that a run depends on, as JSON has them."""
    found = {
        "examples": {split: len(getattr(case.data, split)) for split in ("train", "validation", "test")},
        "noise": dataclasses.asdict(case.noise),
        "arguments": METHODS[name].settings(case, arguments),
        "seed": case.seed,
    }
    return {**_settings_of_training(name, case.dataset), **json.loads(json.dumps(found))}


def _settings_of_training(name, dataset):
    """The settings that do not depend on data, noise and seed, without arguments, as JSON has them."""
    method, task = METHODS[name], sets.SETS[dataset]
    found = {
        "dataset": dataset,
        "method": name,
        "network": task.model or HIDDEN,
        "optimizer": {"name": "Adam", "learning_rate": task.learning_rate, **method.recipe.optimizer},
        "augmentation": vars(task.augmentation) if method.recipe.augmented else None,
        "averaged": method.recipe.averaged,
        "epochs": task.epochs,
        "periods": task.periods,
        "batch_size": task.batch_size,
    }
    return json.loads(json.dumps(found))


def settings_of_today(name, dataset):
    """Return the settings of a method's runs that do not depend on data, noise, seed and search, as JSON has them.

    Args:
        name: a key of `METHODS`.
        dataset: a key of `sets.SETS`.
    """
    fixed = json.loads(json.dumps(METHODS[name].fixed()))
    return {**_settings_of_training(name, dataset), "arguments": fixed}


def is_of_today(settings, dataset):
    """Return whether the settings of a stored run are those that a run would have today, as far as they show it.

    Args:
        settings: dict, of the file.
        dataset: a key of `sets.SETS`.
    """
    today = settings_of_today(settings["method"], dataset)
    fixed = {key: settings["arguments"].get(key) for key in today["arguments"]}
    return {**{key: settings.get(key) for key in today}, "arguments": fixed} == today


def _is_there(path, settings):
    """True if a result of these settings is stored; one of others is an error."""
    there = results.read_measured(path).get("settings")
    if there is None:
        return False
    pairs = {key: (there.get(key), settings.get(key)) for key in {**there, **settings}}
    changes = [f"{key}: {old!r} there, {new!r} now" for key, (old, new) in pairs.items() if old != new]
    if changes:
        raise ValueError(
            f"`workdir` holds {path}, a result of other settings ({'; '.join(changes)}). Pass another `workdir`, or "
            "delete it."
        )
    return True


def _scores(method, case, arguments, trainers):
    """The scores of one training, by the trainer of an equal loss if there is one."""
    with warnings.catch_warnings():
        # Transitions that are hard to invert or to estimate are measured like the others.
        warnings.simplefilter("ignore", UserWarning)
        keras.utils.set_random_seed(case.seed)
        try:
            trainer = method.trainer(case, arguments, trainers)
            return trainer.scores(case.data, case.seed)
        except FloatingPointError as error:
            return {"failed": str(error)[:200]}

"""Finished runs, found and stored."""

import keras
import numpy as np
from absl import logging

from experiments.results import files
from experiments.results.places import changes_of, path_of
from tfp_noise._saving import checksums
from tfp_noise._saving.atomic_files import atomic_write


def is_settled(experiment, workdir, suffixes):
    """Return whether a run is finished and no process has left a backup or a lock of it.

    Args:
        experiment: an `Experiment`.
        workdir: folder for results.
        suffixes: list of text, those of the files that the finished run must have.
    """
    path = path_of(experiment, workdir)
    there = {suffix for suffix in (*suffixes, ".backup", ".lock") if path.with_suffix(suffix).exists()}
    return there == set(suffixes)


def find(experiment, workdir):
    """Return the finished result of an experiment, or `None`.

    Args:
        experiment: an `Experiment`.
        workdir: folder for results.

    Raises:
        ValueError: if a result of other settings is in its place.
    """
    path = path_of(experiment, workdir)
    if not path.exists():
        return None
    result = files.read_result(path)
    changes = changes_of(result["settings"], experiment)
    if changes:
        raise ValueError(f"`workdir` holds {path}, a result of other settings ({changes}). Pass another `workdir`.")
    return result


def find_model(experiment, workdir):
    """Return the trained model of a finished run, not compiled, or `None` if its file is missing.

    Args:
        experiment: as in `find`.
        workdir: as in `find`.

    Raises:
        ValueError: if a result of other settings is in its place, or the file is damaged.
    """
    path = path_of(experiment, workdir).with_suffix(".keras")
    if find(experiment, workdir) is None or not path.exists():
        return None
    try:
        checksums.check_file(path)
        return keras.models.load_model(path, compile=False)
    except Exception as error:  # a damaged archive can raise anything
        raise ValueError(f"{path} is not a model: {error}. Delete it; it is then trained again.") from error


def write(experiment, workdir, model, data, probabilities, parts):
    """Store a finished run: its model, its test predictions, and last its JSON, the mark that it is finished.

    Files that are there stay, because what was finished and reported does not change: a run whose model was missing is
    trained again, and only the model is stored.

    Args:
        experiment: an `Experiment`.
        workdir: folder for results.
        model: the trained model.
        data: the noisy `Dataset`.
        probabilities: float `[n, num_classes]`, predictions for the test split.
        parts: dict, the rest of the JSON beside the settings.

    Returns:
        The result: a dict of plain JSON.
    """
    path, finished = path_of(experiment, workdir), find(experiment, workdir)
    result = assemble(experiment, parts)
    arrays = {"class_names": data.class_names, "test_labels": data.test.labels}
    if data.transition is not None:
        arrays["transition"] = data.transition
    text = files.json_text(result) + "\n"  # what JSON cannot hold is an error before anything is written
    if not (finished and path.with_suffix(".keras").exists()):
        model.save(path.with_suffix(".keras"))
    if not (finished and path.with_suffix(".npz").exists()):
        atomic_write(
            path.with_suffix(".npz"), lambda file: np.savez_compressed(file, test_probabilities=probabilities, **arrays)
        )
    if finished:
        _warn_of_another_model(path, finished["scores"], result["scores"])
        return finished
    files.write_text(path, text)
    return result


def _warn_of_another_model(path, stored, made):
    """Warn of a model that was trained again and has other scores than the stored result.

    The same training on other cores, threads or versions gives other digits.
    """
    numbers = ("test_accuracy", "test_negative_log_likelihood")
    different = [
        f"{name} {stored[name]:.6g} there, {made[name]:.6g} now"
        for name in numbers
        if name in stored and name in made and stored[name] != made[name]
    ]
    if different:
        logging.warning(
            "The model of %s was missing. It was trained again and has other scores than the stored result (%s). Pass "
            "another `workdir` to get result and model from one training.",
            path,
            "; ".join(different),
        )


def assemble(experiment, parts):
    """Return the result that `write` stores, for workers that write nothing."""
    result = {"settings": experiment.settings(), **parts}
    return {**result, "digest": files.digest(result)}

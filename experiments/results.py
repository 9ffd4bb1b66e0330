"""Finished runs in a folder: one JSON each, which is the mark that the run is finished.

Beside it lie the test predictions (`.npz`) and the trained model (`.keras`), from which figures are drawn and on which
later runs build. Every file is written whole or not at all. A run that is not finished has a folder of backups there.
"""

import functools
import json
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

import keras
import numpy as np
from absl import logging

from experiments import result_files
from tfp_noise import callbacks
from tfp_noise._saving import checksums
from tfp_noise._saving.atomic_files import atomic_write, delete_leftovers
from tfp_noise._training.training_facts import environment

# A backup of the largest network on laptops takes a second, and an epoch of the smallest a hundredth.
_BACKUP_SECONDS = 10.0


def json_text(value, indent=""):
    """A value as JSON: each named value on its own line, each list of numbers or words on one line.

    Args:
        value: plain data; what JSON does not know, as the numbers of NumPy, becomes a float.
        indent: text before each further line.
    """
    inner = f"{indent} "
    if isinstance(value, dict) and value:
        lines = [f"{json.dumps(str(key))}: {json_text(one, inner)}" for key, one in value.items()]
        return "{\n" + ",\n".join(f"{inner}{line}" for line in lines) + f"\n{indent}}}"
    if isinstance(value, (list, tuple)) and any(isinstance(one, (dict, list, tuple)) for one in value):
        return "[\n" + ",\n".join(f"{inner}{json_text(one, inner)}" for one in value) + f"\n{indent}]"
    return json.dumps(value, default=float)


def write_json(path, value):
    """Stores a value as a file of `json_text`.

    Args:
        path: a `pathlib.Path`.
        value: as in `json_text`.
    """
    text = json_text(value) + "\n"
    atomic_write(path, lambda file: file.write_text(text))


def _path(experiment, workdir):
    return pathlib.Path(workdir) / experiment.name / f"seed{experiment.seed}.json"


def lock_path(experiment, workdir):
    """The file that a process holds while it is at work on a run."""
    return _path(experiment, workdir).with_suffix(".lock")


def is_settled(experiment, workdir, suffixes):
    """True for a finished run with files of these suffixes, if no process has left a backup or a lock of it."""
    there = {
        suffix for suffix in (*suffixes, ".backup", ".lock") if _path(experiment, workdir).with_suffix(suffix).exists()
    }
    return there == set(suffixes)


def find(experiment, workdir):
    """The finished result of `experiment` under `workdir`, or `None`.

    Raises:
        ValueError: if a result of other settings is in its place.
    """
    path = _path(experiment, workdir)
    if not path.exists():
        return None
    result = result_files.read_result(path)
    changes = _changes(result["settings"], experiment)
    if changes:
        raise ValueError(f"`workdir` holds {path}, a result of other settings ({changes}). Give another `workdir`.")
    return result


def _changes(settings, experiment):
    """What `experiment` has otherwise than `settings`, in words; empty if nothing."""
    there, wanted = _leaves(settings), _leaves(json.loads(json.dumps(experiment.settings())))
    pairs = {key: (there.get(key, "nothing"), wanted.get(key, "nothing")) for key in {**wanted, **there}}
    return "; ".join(f"{key}: {old!r} there, {new!r} now" for key, (old, new) in pairs.items() if old != new)


def _leaves(settings, prefix=""):
    """Settings that a run depends on, under dotted keys; the published number beside it is none."""
    leaves = {}
    for key, value in settings.items():
        if isinstance(value, dict) and value:
            leaves |= _leaves(value, f"{prefix}{key}.")
        elif key != "published":
            leaves[prefix + key] = value
    return leaves


def find_model(experiment, workdir):
    """The trained model of a finished run, not compiled, or `None` where its file is missing.

    Raises:
        ValueError: as `find`.
    """
    path = _path(experiment, workdir).with_suffix(".keras")
    if find(experiment, workdir) is None or not path.exists():
        return None
    try:
        checksums.check_file(path)
        return keras.models.load_model(path, compile=False)
    except Exception as error:  # a damaged archive can raise anything
        raise ValueError(f"{path} is not a model: {error}. Delete it; it is then trained again.") from error


def backup(experiment, workdir):
    """The backup of a run that is not finished, beside its result: what `fit` goes on from.

    Args:
        experiment: an `Experiment` whose folder `prepare` has made.
        workdir: folder for results.

    Returns:
        A `tfp_noise.callbacks.BackupAndRestore` that keeps its files when `fit` ends: `drop_backup` deletes them.
    """
    folder = _backup_folder(experiment, workdir)
    return callbacks.BackupAndRestore(folder, delete_checkpoint=False, min_seconds=_BACKUP_SECONDS)


def drop_backup(experiment, workdir):
    """Deletes the backup of a run, if there is one."""
    shutil.rmtree(_backup_folder(experiment, workdir), ignore_errors=True)


def _backup_folder(experiment, workdir):
    return _path(experiment, workdir).with_suffix(".backup")


def prepare(experiment, workdir, resume, is_chief):
    """Makes the folders of a result and of its backup, and writes to them: better an error now than after the training.

    Args:
        experiment: an `Experiment`.
        workdir: folder for results.
        resume: bool; otherwise a backup that is there is deleted.
        is_chief: bool; other workers only look, so that all stop at the same error.

    Raises:
        ValueError: if a backup of other settings is in its place.
    """
    folder = _backup_folder(experiment, workdir)
    path = folder / "settings.json"
    cure = f"Delete {folder}, or start anew with `--noresume`."
    there = result_files.read_json(path, "what a backup is of", cure) if resume and path.exists() else None
    changes = "" if there is None else _changes(there, experiment)
    if changes:
        raise ValueError(
            f"`workdir` holds {folder}, the backup of a run with other settings ({changes}). Give another `workdir`, "
            "or start anew with `--noresume`."
        )
    if is_chief:
        if not (resume and path.exists()):  # without its settings nobody knows what a backup is of
            drop_backup(experiment, workdir)
        folder.mkdir(parents=True, exist_ok=True)
        delete_leftovers(folder.parent, rf"{folder.stem}\..*")
        write_json(path, experiment.settings())


def write(experiment, workdir, model, data, probabilities, parts):
    """Stores a finished run: its model and test predictions, and last, as the mark that it is finished, its JSON.

    Where that is there, for a run whose model was missing, it stays, and so do a model and predictions beside it: what
    was finished and reported does not change.

    Args:
        experiment: an `Experiment`.
        workdir: folder for results.
        model: the trained model.
        data: the noisy `Dataset`.
        probabilities: float `[n, num_classes]`, predictions for the test split.
        parts: a dict of what is to stand in the JSON beside the settings.

    Returns:
        The result: a dict of plain JSON.
    """
    path, finished = _path(experiment, workdir), find(experiment, workdir)
    result = assemble(experiment, parts)
    arrays = {"transition": data.transition, "class_names": data.class_names, "test_labels": data.test.labels}
    text = json_text(result) + "\n"  # what JSON cannot hold is an error before anything is written
    if not (finished and path.with_suffix(".keras").exists()):
        model.save(path.with_suffix(".keras"))
    if not (finished and path.with_suffix(".npz").exists()):
        atomic_write(
            path.with_suffix(".npz"), lambda file: np.savez_compressed(file, test_probabilities=probabilities, **arrays)
        )
    if finished:
        _warn_of_another_model(path, finished["scores"], result["scores"])
        return finished
    atomic_write(path, lambda file: file.write_text(text))
    return result


def _warn_of_another_model(path, stored, made):
    """Warns of a model that was missing, and is not that of the result now that it was trained again.

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
            "The model of %s was missing and has been trained again, but came out otherwise than that of the stored "
            "result: %s. For both from one training give another `workdir`.",
            path,
            "; ".join(different),
        )


def assemble(experiment, parts):
    """The result that `write` stores, for workers that write nothing."""
    return {"settings": experiment.settings(), **parts}


def write_figure(path, figure):
    """Stores a `matplotlib.figure.Figure` as PNG."""
    atomic_write(path, lambda file: figure.savefig(file, format="png", dpi=120))


@functools.cache
def made_by():
    """Command, commit, and the environment of this process: asked for once, for the checkout may change meanwhile."""

    def git(*arguments):
        folder = pathlib.Path(__file__).parent.parent
        return subprocess.run(
            ["git", *arguments], cwd=folder, capture_output=True, text=True, check=False
        ).stdout.strip()

    changed = " with uncommitted changes" if git("status", "--porcelain", "--", ".", ":!results") else ""
    return {
        "command": f"python -m {_module()} {shlex.join(sys.argv[1:])}".rstrip(),
        "commit": (git("rev-parse", "HEAD") or "unknown") + changed,
        **environment(),
    }


def _module():
    spec = sys.modules["__main__"].__spec__
    return spec.name if spec else pathlib.Path(sys.argv[0]).stem


def is_smoke(name):
    """Whether an experiment of that name asks only whether it runs."""
    return "smoke" in pathlib.PurePath(name).parts


def load(folder):
    """All finished results under `folder` but for smoke runs, which prove nothing about a method.

    Returns:
        A dict `{path of the JSON: result}`, in the order of names and seeds.

    Raises:
        FileNotFoundError: if there is none.
        ValueError: if one lies where another belongs, as in a copied folder.
    """
    folder = pathlib.Path(folder)
    paths = [path for path in folder.rglob("seed*.json") if re.fullmatch(r"seed\d+\.json", path.name)]
    found = {path: result_files.read_result(path) for path in paths if not is_smoke(path.relative_to(folder))}
    if not found:
        raise FileNotFoundError(f"No finished run under {folder}: expected files seed*.json. Run an experiment first.")
    places = {}
    for path, result in found.items():
        belongs = pathlib.Path(result["settings"]["name"]) / f"seed{result['settings']['seed']}.json"
        if path.resolve().parts[-len(belongs.parts) :] != belongs.parts:
            raise ValueError(f"{path} holds the result that belongs in {belongs}. Move it there, or delete it.")
        if belongs in places:
            raise ValueError(f"{path} and {places[belongs]} are one run. Take one of them out of {folder}.")
        places[belongs] = path
    return dict(sorted(found.items(), key=lambda item: (item[1]["settings"]["name"], item[1]["settings"]["seed"])))

"""Backups of runs that are not finished."""

import shutil

from experiments.results import files
from experiments.results.places import changes_of, path_of
from tfp_noise import callbacks, distribute
from tfp_noise._saving.atomic_files import delete_leftovers

# A backup of the largest network on laptops takes a second, and an epoch of the smallest a hundredth.
_BACKUP_SECONDS = 10.0


def start(experiment, workdir, resume, strategy):
    """Return the callback that backs up a run beside its result, and from whose last backup `fit` goes on.

    The folders of both are made and written to, so that an error comes before the training.

    Args:
        experiment: an `Experiment`.
        workdir: folder for results.
        resume: bool, keep a backup that is there; otherwise it is deleted.
        strategy: a `tf.distribute.Strategy`. Its chief writes, and all its workers read, to stop at the same error.

    Returns:
        A `tfp_noise.callbacks.BackupAndRestore` that keeps its files when `fit` ends: `drop_backup` deletes them.

    Raises:
        ValueError: if a backup of other settings is in its place.
    """
    folder = _backup_folder(experiment, workdir)
    path = folder / "settings.json"
    cure = f"Delete {folder}, or start anew with `--noresume`."
    there = files.read_json(path, "the settings of a backup", cure) if resume and path.exists() else None
    changes = "" if there is None else changes_of(there, experiment)
    if changes:
        raise ValueError(
            f"`workdir` holds {folder}, the backup of a run with other settings ({changes}). Pass another `workdir`, "
            "or start anew with `--noresume`."
        )
    if distribute.is_chief(strategy):
        if not (resume and path.exists()):  # a backup without its settings could be any run's
            drop_backup(experiment, workdir)
        folder.mkdir(parents=True, exist_ok=True)
        delete_leftovers(folder.parent, rf"{folder.stem}\..*")
        files.write_json(path, experiment.settings())
    distribute.barrier(strategy)
    return callbacks.BackupAndRestore(folder, delete_checkpoint=False, min_seconds=_BACKUP_SECONDS)


def drop_backup(experiment, workdir):
    """Delete the backup of a run, if there is one."""
    shutil.rmtree(_backup_folder(experiment, workdir), ignore_errors=True)


def _backup_folder(experiment, workdir):
    return path_of(experiment, workdir).with_suffix(".backup")

"""Files with the predictions of each fold of a cross-validation, which an interrupted one goes on from."""

import pathlib

import numpy as np

from tfp_noise._saving.atomic_files import atomic_write, delete_leftovers
from tfp_noise._saving.json_files import differences, read_object, write_object
from tfp_noise._saving.packed_arrays import read_npz

_SETTINGS = "cross_prediction.json"


class FoldFiles:
    """A folder with one file a finished fold, for one set of data and settings.

    Args:
        folder: a `pathlib.Path`, made if it is not there.
        facts: dict of text and numbers, by argument, that decide the predictions.

    Raises:
        ValueError: if the folder holds the folds of other facts; it names the arguments that differ.
    """

    def __init__(self, folder: pathlib.Path, facts: dict[str, str | int]):
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise ValueError(f"`workdir` must be a folder. Received: {folder}, which is a file.") from error
        delete_leftovers(folder, r"(cross_prediction\.json|fold_\d+\.npz)")
        settings = folder / _SETTINGS
        if not settings.exists():
            write_object(settings, facts)
            return
        expected, cure = "`workdir` must be of the same call, or empty.", "Delete the folder, or pass another one."
        changed = [
            f"`{name}`: stored {there}, received {now}"
            for name, there, now in differences(read_object(settings, expected, cure), facts)
        ]
        if changed:
            raise ValueError(
                f"{expected} Received: {folder}, whose folds were predicted with "
                f"other arguments. {'; '.join(changed)}. Pass the same ones, or another folder."
            )

    def read(self, fold: int, positions: np.ndarray) -> np.ndarray | None:
        """The stored predictions of a fold, `None` if it is not finished.

        Args:
            fold: its number.
            positions: int `[m]`, the positions of its examples.

        Raises:
            ValueError: if the file is damaged, or of other examples.
        """
        path = self._path(fold)
        if not path.exists():
            return None
        cure = "Delete it to train this fold again."
        try:
            arrays = read_npz(path)
            stored, predicted = arrays["positions"], arrays["probabilities"]
        except Exception as error:  # of any kind, as `read_npz` says
            raise ValueError(f"`workdir` must hold whole files. Received: {path}, damaged: {error}. {cure}") from error
        if not np.array_equal(stored, positions):
            raise ValueError(f"`workdir` must hold this call's folds. Received: {path}, of other examples. {cure}")
        return predicted

    def write(self, fold: int, positions: np.ndarray, probabilities: np.ndarray) -> None:
        """Stores the predictions of a fold, atomically."""
        atomic_write(self._path(fold), lambda path: np.savez(path, positions=positions, probabilities=probabilities))

    def _path(self, fold):
        return self._folder / f"fold_{fold}.npz"

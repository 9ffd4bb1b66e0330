"""The files of a training's backups: names, content, lock, and the choice of the newest good one."""

import contextlib
import io
import re

import h5py
import numpy as np
from absl import logging

from tfp_noise._saving import checksums, file_locks
from tfp_noise._saving.atomic_files import atomic_write, delete_leftovers
from tfp_noise._saving.callback_states import pack, unpack
from tfp_noise._saving.resumable import weights_in_memory

_KEPT = 2
_NAME = r"backup(\d{6,})\.weights\.h5"
_GROUP = "tfp_noise_training"


class BackupFolder:
    """The backups of one training, files `backupNNNNNN.weights.h5` in a folder, with the number of the epoch.

    Args:
        path: absolute `pathlib.Path` of the folder.
    """

    def __init__(self, path):
        self.path = path
        self._lock = None

    def lock(self):
        """Locks the folder, which is made if missing, against other trainings.

        Raises:
            ValueError: if another training has locked it.
        """
        path = self.path / "training.lock"
        self._lock = self._lock or file_locks.take(path)
        if self._lock is None:
            raise ValueError(
                f"`backup_dir` must be of one training. Received: {self.path}, which another training uses: it holds "
                f"{path}. Pass another folder, or wait until that training has ended."
            )

    def release(self):
        """Releases the lock if this object holds it."""
        if self._lock is not None:
            file_locks.free(self._lock)
        self._lock = None

    def paths(self):
        """The backups' paths, the newest first."""
        found = [(re.fullmatch(_NAME, path.name), path) for path in self.path.glob("backup*")]
        return [path for _, path in sorted(((int(match[1]), path) for match, path in found if match), reverse=True)]

    def newest(self):
        """The newest good backup.

        Returns:
            `(path, content, training)`: its path, or `None` if there is no backup, its bytes, and the dict of the
            training's state that it holds.

        Raises:
            OSError: if all backups are damaged.
        """
        paths, errors = self.paths(), []
        for path in paths:
            try:
                content = path.read_bytes()
                training = _read(path, content)
            except OSError as error:
                errors.append(str(error))
                continue
            for message in errors:
                logging.warning("%s Training goes on from the backup before, %s.", message, path)
            return path, content, training
        if paths:
            raise OSError(
                f"`backup_dir` must hold a good backup, or none. Received: {' '.join(errors)} Delete "
                "these files to start anew, or pass another folder."
            )
        return None, b"", {"epoch": 0, "epochs": [], "history": {}, "stopped": False}

    def write(self, epoch, content):
        """Writes the backup of an epoch atomically, and returns its path."""
        path = self.path / f"backup{epoch:06d}.weights.h5"
        delete_leftovers(self.path, _NAME)
        atomic_write(path, lambda file: checksums.write_with_checksum(file, content.getbuffer()))
        return path

    def delete_old(self):
        """Deletes all backups but the last two."""
        for path in self.paths()[_KEPT:]:
            path.unlink(missing_ok=True)

    def delete(self):
        """Deletes the backups, and the folder if it is empty then.

        Raises:
            ValueError: if another training has locked it.
        """
        if not self.path.is_dir():
            return
        self.lock()
        for path in self.paths():
            path.unlink(missing_ok=True)
        delete_leftovers(self.path, _NAME)
        self.release()
        with contextlib.suppress(OSError):  # the folder has other files
            self.path.rmdir()


def content(model, training):
    """The bytes of a backup, as a `BytesIO`: the weights of a classifier and the state of its training.

    Args:
        model: a `ResumableModel`.
        training: a tree as `callback_states.pack` takes it.
    """
    text, arrays = pack(training)
    file = weights_in_memory(model)
    with h5py.File(file, "a") as stored:
        group = stored.create_group(_GROUP)
        group["training"] = np.frombuffer(text.encode(), np.uint8)
        for i, array in enumerate(arrays):
            group[f"array_{i}"] = array
    return file


def _read(path, content):
    """The state of the training in the bytes of a backup."""
    if not checksums.check_content(path, content):
        raise OSError(f"{path} must be a complete backup. It is damaged: its SHA-256 is missing.")
    with h5py.File(io.BytesIO(content)) as file:
        if _GROUP not in file:
            raise OSError(f"{path} must be a backup. Received only weights: was it copied there by hand?")
        group = file[_GROUP]
        arrays = [group[f"array_{i}"][()] for i in range(len(group) - 1)]
        return unpack(group["training"][()].tobytes().decode(), arrays)

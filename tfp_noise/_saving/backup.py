"""Training that goes on after its process was killed, as if it had not been."""

import contextlib
import io
import re
import sys
import time

import h5py
import keras
import numpy as np
from absl import logging

from tfp_noise import _validation, distribute
from tfp_noise._saving import checksums, file_locks
from tfp_noise._saving.atomic_files import atomic_write, delete_leftovers
from tfp_noise._saving.callback_states import check_callbacks, get_states, pack, set_states, unpack
from tfp_noise._saving.resumable import ResumableModel, load_weights_from_memory, weights_in_memory
from tfp_noise._training.resumption import KEPT_BY_THE_OPTIMIZER, check_model, description, facts_now, named_differences

_KEPT = 2
_NAME = r"backup(\d{6,})\.weights\.h5"
_GROUP = "tfp_noise_training"


class BackupAndRestore(keras.callbacks.Callback):
    """Backs up the training of a `NoisyLabelClassifier` after epochs; the next `fit` with it goes on from there.

    Killed and resumed equals never killed, bit by bit on one CPU device: network, optimizer, the loss's state, random
    generators, the history that `fit` returns, and what `EarlyStopping`, `ModelCheckpoint`, `ReduceLROnPlateau`,
    `SwapEMAWeights` and callbacks with `get_state()` and `set_state(state)` keep; a state is made of dicts with text
    for keys, lists, numbers, text and NumPy arrays of numbers. What other callbacks have seen, they begin anew. It runs
    after all other callbacks.

    With other data, arguments of `fit`, loss, optimizer, seed, versions, processor, cores or threads than before, the
    rest of a training comes out otherwise: a warning names each that differs, and so does `differences`. Data are
    compared by their CRC-32, of evenly spaced rows from 128 MiB on; of sparse matrices, generators, a `PyDataset`, what
    is in files, and the seeds of a `tf.data.Dataset` nothing is known.

    A training that a callback has stopped (`EarlyStopping`) is finished, and does not go on.

    A backup is one file, written whole or not at all, with its SHA-256; the last two are kept. One that is damaged is
    passed over for the one before, with a warning; without a good one training does not start. Where a backup cannot
    be written, as on a full disk, a warning says which is the last good one, and training goes on. Of several workers
    the chief writes, and all read, from a file system that they share.

    `keras.callbacks.BackupAndRestore` writes weights and epoch to two files, one after the other: killed between the
    two it repeats an epoch with the weights of after it. Its history begins with the resumed epoch, and so do the other
    callbacks.

    A backup is of the end of an epoch, for there data can start again: pass those of the epoch to go on with, as
    `pipeline.batches(..., first_epoch=backup.epoch)` gives them. Arrays need nothing but
    `keras.utils.set_random_seed(seed)`, as any training that is to be repeated: Keras then shuffles every epoch alike.

    A folder is of one training: while that runs, another one with the same folder is refused. When its process has
    ended, however it has, the next one may go on.

    Args:
        backup_dir: folder for the backups, made if missing; of this training alone. What is not named
            `backupNNNNNN.weights.h5`, with the number of the epoch, is none and stays as it is.
        delete_checkpoint: bool, delete the backups when `fit` ends.
        min_seconds: float >= 0, from one backup to the next, unless the training ends with the epoch: where an epoch
            takes less than its backup, a training that is killed may lose so many seconds and is not slowed down.

    Attributes:
        epoch: int, the epoch (from 0) at which the next `fit` goes on.
        differences: list of text, what the last `fit` had otherwise than the training that it went on with.

    Raises:
        OSError: from `epoch` and `fit`, if there are backups and none is good; from `fit`, if there is no folder and
            none can be made.
        TypeError: from `fit`, for a model that is no classifier of this package, or a callback's state that a file
            cannot hold.
        ValueError: from `fit`, if the model is not built, the backup is of another network, loss or optimizer, or of
            other callbacks, if several workers do not find the same one, or if another training is at work in the
            folder, or was after `epoch` was asked for.

    Example:
        >>> import tempfile
        >>> from tfp_noise import NoisyLabelClassifier, losses
        >>> x, y = np.zeros([8, 4]), np.zeros([8], int)
        >>> def train(folder, epochs):
        ...     network = keras.Sequential([keras.Input([4]), keras.layers.Dense(3)])
        ...     model = NoisyLabelClassifier(network, losses.OnlineLabelSmoothing(3))
        ...     model.compile("adam")
        ...     backup = BackupAndRestore(folder, delete_checkpoint=False)
        ...     history = model.fit(x, y, epochs=epochs, callbacks=[backup], verbose=0)
        ...     return len(history.history["loss"]), backup.epoch
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     train(folder, epochs=2), train(folder, epochs=5)
        ((2, 2), (5, 5))
    """

    def __init__(self, backup_dir, delete_checkpoint=True, min_seconds=0.0):
        super().__init__()
        self.folder = _validation.check_path("backup_dir", backup_dir).absolute()  # the program may go elsewhere
        self.delete_checkpoint = _validation.check_bool("delete_checkpoint", delete_checkpoint)
        self.min_seconds = _validation.check_number("min_seconds", min_seconds, 0)
        self.differences = []
        self.others, self.facts = (), dict  # the callbacks and arguments of the same `fit`, which the classifier says
        self._lock = self._said = None

    @property
    def epoch(self):
        _, _, training = self._newest()
        self._said = training["epoch"]
        return training["epoch"]

    def on_train_begin(self, logs=None):
        del logs
        if not isinstance(self.model, ResumableModel):
            raise TypeError(
                f"`model` must be a classifier of tfp_noise, which saves its random generators. Received: "
                f"{type(self.model).__name__}. For others there is `keras.callbacks.BackupAndRestore`."
            )
        if not self.model.built:
            raise ValueError("The model must be built before it is resumed. Call it on a batch, or give it an input.")
        check_callbacks(self.others)
        self.model.build_optimizer()
        strategy = self.model.distribute_strategy
        if distribute.is_chief(strategy):
            self._take_lock()  # and makes the folder: better an error now than a warning an epoch
        distribute.barrier(strategy)
        path, content, training = self._newest()
        distribute.barrier(strategy, f"epoch {training['epoch']} of {self.folder.name}")
        self._check_epoch(training["epoch"])
        there, self.differences = training.get("facts", {}), []
        self._facts = facts_now(self.model, self.facts, there)
        self._last_good, self._last_time = path, time.monotonic()
        self._history, self._epochs = training["history"], training["epochs"]
        if path is not None:
            check_model(self.model, path, training["model"])
            self.differences = named_differences(path, training, self._facts)
            self._facts |= {name: there[name] for name in KEPT_BY_THE_OPTIMIZER if name in there}
            load_weights_from_memory(self.model, content)
            set_states(self.others, training["callbacks"])
        # Keras's own way to say where `fit` begins. One that has been stopped is over.
        self.model._initial_epoch = sys.maxsize if training["stopped"] else training["epoch"]

    def on_epoch_begin(self, epoch, logs=None):
        del epoch, logs
        self.model._initial_epoch = None  # or the next `fit` would begin there, too

    def on_epoch_end(self, epoch, logs=None):
        for name, value in (logs or {}).items():
            self._history.setdefault(name, []).append(value)
        self._epochs.append(epoch)
        ends = epoch + 1 == self.params["epochs"] or self.model.stop_training
        due = ends or time.monotonic() >= self._last_time + self.min_seconds
        if due and distribute.is_chief(self.model.distribute_strategy):
            self._back_up(epoch + 1)
            self._last_time = time.monotonic()

    def on_train_end(self, logs=None):
        del logs
        self.model._initial_epoch = None
        self.model.history.history, self.model.history.epoch = self._history, self._epochs
        if self.delete_checkpoint and distribute.is_chief(self.model.distribute_strategy):
            try:
                self.delete()
            except OSError as error:  # the training is finished all the same
                logging.warning("The backups in %s cannot be deleted: %s.", self.folder, error)
        self.release()

    def delete(self):
        """Deletes the backups, and the folder if nothing else is in it.

        Raises:
            ValueError: if another training is at work in it.
        """
        if not self.folder.is_dir():
            return
        self._take_lock()
        for path in self._paths():
            path.unlink(missing_ok=True)
        delete_leftovers(self.folder, _NAME)
        self.release()
        with contextlib.suppress(OSError):  # something is in it
            self.folder.rmdir()

    def release(self):
        """Lets other trainings have the folder; `fit` does so at its end, whatever ends it."""
        if self._lock is not None:
            file_locks.free(self._lock)
        self._lock = self._said = None

    def _take_lock(self):
        path = self.folder / "training.lock"
        self._lock = self._lock or file_locks.take(path)
        if self._lock is None:
            raise ValueError(
                f"`backup_dir` must be of one training. Received: {self.folder}, in which another one is at work, for "
                f"it holds {path}. Give this one another folder, or wait until that one has ended."
            )

    def _paths(self):
        """The backups, the newest first."""
        found = [(re.fullmatch(_NAME, path.name), path) for path in self.folder.glob("backup*")]
        return [path for _, path in sorted(((int(match[1]), path) for match, path in found if match), reverse=True)]

    def _newest(self):
        """The newest good backup, or `None`, its bytes, and what it says of the training."""
        paths, errors = self._paths(), []
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
                "these files to start anew, or give another folder."
            )
        return None, b"", {"epoch": 0, "epochs": [], "history": {}, "stopped": False}

    def _back_up(self, epoch):
        training = {
            "epoch": epoch,
            "epochs": self._epochs,
            "history": self._history,
            "stopped": self.model.stop_training,
            "model": description(self.model),
            "facts": self._facts,
            "differences": self.differences,
            "callbacks": get_states(self.others),
        }
        text, arrays = pack(training)
        path = self.folder / f"backup{epoch:06d}.weights.h5"

        content = weights_in_memory(self.model)
        with h5py.File(content, "a") as file:
            group = file.create_group(_GROUP)
            group["training"] = np.frombuffer(text.encode(), np.uint8)
            for i, array in enumerate(arrays):
                group[f"array_{i}"] = array
        try:
            delete_leftovers(self.folder, _NAME)
            atomic_write(path, lambda file: checksums.write_with_checksum(file, content.getbuffer()))
        except OSError as error:
            logging.warning(
                "The backup of epoch %d cannot be written: %s. Training goes on. The last good backup is %s.",
                epoch,
                error,
                self._last_good or "none",
            )
            return
        self._last_good = path
        for old in self._paths()[_KEPT:]:
            old.unlink(missing_ok=True)

    def _check_epoch(self, epoch):
        if self._said not in (None, epoch):
            raise ValueError(
                f"`epoch` must be asked for where no other training is at work. Received: it said {self._said}, and "
                f"now {epoch}, for another one went on in {self.folder} meanwhile. Ask for it again, and make the data "
                "anew, which begins there."
            )


def _read(path, content):
    """The state of the training that the bytes of a backup hold."""
    if not checksums.check_content(path, content):
        raise OSError(f"{path} must be a whole backup. It is damaged: its SHA-256 is missing.")
    with h5py.File(io.BytesIO(content)) as file:
        if _GROUP not in file:
            raise OSError(f"{path} must be a backup. Received weights alone: was it put there by hand?")
        group = file[_GROUP]
        arrays = [group[f"array_{i}"][()] for i in range(len(group) - 1)]
        return unpack(group["training"][()].tobytes().decode(), arrays)

"""A callback that backs up a training, and resumes it after its process was killed."""

import os
import sys
import time

import keras
from absl import logging

from tfp_noise import _validation, distribute
from tfp_noise._saving import backup_files, global_randomness
from tfp_noise._saving.callback_states import check_callbacks, get_states, set_states
from tfp_noise._saving.resumable import ResumableModel, load_weights_from_memory
from tfp_noise._training.resumption import KEPT_BY_THE_OPTIMIZER, check_model, description, facts_now, named_differences


class BackupAndRestore(keras.callbacks.Callback):
    """Backs up the training of a `NoisyLabelClassifier` after epochs; the next `fit` with it resumes from there.

    A training that was killed and resumed is equal, bit by bit on one CPU device, to one that was not killed: network,
    optimizer, the loss's state, random generators, the history that `fit` returns, and the states of `EarlyStopping`,
    `ModelCheckpoint`, `ReduceLROnPlateau`, `SwapEMAWeights` and of callbacks with `get_state()` and `set_state(state)`;
    a state is made of dicts with text for keys, lists, numbers, text and NumPy arrays of numbers. Other callbacks start
    anew. This callback runs after all others.

    If data, arguments of `fit`, loss, optimizer, seed, versions, processor, cores or threads are not those from before,
    the rest of the training gives other numbers: a warning names each difference, and so does `differences`. Data are
    compared by their CRC-32, from 128 MiB on by that of evenly spaced rows. Sparse matrices, generators, a `PyDataset`,
    the content of files, and the seeds of a `tf.data.Dataset` are not compared.

    A training that a callback has stopped (`EarlyStopping`) is finished and is not resumed.

    A backup is one file, written atomically, with its SHA-256; the last two are kept. Instead of a damaged one the one
    before it is used, with a warning; if all are damaged, training does not start. If a backup cannot be written, for
    instance on a full disk, a warning names the last good one, and training goes on. Of several workers the chief
    writes, and all read, from a file system that they share.

    `keras.callbacks.BackupAndRestore` writes weights and epoch to two files, one after the other: if it is killed
    between the two, it repeats an epoch with the weights from the end of that epoch. Its history and all other
    callbacks begin with the resumed epoch.

    A backup is made at the end of an epoch, because data can be made from the beginning of an epoch on: pass those of
    the epoch to resume with, such as `pipeline.batches(..., first_epoch=backup.epoch)`. For arrays,
    `keras.utils.set_random_seed(seed)` is enough, as for any reproducible training: Keras then shuffles every epoch in
    the same way. The generators of Python and NumPy go on where they were (on several workers, each takes the chief's),
    and with Python's the order in which Keras shuffles a `PyDataset` of one worker; what that has drawn itself in
    earlier epochs, such as a permutation in `on_epoch_end`, does not come back.

    A folder belongs to one training: while that runs, another one with the same folder is refused. After its process
    has ended, even by a kill, the next one may use the folder.

    Args:
        backup_dir: folder for the backups of this training alone, made if missing. Files that are not named
            `backupNNNNNN.weights.h5`, with the number of the epoch, are ignored and stay as they are.
        delete_checkpoint: bool, delete the backups when `fit` ends.
        min_seconds: float >= 0, least time from one backup to the next, except for the last epoch. If an epoch takes
            less time than its backup, this avoids that backups slow down the training; a kill loses at most so many
            seconds of it.

    Attributes:
        epoch: int, the epoch (from 0) at which the next `fit` resumes.
        differences: list of text, the differences of the last `fit` from the training that it resumed.

    Raises:
        OSError: from `epoch` and `fit`, if all backups are damaged; from `fit`, if the folder cannot be made.
        TypeError: from `fit`, if the model is not a classifier of this package, or a callback's state cannot be stored.
        ValueError: from `fit`, if the model is not built, the backup belongs to another network, loss or optimizer, or
            to other callbacks, if several workers do not find the same one, or if another training uses the folder, or
            has used it after `epoch` was read.

    Example:
        >>> import tempfile
        >>> import numpy as np
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

    def __init__(self, backup_dir: str | os.PathLike, delete_checkpoint: bool = True, min_seconds: float = 0.0):
        super().__init__()
        path = _validation.check_path("backup_dir", backup_dir)
        self._backups = backup_files.BackupFolder(path.absolute())  # the program may change its working directory
        self.delete_checkpoint = _validation.check_bool("delete_checkpoint", delete_checkpoint)
        self.min_seconds = _validation.check_number("min_seconds", min_seconds, 0)
        self.differences: list[str] = []
        self.others, self.facts = (), dict  # the callbacks and arguments of the same `fit`, set by the classifier
        self._announced_epoch = None

    @property
    def epoch(self):
        _, _, training = self._backups.newest()
        self._announced_epoch = training["epoch"]
        return training["epoch"]

    def on_train_begin(self, logs=None):
        del logs
        if not isinstance(self.model, ResumableModel):
            raise TypeError(
                f"`model` must be a classifier of tfp_noise, which saves its random generators. Received: "
                f"{type(self.model).__name__}. For other models use `keras.callbacks.BackupAndRestore`."
            )
        if not self.model.built:
            raise ValueError("The model must be built before it is resumed. Call it on a batch, or give it an input.")
        check_callbacks(self.others)
        self.model.build_optimizer()
        strategy = self.model.distribute_strategy
        if distribute.is_chief(strategy):
            self._backups.lock()  # makes the folder, too: an error now is better than a warning after each epoch
        distribute.barrier(strategy)
        path, content, training = self._backups.newest()
        distribute.barrier(strategy, f"epoch {training['epoch']} of {self._backups.path.name}")
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
            if "random" in training:  # not in backups of earlier versions
                global_randomness.set_state(training["random"])
        # The attribute from which Keras reads where `fit` begins. A training that was stopped is finished.
        self.model._initial_epoch = sys.maxsize if training["stopped"] else training["epoch"]

    def on_epoch_begin(self, epoch, logs=None):
        del epoch, logs
        self.model._initial_epoch = None  # otherwise the next `fit` would begin there, too

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
            except OSError as error:  # no reason to lose the finished training
                logging.warning("The backups in %s cannot be deleted: %s.", self._backups.path, error)
        self.release()

    def delete(self) -> None:
        """Deletes the backups, and the folder if it is empty then.

        Raises:
            ValueError: if another training uses the folder.
        """
        self._backups.delete()
        self._announced_epoch = None

    def release(self) -> None:
        """Releases the folder's lock for other trainings; `fit` does so at its end, also after an error."""
        self._backups.release()
        self._announced_epoch = None

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
            "random": global_randomness.get_state(),
        }
        content = backup_files.content(self.model, training)
        try:
            self._last_good = self._backups.write(epoch, content)
        except OSError as error:
            logging.warning(
                "The backup of epoch %d cannot be written: %s. Training goes on. The last good backup is %s.",
                epoch,
                error,
                self._last_good or "none",
            )
            return
        self._backups.delete_old()

    def _check_epoch(self, epoch):
        if self._announced_epoch not in (None, epoch):
            raise ValueError(
                f"`epoch` must be read while no other training uses the folder. Received: it was "
                f"{self._announced_epoch} when it was read, and now it is {epoch}, because another training went on in "
                f"{self._backups.path}. Read it again, and make the data anew from that epoch on."
            )

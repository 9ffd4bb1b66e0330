"""The classifier's own callbacks, which `fit` runs before those of the user."""

import contextlib

import keras

from tfp_noise._saving.backup import BackupAndRestore
from tfp_noise._saving.resumable import check_can_be_loaded
from tfp_noise._training.batch_statistics import AverageBatchStatistics
from tfp_noise._training.learned_rows_on_board import LearnedRowsOnBoard
from tfp_noise._training.non_finite import StopAtDivergence
from tfp_noise._training.replica_seeds import SeedReplicas
from tfp_noise.losses._state import LossState


class EndEpochOfStates(keras.callbacks.Callback):
    """Calls `end_epoch` of the states in a classifier, that of its loss and its own, at the end of each epoch."""

    def on_epoch_end(self, epoch, logs=None):
        del epoch, logs
        for layer in self.model.layers:
            if isinstance(layer, LossState):
                layer.end_epoch()


def with_own_callbacks(callbacks, model, facts):
    """The callbacks of a `fit` after the classifier's own: saved models are finite, and their loss has ended its epoch.

    Backups come last, because they store the states of the other callbacks at the end of the epoch.

    Args:
        callbacks: list of callbacks, a `keras.callbacks.CallbackList`, or `None`.
        model: the classifier.
        facts: function without arguments that returns the arguments of `fit` as a dict of text, for backups.
    """
    if not isinstance(callbacks, keras.callbacks.CallbackList):
        return _in_order(keras.tree.flatten(callbacks or []), model, facts)
    if not any(isinstance(one, EndEpochOfStates) for one in callbacks.callbacks):
        there = callbacks.callbacks
        callbacks.callbacks = _in_order(there, model, facts)
        for callback in callbacks.callbacks:
            if callback not in there:
                callback.set_model(model)
    return callbacks


@contextlib.contextmanager
def backups_released(callbacks):
    """Releases the locks of backup folders after the block, also after an error."""
    try:
        yield
    finally:
        for callback in getattr(callbacks, "callbacks", callbacks):
            if isinstance(callback, BackupAndRestore):
                callback.release()


def _in_order(callbacks, model, facts):
    callbacks = sorted(callbacks, key=lambda one: isinstance(one, BackupAndRestore))
    for callback in callbacks:
        if isinstance(callback, BackupAndRestore):
            callback.others, callback.facts = callbacks, facts
        if isinstance(callback, keras.callbacks.ModelCheckpoint) and not callback.save_weights_only:
            check_can_be_loaded(callback.filepath)  # now, not after the first epoch
    return [*_own_before(callbacks, model), *callbacks]


def _own_before(callbacks, model):
    # A step's loss is computed before its update. If a callback saves between steps, weights are checked then, too.
    each_step = any(isinstance(getattr(one, "save_freq", None), int) for one in callbacks)
    own = [StopAtDivergence(each_step=each_step), EndEpochOfStates()]
    if hasattr(type(model.loss), "class_rows"):
        boards = [one for one in callbacks if isinstance(one, keras.callbacks.TensorBoard)]
        own += [LearnedRowsOnBoard(board) for board in boards]
    if model.distribute_strategy.num_replicas_in_sync > 1:
        own += [AverageBatchStatistics(each_step), SeedReplicas()]
    return own

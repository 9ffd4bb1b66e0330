"""What `fit` of a classifier does between steps and epochs, before the user's callbacks."""

import contextlib

import keras

from tfp_noise._saving.backup import BackupAndRestore
from tfp_noise._training.batch_statistics import AverageBatchStatistics
from tfp_noise._training.non_finite import StopAtDivergence
from tfp_noise._training.replica_seeds import SeedReplicas


class EndEpochOfLoss(keras.callbacks.Callback):
    """Tells the loss's state that an epoch is over."""

    def on_epoch_end(self, epoch, logs=None):
        del epoch, logs
        if self.model.loss_state is not None:
            self.model.loss_state.end_epoch()


def with_own_callbacks(callbacks, model, facts):
    """`callbacks` of a `fit`, after the classifier's own: what saves, saves a good model after its loss's epoch.

    Backups come last, and know the others, for they hold what those have done at the end of the epoch. They also know
    `facts`, a function without arguments that gives what the caller of `fit` has decided.
    """
    if not isinstance(callbacks, keras.callbacks.CallbackList):
        return _in_order(keras.tree.flatten(callbacks or []), model, facts)
    if not any(isinstance(one, EndEpochOfLoss) for one in callbacks.callbacks):
        there = callbacks.callbacks
        callbacks.callbacks = _in_order(there, model, facts)
        for callback in callbacks.callbacks:
            if callback not in there:
                callback.set_model(model)
    return callbacks


@contextlib.contextmanager
def backups_released(callbacks):
    """Lets other trainings have the folders of backups after the block, however it ends."""
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
    return [*_own_before(callbacks, model), *callbacks]


def _own_before(callbacks, model):
    # The loss of a step is that before its update: who saves between steps needs a look at the weights, too.
    each_step = any(isinstance(getattr(one, "save_freq", None), int) for one in callbacks)
    own = [StopAtDivergence(each_step=each_step), EndEpochOfLoss()]
    if model.distribute_strategy.num_replicas_in_sync > 1:
        own += [AverageBatchStatistics(each_step), SeedReplicas()]
    return own

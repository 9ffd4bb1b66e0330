"""A callback that stops a diverged training with an error."""

import keras
import numpy as np
from keras import ops


class StopAtDivergence(keras.callbacks.Callback):
    """Raises an error once the loss, or at an epoch's end a weight, is no longer finite.

    It must be the first of all callbacks, so that callbacks that save do not overwrite the last good model.

    Args:
        each_step: bool, check the weights after each call of the training function, not only at an epoch's end.

    Raises:
        FloatingPointError: if training has diverged; the message names the steps, and the loss or the weight.
    """

    def __init__(self, each_step=False):
        super().__init__()
        self._each_step = each_step
        self._infinite_by_design = set()

    def on_train_begin(self, logs=None):
        del logs
        # Weights that may be infinite, such as a running minimum before its first update; none of them is trained.
        self._infinite_by_design = {
            weight.path for weight in self.model.non_trainable_weights if not self._is_finite(weight)
        }

    def on_epoch_begin(self, epoch, logs=None):
        del logs
        self._epoch = epoch + 1

    def on_train_batch_begin(self, batch, logs=None):
        del logs
        self._first = batch + 1

    def on_train_batch_end(self, batch, logs=None):
        steps = (self.params or {}).get("steps")
        self._last = batch + 1 if steps is None else min(batch + 1, steps)
        loss = float((logs or {}).get("loss", 0.0))  # `np.isfinite` takes no bfloat16 scalar
        if not np.isfinite(loss):
            self._stop(f"the loss, {type(self.model.loss).__name__}, became {loss}")
        if self._each_step:
            self._check_weights()

    def on_epoch_end(self, epoch, logs=None):
        del epoch, logs
        self._check_weights()

    def _check_weights(self):
        for weight in self.model.weights:
            if weight.path not in self._infinite_by_design and not self._is_finite(weight):
                self._stop(f"the weight {weight.path!r} is no longer finite")

    @staticmethod
    def _is_finite(weight):
        return "float" not in weight.dtype or bool(ops.all(ops.isfinite(weight)))

    def _stop(self, what):
        steps = f"step {self._last}" if self._first == self._last else f"one of the steps {self._first} to {self._last}"
        advice = self.model.loss.divergence_advice
        raise FloatingPointError(
            f"Training stopped at {steps} of epoch {self._epoch}: {what}. Earlier checkpoints were not overwritten. "
            + (f"{advice} Otherwise, lower" if advice else "Lower")
            + " the learning rate, or clip gradients (`clipnorm` of the optimizer); a label out of range, or labels of "
            "other sizes than the outputs, give NaN, too."
        )

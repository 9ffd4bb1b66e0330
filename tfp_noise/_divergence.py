"""The end of a training that has diverged."""

import keras
import numpy as np
from keras import ops


class StopAtDivergence(keras.callbacks.Callback):
    """Raises once the loss, or at an epoch's end a weight, is no longer finite.

    As the first of all callbacks: those that save after it keep the last good model.

    Raises:
        FloatingPointError: it names the steps, the loss and its value.
    """

    def on_train_batch_end(self, batch, logs=None):
        del batch
        if not np.isfinite(logs["loss"]):
            self._stop(f"{type(self.model.loss).__name__} became {float(logs['loss'])}")

    def on_epoch_end(self, epoch, logs=None):
        del epoch, logs
        for weight in self.model.trainable_weights:
            if not ops.all(ops.isfinite(weight)):
                self._stop(f"the weight {weight.path!r} is no longer finite")

    def _stop(self, what):
        last = int(self.model.optimizer.iterations)
        first = max(last - int(self.model.steps_per_execution), 0) + 1
        steps = f"step {last}" if first == last else f"one of the steps {first} to {last}"
        raise FloatingPointError(
            f"Training stopped at {steps}: {what}. Checkpoints of earlier epochs are as they were. Lower the learning "
            "rate, or clip gradients (`clipnorm` of the optimizer); a label out of range gives NaN, too."
        )

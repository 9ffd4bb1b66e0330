"""Ctrl-C at a safe point.

Python raises KeyboardInterrupt wherever it happens to be; within a call from TensorFlow's C++ side (while a function is
traced, say) that aborts the process. So the signal is noted, and training stops at the end of a step.
"""

import signal

import keras

_noted = False


def install():
    """Handles Ctrl-C from now on; a second one stops at once, wherever the process is."""
    signal.signal(signal.SIGINT, _note)


def _note(signum, frame):
    del signum, frame
    global _noted  # noqa: PLW0603
    if _noted:
        raise KeyboardInterrupt
    _noted = True


class StopAtStep(keras.callbacks.Callback):
    """Raises KeyboardInterrupt at the end of the training step during which Ctrl-C came."""

    def on_train_batch_end(self, batch, logs=None):
        if _noted:
            raise KeyboardInterrupt

"""Ctrl-C at a safe point.

Python raises KeyboardInterrupt wherever it happens to be; within a call from TensorFlow's C++ side (while a function is
traced, say) that aborts the process. So during training the signal is noted, and training stops when the compiled
function returns.
"""

import signal

import keras


class StopBetweenCalls(keras.callbacks.Callback):
    """Within a `with` block: Ctrl-C raises KeyboardInterrupt after the present call; a second one at once.

    After the last call, as in the last callbacks or where training ends in an error, it does so at the block's end.
    """

    def __enter__(self):
        self.noted = False
        self.before = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *_):
        signal.signal(signal.SIGINT, self.before)
        if self.noted:
            raise KeyboardInterrupt

    def _note(self, signum, frame):
        del signum, frame
        if self.noted:
            raise KeyboardInterrupt
        self.noted = True

    def on_train_batch_end(self, batch, logs=None):
        if self.noted:
            raise KeyboardInterrupt

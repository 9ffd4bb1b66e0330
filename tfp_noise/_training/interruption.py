"""Ctrl-C at a safe point.

Python raises KeyboardInterrupt wherever it happens to be. Within a call from TensorFlow's C++ side (while a function is
traced, say) that aborts the process. During training the signal is therefore only noted, and training stops when the
compiled function returns.
"""

import signal

import keras


class StopBetweenCalls(keras.callbacks.Callback):
    """Callback and `with` block in which Ctrl-C raises KeyboardInterrupt after the present call, and a second at once.

    A signal after the last call, as in the last callbacks or after an error, raises at the end of the block.
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
        del batch, logs
        if self.noted:
            raise KeyboardInterrupt

    on_predict_batch_end = on_train_batch_end

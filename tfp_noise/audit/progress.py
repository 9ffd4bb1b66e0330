"""Progress of an audit on the terminal, with the time left."""

import sys
import time
from typing import TextIO

import keras

_SECONDS_BETWEEN = 0.2
_LEAST_SHARE = 0.02  # before, the time of compilation would be taken for that of training


class Progress(keras.callbacks.Callback):
    """Callback that counts batches of all trainings or of a prediction, and shows the share done and the time left.

    A terminal has one line that changes; a file gets a line for every tenth.

    Args:
        stream: where to write; standard output by default.
        steps: number of steps of the audit.
    """

    def __init__(self, stream: TextIO | None = None, steps: int = 6):
        super().__init__()
        self._stream, self._steps = stream or sys.stdout, steps
        self._step = self._done = self._total = 0
        self._work = "training"
        self._started = self._shown_at = time.monotonic()
        self._shown = -1

    def expect(self, batches: int, work: str = "training") -> None:
        """Sets the number of batches to come, of all trainings or of another work."""
        self._total, self._work, self._started = batches, work, time.monotonic()
        self._done, self._shown = 0, -1

    def start(self, text: str) -> None:
        """Begins the next step of the audit."""
        self._step += 1
        self.say(f"[{self._step}/{self._steps}] {text}")

    def say(self, text: str) -> None:
        """Writes a line of its own."""
        self._write(f"{self._clear}{text}\n")

    def on_epoch_end(self, epoch, logs=None):
        del epoch, logs
        self._count(self.params["steps"] or 1)

    def on_predict_batch_end(self, batch, logs=None):
        del batch, logs
        self._count(1)

    def _count(self, batches):
        self._done += batches
        share, now = min(self._done / max(self._total, 1), 1.0), time.monotonic()
        if share < _LEAST_SHARE:
            return
        left = round((now - self._started) * (1 / share - 1))
        text = f"      {share:4.0%} of all {self._work}, {left // 60}:{left % 60:02} left"
        if self._is_terminal and now - self._shown_at > _SECONDS_BETWEEN:
            self._write(f"{self._clear}{text}")
            self._shown_at = now
        elif not self._is_terminal and int(10 * share) > self._shown:
            self._write(f"{text}\n")
            self._shown = int(10 * share)

    @property
    def _is_terminal(self):
        return self._stream.isatty()

    @property
    def _clear(self):
        return "\r\x1b[K" if self._is_terminal else ""

    def _write(self, text):
        self._stream.write(text)
        self._stream.flush()

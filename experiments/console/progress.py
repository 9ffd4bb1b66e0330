"""Progress over epochs: a row for each run at work, which vanishes at its end."""

import contextlib
import threading

import keras
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from experiments.console import terminal

_COLUMNS = (
    TextColumn("{task.description}"),
    BarColumn(),
    MofNCompleteColumn(),
    TextColumn("loss {task.fields[loss]:.3f}  accuracy on observed labels {task.fields[accuracy]:.3f}"),
    TimeRemainingColumn(),
)


class Bar(keras.callbacks.Callback):
    """Callback and `with` block that shows epoch, training loss, accuracy on observed labels, and the time left.

    Args:
        title: text before the bar.
        epochs: how many there will be.
        shown: bool; only the chief of several workers shows it.
    """

    reports = None  # the queue of the process that shows the bars of this one

    def __init__(self, title, epochs, shown=True):
        super().__init__()
        self.title, self.epochs = title, epochs
        self.rows = _Rows(shown) if self.reports is None else _RowsElsewhere(self.reports)

    def __enter__(self):
        self.rows.start()
        self._show(0, float("nan"), float("nan"))
        return self

    def __exit__(self, *_):
        self.rows.drop(self.title)
        self.rows.stop()

    def on_epoch_end(self, epoch, logs=None):
        self._show(epoch + 1, logs["loss"], logs["accuracy"])

    def _show(self, completed, loss, accuracy):
        self.rows.show(self.title, self.epochs, completed, loss, accuracy)


def show_in(reports):
    """Send the bars of this process to another one, which is in the block of `shown_from`.

    Args:
        reports: a queue of `multiprocessing`.
    """
    Bar.reports = reports


@contextlib.contextmanager
def shown_from(reports):
    """Show the bars that other processes send, in one display, until the block ends.

    Args:
        reports: the queue that they gave to `show_in`.
    """

    def follow():
        while message := reports.get():
            act, arguments = message
            act(rows, *arguments)

    rows, follower = _Rows(shown=True), threading.Thread(target=follow)
    rows.start()
    follower.start()
    try:
        yield
    finally:
        reports.put(None)
        follower.join()
        rows.stop()


class _Rows:
    """Rows of a display in this process's terminal; there is none where output goes to a file."""

    def __init__(self, shown):
        console = terminal.console()
        self._tasks, disabled = {}, not (shown and console.is_terminal)
        self._progress = Progress(*_COLUMNS, console=console, transient=True, disable=disabled)
        self.start, self.stop = self._progress.start, self._progress.stop

    def show(self, title, epochs, completed, loss, accuracy):
        if title not in self._tasks:
            self._tasks[title] = self._progress.add_task(title, total=epochs, loss=loss, accuracy=accuracy)
        self._progress.update(self._tasks[title], completed=completed, loss=loss, accuracy=accuracy)

    def drop(self, title):
        self._progress.remove_task(self._tasks.pop(title))


class _RowsElsewhere:
    """The same rows in the display of another process."""

    def __init__(self, reports):
        self._reports = reports

    def start(self):
        """Do nothing: the display is there."""

    stop = start

    def show(self, *row):
        self._reports.put((_Rows.show, row))

    def drop(self, title):
        self._reports.put((_Rows.drop, (title,)))

"""A progress bar over epochs, which vanishes at the end."""

import keras
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from experiments.console import terminal


class Bar(keras.callbacks.Callback):
    """Callback and `with` block that shows epoch, training loss, accuracy on observed labels, and the time left.

    Args:
        title: text before the bar.
        epochs: how many there will be.
        shown: bool; only the chief of several workers shows it.
    """

    def __init__(self, title, epochs, shown=True):
        super().__init__()
        figures = TextColumn("loss {task.fields[loss]:.3f}  accuracy on observed labels {task.fields[accuracy]:.3f}")
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), figures, TimeRemainingColumn())
        console = terminal.console()
        self.progress = Progress(*columns, console=console, transient=True, disable=not (shown and console.is_terminal))
        self.task = self.progress.add_task(title, total=epochs, loss=float("nan"), accuracy=float("nan"))

    def __enter__(self):
        self.progress.start()
        return self

    def __exit__(self, *_):
        self.progress.stop()

    def on_epoch_end(self, epoch, logs=None):
        self.progress.update(self.task, completed=epoch + 1, loss=logs["loss"], accuracy=logs["accuracy"])

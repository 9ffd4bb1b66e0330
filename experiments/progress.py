"""A progress bar over epochs that vanishes when it is done."""

import keras
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class Bar(keras.callbacks.Callback):
    """Shows the epoch, the training loss and accuracy on observed labels, and the time left.

    Args:
        title: text before the bar.
        epochs: how many there will be.
    """

    def __init__(self, title, epochs):
        super().__init__()
        figures = TextColumn("loss {task.fields[loss]:.3f}  accuracy on observed labels {task.fields[accuracy]:.3f}")
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), figures, TimeRemainingColumn())
        console = Console()
        self.progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self.task = self.progress.add_task(title, total=epochs, loss=float("nan"), accuracy=float("nan"))

    def on_train_begin(self, logs=None):
        self.progress.start()

    def on_epoch_end(self, epoch, logs=None):
        self.progress.update(self.task, completed=epoch + 1, loss=logs["loss"], accuracy=logs["accuracy"])

    def on_train_end(self, logs=None):
        self.progress.stop()

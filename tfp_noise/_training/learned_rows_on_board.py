"""Summaries for TensorBoard of the distributions over classes that a loss has learned."""

import importlib.util
import io
import os

import keras
import tensorflow as tf

from tfp_noise import _class_rows, distribute

_MAX_CLASSES_DRAWN = 1000
_SCALAR, _IMAGE = ("scalars", 1), ("images", 3)  # name and data class of TensorBoard's plugins


class LearnedRowsOnBoard(keras.callbacks.Callback):
    """Writes what a loss has learned beside the scalars of Keras's `TensorBoard`, after every epoch.

    `fit` adds it for each `keras.callbacks.TensorBoard` if the loss has `class_rows`. The heat map is left out where
    matplotlib is not installed. Of several workers, whose rows are the same, the chief writes.

    Args:
        board: the `keras.callbacks.TensorBoard`.
    """

    def __init__(self, board):
        super().__init__()
        self._board = board
        self._writer = None

    def on_train_begin(self, logs=None):
        del logs
        # Not by `pathlib`, which would make a local folder of "gs://bucket/logs".
        self._writer = writer_of_chief(self.model, os.path.join(self._board.log_dir, "train"))

    def on_epoch_end(self, epoch, logs=None):
        del logs
        if self._writer is None:
            return
        loss = self.model.loss
        drawn = importlib.util.find_spec("matplotlib") is not None
        write_rows(self._writer, epoch, loss.class_rows, list(map(str, range(loss.num_classes))), drawn)

    def on_train_end(self, logs=None):
        del logs
        if self._writer is not None:
            self._writer.close()


def writer_of_chief(model, folder):
    """A TensorFlow summary writer; `None` on other workers than the chief, which have the same rows.

    Args:
        model: the classifier.
        folder: text, a path or an address such as "gs://bucket/logs".
    """
    return tf.summary.create_file_writer(folder) if distribute.is_chief(model.distribute_strategy) else None


def write_rows(writer, step, rows, class_names, drawn=True):
    """Writes mean diagonal and mean entropy of the rows and, for up to 1,000 classes, a heat map.

    Args:
        writer: a TensorFlow summary writer.
        step: int, the place on TensorBoard's axis.
        rows: float `[K, K]` or `losses.TopRows`.
        class_names: list of strings.
        drawn: bool, false to leave the heat map out.
    """
    with writer.as_default(step=step):
        for measure in ("mean_diagonal", "mean_entropy"):
            value = getattr(_class_rows.as_rows(rows), measure)()
            _write(f"class_rows/{measure}", tf.constant(value, tf.float32), *_SCALAR)
        if drawn and len(class_names) <= _MAX_CLASSES_DRAWN:
            from tfp_noise import visualization

            figure = visualization.class_similarities({f"epoch {step}": rows}, class_names)
            png = io.BytesIO()
            figure.savefig(png, format="png")
            size = map(str, figure.canvas.get_width_height())
            _write("class_rows", tf.constant([*size, png.getvalue()]), *_IMAGE)


def _write(tag, value, plugin, data_class):
    """Writes a summary without `tf.summary.scalar` and `tf.summary.image`, which need TensorBoard to be installed."""
    metadata = tf.compat.v1.SummaryMetadata(plugin_data={"plugin_name": plugin}, data_class=data_class)
    tf.summary.write(tag, value, metadata=metadata)

"""What looks on while a classifier trains: training that survives its process, and targets that are learned."""

import io

import keras
import tensorflow as tf

from tfp_noise import _class_rows, _validation, visualization
from tfp_noise._saving.backup import BackupAndRestore

__all__ = ["BackupAndRestore", "ClassRowsHistory"]

_MAX_CLASSES_DRAWN = 1000
_SCALAR, _IMAGE = ("scalars", 1), ("images", 3)  # TensorBoard's plugins, and the class of their data


class ClassRowsHistory(keras.callbacks.Callback):
    """Keeps the distributions over classes that a loss has learned, as they are after an epoch.

    For any loss with `class_rows`: `losses.OnlineLabelSmoothing`, whose soft labels are then those of the next epoch,
    and `losses.LearnableLabelSmoothing`. What is kept takes `4 K^2` bytes a time in float32, `K` the number of classes
    (300 epochs of 1,000 classes: 1.2 GB; take `every=10`), or `8 K N` where the loss keeps the top `N` of each row. It
    is not saved with the model: training that is resumed begins a new history.

    `visualization.similarity_evolution(history.epochs, history.rows, ...)` draws it.

    Args:
        every: int, keep the rows after each `every` epochs.
        log_dir: a folder for TensorBoard, or `None`. It gets the mean of the rows' own labels,
            `class_rows/mean_diagonal`, the mean entropy of a row in nats, `class_rows/mean_entropy`, and, up to 1,000
            classes, the heat map `class_rows` of `visualization.class_similarities`, which takes half a second.
        class_names: sequence of strings, a name per class, for the heat map; by default the indices.

    Attributes:
        epochs: list of int, from 1 on.
        rows: list of what `loss.class_rows` was after each of them: float `[K, K]` or `losses.TopRows`.

    Raises:
        TypeError: for class names that are not strings, and once training starts, if the loss has no `class_rows`.
        ValueError: for `every` below 1, and once training starts for class names that are not one a class.

    Example:
        >>> import numpy as np
        >>> from tfp_noise import NoisyLabelClassifier, losses
        >>> network = keras.Sequential([keras.Input([4]), keras.layers.Dense(3)])
        >>> model = NoisyLabelClassifier(network, losses.LearnableLabelSmoothing(3))
        >>> model.compile("adam")
        >>> history = ClassRowsHistory(every=2)
        >>> _ = model.fit(np.zeros([8, 4]), np.zeros([8], int), epochs=5, callbacks=[history], verbose=0)
        >>> history.epochs, history.rows[-1].shape
        ([2, 4], (3, 3))
    """

    def __init__(self, every=1, log_dir=None, class_names=None):
        super().__init__()
        self.epochs = []
        self.rows = []
        self._every = _validation.check_int("every", every, 1)
        self._log_dir = log_dir if log_dir is None else _validation.check_path("log_dir", log_dir)
        self._class_names = class_names if class_names is None else _validation.check_class_names(class_names)
        self._writer = None

    def on_train_begin(self, logs=None):
        del logs
        loss = getattr(self.model, "loss", None)
        if not hasattr(type(loss), "class_rows"):
            raise TypeError(
                "`model.loss` must learn its targets, as OnlineLabelSmoothing and LearnableLabelSmoothing of "
                f"tfp_noise.losses do. Received: {type(loss).__name__}, without `class_rows`. Leave this callback out."
            )
        names = list(map(str, range(loss.num_classes))) if self._class_names is None else self._class_names
        self._names = _validation.check_class_names(names, loss.num_classes)
        if self._log_dir is not None:
            self._writer = tf.summary.create_file_writer(str(self._log_dir))

    def on_epoch_end(self, epoch, logs=None):
        del logs
        if (epoch + 1) % self._every:
            return
        self.epochs.append(epoch + 1)
        self.rows.append(self.model.loss.class_rows)
        if self._writer is not None:
            self._write(epoch + 1, self.rows[-1])

    def on_train_end(self, logs=None):
        del logs
        if self._writer is not None:
            self._writer.close()

    def _write(self, epoch, rows):
        with self._writer.as_default(step=epoch):
            for measure in ("mean_diagonal", "mean_entropy"):
                value = getattr(_class_rows.as_rows(rows), measure)()
                _write(f"class_rows/{measure}", tf.constant(value, tf.float32), *_SCALAR)
            if len(self._names) <= _MAX_CLASSES_DRAWN:
                figure = visualization.class_similarities({f"epoch {epoch}": rows}, self._names)
                png = io.BytesIO()
                figure.savefig(png, format="png")
                size = map(str, figure.canvas.get_width_height())
                _write("class_rows", tf.constant([*size, png.getvalue()]), *_IMAGE)


def _write(tag, value, plugin, data_class):
    """What `tf.summary.scalar` and `tf.summary.image` write, which need TensorBoard on the machine that trains."""
    metadata = tf.compat.v1.SummaryMetadata(plugin_data={"plugin_name": plugin}, data_class=data_class)
    tf.summary.write(tag, value, metadata=metadata)

"""Callbacks for `fit`: a backup from which training resumes, and histories of learned targets and of margins."""

import os
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import ArrayLike

from tfp_noise import _class_probabilities, _extras, _labels, _validation
from tfp_noise._saving.backup import BackupAndRestore
from tfp_noise._training.input_checks import check_examples
from tfp_noise._training.learned_rows_on_board import write_rows, writer_of_chief
from tfp_noise.losses import TopRows

__all__ = ["BackupAndRestore", "ClassRowsHistory", "MarginHistory"]


class ClassRowsHistory(keras.callbacks.Callback):
    """Records the distributions over classes that a loss has learned, after every epoch or every few epochs.

    The loss must have `class_rows`: `losses.LearnableLabelSmoothing`, or `losses.OnlineLabelSmoothing`, where the rows
    recorded after an epoch are the soft labels of the next one. For `K` classes in float32, a record takes `4 K^2`
    bytes, or `8 K N` bytes if the loss keeps the top `N` entries of each row. For 1,000 classes and 300 epochs that is
    1.2 GB; use `every=10`. The history is not saved with the model: resumed training starts a new one.

    `visualization.similarity_evolution(history.epochs, history.rows, ...)` draws it.

    Args:
        every: int >= 1, number of epochs from one record to the next.
        log_dir: path of a folder for TensorBoard, or `None`. It receives the mean diagonal of the rows
            (`class_rows/mean_diagonal`), their mean entropy in nats (`class_rows/mean_entropy`), and, for up to 1,000
            classes, the heat map of `visualization.class_similarities` (`class_rows`), which takes half a second.
        class_names: sequence of strings, one name per class, for the heat map; by default the indices.

    Attributes:
        epochs: list of int, the recorded epochs, numbered from 1.
        rows: list of the loss's `class_rows` after each of these epochs: float `[K, K]` or `losses.TopRows`.

    Raises:
        ImportError: if `log_dir` is given and matplotlib is not installed.
        TypeError: if class names are not strings or, when training starts, the loss has no `class_rows`.
        ValueError: if `every` is below 1 or, when training starts, there is not one name per class.

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

    def __init__(
        self,
        every: int = 1,
        log_dir: str | os.PathLike[str] | None = None,
        class_names: Sequence[str] | None = None,
    ):
        super().__init__()
        self.epochs: list[int] = []
        self.rows: list[np.ndarray | TopRows] = []
        self._every = _validation.check_int("every", every, 1)
        if log_dir is not None:
            _extras.load("matplotlib", "`ClassRowsHistory(log_dir=...)`")
        self._log_dir = log_dir if log_dir is None else _validation.check_location("log_dir", log_dir)
        self._class_names = class_names if class_names is None else _validation.check_class_names(class_names)
        self._writer = None

    def on_train_begin(self, logs=None):
        del logs
        loss = getattr(self.model, "loss", None)
        if not hasattr(type(loss), "class_rows"):
            raise TypeError(
                "`model.loss` must learn its targets, like OnlineLabelSmoothing and LearnableLabelSmoothing of "
                f"tfp_noise.losses. Received: {type(loss).__name__}, without `class_rows`. Leave this callback out."
            )
        names = list(map(str, range(loss.num_classes))) if self._class_names is None else self._class_names
        self._names = _validation.check_class_names(names, loss.num_classes)
        if self._log_dir is not None:
            self._writer = writer_of_chief(self.model, self._log_dir)

    def on_epoch_end(self, epoch, logs=None):
        del logs
        if (epoch + 1) % self._every:
            return
        self.epochs.append(epoch + 1)
        self.rows.append(self.model.loss.class_rows)
        if self._writer is not None:
            write_rows(self._writer, epoch + 1, self.rows[-1], self._names)

    def on_train_end(self, logs=None):
        del logs
        if self._writer is not None:
            self._writer.close()


class MarginHistory(keras.callbacks.Callback):
    """Averages the margin of each example's given label over training: its area under the margin.

    The margin is `z_y - max_{k != y} z_k` with `z` the logits and `y` the given label. It is taken after each epoch, by
    a pass over the examples that costs about a third of an epoch of training. An example whose label the other examples
    of its kind contradict has a low average even if the network memorises the label in the end. Training that
    `BackupAndRestore` resumes goes on with the sums.

    Works with a `NoisyLabelClassifier`, or a Keras model whose loss says what its outputs are, as `cross_predict`
    reads it. Margins are differences of log probabilities, at most 103 nats in float32. A model with a label at each
    position, such as a pixel, has a margin at each position; that of a label of the loss's `ignore_class` is NaN.

    Args:
        features: array of the `n` examples, or a dict, tuple or list of arrays, as `predict` takes them.
        labels: int `[n]` or, at each position, `[n, ...]`: the given labels.
        batch_size: int, of the pass over the examples.

    Attributes:
        epochs: int, how many epochs the average is over.
        margins: float64, of the shape of the labels: the margins after the last epoch; `None` before the first.

    Raises:
        TypeError, ValueError: for features that are no arrays, labels that are no class indices or not as many, and
            when training starts, for labels outside the classes or of other positions than the model predicts, or a
            model whose outputs cannot be read.

    Example:
        >>> model = keras.Sequential([keras.Input([1]), keras.layers.Dense(2, kernel_initializer="zeros")])
        >>> model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        >>> x, y = np.array([[-1.0], [-1.0], [-1.0], [1.0], [1.0], [1.0]]), np.array([0, 0, 1, 1, 1, 1])
        >>> history = MarginHistory(x, y)
        >>> _ = model.fit(x, y, epochs=3, callbacks=[history], verbose=0)
        >>> history.epochs, int(history.area_under_margin.argmin())
        (3, 2)

    References:
        Pleiss, Zhang, Elenberg, Weinberger, "Identifying mislabeled data using the area under the margin ranking",
        2020, Eq. 1 and 2. Departure: margins are of the network in inference mode at the end of the epoch, not of each
        training batch before its step, and there are no threshold samples of an extra class.
    """

    def __init__(self, features: Any, labels: ArrayLike, batch_size: int = 256):
        super().__init__()
        _validation.check_one_order({"features": features, "labels": labels})
        self._labels = _validation.check_indices("labels", labels, rank=None).astype(np.int64)
        check_examples("features", features, len(self._labels))
        self._features, self._batch_size = features, _validation.check_int("batch_size", batch_size, 1)
        self.epochs = 0
        self.margins: np.ndarray | None = None
        self._sums = np.zeros(self._labels.shape)

    @property
    def area_under_margin(self) -> np.ndarray:
        """Float64, of the shape of the labels: the mean margin over the epochs so far, in nats; low is suspicious."""
        if not self.epochs:
            raise ValueError("`area_under_margin` must follow an epoch of training. Received: none yet. Call `fit`.")
        return self._sums / self.epochs

    def get_state(self) -> dict[str, Any]:
        """Sums and number of epochs, for `BackupAndRestore`.

        Returns:
            A dict.
        """
        return {"epochs": self.epochs, "sums": self._sums}

    def set_state(self, state: dict[str, Any]) -> None:
        """Takes what `get_state` gave.

        Args:
            state: a dict.

        Raises:
            ValueError: if it is of other examples.
        """
        if np.shape(state["sums"]) != self._labels.shape:
            shape = np.shape(state["sums"])
            raise ValueError(f"`state` must be of labels of shape {self._labels.shape}. Received: {shape}.")
        self.epochs, self._sums = int(state["epochs"]), np.array(state["sums"])

    def on_train_begin(self, logs=None):
        del logs
        _class_probabilities.check_compiled("fit", self.model)
        batch = keras.tree.map_structure(lambda leaf: leaf[: self._batch_size], self._features)
        _class_probabilities.check_labels(self.model, self._labels, self._predict(batch).shape[1:])

    def on_epoch_end(self, epoch, logs=None):
        del epoch, logs
        logits = np.log(np.maximum(self._predict(self._features), np.finfo(np.float32).smallest_subnormal))
        ignored = _class_probabilities.ignore_class(self.model)
        known = _labels.are_known(self._labels, logits.shape[-1], ignored)
        given = np.where(known, self._labels, 0)[..., None]
        own = np.take_along_axis(logits, given, axis=-1)[..., 0].astype(np.float64)
        np.put_along_axis(logits, given, -np.inf, axis=-1)
        self.margins = np.where(known, own - logits.max(axis=-1), np.nan)
        self._sums += self.margins
        self.epochs += 1

    def _predict(self, features):
        return _class_probabilities.predict(self.model, features, batch_size=self._batch_size, verbose=0)

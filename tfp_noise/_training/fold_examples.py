"""Examples of a cross-prediction, taken by position from arrays or from a `tf.data.Dataset`."""

import zlib

import keras
import numpy as np
import tensorflow as tf

from tfp_noise import _validation
from tfp_noise._training.feature_containers import as_keras_takes
from tfp_noise._training.input_checks import check_examples
from tfp_noise._training.training_facts import described
from tfp_noise.datasets.base import Examples
from tfp_noise.datasets.dataset import Dataset

_SHUFFLED_BYTES = 2**28  # of the examples that are held in memory to be shuffled
_UNBATCH = "Pass single examples: `dataset.unbatch()`."


def examples_of(features, labels):
    """`ArrayExamples` or `StreamExamples`, by what `features` are.

    Args:
        features: arrays in any nest, or a `tf.data.Dataset` of single examples.
        labels: int `[n]` or `[n, ...]`; `None` for those in the dataset.
    """
    return (StreamExamples if isinstance(features, tf.data.Dataset) else ArrayExamples)(features, labels)


class ArrayExamples:
    """Examples as arrays or data frames of one length."""

    def __init__(self, features, labels):
        if isinstance(features, (Dataset, Examples)):
            raise TypeError(
                f"`features` must be arrays or a `tf.data.Dataset`. Received: {type(features).__name__} of "
                "`tfp_noise.datasets`. Pass the arrays of one split: `data.train.inputs, data.train.training_labels`."
            )
        if labels is None:
            raise TypeError(
                "`labels` must be integer class indices. Received: None, which is for a `tf.data.Dataset` of "
                "`(x, y)`. Pass the given labels of the arrays."
            )
        _validation.check_one_order({"features": features, "labels": labels})
        self.labels = _validation.check_indices("labels", labels, rank=None).astype(np.int64)
        check_examples("features", features, len(self.labels))
        self._features = features

    def described(self):
        """Number and checksum of the features, as text."""
        return described(self._features)

    def inputs(self, positions, batch_size):
        """Arguments of `model.predict` for the examples at these positions, as a dict."""
        # By position, whatever the index of a data frame says.
        taken = keras.tree.map_structure(
            lambda leaf: leaf.iloc[positions] if hasattr(leaf, "iloc") else np.asarray(leaf)[positions], self._features
        )
        return {"x": as_keras_takes(taken, "features"), "batch_size": batch_size}

    def training(self, positions, batch_size, one_hot, with_ids=False):
        """Arguments of `model.fit` for these positions.

        Args:
            positions: int `[m]`.
            batch_size: int.
            one_hot: `[K, K]`, whose rows become the labels; `None` for class indices.
            with_ids: bool, positions stand beside the labels as ids.
        """
        labels = self.labels[positions] if one_hot is None else one_hot[self.labels[positions]]
        return {**self.inputs(positions, batch_size), "y": {"labels": labels, "ids": positions} if with_ids else labels}


class StreamExamples:
    """Examples of a `tf.data.Dataset`, which is read anew in every pass and never held in memory as a whole.

    It is read twice before the first training: for the labels, and to see whether the order stays the same.
    """

    def __init__(self, dataset, labels):
        _check_elements(dataset, labels)
        options = tf.data.Options()
        options.deterministic = True  # a parallel `map` keeps the order
        dataset = dataset.with_options(options)
        self._checksums, found, size = _read(dataset, with_labels=labels is None)
        count = len(self._checksums)
        given = found if labels is None else labels
        self.labels = _validation.check_indices("labels", given, rank=None).astype(np.int64)
        if len(self.labels) != count:
            raise ValueError(
                f"`features` must hold {len(self.labels)} examples, as `labels` do. Received a dataset of {count} "
                f"elements. Are they batches? {_UNBATCH}"
            )
        _check_same(self._checksums, _read(dataset, with_labels=False)[0])
        self._numbered = dataset.map(lambda x, *_: x).enumerate()
        self._buffer = max(1, int(count * _SHUFFLED_BYTES / max(size, _SHUFFLED_BYTES)))

    def described(self):
        """Number and checksum of the examples, as text."""
        return f"{len(self._checksums)} examples, CRC-32 {zlib.crc32(self._checksums.tobytes()):08x}"

    def inputs(self, positions, batch_size):
        """Arguments of `model.predict` for the examples at these positions, as a dict."""
        return {"x": self._at(positions).map(lambda _, x: (x,)).batch(batch_size).prefetch(2)}

    def training(self, positions, batch_size, one_hot, with_ids=False):
        """Arguments of `model.fit` for these positions, as those of `ArrayExamples.training`."""
        with tf.device("CPU:0"):
            labels, rows = tf.constant(self.labels), None if one_hot is None else tf.constant(one_hot)

        def label(number):
            index = tf.gather(labels, number)
            return index if rows is None else tf.gather(rows, index)

        shuffled = self._at(positions).shuffle(self._buffer, seed=0)  # the global seed differs between folds

        def labelled(number, x):
            return x, {"labels": label(number), "ids": number} if with_ids else label(number)

        return {"x": shuffled.map(labelled).batch(batch_size).prefetch(2), "shuffle": False}

    def _at(self, positions):
        """The elements `(number, x)` at these positions."""
        mask = np.zeros(len(self.labels), bool)
        mask[positions] = True
        with tf.device("CPU:0"):
            chosen = tf.constant(mask)
        count = int(mask.sum())
        kept = self._numbered.filter(lambda number, _: tf.gather(chosen, number)).take(count)  # no further than needed
        return kept.apply(tf.data.experimental.assert_cardinality(count))


def _check_elements(dataset, labels):
    """Refuses datasets that do not end, and elements that are not `x`, or `(x, y)` if there are no other labels."""
    if int(dataset.cardinality()) == tf.data.INFINITE_CARDINALITY:
        raise ValueError("`features` must be a dataset that ends. Received an endless one. Leave out its `repeat()`.")
    spec = dataset.element_spec
    parts = len(spec) if isinstance(spec, tuple) else 1
    if labels is None and parts != 2:
        raise ValueError(
            f"`features` must be a dataset of `(x, y)` where `labels` are not given. Received elements {spec}. Pass "
            "the labels, or put them into the dataset."
        )
    if labels is not None and parts != 1:
        raise ValueError(
            f"`features` must be a dataset of `x` alone where `labels` are given. Received elements {spec}. Leave out "
            "`labels`, or what is beside the features: `dataset.map(lambda x, *others: x)`. Several features of one "
            "example are a dict."
        )
    if not all(isinstance(one, tf.TensorSpec) for one in tf.nest.flatten(spec)):
        raise TypeError(f"`features` must be a dataset of dense tensors. Received elements {spec}.")
    if labels is None and spec[1].shape.rank and not (spec[1].dtype.is_integer and spec[1].shape.is_fully_defined()):
        raise ValueError(
            "`features` must be a dataset of single examples `(x, y)`, y an integer, or integers of known shape for "
            f"labels at each position. Received labels of shape {spec[1].shape}. {_UNBATCH} Pass class indices instead "
            "of one-hot labels. To make the shape of positions known: `tf.ensure_shape(y, [height, width])`."
        )


def _read(dataset, with_labels):
    """One pass: a checksum for each example, uint32 `[n]`; the labels of `(x, y)`, if wanted; and the bytes of all."""
    checksums, labels, size = [], [], 0
    for number, element in enumerate(dataset.as_numpy_iterator()):
        checksum = 0
        for leaf in tf.nest.flatten(element):
            array = np.asarray(leaf)
            if array.dtype.kind == "f" and np.isinf(array).any():
                raise ValueError(f"`features` must be finite. Received infinity in example {number}.")
            content = repr(array.tolist()).encode() if array.dtype == object else array.tobytes()
            checksum = zlib.crc32(content, checksum)
            size += len(content)
        checksums.append(checksum)
        if with_labels:
            labels.append(element[1])
    return np.array(checksums, np.uint32), labels, size


def _check_same(first, second):
    """Refuses a dataset whose second pass gives other examples than the first, or the same ones in another order."""
    if np.array_equal(first, second):
        return
    if np.array_equal(np.sort(first), np.sort(second)):
        received, cure = "the same examples in another order", "Pass `reshuffle_each_iteration=False` to its `shuffle`."
    else:
        received, cure = "other examples", "Put random augmentation into the model, and leave out random sampling."
    raise ValueError(
        "`features` must be a dataset that gives the same examples in the same order in every pass, because an example "
        f"is identified by its position. Received {received} in a second pass. {cure}"
    )

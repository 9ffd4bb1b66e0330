"""Labels in every container and kind of data for `fit` and `evaluate`: equal training, or the same error."""

import functools
import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import sparse

from tests.helpers.small_classifier import FEATURES, LABELS
from tfp_noise import NoisyLabelClassifier, losses

BATCH = 16
ONE_HOT = np.eye(3, dtype="float32")[LABELS]
INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")


class Column:
    """A column of a data frame after a shuffle, whose index is not in the order of its values."""

    def __init__(self, values):
        self.values = np.asarray(values)
        self.index = np.random.default_rng(0).permutation(len(self.values))

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype=dtype)

    def __len__(self):
        return len(self.values)

    def __getitem__(self, key):
        return self.values[np.argsort(self.index)[key]]


class Batches(keras.utils.PyDataset):
    def __init__(self, labels):
        super().__init__()
        self.labels = labels

    def __len__(self):
        return len(FEATURES) // BATCH

    def __getitem__(self, i):
        part = slice(BATCH * i, BATCH * (i + 1))
        if isinstance(self.labels, Column):
            return FEATURES[part], Column(self.labels.values[part])
        return FEATURES[part], self.labels[part]


# Into `fit`: what `x` and `y` are. A dataset of TensorFlow takes arrays only.
WAYS = {
    "arrays": lambda labels: (FEATURES, labels),
    "dataset": lambda labels: (tf.data.Dataset.from_tensor_slices((FEATURES, np.asarray(labels))).batch(BATCH), None),
    "py_dataset": lambda labels: (Batches(labels), None),
    "generator": lambda labels: ((batch for batch in Batches(labels)), None),
}
RIGHT = {
    **{dtype: LABELS.astype(dtype) for dtype in INTEGERS},
    "list": LABELS.tolist(),
    "tuple": tuple(LABELS.tolist()),
    "objects": LABELS.astype(object),
    "column": LABELS[:, None],
    "data frame": Column(LABELS),
    "one-hot": ONE_HOT,
    "one-hot float64": ONE_HOT.astype("float64"),
    "one-hot float16": ONE_HOT.astype("float16"),
    "one-hot bool": ONE_HOT.astype(bool),
    "one-hot list": ONE_HOT.tolist(),
}
INDICES = "must be integer class indices"
ROWS = "must be at least 0, with rows that sum to 1"
WRONG = {
    "fractions": (LABELS + 0.7, INDICES),
    "whole floats": (LABELS.astype("float32"), INDICES),
    "bool": (LABELS > 0, INDICES),
    "names": (np.array(["a", "b", "c"])[LABELS], INDICES),
    "from 1": (LABELS + 1, r"must lie in \[0, 3\)"),
    "none": (LABELS - 1, r"must lie in \[0, 3\)"),
    "votes": (5 * ONE_HOT, ROWS),
    "multi-hot": (np.ones_like(ONE_HOT), ROWS),
    "logits": (FEATURES[:, :3], ROWS),
    "rows of zeros": (0 * ONE_HOT, ROWS + ".*A row of zeros has no class"),
    "four columns": (np.eye(4)[LABELS], r"or distributions \[n, 3\]"),
}


@functools.cache
def _model():
    keras.utils.set_random_seed(0)
    network = keras.Sequential([keras.Input([6]), keras.layers.Dense(3)])
    classifier = NoisyLabelClassifier(network, losses.LabelSmoothing(3))
    classifier.compile("sgd", run_eagerly=True)
    return classifier, classifier.get_weights()


def model():
    """One model for all tests, reset to its initial weights, because making one takes a second."""
    classifier, start = _model()
    classifier.set_weights(start)
    return classifier


def weights_after(x, y):
    trained = model()
    trained.fit(x, y, batch_size=BATCH, shuffle=False, verbose=0)
    return trained.get_weights()


@pytest.fixture(scope="module")
def expected():
    return weights_after(FEATURES, LABELS)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("container", RIGHT)
@pytest.mark.filterwarnings("ignore:Your input ran out of data")  # Keras says so at the end of a generator
@pytest.mark.daily(*(f"{container}-arrays" for container in RIGHT), *(f"int32-{way}" for way in WAYS))
def test_the_same_training(container, way, expected):
    if (container, way) == ("objects", "dataset"):
        pytest.skip("TensorFlow has no tensors of Python objects")
    x, y = WAYS[way](RIGHT[container])
    for ours, theirs in zip(weights_after(x, y), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("act", ["fit", "evaluate"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("container", WRONG)
@pytest.mark.filterwarnings("ignore:`shuffle=True` was passed")
def test_the_same_refusal(container, way, act):
    labels, message = WRONG[container]
    x, y = WAYS[way](labels)
    with pytest.raises(
        (TypeError, ValueError, tf.errors.InvalidArgumentError), match=rf"(?s)`y` .*{message}|{message}"
    ):
        getattr(model(), act)(x, y, verbose=0)


def test_rows_of_zeros_are_labels_that_are_ignored():
    y = ONE_HOT.copy()
    y[5] = 0
    for ignored in (None, 255):
        loss = losses.CrossEntropy(3, ignore_class=ignored)
        ignoring = NoisyLabelClassifier(keras.Sequential([keras.Input([6]), keras.layers.Dense(3)]), loss)
        with pytest.raises(ValueError, match=r"row 5 .* A row of zeros has no class: pass class indices") as refused:
            ignoring.fit(FEATURES, y)
        index, setting = re.findall(r"`(np.where.*?|ignore_class=.*?)`", str(refused.value))
        labels = eval(index, {"np": np, "y": y})  # the cure
        assert np.flatnonzero(labels == (ignored or -1)).tolist() == [5]
        assert setting == f"ignore_class={ignored or -1}"


@pytest.mark.parametrize(
    "loss", [losses.CrossEntropy(3), losses.EarlyLearning(3, len(LABELS)), losses.MultiLabel(losses.CrossEntropy(2), 3)]
)
def test_sparse_labels_are_told_to_be_made_dense(loss):
    y = sparse.csr_matrix(ONE_HOT)
    trained = NoisyLabelClassifier(keras.Sequential([keras.Input([6]), keras.layers.Dense(3)]), loss)
    trained.compile("sgd", run_eagerly=True)
    with pytest.raises(TypeError, match=r"`y` must be a dense array. Received a sparse matrix. Pass `y.toarray\(\)`"):
        trained.fit(FEATURES, y)
    trained.fit(FEATURES, y.toarray(), verbose=0)


@pytest.mark.parametrize(
    ("labels", "cure"),
    [
        (["cat", "dog"], "return_inverse=True"),
        (np.array(["cat", None], object), "Leave out the 1 example without a label"),
        (np.array(["cat", np.nan], object), "Leave out the 1 example without a label"),
        (["cat", "None"], "return_inverse=True"),
        ([0.0, 1.0], r'astype\("int32"\)'),
        ([True, False], r'astype\("int32"\)'),
        ([0.2, 0.9], r"np.stack\(\[1 - labels, labels\]"),
        ([0.0, np.nan], "Leave out the examples whose label is NaN"),
        ([2.5, 1.0], "Number the classes from 0"),
    ],
)
def test_the_advice_fits_the_labels(labels, cure):
    with pytest.raises(TypeError, match=rf"`y` must be integer class indices.*{cure}"):
        model().fit(FEATURES[:2], labels)


@pytest.mark.parametrize("dtype", ["string", "category", object])
def test_the_advice_fits_a_column_of_pandas_with_a_gap(dtype):
    """Numbering the names would make a class of the gap, or fail."""
    pandas = pytest.importorskip("pandas")
    column = pandas.Series(["cat", None, "dog"], dtype=dtype)
    with pytest.raises(TypeError, match=r"`y` must be integer class indices.*Leave out the 1 example without a label"):
        model().fit(FEATURES[:3], column)


def test_masked_labels_are_no_labels():
    with pytest.raises(ValueError, match="`y` must be complete"):
        model().fit(FEATURES[:2], np.ma.array([0, 1], mask=[True, False]))


def test_ragged_labels_are_refused():
    with pytest.raises(ValueError, match="`y` must be convertible to one array"):
        model().fit(FEATURES[:2], [[0, 1], [1]])


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_as_many_classes_as_a_narrow_type_has_values(dtype):
    num_classes = int(np.iinfo(dtype).max) + 1
    network = keras.Sequential([keras.Input([6]), keras.layers.Dense(num_classes)])
    classifier = NoisyLabelClassifier(network, losses.LabelSmoothing(num_classes))
    classifier.compile("sgd", run_eagerly=True)
    x, _ = WAYS["dataset"](np.full(len(FEATURES), num_classes - 1, dtype))
    assert np.isfinite(classifier.evaluate(x, verbose=0))

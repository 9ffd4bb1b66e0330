"""NaN features are refused unless the network masks or imputes them."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfp_noise import NoisyLabelClassifier, losses

K = 3
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(24, 4)).astype("float32"), RNG.integers(0, K, 24)
X[3, 1] = np.nan


def imputing():
    inputs = keras.Input([4])
    return keras.Model(inputs, keras.layers.Dense(K)(keras.ops.where(keras.ops.isnan(inputs), 0.0, inputs)))


@keras.saving.register_keras_serializable()
class OneColumn(keras.layers.Layer):
    """A layer that imputes the one column with missing values."""

    def call(self, inputs):
        first, gaps, rest = inputs[:, :1], inputs[:, 1:2], inputs[:, 2:]
        return keras.ops.concatenate([first, keras.ops.where(keras.ops.isnan(gaps), 0.0, gaps), rest], axis=1)


class Imputing(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(K)

    def call(self, inputs):
        return self.dense(keras.ops.where(keras.ops.isnan(inputs), 0.0, inputs))


class Batches(keras.utils.PyDataset):
    def __init__(self, x):
        super().__init__()
        self.x = x

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return self.x[12 * index : 12 * (index + 1)], Y[12 * index : 12 * (index + 1)]


WAYS = {
    "arrays": lambda x: (x, Y),
    "tf.data": lambda x: (tf.data.Dataset.from_tensor_slices((x, Y)).batch(12), None),
    "PyDataset": lambda x: (Batches(x), None),
}


def fit(network, data, built=False):
    model = NoisyLabelClassifier(network, losses.LabelSmoothing(K))
    model.compile("sgd", metrics=["accuracy"], run_eagerly=True)
    if built:
        model(np.zeros([1, 4], "float32"))
    shuffle = {"shuffle": False}
    return model.fit(*data, verbose=0, **shuffle).history["loss"][0], model.evaluate(*data, verbose=0)[0]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("network", [imputing, Imputing])
def test_a_network_that_imputes_may_have_them(network, way):
    assert np.isfinite(fit(network(), WAYS[way](X), built=way != "arrays" and network is Imputing)).all()


def test_it_is_asked_about_what_is_missing():
    fit(keras.Sequential([keras.Input([4]), OneColumn(), keras.layers.Dense(K)]), WAYS["arrays"](X))
    with pytest.raises(ValueError, match="`x` must be finite"):
        fit(keras.Sequential([keras.Input([4]), OneColumn(), keras.layers.Dense(K)]), WAYS["arrays"](X[:, ::-1]))


@pytest.mark.parametrize("way", WAYS)
def test_infinity_is_refused_all_the_same(way):
    wrong = np.where(np.isnan(X), np.float32(np.inf), X)
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError), match="`x` must be finite"):
        fit(imputing(), WAYS[way](wrong))


@pytest.mark.parametrize("way", WAYS)
def test_infinities_of_both_signs_do_not_hide_each_other(way):
    wrong = np.nan_to_num(X)
    wrong[:2, 0] = np.inf, -np.inf
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError), match="`x` must be finite"):
        fit(imputing(), WAYS[way](wrong))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_sparse_features_are_looked_at(value):
    x = tf.sparse.from_dense(np.where(np.isnan(X), np.float32(value), X))
    inputs = keras.Input([4], sparse=True)
    network = keras.Model(inputs, keras.layers.Dense(K)(inputs))
    with pytest.raises(tf.errors.InvalidArgumentError, match="`x` must be finite"):
        fit(network, (tf.data.Dataset.from_tensor_slices((x, Y)).batch(12), None))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_floats_whose_sum_is_infinite_are_taken_in_batches(dtype):
    network = keras.Sequential([keras.Input([4], dtype=dtype), keras.layers.Rescaling(1e-4), keras.layers.Dense(K)])
    data = tf.data.Dataset.from_tensor_slices((tf.cast(np.full_like(X, 6e4), dtype), Y)).batch(12)
    assert np.isfinite(fit(network, (data, None))).all()


@pytest.mark.parametrize("way", WAYS)
def test_large_numbers_whose_sum_is_infinite_are_taken(way):
    network = keras.Sequential([keras.Input([4]), keras.layers.Rescaling(1e-38), keras.layers.Dense(K)])
    assert np.isfinite(fit(network, WAYS[way](np.full_like(X, 3e38)))).all()


@pytest.mark.parametrize("way", WAYS)
def test_any_other_network_may_not(way):
    network = keras.Sequential([keras.Input([4]), keras.layers.Dense(K)])
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError), match="`x` must be finite"):
        fit(network, WAYS[way](X))


def test_to_ask_draws_nothing_from_random_layers():
    network = keras.Sequential([keras.Input([4]), keras.layers.Dropout(0.5, seed=0), keras.layers.Dense(K)])
    model = NoisyLabelClassifier(network, losses.LabelSmoothing(K))
    model.compile("sgd", run_eagerly=True)
    before = [variable.numpy() for variable in model.variables]
    model.evaluate(*WAYS["tf.data"](np.nan_to_num(X)), verbose=0)
    for ours, theirs in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("in_batches", [False, True])
def test_weights_that_are_not_finite_are_refused(value, in_batches):
    """Such weights would turn the network's weights into NaN."""
    x, weights = np.nan_to_num(X), np.r_[value, np.ones(23)].astype("float32")
    model = NoisyLabelClassifier(keras.Sequential([keras.Input([4]), keras.layers.Dense(K)]), losses.LabelSmoothing(K))
    model.compile("sgd", run_eagerly=True)
    before = model.get_weights()
    data = {"x": x, "y": Y, "sample_weight": weights}
    if in_batches:
        data = {"x": tf.data.Dataset.from_tensor_slices((x, Y, weights)).batch(24)}
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError), match="`sample_weight` must be finite"):
        model.fit(**data, shuffle=False, verbose=0)
    np.testing.assert_array_equal(model.get_weights()[0], before[0])


def test_what_is_right_trains_after_what_was_refused():
    """A refused first batch leaves the optimizer's variables unchanged."""
    x, rows = np.nan_to_num(X), np.eye(K)[Y]
    model = NoisyLabelClassifier(keras.Sequential([keras.Input([4]), keras.layers.Dense(K)]), losses.LabelSmoothing(K))
    model.compile("adam", jit_compile=False)
    with pytest.raises(tf.errors.InvalidArgumentError, match="`x` must be finite"):
        model.fit(tf.data.Dataset.from_tensor_slices((X, rows)).batch(12), shuffle=False, verbose=0)
    assert np.isfinite(model.fit(x, rows, verbose=0).history["loss"][0])
    assert np.isfinite(model.fit(x, Y, verbose=0).history["loss"][0])
    assert np.isfinite(model.fit(x, rows.astype(int), verbose=0).history["loss"][0])


def test_weights_by_class_in_batches_and_labels_to_be_ignored_are_refused_together():
    model = NoisyLabelClassifier(
        keras.Sequential([keras.Input([4]), keras.layers.Dense(K)]), losses.LabelSmoothing(K, ignore_class=-1)
    )
    model.compile("sgd", run_eagerly=True)
    x, weights = np.nan_to_num(X), {0: 1.0, 1: 2.0, 2: 5.0}
    labels = np.where(np.arange(24) % 2, Y, -1)
    with pytest.raises(ValueError, match=r"`class_weight` must be left out.*Received: ignore_class=-1"):
        model.fit(tf.data.Dataset.from_tensor_slices((x, labels)).batch(12), class_weight=weights, verbose=0)
    assert np.isfinite(model.fit(x, labels, class_weight=weights, verbose=0).history["loss"][0])

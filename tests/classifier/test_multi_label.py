"""Classifiers of several labels an example: training, metrics, weights, masks, files and replicas."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.helpers.further_settings import OF_SEVERAL_LABELS
from tests.helpers.several_labels import FEATURES, LABELS, MARKED, PLAIN, WEIGHTS, L, classifier, network, trained
from tfp_noise import NoisyLabelClassifier
from tfp_noise.pipeline import shard_batches


@functools.cache
def of_keras(weighted=False):
    """The same training with the binary cross-entropy of Keras, and its predictions."""
    model = network(L)
    accuracy = keras.metrics.BinaryAccuracy(threshold=0.0, name="accuracy")
    weighted_accuracy = keras.metrics.BinaryAccuracy(threshold=0.0, name="acc")
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.5), loss, metrics=[accuracy], weighted_metrics=[weighted_accuracy])
    history = trained(model, sample_weight=WEIGHTS[:, 0] if weighted else None)
    return history, keras.ops.sigmoid(model(FEATURES)).numpy()


def assert_same(ours, theirs, rtol=1e-5):
    assert ours.keys() == theirs.keys()
    for name, values in theirs.items():
        np.testing.assert_allclose(ours[name], values, rtol=rtol, atol=rtol, err_msg=name)


@pytest.mark.parametrize(
    ("settings", "rtol"),
    [
        ({}, 1e-5),
        ({"shape": None}, 1e-5),
        ({"run_eagerly": True}, 1e-5),
        ({"steps_per_execution": 2}, 1e-5),
        ({"jit_compile": True}, 1e-5),
        ({"policy": "mixed_float16"}, 2e-2),
    ],
    ids=lambda setting: "-".join(setting) if isinstance(setting, dict) else "",
)
@pytest.mark.daily("-", "jit_compile-")
def test_training_is_that_of_binary_cross_entropy(settings, rtol):
    model = classifier(PLAIN(L), **settings)
    assert_same(trained(model), of_keras()[0], rtol)
    np.testing.assert_allclose(model.predict(FEATURES, verbose=0), of_keras()[1], rtol=rtol, atol=rtol)


@pytest.mark.parametrize("dtype", [bool, "uint8", "float32", "float64"])
@pytest.mark.daily("uint8")
def test_every_dtype_of_labels_is_the_same(dtype):
    assert_same(trained(classifier(PLAIN(L), run_eagerly=True), y=LABELS.astype(dtype)), of_keras()[0])
    data = tf.data.Dataset.from_tensor_slices((FEATURES, LABELS.astype(dtype))).batch(8)
    model = classifier(PLAIN(L), run_eagerly=True)
    assert_same(model.fit(data, epochs=2, shuffle=False, verbose=0).history, of_keras()[0])


class Batches(keras.utils.PyDataset):
    """Batches of seven examples; the last one has four."""

    def __len__(self):
        return 5

    def __getitem__(self, index):
        part = slice(7 * index, 7 * index + 7)
        return FEATURES[part], LABELS[part]


def test_every_container_of_batches_is_the_same_and_checked():
    model = classifier(PLAIN(L), run_eagerly=True)
    expected = model.evaluate(FEATURES, LABELS.tolist(), batch_size=7, verbose=0)
    for batches in (Batches(), (Batches()[index] for index in range(5))):
        np.testing.assert_allclose(model.evaluate(batches, steps=5, verbose=0), expected, rtol=1e-6)
    wrong = ((x, 2 * y) for x, y in [Batches()[0]])
    with pytest.raises(ValueError, match=r"`y` must lie in \[0, 1\]"):
        model.fit(wrong, steps_per_epoch=1, shuffle=False, verbose=0)


def test_weights_are_of_examples_or_of_labels():
    expected = of_keras(weighted=True)[0]
    for weights in (WEIGHTS[:, 0], np.repeat(WEIGHTS[:, :1], L, axis=1)):
        assert_same(trained(classifier(PLAIN(L), run_eagerly=True), sample_weight=weights), expected)


@pytest.mark.thorough
def test_two_replicas_train_as_one(two_replicas):
    with two_replicas.scope():
        model = classifier(PLAIN(L))
    data = tf.data.Dataset.from_tensor_slices((FEATURES, LABELS)).batch(8, drop_remainder=True)
    assert_same(model.fit(shard_batches(data), epochs=2, shuffle=False, verbose=0).history, of_keras()[0])


@pytest.mark.parametrize("weights", [None, WEIGHTS[:, 0], WEIGHTS])
def test_labels_that_nobody_knows_count_for_nothing(weights):
    """Without a learning rate, metrics are of one network."""
    model = classifier(PLAIN(L, ignore_class=-1))
    model.compile(keras.optimizers.SGD(0.0), metrics=["accuracy"], weighted_metrics=["acc"], jit_compile=False)
    found = model.fit(FEATURES, MARKED, sample_weight=weights, batch_size=32, verbose=0).history
    p, known = model.predict(FEATURES, verbose=0).astype("float64"), MARKED >= 0
    each = np.ones(MARKED.shape) if weights is None else np.broadcast_to(weights.reshape(32, -1), MARKED.shape)
    entropy = -np.log(np.where(LABELS, p, 1 - p))
    hits = (p > 0.5) == LABELS
    np.testing.assert_allclose(found["loss"], (each * entropy)[known].mean(), rtol=1e-5)
    np.testing.assert_allclose(found["accuracy"], hits[known].mean(), rtol=1e-5)
    np.testing.assert_allclose(found["acc"], np.average(hits[known], weights=each[known]), rtol=1e-5)


def test_probabilities_are_labels_and_metrics_read_their_larger_side():
    soft = np.where(LABELS, 0.8, 0.3)
    model = classifier(PLAIN(L))
    model.compile(keras.optimizers.SGD(0.0), metrics=["accuracy"], jit_compile=False)
    found = model.fit(FEATURES, soft, batch_size=32, verbose=0).history
    p = model.predict(FEATURES, verbose=0).astype("float64")
    np.testing.assert_allclose(found["loss"], -np.mean(soft * np.log(p) + (1 - soft) * np.log(1 - p)), rtol=1e-5)
    np.testing.assert_allclose(found["accuracy"], np.mean((p > 0.5) == LABELS), rtol=1e-6)


def test_metrics_of_several_labels_see_labels_and_probabilities():
    own = [keras.metrics.AUC(multi_label=True, name="auc"), keras.metrics.F1Score("macro", 0.5, name="f1")]
    model = classifier(PLAIN(L), metrics=own, weighted_metrics=None)
    found, p = model.evaluate(FEATURES, LABELS, verbose=0, return_dict=True), model.predict(FEATURES, verbose=0)
    for metric in own:
        metric.reset_state()
        metric.update_state(LABELS.astype("float32"), p)
        np.testing.assert_allclose(found[metric.name], metric.result(), rtol=1e-6)


@pytest.mark.thorough
def test_one_label_is_binary_classification():
    """With labels `[n]` or `[n, 1]`, one output, and a weight of each class."""
    expected = network(1)
    accuracy = keras.metrics.BinaryAccuracy(threshold=0.0, name="accuracy")
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    expected.compile(keras.optimizers.SGD(0.5), loss, metrics=[accuracy], run_eagerly=True)
    weights = {"class_weight": {0: 1.0, 1: 3.0}}
    theirs = trained(expected, y=LABELS[:, :1], **weights)
    for y, shape in [(LABELS[:, 0], None), (LABELS[:, :1], None), (LABELS[:, 0].tolist(), (4,))]:
        model = classifier(PLAIN(1), shape, weighted_metrics=None, run_eagerly=True)
        assert_same(trained(model, y=y, **weights), theirs)
        assert model.predict(FEATURES, verbose=0).shape == (32, 1)
    data = tf.data.Dataset.from_tensor_slices((FEATURES, LABELS[:, 0])).batch(8)
    assert model.evaluate(data, verbose=0) == model.evaluate(FEATURES, LABELS[:, 0], batch_size=8, verbose=0)


def test_positions_have_several_labels_each():
    """A token's labels count alike, those of padding for nothing; without a learning rate, of one network."""
    times = np.stack([FEATURES, FEATURES[::-1]], axis=1)
    times[:8, 1] = 0
    labels, kept = np.stack([LABELS, LABELS[::-1]], axis=1), times.any(-1)
    layers = [keras.Input([2, 4]), keras.layers.Masking(), keras.layers.Dense(L)]
    model = NoisyLabelClassifier(keras.Sequential(layers), PLAIN(L))
    model.compile(keras.optimizers.SGD(0.0), metrics=["accuracy"], jit_compile=False)
    found = model.fit(times, labels, batch_size=32, verbose=0).history
    p = model.predict(times, verbose=0).astype("float64")
    assert p.shape == (32, 2, L)
    np.testing.assert_allclose(found["accuracy"], ((p > 0.5) == labels)[kept].mean(), rtol=1e-6)
    entropy = -np.log(np.where(labels, p, 1 - p))
    np.testing.assert_allclose(found["loss"], entropy[kept].mean(), rtol=1e-5)


@pytest.mark.parametrize("name", OF_SEVERAL_LABELS)
@pytest.mark.daily("multi_label_logistic_normal")
def test_predictions_are_served_and_saved(name, tmp_path):
    model = classifier(OF_SEVERAL_LABELS[name](L), run_eagerly=True)
    trained(model)
    p = model.predict(FEATURES, verbose=0)
    assert p.shape == (32, L)
    assert p.min() >= 0
    assert p.max() <= 1
    model.deployable().save(tmp_path / "served.keras")
    model.save(tmp_path / "model.keras")
    served, loaded = (keras.models.load_model(tmp_path / f"{file}.keras") for file in ("served", "model"))
    np.testing.assert_allclose(served(FEATURES), p, rtol=1e-6)
    assert served.count_params() == 5 * model.loss.num_prediction_outputs
    np.testing.assert_array_equal(loaded.predict(FEATURES, verbose=0), p)
    assert_same(trained(loaded), trained(model))


def test_a_loss_without_state_trains_in_a_plain_model():
    model = network(L)
    model.compile(keras.optimizers.SGD(0.5), PLAIN(L))
    np.testing.assert_allclose(trained(model)["loss"], of_keras()[0]["loss"], rtol=1e-5)

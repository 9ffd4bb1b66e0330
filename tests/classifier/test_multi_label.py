"""Classifiers of several labels an example: training, metrics, weights, masks, files, replicas and refusals."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.helpers.further_settings import OF_SEVERAL_LABELS
from tfp_noise import DistilledClassifier, NoisyLabelClassifier, attacks, callbacks, cross_predict, losses, metrics
from tfp_noise.pipeline import shard_batches
from tfp_noise.visualization import loss_by_margin

L = 3
RNG = np.random.default_rng(0)
FEATURES = RNG.normal(size=[32, 4]).astype("float32")
LABELS = (FEATURES @ RNG.normal(size=[4, L]) + 0.5 * RNG.normal(size=[32, L]) > 0).astype(int)
MARKED = np.where(RNG.uniform(size=LABELS.shape) < 0.3, -1, LABELS)
WEIGHTS = RNG.uniform(size=LABELS.shape).astype("float32")
PLAIN = functools.partial(losses.MultiLabel, losses.CrossEntropy(2))


def network(num_outputs, shape=(4,), policy="float32"):
    keras.utils.set_random_seed(0)
    layers = [keras.Input(shape)] if shape else []
    return keras.Sequential([*layers, keras.layers.Dense(num_outputs, dtype=policy)])


def classifier(loss, shape=(4,), policy="float32", **settings):
    model = NoisyLabelClassifier(network(loss.num_outputs, shape, policy), loss)
    own = {"metrics": ["accuracy"], "weighted_metrics": ["acc"], "jit_compile": False}
    model.compile(keras.optimizers.SGD(0.5), **{**own, **settings})
    return model


def trained(model, x=FEATURES, y=LABELS, **arguments):
    return model.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0, **arguments).history


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


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        ("binary_crossentropy", "a value for each label to leave out positions under a mask of Keras.* a mean over"),
        (keras.metrics.AUC(multi_label=True), "leave out positions under a mask of Keras, which AUC cannot"),
    ],
)
def test_metrics_that_cannot_leave_positions_out_are_refused(metric, message):
    """Before they are updated, which would fail deep inside of them."""
    layers = [keras.Input([2, 4]), keras.layers.Masking(), keras.layers.Dense(L)]
    model = NoisyLabelClassifier(keras.Sequential(layers), PLAIN(L))
    model.compile("sgd", metrics=[metric], jit_compile=False)
    with pytest.raises(ValueError, match=f"`metrics` must (have )?{message}"):
        model.evaluate(np.stack([FEATURES, 0 * FEATURES], axis=1), np.stack([LABELS] * 2, axis=1), verbose=0)


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


@pytest.mark.parametrize(
    ("labels", "arguments", "error", "message"),
    [
        (LABELS[:, 0], {}, ValueError, r"`y` must be numbers in \[0, 1\] of shape \[n, 3\].*class indices, one of"),
        (LABELS[:, :2], {}, ValueError, r"`y` must be numbers in .*Received shape \(32, 2\)"),
        (2 * LABELS, {}, ValueError, r"`y` must lie in \[0, 1\].*Received: 2 at position \(\d+, \d\)"),
        (2 * LABELS - 1, {}, ValueError, r"Received: -1 at position .*pass `\(labels \+ 1\) / 2`"),
        (MARKED, {}, ValueError, r"Received: -1 at position .*give MultiLabel `ignore_class=-1`"),
        (np.where(LABELS, np.nan, 0.0), {}, ValueError, "Received: nan at position .*labels that nobody knows"),
        (np.where(LABELS, "yes", "no"), {}, TypeError, "`y` must hold numbers .*MultiLabelBinarizer"),
        (LABELS, {"sample_weight": np.ones([32, 2])}, ValueError, "`sample_weight` must be .*a weight for each label"),
        (LABELS, {"class_weight": {0: 2.0}}, ValueError, "`class_weight` must be left out for several labels"),
    ],
)
def test_what_does_not_fit_is_refused_before_a_step(labels, arguments, error, message):
    model = classifier(PLAIN(L))
    before = model.get_weights()
    with pytest.raises(error, match=message):
        model.fit(FEATURES, labels, verbose=0, **arguments)
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        (LABELS[:, 0], ValueError, r"`y` must be numbers in .*a dataset with labels of shape \(None,\)"),
        (np.where(LABELS, "yes", "no"), TypeError, "`y` must hold numbers .*StringLookup"),
        (2 * LABELS, tf.errors.InvalidArgumentError, r"`y` must lie in \[0, 1\]"),
    ],
)
def test_a_dataset_is_checked_for_several_labels(labels, error, message):
    data, model = tf.data.Dataset.from_tensor_slices((FEATURES, labels)), classifier(PLAIN(L), run_eagerly=True)
    with pytest.raises(error, match=message):
        model.fit(data.batch(8), shuffle=False, verbose=0)


def test_several_labels_are_refused_by_a_loss_of_one_class():
    one_class = classifier(losses.CrossEntropy(L))
    for labels in (LABELS, LABELS[:, :2]):
        with pytest.raises(ValueError, match=r"`y` must be .*`losses.MultiLabel\(loss, num_labels\)`"):
            one_class.fit(FEATURES, labels, verbose=0)
    with pytest.raises(ValueError, match=r"3 outputs, which MultiLabel reads for 3 labels. Received: a network with 2"):
        NoisyLabelClassifier(network(2), PLAIN(L))


def test_metrics_that_cannot_read_several_labels_are_refused():
    with pytest.raises(ValueError, match="`metrics` must read several labels an example"):
        classifier(PLAIN(L), metrics=[metrics.ExpectedCalibrationError()])
    for mean in ("mse", keras.metrics.BinaryCrossentropy(), keras.losses.binary_crossentropy):
        assert len(trained(classifier(PLAIN(L), metrics=[mean]))) == 3
        with pytest.raises(ValueError, match=r"`metrics` must have a value for each label.* a mean over the labels"):
            classifier(PLAIN(L, ignore_class=-1), metrics=[mean])
    model = classifier(PLAIN(L, ignore_class=-1), metrics=[keras.metrics.AUC(multi_label=True)])
    with pytest.raises(ValueError, match="`metrics` must leave out examples of `ignore_class`, which AUC cannot"):
        trained(model, y=MARKED)


@pytest.mark.parametrize("name", [name for name in dir(keras.metrics) if "categorical" in name.lower()])
def test_metrics_of_one_class_of_several_are_refused_at_compile(name):
    metric = getattr(keras.metrics, name)
    names = [name] if name != "categorical_focal_crossentropy" else []  # Keras does not know it by its name
    for spelled in (*names, metric() if isinstance(metric, type) else metric):
        with pytest.raises(ValueError, match=r"`metrics` must read several labels an example, which \w+ cannot.*Take"):
            classifier(PLAIN(L), metrics=[spelled])


@pytest.mark.parametrize(
    "call",
    [
        lambda model: DistilledClassifier(network(L), model.loss, network(L)),
        lambda model: DistilledClassifier(network(L), losses.CrossEntropy(L), model),
        lambda model: cross_predict(lambda: model, FEATURES, LABELS[:, 0], epochs=1, folds=2),
        lambda model: attacks.fast_gradient_sign(model, np.abs(FEATURES) / 4, LABELS[:, 0], epsilon=0.1),
        lambda model: model.fit(
            FEATURES, LABELS, verbose=0, callbacks=[callbacks.MarginHistory(FEATURES, LABELS[:, 0])]
        ),
        lambda model: loss_by_margin({"a": losses.MultiLabel(losses.CrossEntropy(2), 2)}),
    ],
)
def test_what_needs_one_class_an_example_refuses_several_labels(call):
    with pytest.raises(
        ValueError, match=r"must have a loss for one class of several.* a MultiLabel for \d labels.*np.stack"
    ):
        call(classifier(PLAIN(L)))


def test_weights_of_another_rank_are_refused_in_words():
    """Keras then traces the step for weights of any rank."""
    model = classifier(PLAIN(L))
    trained(model, sample_weight=WEIGHTS)
    with pytest.raises(ValueError, match="`sample_weight` must have a rank that is known"):
        trained(model, sample_weight=WEIGHTS[:, 0])
    model.compile("sgd")
    trained(model, sample_weight=WEIGHTS[:, 0])


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        (np.where(LABELS[:, 0], "yes", "no"), TypeError, r"`\(labels == name_of_present\).astype\(int\)`"),
        (np.eye(2)[LABELS[:, 0]], ValueError, r"Received shape \(32, 2\). With one label, pass 0 or 1"),
        (LABELS[:, 0] + 1, ValueError, "Received: 2 at .*With one label, pass 0 or 1"),
    ],
)
def test_one_label_has_cures_of_its_own(labels, error, message):
    with pytest.raises(error, match=message):
        classifier(PLAIN(1)).fit(FEATURES, labels, verbose=0)


def test_one_output_beside_two_classes_is_told_of_one_label():
    with pytest.raises(ValueError, match=r"Received: a network with 1\..*`losses.MultiLabel\(loss, num_labels=1\)`"):
        NoisyLabelClassifier(network(1), losses.CrossEntropy(2))


@pytest.mark.parametrize(
    ("loss", "wrong"), [(losses.CrossEntropy(L, ignore_class=-1), 7), (PLAIN(L, ignore_class=-1), 2)]
)
@pytest.mark.daily("loss1-2")
def test_a_dataset_with_ignored_labels_shows_the_wrong_ones(loss, wrong):
    labels = np.full(32 if wrong == 7 else [32, L], -1)
    labels[5] = wrong
    data = tf.data.Dataset.from_tensor_slices((FEATURES, labels)).batch(32)
    with pytest.raises(tf.errors.InvalidArgumentError, match=rf"Received:\] \[{wrong}"):
        classifier(loss).fit(data, verbose=0, shuffle=False)

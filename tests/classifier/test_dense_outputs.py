"""Classifiers with a label at each position: training, metrics and statistics of the positions as examples."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfp_noise import DistilledClassifier, NoisyLabelClassifier, losses, metrics
from tfp_noise.pipeline import shard_batches

K, TIMES = 3, 3  # as many times as classes: labels `[n, 3]` are class indices of times, or one-hot rows of examples
RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, K, [16, TIMES])
FEATURES = (np.eye(K)[LABELS] + RNG.normal(size=[16, TIMES, K])).astype("float32")
MARKED = np.where(RNG.uniform(size=LABELS.shape) < 0.3, -1, LABELS)
WEIGHTS = RNG.uniform(size=LABELS.shape).astype("float32")
IGNORING = functools.partial(losses.OnlineLabelSmoothing, K, ignore_class=-1)


def classifier(loss, shape=(TIMES, K), policy="float32", **settings):
    """A network that treats each position alike, so that one of examples can be compared with it."""
    keras.utils.set_random_seed(0)
    layers = [
        keras.layers.Dense(4, activation="relu", dtype=policy),
        keras.layers.Dense(loss.num_outputs, dtype=policy),
    ]
    network = keras.Sequential(([keras.Input(shape)] if shape else []) + layers)
    model = NoisyLabelClassifier(network, loss)
    own = {"metrics": ["accuracy", metrics.ExpectedCalibrationError()], "weighted_metrics": ["accuracy"]}
    model.compile(keras.optimizers.SGD(0.5), **{"jit_compile": False, **own, **settings})
    return model


def trained(model, x, y, batch_size=8, **arguments):
    history = model.fit(x, y, batch_size=batch_size, epochs=2, shuffle=False, verbose=0, **arguments).history
    return history, model.loss.soft_labels


@functools.cache
def of_examples():
    """The same training with positions as examples; a batch of 8 has 24 of them."""
    return trained(classifier(IGNORING(), [K]), FEATURES.reshape(-1, K), MARKED.reshape(-1), 24)


def assert_same(ours, theirs, rtol=1e-5):
    assert ours[0].keys() == theirs[0].keys()
    for name, values in theirs[0].items():
        np.testing.assert_allclose(ours[0][name], values, rtol=rtol, atol=rtol, err_msg=name)
    np.testing.assert_allclose(ours[1], theirs[1], rtol=rtol, atol=rtol)
    assert np.ptp(ours[1]) > 0.01


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
@pytest.mark.daily("shape-", "steps_per_execution-")
def test_training_is_that_of_positions_as_examples(settings, rtol):
    assert_same(trained(classifier(IGNORING(), **settings), FEATURES, MARKED), of_examples(), rtol)


def batches():
    while True:
        yield from ((FEATURES[part], MARKED[part, :, None]) for part in (slice(8), slice(8, 16)))


COLUMNS = {
    "dataset": lambda: tf.data.Dataset.from_tensor_slices((FEATURES, MARKED[..., None])).batch(8).repeat(),
    "generator": batches,
}


@pytest.mark.parametrize("way", COLUMNS)
@pytest.mark.daily("generator")
def test_columns_of_an_unbuilt_network_are_class_indices(way):
    model = classifier(IGNORING(), None, run_eagerly=True)
    assert_same(trained(model, COLUMNS[way](), None, None, steps_per_epoch=2), of_examples())


@pytest.mark.thorough
def test_two_replicas_train_as_one(two_replicas):
    with two_replicas.scope():
        model = classifier(losses.OnlineLabelSmoothing(K))
    data = shard_batches(tf.data.Dataset.from_tensor_slices((FEATURES, LABELS)).batch(8, drop_remainder=True))
    flat = classifier(losses.OnlineLabelSmoothing(K), [K])
    theirs = trained(flat, FEATURES.reshape(-1, K), LABELS.reshape(-1), 24)
    assert_same(trained(model, data, None, None), theirs)


@pytest.mark.parametrize("of_each", [True, False])
@pytest.mark.daily("True")
def test_weights_are_of_examples_or_of_positions(of_each):
    weights = WEIGHTS if of_each else WEIGHTS[:, 0]
    each = np.broadcast_to(weights if of_each else weights[:, None], LABELS.shape).reshape(-1)
    settings = {"run_eagerly": True}
    ours = trained(classifier(IGNORING(), **settings), FEATURES, MARKED, sample_weight=weights)
    flat = classifier(IGNORING(), [K], **settings)
    assert_same(ours, trained(flat, FEATURES.reshape(-1, K), MARKED.reshape(-1), 24, sample_weight=each))


def test_soft_labels_of_positions():
    soft = (0.9 * np.eye(K)[LABELS] + 0.1 / K).astype("float32")
    loss = losses.OnlineLabelSmoothing
    ours = trained(classifier(loss(K), run_eagerly=True), FEATURES, soft)
    flat = classifier(loss(K), [K], run_eagerly=True)
    assert_same(ours, trained(flat, FEATURES.reshape(-1, K), soft.reshape(-1, K), 24))
    weighted = [classifier(loss(K), shape, run_eagerly=True) for shape in (None, (TIMES, K))]
    unbuilt, built = (trained(model, FEATURES, soft, sample_weight=WEIGHTS) for model in weighted)
    assert_same(unbuilt, built)


def test_predictions_are_served_and_saved_for_any_size(tmp_path):
    """The network is fully convolutional: its outputs are as large as its inputs."""
    loss = losses.LogisticNormal(K)
    network = keras.Sequential([keras.Input([None, None, 2]), keras.layers.Conv2D(loss.num_outputs, 3, padding="same")])
    model = NoisyLabelClassifier(network, loss)
    model.compile("sgd", run_eagerly=True)
    x = RNG.normal(size=[2, 4, 5, 2]).astype("float32")
    model.fit(x, RNG.integers(0, K, [2, 4, 5]), verbose=0)
    probabilities = model.predict(x, verbose=0)
    assert probabilities.shape == (2, 4, 5, K)
    np.testing.assert_allclose(probabilities.sum(-1), 1, rtol=1e-5)
    model.deployable().save(tmp_path / "served.keras")
    model.save(tmp_path / "model.keras")
    served, loaded = (keras.models.load_model(tmp_path / f"{name}.keras") for name in ("served", "model"))
    np.testing.assert_allclose(served(x), probabilities, rtol=1e-6)
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), probabilities)


TEXTS = np.array([[1, 2, 3, 0], [4, 0, 0, 0], [2, 2, 0, 0], [1, 4, 3, 2]])
TAGS = np.where(TEXTS > 0, TEXTS % K, -1)


@pytest.mark.parametrize("cell", [None, keras.layers.GRU])
@pytest.mark.parametrize("padding", [0, -1])
@pytest.mark.daily("0-GRU", "-1-None")
def test_what_an_embedding_masks_counts_for_nothing(cell, padding):
    """Padding under a mask may have any label; without a learning rate, metrics and statistics are of one network."""
    keras.utils.set_random_seed(0)
    hidden = [cell(4, return_sequences=True)] if cell else []
    layers = [keras.layers.Embedding(5, 4, mask_zero=True), *hidden, keras.layers.Dense(K)]
    loss = losses.OnlineLabelSmoothing(K, ignore_class=-1)
    model = NoisyLabelClassifier(keras.Sequential(layers), loss)
    own = [metrics.ExpectedCalibrationError()]
    model.compile(keras.optimizers.SGD(0.0), metrics=["accuracy", *own], run_eagerly=True)
    tags = np.where(TEXTS > 0, TAGS, padding)
    tags[3, 3] = -1  # and a token without a tag
    found = {name: value[0] for name, value in model.fit(TEXTS, tags, verbose=0).history.items()}
    kept = (TEXTS > 0) & (tags >= 0)
    p, y = model.predict(TEXTS, verbose=0)[kept], tags[kept]
    hits = p.argmax(-1) == y
    targets = 0.5 * np.eye(K)[y] + 0.5 / K
    np.testing.assert_allclose(found["loss"], -np.mean(np.sum(targets * np.log(p), -1)), rtol=1e-5)
    assert found["accuracy"] == pytest.approx(hits.mean())
    calibration = metrics.expected_calibration_error(p, y, num_bins=own[0].num_bins)
    assert found["expected_calibration_error"] == pytest.approx(calibration, rel=1e-4)
    for one in range(K):
        rows = p[hits & (y == one)]
        np.testing.assert_allclose(loss.soft_labels[one], rows.mean(0) if len(rows) else 1 / K, rtol=1e-5)


def test_a_student_learns_a_teacher_at_each_position():
    """Its loss is that of the positions as examples; what a mask leaves out counts for nothing."""
    values = []
    for shape, x in [([TIMES, K], FEATURES), ([K], FEATURES.reshape(-1, K))]:
        teacher = classifier(losses.LogisticNormal(K), shape)
        student = DistilledClassifier(
            classifier(losses.CrossEntropy(K), shape).network, losses.CrossEntropy(K), teacher
        )
        student.compile("sgd", run_eagerly=True)
        values.append(student.evaluate(x, np.zeros(x.shape[:-1], int), verbose=0, batch_size=len(x)))
    np.testing.assert_allclose(*values, rtol=1e-6)
    masking = keras.Sequential([keras.Input([TIMES, K]), keras.layers.Masking(), *student.network.layers])
    masked = DistilledClassifier(masking, losses.CrossEntropy(K), classifier(losses.LogisticNormal(K)))
    masked.compile("sgd", run_eagerly=True)
    padded = np.concatenate([FEATURES, np.zeros_like(FEATURES)])
    value = masked.evaluate(padded, np.zeros([32, TIMES], int), verbose=0, batch_size=32)
    np.testing.assert_allclose(value, values[0], rtol=1e-5)


def test_a_teacher_of_examples_is_refused():
    teacher = keras.Sequential([keras.Input([TIMES, K]), keras.layers.Flatten(), keras.layers.Dense(K)])
    with pytest.raises(ValueError, match=r"`teacher` must return logits \[batch, ..., 3\] of 3 axes"):
        DistilledClassifier(classifier(losses.CrossEntropy(K)).network, losses.CrossEntropy(K), teacher)


@pytest.mark.parametrize(
    ("labels", "arguments", "error", "message"),
    [
        (LABELS[:, 0], {}, ValueError, r"`y` must be class indices \[n, ...\] .* for outputs of 3 axes"),
        (np.eye(4)[LABELS], {}, ValueError, r"distributions \[n, ..., 3\].*Received shape \(16, 3, 4\)"),
        (np.full([16, TIMES, K], 0.4), {}, ValueError, "rows that sum to 1"),
        (np.where(MARKED < 0, 255, MARKED), {}, ValueError, r"Received: 255 at .*give the loss `ignore_class=255`"),
        (MARKED, {}, ValueError, r"`y` must lie in \[0, 3\). Received: -1 at position \(\d+, \d\)\. Leave out"),
        (RNG.normal(size=[16, TIMES]), {}, TypeError, "`y` must be integer class indices.*targets of a regression"),
        (LABELS[:, :2], {}, ValueError, r"`y_true` must be .* Received shape \(None, 2\)"),
        (LABELS, {"sample_weight": np.ones([16, 2])}, ValueError, "`sample_weight` must be numbers"),
        (LABELS, {"class_weight": {0: 2.0}}, ValueError, "`class_weight` must be left out for labels at each position"),
    ],
)
def test_what_does_not_fit_is_refused_before_a_step(labels, arguments, error, message):
    model = classifier(losses.CrossEntropy(K))
    before = model.get_weights()
    with pytest.raises(error, match=message):
        model.fit(FEATURES, labels, verbose=0, **arguments)
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_dataset_is_checked_for_its_outputs():
    model = classifier(losses.CrossEntropy(K))
    with pytest.raises(ValueError, match=r"`y` must be class indices \[n, ...\].* for outputs of 3 axes"):
        model.fit(tf.data.Dataset.from_tensor_slices((FEATURES, LABELS[:, 0])).batch(8))
    with pytest.raises(TypeError, match="noise on class labels only"):
        model.fit(tf.data.Dataset.from_tensor_slices((FEATURES, RNG.normal(size=LABELS.shape))).batch(8))


def test_one_hot_integers_of_an_unbuilt_network_are_no_class_indices():
    one_hot = np.eye(K, dtype=int)[LABELS[:, 0]]
    losses_found = []
    for shape in (None, [K]):
        model = classifier(losses.CrossEntropy(K), shape, run_eagerly=True)
        losses_found.append(model.fit(FEATURES[:, 0], one_hot, shuffle=False, verbose=0).history["loss"])
    assert losses_found[0] == losses_found[1]


def test_a_metric_that_would_count_masked_positions_is_refused():
    layers = [keras.Input([TIMES, K]), keras.layers.Masking(), keras.layers.Dense(K)]
    for masked, network in [(False, layers[:1] + layers[2:]), (True, layers)]:
        model = NoisyLabelClassifier(keras.Sequential(network), losses.CrossEntropy(K))
        model.compile("sgd", metrics=[keras.metrics.MeanIoU(K, sparse_y_pred=False)])
        if not masked:
            model.evaluate(FEATURES, LABELS, verbose=0)
            continue
        with pytest.raises(ValueError, match="`metrics` must leave out positions under a mask of Keras, which MeanIoU"):
            model.evaluate(FEATURES, LABELS, verbose=0)


def test_labels_of_examples_beside_outputs_of_positions_are_refused_before_the_network_is_built():
    """One-hot rows of as many classes as there are positions; a `Flatten` was forgotten."""
    x, y = RNG.normal(size=[8, 4, 5]), np.eye(4)[np.arange(8) % 4]
    for data in ((x, y), (tf.data.Dataset.from_tensor_slices((x, y)).batch(4),)):
        model = NoisyLabelClassifier(keras.Sequential([keras.layers.Dense(4)]), losses.CrossEntropy(4))
        model.compile("sgd")
        with pytest.raises(TypeError, match=r"labels\.argmax\(axis=-1\)|integer class indices, or distributions"):
            model.fit(*data, verbose=0)

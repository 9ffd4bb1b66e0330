"""Ids of examples on their way through `fit`: each example gets its own row, whatever the data come in."""

import types

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import special

from tests.helpers.small_classifier import FEATURES, LABELS, classifier, fit
from tfp_noise import NoisyLabelClassifier, datasets, losses, noise, pipeline

N, BETA, BATCH = len(FEATURES), 0.5, 16
IDS = np.random.default_rng(5).permutation(N)


def untrained(num_examples=N, run_eagerly=True):
    """A model that does not change: after an epoch, what it remembers of an example is of its prediction."""
    keras.utils.set_random_seed(0)
    network = keras.Sequential([keras.Input([6]), keras.layers.Dense(3)])
    model = NoisyLabelClassifier(network, losses.EarlyLearning(3, num_examples, BETA))
    # A trace costs more than these few steps.
    model.compile(keras.optimizers.SGD(0.0), metrics=["accuracy"], jit_compile=False, run_eagerly=run_eagerly)
    return model


def expected(model, features=FEATURES):
    p = np.clip(special.softmax(np.asarray(model(features), "float64"), axis=1), 1e-4, 1 - 1e-4)
    return (1 - BETA) * p / p.sum(1, keepdims=True)


def beside(labels, ids):
    return {"labels": labels, "ids": ids}


def fitted(model, x, y=None):
    """An epoch, of arrays in a random order."""
    arguments = {"shuffle": False} if y is None else {"batch_size": BATCH}
    steps = {"steps_per_epoch": N // BATCH} if isinstance(x, types.GeneratorType) else {}
    return model.fit(x, y, verbose=0, **arguments, **steps).history


class Batches(keras.utils.PyDataset):
    def __len__(self):
        return N // BATCH

    def __getitem__(self, i):
        part = slice(BATCH * i, BATCH * (i + 1))
        return FEATURES[part], beside(LABELS[part].tolist(), IDS[part].astype("uint8"))


def singles():
    return tf.data.Dataset.from_tensor_slices((FEATURES, LABELS))


def numbered(i, xy):
    return xy[0], beside(xy[1], i)


# What `x` and `y` are, and the ids of the examples then.
WAYS = {
    "arrays": lambda: (FEATURES, LABELS, np.arange(N)),
    "lists": lambda: (FEATURES, LABELS.tolist(), np.arange(N)),
    "soft labels": lambda: (FEATURES, np.eye(3)[LABELS], np.arange(N)),
    "arrays with ids": lambda: (FEATURES, beside(LABELS, IDS.tolist()), IDS),
    "dataset": lambda: (singles().enumerate().map(numbered).shuffle(N, seed=0).batch(BATCH), None, np.arange(N)),
    "py_dataset": lambda: (Batches(), None, IDS),
    "generator": lambda: ((batch for batch in Batches()), None, IDS),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.daily("arrays", "generator", "soft labels")
def test_every_example_has_its_own_row(way):
    """Arrays and the dataset are shuffled."""
    model = untrained(run_eagerly=way not in ("arrays", "dataset"))
    x, y, ids = WAYS[way]()
    fitted(model, x, y)
    np.testing.assert_allclose(model.loss.memory[ids], expected(model), rtol=1e-5)


def test_validation_is_not_remembered_and_needs_no_ids():
    model = untrained()
    history = model.fit(FEATURES, LABELS, validation_split=0.25, sample_weight=np.ones(N), verbose=0).history
    np.testing.assert_allclose(model.loss.memory[:36], expected(model, FEATURES[:36]), rtol=1e-5)
    assert not model.loss.memory[36:].any()
    before, scores = model.loss.memory, []
    for labels in (LABELS[36:], beside(LABELS[36:], np.arange(12) + 10**6)):
        scores.append(model.evaluate(FEATURES[36:], labels, verbose=0))
        data = tf.data.Dataset.from_tensors((FEATURES[36:], labels))
        scores.append(model.evaluate(data, verbose=0))
    np.testing.assert_array_equal(model.loss.memory, before)
    assert scores == [[history["val_loss"][0], history["val_accuracy"][0]]] * 4


def test_metrics_and_weights_are_those_of_labels_alone():
    weights = np.linspace(0.1, 2.0, N)
    plain, model = (classifier(loss) for loss in (losses.CrossEntropy(3), losses.EarlyLearning(3, N, weight=0.0)))
    for one in (plain, model):
        one.run_eagerly = True
    ours, theirs = (fit(one, 2, sample_weight=weights) for one in (model, plain))
    assert ours == theirs
    for one, other in zip(model.network.get_weights(), plain.network.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_other_losses_leave_ids_out():
    histories = []
    for labels in (LABELS, beside(LABELS, IDS + 10**6)):
        for x, y in ((FEATURES, labels), (tf.data.Dataset.from_tensor_slices((FEATURES, labels)).batch(BATCH), None)):
            model = classifier(losses.CrossEntropy(3))
            model.run_eagerly = True
            arguments = {"class_weight": {0: 2.0, 1: 1.0, 2: 0.5}, "shuffle": False, "verbose": 0}
            histories.append(model.fit(x, y, batch_size=BATCH if y is not None else None, **arguments).history)
    assert histories == histories[:1] * 4


@pytest.fixture(scope="module")
def data():
    return datasets.from_arrays(FEATURES, LABELS, validation_share=0.25, seed=3)


def test_the_pipeline_gives_positions_in_the_training_split(data):
    batches = pipeline.batches(data, 12, seed=1, drop_remainder=True, with_ids=True)
    model = untrained(len(data.train))
    model.fit(batches.train, steps_per_epoch=batches.steps_per_epoch, shuffle=False, verbose=0)
    np.testing.assert_allclose(model.loss.memory, expected(model, data.train.inputs), rtol=1e-5)
    assert batches.train.element_spec[1]["ids"].shape == [12]


def test_a_stream_gives_the_ids_of_its_source():
    examples = singles().enumerate().map(lambda i, xy: (xy[0], xy[1], tf.gather(IDS, i)))
    batches = pipeline.stream(examples, noise.symmetric(3, 0.2), BATCH, with_ids=True)
    model = untrained()
    model.fit(batches, steps_per_epoch=N // BATCH, shuffle=False, verbose=0)
    np.testing.assert_allclose(model.loss.memory[IDS], expected(model), rtol=1e-5)
    text = examples.map(lambda x, y, i: (x, y, tf.strings.as_string(i)))
    with pytest.raises(TypeError, match=r"`with_ids` must be False for a `source` whose ids are no integers.*string"):
        pipeline.stream(text, noise.symmetric(3, 0.2), BATCH, with_ids=True)


def test_mixed_examples_have_no_ids():
    digits = datasets.load("digits")
    with pytest.raises(ValueError, match="`with_ids` must be False for an augmentation that mixes examples"):
        pipeline.batches(digits, 64, pipeline.Mixup(), with_ids=True)
    crops = pipeline.batches(digits, 64, pipeline.CropAndFlip(pad=1), with_ids=True)
    assert set(crops.train.element_spec[1]) == {"labels", "ids"}


def batch(labels):
    return tf.data.Dataset.from_tensors((FEATURES, labels))


def of_any_shape(batch):
    """A batch whose ids come from a Python function."""
    by_python = lambda ids: tf.numpy_function(np.copy, [ids], ids.dtype)  # noqa: E731
    return batch.map(lambda x, y: (x, beside(y["labels"], by_python(y["ids"]))))


WRONG = {
    "too many": ((FEATURES, LABELS), ValueError, r"\[0, 40\), the `num_examples` .* Received: 40 at position 40"),
    "out of range": ((FEATURES, beside(LABELS, IDS - 1)), ValueError, r'`y\["ids"\]` must lie in \[0, 40\)'),
    "no integers": ((FEATURES, beside(LABELS, IDS / 2)), TypeError, r'`y\["ids"\]` must be integers'),
    "whole floats": (
        (FEATURES, beside(LABELS, IDS / 1)),
        TypeError,
        r'must be integers, .* `np.asarray\(y\["ids"\], int\)`',
    ),
    "text": ((FEATURES, beside(LABELS, IDS.astype(str))), TypeError, r'`y\["ids"\]` must be integers.*arange'),
    "repeated": ((FEATURES, beside(LABELS, IDS // 2)), ValueError, r'`y\["ids"\]` must be distinct.*0 for 2 examples'),
    "too few": ((FEATURES, beside(LABELS, IDS[:9])), ValueError, r'`y\["ids"\]` must have shape \[48\].*\(9,\)'),
    "dataset": ((batch(LABELS), None), ValueError, r"Received: labels alone\. .*enumerate\(\).*with_ids=True"),
    "other dict": ((batch({"labels": LABELS}), None), ValueError, r"Received: a dict of \['labels'\]"),
    "PyDataset": ((((FEATURES, LABELS) for _ in range(1)), None), ValueError, r"in batches.*Received: labels alone"),
    "float ids": ((batch(beside(LABELS, IDS / 2)), None), TypeError, r'`y\["ids"\]` must be integers \[batch\]'),
    "any shape": (
        (of_any_shape(batch(beside(LABELS, IDS))), None),
        TypeError,
        r"by `tf.ensure_shape\(ids, \[None\]\)`",
    ),
    "wrong labels": ((FEATURES, beside(LABELS + 1, IDS)), ValueError, r"`y` must lie in \[0, 3\)"),
    "wrong soft": ((FEATURES, beside(np.ones([N, 3]), IDS)), ValueError, "rows that sum to 1"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_ids_are_refused_before_a_step(case):
    (x, y), error, message = WRONG[case]
    model = untrained(num_examples=40)
    with pytest.raises(error, match=message):
        fitted(model, x, y)
    assert model.optimizer.iterations == 0


def test_an_id_out_of_range_in_a_dataset_is_refused_by_its_value():
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"(?s)must lie in \[0, 47\), the `num_examples`.*47"):
        fitted(untrained(num_examples=47), batch(beside(LABELS, IDS)))


def test_examples_that_are_numbered_after_a_shuffle_end_the_training_with_the_cure():
    """Each epoch would number them anew."""
    batches = singles().shuffle(N, seed=0).enumerate().map(numbered).batch(BATCH)
    advice = r"one that comes with another label than before: .* Number examples before they are shuffled"
    with pytest.raises(FloatingPointError, match=rf"step 1 of epoch 2: the loss, EarlyLearning, became nan.*{advice}"):
        untrained().fit(batches, epochs=2, shuffle=False, verbose=0)


def test_other_labels_of_the_same_ids_are_refused_and_a_new_loss_takes_them(tmp_path):
    model, corrected = untrained(), LABELS.copy()
    corrected[[5, 9]] = (corrected[[5, 9]] + 1) % 3
    fitted(model, FEATURES, LABELS)
    model.save(tmp_path / "model.keras")
    there = rf"another label for 2 of 48 ids, first for the id 5: class {corrected[5]}, and class {LABELS[5]} before"
    for one in (model, keras.models.load_model(tmp_path / "model.keras")):
        for y in (corrected, np.eye(3)[corrected]):
            with pytest.raises(ValueError, match=rf"`y` must give each id the label that it had.*Received: {there}"):
                fitted(one, FEATURES, y)
        assert one.optimizer.iterations == N // BATCH
        fitted(one, FEATURES[::-1], beside(LABELS[::-1], np.arange(N)[::-1]))
    new = NoisyLabelClassifier(model.network, losses.EarlyLearning(3, N, BETA))
    new.compile(keras.optimizers.SGD(0.0), run_eagerly=True)
    fitted(new, FEATURES, corrected)
    np.testing.assert_array_equal(new.loss_state.classes.numpy(), corrected)


def test_labels_that_nobody_knows_are_compared_with_none():
    loss = losses.EarlyLearning(3, N, ignore_class=-1)
    model, known = classifier(loss), np.arange(N) % 2 == 0
    model.run_eagerly = True
    for counted in (known, ~known, known):
        fitted(model, FEATURES, np.where(counted, LABELS, -1))
    np.testing.assert_array_equal(model.loss_state.classes.numpy(), LABELS)
    with pytest.raises(ValueError, match="another label for 24 of 48 ids"):
        fitted(model, FEATURES, np.where(known, (LABELS + 1) % 3, -1))


def test_a_part_of_the_data_needs_ids():
    model = untrained()
    fitted(model, FEATURES, LABELS)
    message = (
        r"labels of all 48 examples.* Received: 20\. .*`num_examples=20`; .*\{\"labels\": labels, \"ids\": positions"
    )
    with pytest.raises(ValueError, match=message):
        fitted(model, FEATURES[20:40], LABELS[20:40])
    fitted(model, FEATURES[20:40], beside(LABELS[20:40], np.arange(20, 40)))
    with pytest.raises(ValueError, match=r"Received: a dict of \['label'\]"):
        fitted(model, FEATURES, {"label": LABELS})


def test_class_weights_are_refused_with_their_cure():
    model, weights = untrained(), np.array([1.0, 2.0, 3.0])
    of_classes, labels = dict(enumerate(weights)), beside(LABELS, np.arange(N))
    with pytest.raises(ValueError, match=r"`class_weight` must be left out.*`sample_weight=weights\[labels\]`"):
        model.fit(FEATURES, LABELS, class_weight=of_classes, verbose=0)
    model.fit(FEATURES, LABELS, sample_weight=weights[LABELS], verbose=0)
    batches = tf.data.Dataset.from_tensors((FEATURES, labels))
    with pytest.raises(ValueError, match=r"`class_weight` must be left out.*batches of `\(x, y, weights\[labels\]\)`"):
        model.fit(batches, class_weight=of_classes, shuffle=False, verbose=0)
    model.fit(tf.data.Dataset.from_tensors((FEATURES, labels, weights[LABELS])), shuffle=False, verbose=0)


def test_a_step_without_ids_says_what_is_missing():
    model = untrained(run_eagerly=True)
    with pytest.raises(ValueError, match=r'`y_true` must be \{"labels": labels, "ids": ids\} for EarlyLearning'):
        model.train_on_batch(FEATURES, LABELS)
    model.train_on_batch(FEATURES, beside(LABELS, IDS))


@pytest.mark.thorough
def test_training_goes_on_bit_for_bit_after_save_and_load(tmp_path):
    whole = classifier(losses.EarlyLearning(3, N))
    whole.run_eagerly = True

    class SaveHalfWay(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                whole.save(tmp_path / "half.keras")

    fit(whole, 4, callbacks=[SaveHalfWay()])
    restored = keras.models.load_model(tmp_path / "half.keras")
    restored.run_eagerly = True
    fit(restored, 2)
    assert whole.loss.memory.any(axis=1).all()
    for ours, theirs in zip(restored.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    "build", [losses.EarlyLearning, lambda k, n: losses.PENCIL(k, n, backbone_epochs=1, joint_epochs=1)]
)
@pytest.mark.daily("EarlyLearning")
def test_two_replicas_remember_what_one_device_does(build, two_replicas):
    """Some ids are in both parts of a batch: the last example counts."""
    ids = np.where(np.arange(N) % 3 == 0, IDS % 7, IDS)

    def batches(labels):
        return tf.data.Dataset.from_tensor_slices((FEATURES, beside(labels[ids], ids))).batch(
            BATCH, drop_remainder=True
        )

    def trained(strategy):
        with strategy.scope():
            keras.utils.set_random_seed(0)
            network = keras.Sequential([keras.Input([6]), keras.layers.Dense(3)])
            model = NoisyLabelClassifier(network, build(3, N))
            model.compile(keras.optimizers.SGD(0.1), jit_compile=False)
        model.fit(pipeline.shard_batches(batches(LABELS)), epochs=3, shuffle=False, verbose=0)
        return model

    one, both = trained(tf.distribute.get_strategy()), trained(two_replicas)
    for ours, theirs in zip(both.get_weights(), one.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
    assert one.loss.memory.any()
    for weight in both.loss_state.weights:
        values = two_replicas.experimental_local_results(weight.value)
        np.testing.assert_array_equal(values[0], values[1])
    np.testing.assert_array_equal(both.loss_state.classes.numpy(), np.where(np.isin(np.arange(N), ids), LABELS, -1))
    other = np.where(np.arange(N) == ids[-1], (LABELS + 1) % 3, LABELS)  # in the last batch, of the second replica
    with pytest.raises(FloatingPointError, match="step 3 of epoch 1: the loss"):
        both.fit(pipeline.shard_batches(batches(other)), shuffle=False, verbose=0)


@pytest.mark.parametrize("way", ["arrays", "dataset", "evaluate"])
@pytest.mark.parametrize("keys", [["label"], ["labels"], ["labels", "id"]], ids=", ".join)
@pytest.mark.daily("label-dataset", "labels-evaluate", "labels, id-arrays")
def test_a_dict_of_other_keys_is_refused_where_no_ids_are_needed(way, keys):
    data = tf.data.Dataset.from_tensor_slices
    model, y = classifier(losses.CrossEntropy(3)), dict.fromkeys(keys, LABELS)
    cure = f"y['{keys[0]}']" if len(keys) == 1 else '{"labels": labels, "ids": ids}'
    act = {
        "arrays": lambda y: model.fit(FEATURES, y, verbose=0),
        "dataset": lambda y: model.fit(data((FEATURES, y)).batch(16), shuffle=False, verbose=0),
        "evaluate": lambda y: model.evaluate(FEATURES, y, verbose=0),
    }[way]
    with pytest.raises(ValueError, match=r"`y` must be labels, or .*Received: a dict of \['") as refused:
        act(y)
    assert str(refused.value).endswith(f"Pass `{cure}`.")
    act(eval(cure, {"y": y, "labels": LABELS, "ids": np.arange(len(LABELS))}))

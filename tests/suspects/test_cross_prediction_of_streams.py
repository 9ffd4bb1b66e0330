"""Predictions out of sample for a `tf.data.Dataset`: the folds of arrays, every pass alike, never all in memory."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfp_noise import NoisyLabelClassifier, cross_predict, losses
from tfp_noise._training import fold_examples

N = 30
LABELS = np.tile([0, 1, 2], N // 3)
FEATURES = np.random.default_rng(0).normal(size=(N, 4)).astype("float32") + 2 * np.eye(4)[LABELS].astype("float32")
IDS = np.arange(N, dtype="float32")[:, None]


def stream(*parts):
    return tf.data.Dataset.from_tensor_slices(parts)


class Watched(keras.Model):
    """Stands for a model: keeps each epoch that it is trained on, and predicts by the ids that it has seen, sorted."""

    def __init__(self, seen):
        super().__init__()
        self.keep, self.weights_of_seen = seen.append, np.zeros(1)
        self.compile("sgd", "sparse_categorical_crossentropy")

    def fit(self, x, y=None, epochs=1, **kwargs):
        del kwargs
        for _ in range(epochs):
            batches = [(x, y)] if y is not None else list(x.as_numpy_iterator())
            ids, labels = (np.concatenate(parts) for parts in zip(*batches, strict=True))
            self.keep(("fit", ids[:, 0].astype(int), labels, [len(one) for _, one in batches]))
        self.weights_of_seen = np.sort(ids[:, 0])

    def predict(self, x, **kwargs):
        del kwargs
        ids = x if isinstance(x, np.ndarray) else np.concatenate([one for (one,) in x.as_numpy_iterator()])
        self.keep(("predict", ids[:, 0].astype(int)))
        ones = (1 + np.sin(ids[:, :1] + self.weights_of_seen).mean(axis=1)) / 2
        return np.stack([1 - ones, ones, np.zeros_like(ones)], axis=1)


def watched(features, labels=None, **settings):
    seen = []
    result = cross_predict(lambda: Watched(seen), features, labels, **{"epochs": 2, "folds": 2, **settings})
    return result, seen[1:]  # the first prediction is of one example, to see the number of classes


def test_folds_and_numbers_are_those_of_arrays():
    """Bit for bit, with a model that does not depend on the order of training, which is another one."""
    expected, of_arrays = watched(IDS, LABELS, folds=3, seed=3)
    found, seen = watched(stream(IDS, LABELS), folds=3, seed=3, batch_size=8)
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == np.float32
    assert len(seen) == len(of_arrays) == 3 * 3
    for (kind, ids, *rest), (of, others, *_) in zip(seen, of_arrays, strict=True):
        assert kind == of
        if kind == "predict":
            np.testing.assert_array_equal(ids, others)
        else:
            np.testing.assert_array_equal(np.sort(ids), np.sort(others))
            np.testing.assert_array_equal(rest[0], LABELS[ids])
            assert rest[1] == [8, 8, 4]
    orders = [ids.tolist() for kind, ids, *_ in seen if kind == "fit"]
    assert len({tuple(order) for order in orders}) == len(orders)  # every epoch is shuffled anew
    assert not any(order == sorted(order) for order in orders)


def build(loss=None):
    def built():
        model = keras.Sequential([keras.Input([4]), keras.layers.Dense(3)])
        chosen = loss or keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.SGD(0.5), chosen, run_eagerly=True)
        return model

    return built


def predicted(features, labels=None, make=None, **settings):
    return cross_predict(make or build(), features, labels, **{"epochs": 1, "folds": 2, "verbose": 0, **settings})


def test_same_call_gives_the_same_numbers_and_finished_folds_are_taken_from_the_folder(tmp_path):
    data = stream(FEATURES, LABELS)
    whole = predicted(data, batch_size=8, workdir=tmp_path)
    (tmp_path / "fold_1.npz").unlink()  # as if it had been interrupted there
    np.testing.assert_array_equal(predicted(data, batch_size=8, workdir=tmp_path), whole)
    np.testing.assert_array_equal(predicted(data, batch_size=8), whole)
    with pytest.raises(ValueError, match=r"other arguments\. `features`: stored 30 examples"):
        predicted(stream(FEATURES[::-1], LABELS), batch_size=8, workdir=tmp_path)


class TwoInputs(keras.Model):
    def __init__(self, take):
        super().__init__()
        self.take, self.dense = take, keras.layers.Dense(3)
        self.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True), run_eagerly=True)

    def call(self, x):
        one, other = self.take(x)
        return self.dense(keras.ops.concatenate([one, other], axis=1))


ELEMENTS = {
    "dict": (stream({"a": IDS, "b": FEATURES}), LABELS, lambda x: (x["a"], x["b"])),
    "dict and label": (stream({"a": IDS, "b": FEATURES}, LABELS), None, lambda x: (x["a"], x["b"])),
    "tuple and label": (stream((IDS, FEATURES), LABELS), None, lambda x: x),
    "features alone": (tf.data.Dataset.from_tensor_slices(FEATURES), LABELS, lambda x: (x, x)),
    "tuple of one": (stream(FEATURES), LABELS, lambda x: (x, x)),
}


@pytest.mark.parametrize(("data", "labels", "take"), ELEMENTS.values(), ids=ELEMENTS)
@pytest.mark.daily("dict and label", "features alone")
def test_elements_are_what_fit_takes(data, labels, take):
    result = predicted(data, labels, lambda: TwoInputs(take), batch_size=N)
    assert result.shape == (N, 3)
    np.testing.assert_allclose(result.sum(axis=1), 1, atol=1e-6)


def classifier():
    loss = losses.OnlineLabelSmoothing(3)
    model = NoisyLabelClassifier(keras.Sequential([keras.Input([4]), keras.layers.Dense(3)]), loss)
    model.compile(keras.optimizers.SGD(0.5), run_eagerly=True)
    return model


MODELS = {
    "logits": build(),
    "one-hot labels": build(keras.losses.CategoricalCrossentropy(from_logits=True)),
    "a classifier": classifier,
}


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
@pytest.mark.daily("a classifier")
def test_training_on_whole_batches_gives_the_numbers_of_arrays(make):
    """The order of a sum is what is left of the order of training, and it changes the last bits only."""
    expected = predicted(FEATURES, LABELS, make, epochs=2, batch_size=N)
    np.testing.assert_allclose(
        predicted(stream(FEATURES, LABELS), None, make, epochs=2, batch_size=N), expected, atol=1e-6
    )


def test_the_dataset_is_read_in_passes_and_not_kept(monkeypatch):
    passes = []

    def examples():
        passes.append(0)
        for x, y in zip(IDS, LABELS, strict=True):
            passes[-1] += 1
            yield x, y

    spec = (tf.TensorSpec([1]), tf.TensorSpec([], tf.int64))
    monkeypatch.setattr(fold_examples, "_SHUFFLED_BYTES", 8 * (4 + 8))  # eight examples
    _, seen = watched(tf.data.Dataset.from_generator(examples, output_signature=spec))
    assert len(passes) == 1 + 2 + 2 * (2 + 1)
    assert passes[:2] == [N, N]
    orders = [ids for kind, ids, *_ in seen if kind == "fit"]
    reach = max(np.max(np.searchsorted(np.sort(ids), ids) - np.arange(len(ids))) for ids in orders)
    assert 0 < reach < 8  # an example comes at most as much earlier as there are in memory


def random_features(x, y):
    return x + tf.random.uniform([]), y


DATA = stream(FEATURES, LABELS)
BAD = {
    "batches": (DATA.batch(4), None, ValueError, r"single examples `\(x, y\)`.* shape \(None,\)\. Pass single ex"),
    "batches of x": (stream(FEATURES).batch(4), LABELS, ValueError, "must hold 30 examples.* a dataset of 8 elements"),
    "one-hot": (stream(FEATURES, np.eye(3)[LABELS]), None, ValueError, "Pass class indices instead of one-hot labels"),
    "endless": (DATA.repeat(), None, ValueError, r"a dataset that ends.*Leave out its `repeat\(\)`"),
    "shuffled": (DATA.shuffle(9), None, ValueError, "the same examples in another order in a second.* Pass `reshuffle"),
    "shuffled x": (stream(FEATURES).shuffle(9), LABELS, ValueError, "Received the same examples in another order"),
    "random": (DATA.map(random_features), None, ValueError, "Received other examples in a second pass"),
    "no labels": (stream(FEATURES), None, ValueError, r"a dataset of `\(x, y\)` where `labels` are not given"),
    "both labels": (DATA, LABELS, ValueError, r"`x` alone where `labels` are given.* Leave out `labels`"),
    "weights": (stream(FEATURES, LABELS, IDS), None, ValueError, r"a dataset of `\(x, y\)`"),
    "float labels": (stream(FEATURES, LABELS / 2), None, TypeError, "`labels` must be integer class indices"),
    "infinite": (stream(np.where(IDS == 3, np.inf, IDS), LABELS), None, ValueError, "infinity in example 3"),
    "ragged": (stream(tf.RaggedTensor.from_row_lengths(IDS[:, 0], [1, 2] * 10), LABELS[:20]), None, TypeError, "dense"),
    "none": (DATA.take(0), None, (TypeError, ValueError), "`labels` must be"),
    "arrays without labels": (FEATURES, None, TypeError, r"Received: None, which is for a `tf.data.Dataset`"),
}


@pytest.mark.parametrize(("features", "labels", "error", "message"), BAD.values(), ids=BAD)
def test_bad_datasets_are_told(features, labels, error, message):
    with pytest.raises(error, match=message):
        predicted(features, labels)


def test_the_way_out_of_shuffling_works():
    fixed = stream(IDS, LABELS).shuffle(N, reshuffle_each_iteration=False)
    order = [int(number[0]) for number, _ in fixed.as_numpy_iterator()]
    assert order != sorted(order)
    np.testing.assert_array_equal(watched(fixed)[0], watched(IDS[order], LABELS[order])[0])


def test_a_loss_that_remembers_examples_knows_them_by_their_positions():
    """Each fold's model remembers what it was trained on alone, of arrays and of a dataset."""
    made = []

    def build():
        network = keras.Sequential([keras.Input([4]), keras.layers.Dense(3)])
        made.append(NoisyLabelClassifier(network, losses.EarlyLearning(3, N)))
        made[-1].compile("sgd", run_eagerly=True)
        return made[-1]

    for data in ((FEATURES, LABELS), (stream(FEATURES, LABELS), None)):
        made.clear()
        cross_predict(build, *data, folds=3, epochs=1, verbose=0)
        remembered = np.array([model.loss.memory.any(axis=1) for model in made[-3:]])
        np.testing.assert_array_equal(remembered.sum(0), 2)

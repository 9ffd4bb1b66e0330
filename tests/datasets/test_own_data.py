"""A user's own data: containers become arrays by position, and given labels are kept."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfp_noise import NoisyLabelClassifier, datasets, losses, metrics, noise, pipeline
from tfp_noise.datasets import base, cifar10h


class Table:
    """A column like one shuffled in pandas: `[]` uses a permuted index, `np.asarray` positions."""

    def __init__(self, values, index):
        self.values, self.index = np.asarray(values), np.asarray(index)

    def __len__(self):
        return len(self.values)

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype=dtype)

    def __getitem__(self, keys):
        return self.values[np.argsort(self.index)[keys]]


CONTAINERS = {
    "list": lambda v: v.tolist(),
    "tuple": lambda v: tuple(v.tolist()),
    "tensor": tf.constant,
    "permuted index": lambda v: Table(v, np.random.default_rng(1).permutation(len(v))),
}


@pytest.mark.parametrize("container", CONTAINERS.values(), ids=CONTAINERS)
@pytest.mark.parametrize("field", ["features", "labels", "ids", "observed"])
def test_examples_are_taken_by_position(container, field):
    labels = np.random.default_rng(0).integers(0, 3, 40)
    arrays = {"features": np.arange(80.0).reshape(40, 2), "labels": labels, "ids": np.arange(40), "observed": labels}
    examples = datasets.Examples(**arrays | {field: container(arrays[field])})
    part = examples.take(np.arange(7, 20))
    assert isinstance(getattr(examples, field), np.ndarray)
    np.testing.assert_array_equal(getattr(part, field), arrays[field][7:20])


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_annotators_labels_are_not_overwritten(split):
    data = datasets.load("two_moons")
    examples = getattr(data, split)
    own = dataclasses.replace(data, **{split: dataclasses.replace(examples, observed=1 - examples.labels)})
    with pytest.raises(ValueError, match="`dataset` must have clean labels"):
        noise.corrupt_dataset(own, noise.symmetric(2, 0.2), seed=0)


def test_equal_remainders_are_rounded_by_the_seed():
    """In each of 100 classes 36 of 90 labels flip, each to another class, and no class is favoured."""
    labels = np.repeat(np.arange(100), 90)
    observed = noise.corrupt_exact(labels, noise.symmetric(100, 0.4), seed=0)
    wrong = observed[observed != labels]
    assert abs((wrong < 50).mean() - 0.5) < 0.05


N, K = 30, 3
FEATURES = np.random.default_rng(0).normal(size=(N, 2)).astype(np.float32)
GIVEN = np.arange(N) % K
UNKNOWN = r"must have true labels\. Received: \d+ examples with given labels only.* Compare with the given ones"


@pytest.fixture(scope="module")
def unknown():
    """A data set whose true labels nobody knows, without a test split."""
    return datasets.from_arrays(FEATURES, GIVEN, validation_share=0.2)


def test_examples_of_unknown_truth_train_by_the_given_labels(unknown):
    examples = datasets.Examples(FEATURES, None, np.arange(N), observed=GIVEN)
    assert len(examples) == N
    np.testing.assert_array_equal(examples.training_labels, GIVEN)
    part = examples.take(np.array([4, 2]))
    assert (part.labels, part.training_labels.tolist(), len(part)) == (None, [1, 2], 2)
    batches = pipeline.batches(unknown, batch_size=4)
    _, labels = next(iter(batches.validation))
    np.testing.assert_array_equal(labels, unknown.validation.observed[:4])
    seen = np.concatenate([labels for _, labels in batches.train.take(batches.steps_per_epoch)])
    np.testing.assert_array_equal(np.bincount(seen), np.bincount(unknown.train.observed))


def test_a_test_split_is_measured_by_its_true_labels(unknown):
    test = datasets.Examples(FEATURES, GIVEN, np.arange(N), observed=(GIVEN + 1) % K)
    ((_, labels),) = pipeline.batches(dataclasses.replace(unknown, test=test), batch_size=N).test
    np.testing.assert_array_equal(labels, GIVEN)


def test_one_of_the_labels_is_there():
    with pytest.raises(ValueError, match=r"`labels` must be the true classes.*Received: None for both\. Pass"):
        datasets.Examples(FEATURES, None, np.arange(N))
    with pytest.raises(ValueError, match=r"`features`, `ids`, `observed` must have one length"):
        datasets.Examples(FEATURES, None, np.arange(N), GIVEN[1:])


@pytest.mark.parametrize(
    ("read", "argument"),
    [
        (lambda data: data.train.mislabelled, "examples"),
        (lambda data: data.effective_rate, "train"),
        (lambda data: metrics.split_accuracy(np.full([len(data.train), K], 1 / K), data.train), "examples"),
        (lambda data: dataclasses.replace(data, test=data.validation), "test"),
    ],
    ids=["mislabelled", "effective_rate", "split_accuracy", "test split"],
)
def test_what_needs_the_truth_says_that_it_is_not_there(read, argument, unknown):
    with pytest.raises(ValueError, match=rf"`{argument}` {UNKNOWN}"):
        read(unknown)


def test_the_truth_is_asked_for_by_name():
    with pytest.raises(ValueError, match=rf"`trusted` {UNKNOWN}"):
        base.true_labels("trusted", datasets.Examples(FEATURES, None, np.arange(N), GIVEN))


def test_people_agree_with_published_labels_only(tmp_path):
    (tmp_path / "cifar_n").mkdir()
    np.save(tmp_path / "cifar_n" / cifar10h.FILE, np.full([N, 10], 0.1))
    with pytest.raises(ValueError, match=rf"`examples` {UNKNOWN}"):
        cifar10h.load(datasets.Examples(FEATURES, None, np.arange(N), GIVEN), tmp_path)


def test_noise_needs_true_labels(unknown):
    with pytest.raises(
        ValueError, match=r"`dataset` must have true labels, to draw .* 'arrays', with given labels only"
    ):
        noise.corrupt_dataset(unknown, noise.symmetric(K, 0.2), seed=0)
    splits = {
        name: dataclasses.replace(split, labels=split.observed, observed=None)
        for name, split in (("train", unknown.train), ("validation", unknown.validation))
    }
    noisy = noise.corrupt_dataset(dataclasses.replace(unknown, **splits), noise.symmetric(K, 0.2), seed=0)
    np.testing.assert_array_equal(noisy.train.labels, unknown.train.observed)  # the cure works


def test_no_labels_are_no_class_indices(unknown):
    with pytest.raises(TypeError, match=r"`labels` must be integer class indices \[n\]\. Received: None\. If nobody"):
        metrics.accuracy(np.full([len(unknown.train), K], 1 / K), unknown.train.labels)


@pytest.mark.filterwarnings("ignore:.*ran out of data")
def test_a_test_split_that_is_not_there_is_an_error_when_it_is_read(unknown):
    batches = pipeline.batches(unknown, batch_size=4)
    model = NoisyLabelClassifier(keras.Sequential([keras.Input([2]), keras.layers.Dense(K)]), losses.LabelSmoothing(K))
    model.compile("sgd", metrics=["accuracy"])
    model.fit(batches.train, steps_per_epoch=1, validation_data=batches.validation, shuffle=False, verbose=0)
    assert batches.test.element_spec == batches.validation.element_spec
    for use in (model.evaluate, model.predict):
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"`test` must hold an example, with its true label"):
            use(batches.test, verbose=0)
    with pytest.raises(ValueError, match=r"`examples` must hold an example\. Received none\. Was the data set made"):
        pipeline.one_pass(unknown.test, 4)

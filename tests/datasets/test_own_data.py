"""A user's own data: containers become arrays by position, and given labels are kept."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tfp_noise import datasets, noise


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

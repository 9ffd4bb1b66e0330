"""Flips within groups of classes: the matrix by a loop, CIFAR-100's published groups, and experiments that use them."""

import types

import numpy as np
import pytest

from experiments.sources.label_noise import Noise
from tfp_noise import noise

# The publisher's coarse label of each class, in the order of the classes.
PUBLISHED = """
    4 1 14 8 0 6 7 7 18 3 3 14 9 18 7 11 3 9 7 11 6 11 5 10 7
    6 13 15 3 15 0 11 1 10 12 14 16 9 11 5 5 19 8 8 15 13 14 17 18 10
    16 4 17 4 2 0 17 4 18 17 10 3 2 12 12 16 12 1 9 19 2 10 0 1 16
    12 9 13 15 13 16 19 2 4 6 19 5 5 8 19 18 1 2 15 6 0 17 8 14 13
"""


def by_loop(groups, rate):
    expected = np.eye(len(groups))
    for source, group in enumerate(groups):
        target = (source + 1) % len(groups)
        while groups[target] != group:
            target = (target + 1) % len(groups)
        expected[source, source] -= rate
        expected[source, target] += rate
    return expected


@pytest.mark.parametrize(
    "groups", [[0, 0], [0, 1, 0, 1, 0], [5, 2, 2, 5, 5, 9], [0, 0, 0], noise.CIFAR100_SUPERCLASSES], ids=str
)
def test_each_class_flips_to_the_next_of_its_group(groups):
    np.testing.assert_allclose(noise.superclass_flip(groups, 0.3), by_loop(groups, 0.3))
    assert noise.superclass_flip(groups, 0.0).tolist() == np.eye(len(groups)).tolist()


def test_one_group_is_a_pair_flip():
    np.testing.assert_array_equal(noise.superclass_flip([3, 3, 3, 3], 0.4), noise.pair_flip(4, 0.4))


def test_groups_of_cifar100_are_the_published_ones():
    assert list(noise.CIFAR100_SUPERCLASSES) == list(map(int, PUBLISHED.split()))
    assert np.bincount(noise.CIFAR100_SUPERCLASSES).tolist() == [5] * 20


@pytest.mark.parametrize(
    ("groups", "error", "message"),
    [
        ([0, 1, 2], ValueError, "at least two classes of one superclass. Received: 3 classes, each in another"),
        ([0], ValueError, "Received: 1 classes"),
        ([0.0, 0.0], TypeError, "`superclasses` must be integer"),
        ([[0, 0]], ValueError, r"`superclasses` must have shape \[n\]"),
    ],
)
def test_bad_groups_are_told(groups, error, message):
    with pytest.raises(error, match=message):
        noise.superclass_flip(groups, 0.2)


def test_experiments_declare_it_by_its_kind(monkeypatch):
    declared = Noise("superclass_flip", 0.4)
    assert declared.name == "superclass_flip40"
    given = []
    monkeypatch.setattr(noise, "corrupt_dataset", lambda data, matrix, *_, **__: given.append(matrix))
    declared.apply(types.SimpleNamespace(name="cifar100", num_classes=100), seed=0)
    np.testing.assert_array_equal(given[0], noise.superclass_flip(noise.CIFAR100_SUPERCLASSES, 0.4))
    with pytest.raises(ValueError, match=r"Unknown data set with published superclasses: 'digits'\. Known: cifar100"):
        declared.apply(types.SimpleNamespace(name="digits", num_classes=10), seed=0)

import dataclasses
import re

import numpy as np
import pytest

from tests.helpers import tiny_raw
from tfp_noise import datasets
from tfp_noise.datasets import cifar10h, prepare


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A directory with a tiny prepared CIFAR-10, and its test labels in the published order."""
    data_dir, raw = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("cifar10")
    with pytest.MonkeyPatch.context() as monkeypatch:
        _, (_, labels), _ = tiny_raw.publish(monkeypatch, "cifar10", raw)
        prepare.prepare("cifar10", raw, data_dir)
    (data_dir / "cifar_n").mkdir()
    return data_dir, datasets.load("cifar10", data_dir), labels


@pytest.fixture
def human(prepared):
    """The data directory and test split of `prepared`, the path of a good file of made-up fractions, and these."""
    data_dir, data, labels = prepared
    shares = np.random.default_rng(0).dirichlet(np.ones(10), len(labels))
    shares = 0.4 * shares + 0.6 * np.eye(10)[labels]
    path = data_dir / "cifar_n" / "cifar10h-probs.npy"
    np.save(path, shares)
    return data_dir, data.test, path, shares


def test_shares_are_joined_by_the_number_of_the_example(human):
    data_dir, test, _, shares = human
    loaded = cifar10h.load(test, data_dir)
    assert loaded.dtype == np.float64
    np.testing.assert_array_equal(loaded, shares[test.ids])
    assert not np.array_equal(test.ids, np.sort(test.ids))  # else a join by position would pass too
    some = test.take(np.array([3, 1]))
    np.testing.assert_array_equal(cifar10h.load(some, data_dir), shares[some.ids])


def test_a_few_images_may_be_named_otherwise_by_most(human):
    data_dir, test, path, shares = human
    shares[4] = np.roll(shares[4], 1)
    np.save(path, shares)
    np.testing.assert_array_equal(cifar10h.load(test, data_dir), shares[test.ids])


def test_a_missing_file_is_named_with_its_publisher(human):
    data_dir, test, path, _ = human
    path.unlink()
    expected = re.escape(f"needs the file {str(path)!r}") + ".*jcpeterson/cifar-10h as 'cifar10h-probs.npy'"
    with pytest.raises(FileNotFoundError, match=expected):
        cifar10h.load(test, data_dir)


def test_examples_of_another_split_are_refused(human, prepared):
    data_dir, test, path, shares = human
    with pytest.raises(ValueError, match=r"must have a row for each.* Received: 10 rows.* the id 1\d. Are these"):
        cifar10h.load(prepared[1].train, data_dir)
    others = dataclasses.replace(test, ids=np.roll(test.ids, 1))
    with pytest.raises(ValueError, match=r"Received: \d+% that do.* of the test split of CIFAR-10"):
        cifar10h.load(others, data_dir)
    np.save(path, shares[::-1])
    with pytest.raises(ValueError, match="`examples` must have the labels that most people chose"):
        cifar10h.load(test, data_dir)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (np.full([10, 10], 5), "sum 50. Is it the file of counts"),
        (np.full([10, 5], 0.2), r"it has the shape \(10, 5\)"),
        (np.full([100], 0.1), r"must have shape \[n, num_classes\]"),
        (np.array([{}], dtype=object), "array of object"),
        (b"", "reading magic string"),
        (b"<html>", "magic string"),
    ],
)
def test_what_is_no_file_of_shares_is_refused(content, message, human):
    data_dir, test, path, _ = human
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        np.save(path, content)
    expected = re.escape(f"{str(path)!r} must be an array [n, 10] of distributions") + ".*" + message
    with pytest.raises(ValueError, match=expected):
        cifar10h.load(test, data_dir)

"""Equal noisy labels for every integer type and source of labels, and advice in errors that works."""

import dataclasses
import re

import numpy as np
import pytest
import tensorflow as tf

from tfp_noise import datasets, estimation, noise

INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
CASES = [(dtype, k) for dtype in INTEGERS for k in (2, 127, 128, 129, 256, 300)]


def within_tf_data(labels, transition):
    """Noisy labels from `corrupt` for single examples inside `tf.data`."""
    data = tf.data.Dataset.from_tensor_slices(labels).enumerate()
    return np.array([int(y) for y in data.map(lambda i, y: noise.corrupt(y, transition, seed=3, ids=i))])


@pytest.mark.parametrize(("dtype", "num_classes"), CASES)
@pytest.mark.daily("int8-127", "int8-128", "int8-129", "uint8-256", "uint8-300", "int16-300", "int64-2")
def test_a_narrow_type_holds_as_many_classes_as_it_has_values(dtype, num_classes):
    labels = np.arange(min(num_classes, np.iinfo(dtype).max + 1))[-5:]
    transition = noise.symmetric(num_classes, 0.5)
    expected = noise.corrupt(labels, transition, seed=3)
    np.testing.assert_array_equal(noise.corrupt(labels.astype(dtype), transition, seed=3), expected)
    np.testing.assert_array_equal(within_tf_data(labels.astype(dtype), transition), expected)


@pytest.mark.parametrize(
    ("dtype", "label", "num_classes"), [("uint8", 200, 200), ("int8", -1, 200), ("int64", 2**32, 3)]
)
def test_a_label_outside_is_refused_within_tf_data(dtype, label, num_classes):
    with pytest.raises(tf.errors.InvalidArgumentError, match=rf"`labels` must lie in \[0, {num_classes}\)"):
        within_tf_data(np.array([label], dtype), noise.symmetric(num_classes, 0.5))


def test_the_way_out_of_observed_labels_works():
    dataset = noise.corrupt_dataset(datasets.load("two_moons"), noise.symmetric(2, 0.2), seed=0)
    with pytest.raises(ValueError, match="has observed labels already") as caught:
        noise.corrupt_dataset(dataset, noise.symmetric(2, 0.4), seed=0)
    (advice,) = re.findall(r"`(dataclasses.replace.*)`", str(caught.value))
    again = noise.corrupt_dataset(
        eval(advice, {"dataclasses": dataclasses, "dataset": dataset}), noise.symmetric(2, 0.4), seed=0
    )
    expected = noise.corrupt_dataset(datasets.load("two_moons"), noise.symmetric(2, 0.4), seed=0)
    np.testing.assert_array_equal(again.train.observed, expected.train.observed)


def test_an_estimate_is_decomposed_once(monkeypatch):
    """One decomposition for all cases, because with 3,000 classes it takes many seconds."""
    found, condition_number = [], noise.condition_number
    monkeypatch.setattr(noise, "condition_number", lambda matrix: found.append(1) or condition_number(matrix))
    labels = np.array([0, 0, 1, 1])
    with pytest.warns(UserWarning, match="condition number"):
        estimate = estimation.from_trusted(labels, np.zeros(4, int), 2)
    assert estimate.condition_number > 1e15
    assert len(found) == 1

"""Examples of a user's own: any container, read by position, and annotators' labels that noise does not overwrite."""

import numpy as np
import pytest

from tests.test_label_containers import Column
from tfp_noise import noise
from tfp_noise.datasets import Dataset, Examples

LABELS = np.arange(30) % 3
FEATURES = np.random.default_rng(0).normal(size=[30, 2]).astype("float32")


@pytest.mark.parametrize(
    "container", [Column, list, tuple, np.asarray], ids=["shuffled column", "list", "tuple", "array"]
)
def test_examples_are_taken_by_position(container):
    examples = Examples(FEATURES, container(LABELS), container(np.arange(30)), observed=container(LABELS[::-1].copy()))
    part = examples.take(np.arange(5, 15))
    np.testing.assert_array_equal(part.labels, LABELS[5:15])
    np.testing.assert_array_equal(part.ids, np.arange(5, 15))
    np.testing.assert_array_equal(part.observed, LABELS[::-1][5:15])
    np.testing.assert_array_equal(part.features, FEATURES[5:15])


def test_features_become_an_array_too():
    examples = Examples(FEATURES.tolist(), LABELS, np.arange(30))
    np.testing.assert_allclose(examples.take([3, 1]).features, FEATURES[[3, 1]])


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_labels_of_annotators_are_not_overwritten(split):
    clean = Examples(FEATURES, LABELS, np.arange(30))
    human = Examples(FEATURES, LABELS, np.arange(30), observed=LABELS[::-1])
    splits = {"train": clean, "validation": clean, "test": clean, split: human}
    dataset = Dataset("own", class_names=("a", "b", "c"), **splits)
    with pytest.raises(ValueError, match="`dataset` must have clean labels"):
        noise.corrupt_dataset(dataset, noise.symmetric(3, 0.5), seed=0)

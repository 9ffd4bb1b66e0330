"""Labels as class indices and as distributions: one test of the form, and the conversions, against NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from tfp_noise import _labels

K = 4
INDICES = np.array([2, 0, 3])
ROWS = np.array([[0.1, 0.2, 0.7, 0.0], [0.4, 0.3, 0.2, 0.1], [0.0, 0.0, 0.0, 1.0]])


@pytest.mark.parametrize("convert", [np.asarray, tf.constant], ids=["numpy", "tensor"])
@pytest.mark.parametrize(
    ("labels", "distributions", "indices"),
    [
        (INDICES, False, True),
        (INDICES[:, None], False, True),
        (ROWS, True, False),
        (ROWS[:, :3], False, False),
        (ROWS[None], False, False),
        (INDICES[0], False, False),
        (np.arange(K), False, True),
    ],
)
def test_labels_have_at_most_one_form(labels, distributions, indices, convert):
    assert _labels.are_distributions(convert(labels), K) is distributions
    assert _labels.are_class_indices(convert(labels)) is indices


@pytest.mark.parametrize(
    ("shape", "distributions", "indices"),
    [([None], False, True), ([None, 1], False, True), ([None, K], True, False), ([None, None], False, False)]
    + [(None, False, False)],
)
def test_the_form_is_known_from_a_trace(shape, distributions, indices):
    found = []

    @tf.function(input_signature=[tf.TensorSpec(shape)], autograph=False)
    def trace(labels):
        found.append((_labels.are_distributions(labels, K), _labels.are_class_indices(labels)))

    trace.get_concrete_function()
    assert found == [(distributions, indices)]


@pytest.mark.parametrize("labels", [INDICES, INDICES[:, None], ROWS], ids=["vector", "column", "rows"])
def test_conversions(labels):
    rows = ROWS if labels is ROWS else np.eye(K)[INDICES]
    np.testing.assert_array_equal(_labels.to_class_indices(labels, K), INDICES)
    np.testing.assert_array_equal(_labels.to_distributions(labels, K, "float64"), rows)


def test_known_labels_are_classes_that_are_not_ignored():
    indices = np.array([-1, 0, 1, K - 1, K])
    np.testing.assert_array_equal(_labels.are_known(indices, K), [False, True, True, True, False])
    np.testing.assert_array_equal(_labels.are_known(indices, K, ignored=1), [False, True, False, True, False])
    np.testing.assert_array_equal(_labels.are_known(tf.constant(indices), K, -1), [False, True, True, True, False])


def test_entries_of_labels_are_read_and_mixed():
    np.testing.assert_array_equal(_labels.label_entries(ROWS, INDICES), ROWS[range(3), INDICES])
    mixed = _labels.mix_with_one_hot(ROWS, INDICES, 0.25)
    np.testing.assert_allclose(mixed, 0.75 * np.eye(K)[INDICES] + 0.25 * ROWS, rtol=1e-15)

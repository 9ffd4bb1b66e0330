"""Several noisy labels an example: labels, noise and scores, and that the committed table is that of the results."""

import pathlib

import numpy as np

from experiments.multi_label import attributes, measure, table

RESULTS = pathlib.Path(__file__).parents[2] / "results" / "multi_label"


def test_table_is_that_of_the_results():
    assert (RESULTS / "table.md").read_text(encoding="utf-8") == table.table(RESULTS)


def test_digits_have_their_attributes():
    assert list(attributes.DIGITS_WITH) == ["even", "prime", "square", "closed loop", "straight line", "at least five"]
    assert attributes.attributes(np.array([2, 9])).tolist() == [[1, 1, 0, 0, 0, 0], [0, 0, 1, 1, 0, 1]]


def test_noise_is_as_declared_and_differs_between_labels_and_seeds():
    x, given, test_x, test = attributes.load(0)
    assert len(x) == len(given)
    assert len(test_x) == len(test)
    share = test.mean(0)
    expected = share * attributes.TRANSITION[1, 1] + (1 - share) * attributes.TRANSITION[0, 1]
    np.testing.assert_allclose(given.mean(0), expected, atol=0.06)
    np.testing.assert_array_equal(attributes.load(0)[1], given)
    assert (attributes.load(1)[1] != given).any()


def test_scores_are_counted():
    """Both examples have the first label right; the one that has the second label is missed."""
    found = measure.scores(np.array([[0.9, 0.4], [0.1, 0.3]]), np.array([[1, 1], [0, 0]]))
    assert found == {"labels_right": 0.75, "f1": 0.5, "auroc": 1.0}

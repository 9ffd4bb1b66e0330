"""Measurements of detectors: what is counted, and that the committed table is that of the committed results."""

import pathlib

import numpy as np
import pytest

from experiments.suspects import measure, sets, table
from tfp_noise import noise

RESULTS = pathlib.Path(__file__).parents[2] / "results" / "suspects"


def test_table_is_that_of_the_results():
    assert (RESULTS / "table.md").read_text(encoding="utf-8") == table.table(RESULTS)


def test_quality_is_counted():
    """Three of the four pairs of a wrong and a right label are in order."""
    found = measure.quality(np.array([0.1, 0.6, 0.5, 0.9]), np.array([True, True, False, False]))
    assert found == {"auroc": 0.75, "precision_at_true_count": 0.5}


def test_flags_and_suggestions_are_counted():
    true = np.tile([0, 1], 50)
    given = true.copy()
    given[:10] = 1 - given[:10]
    probabilities = np.where(np.eye(2, dtype=bool)[true], 0.9, 0.1)
    found = measure.measured(probabilities, given, true)
    assert found["estimated"] == 10
    for score in measure.SCORES:
        assert found[score] == {
            **{"auroc": 1.0, "precision_at_true_count": 1.0, "precision": 1.0, "recall": 1.0},
            "suggestions_right": 1.0,
        }


@pytest.mark.parametrize("name", sets.SETS)
def test_noise_of_a_set_is_as_declared(name):
    features, true, given = sets.SETS[name].load(0)
    assert len(features) == len(true) == len(given)
    assert features.dtype == np.float32
    shares = np.bincount(true, minlength=len(sets.SETS[name].transition)) / len(true)
    expected = 1 - shares @ np.diag(sets.SETS[name].transition)
    assert np.mean(given != true) == pytest.approx(expected, abs=4 * np.sqrt(expected / len(true)))
    np.testing.assert_array_equal(given, noise.corrupt(true, sets.SETS[name].transition, 0))

"""The Q of a finished run as a student's targets: of all its classes, or of the first of them."""

import types

import numpy as np
import pytest
import scipy.special

from experiments import papers, sources
from experiments.evaluation.resolvers import SubstituteTeacher
from experiments.run import run
from tfp_noise import datasets


@pytest.mark.parametrize("count", [10, 5, 2])
def test_substitute_teachers_rows_are_the_softmax_of_the_logits_that_are_left(count):
    """Appendix D: take the chosen classes' logits, softmax again; Eq. 4 with alpha."""
    logits = np.random.default_rng(0).normal(size=(10, 10))
    taught = types.SimpleNamespace(loss=types.SimpleNamespace(q_matrix=scipy.special.softmax(logits, axis=1)))
    data = datasets.load("digits")
    if count < 10:
        data = sources.InMemory(part=sources.FirstClasses(count / 10)).load("digits", None)
    expected = 0.9 * np.eye(count) + 0.1 * scipy.special.softmax(logits[:count, :count], axis=1)
    np.testing.assert_allclose(SubstituteTeacher(0.1)(data, taught), expected, rtol=1e-12)


@pytest.mark.filterwarnings("ignore:The best temperature")  # two epochs leave it at a bound
@pytest.mark.thorough
def test_half_of_the_classes_learns_from_the_matrix_of_all(tmp_path):
    experiment = papers.find("LLS/table7/laptop-digits/none/LLS-ST").smoke()
    result = run(experiment, tmp_path)
    matrix = np.array(result["resolved"]["loss"]["matrix"])
    assert matrix.shape == (5, 5)
    np.testing.assert_allclose(matrix.sum(axis=1), 1)
    assert (matrix.diagonal() > 0.9).all()
    assert (tmp_path / experiment.predecessor.name / "seed0.keras").exists()
    assert result["settings"]["source"] == {"class_share": 0.5}

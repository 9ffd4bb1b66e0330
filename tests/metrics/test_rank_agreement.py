"""Rank correlations against ranks computed by the test, and the laws that they obey."""

import types

import numpy as np
import pytest

from experiments import evaluation
from tests.helpers.top_rows import spread, top_of
from tfp_noise import metrics


def mean_ranks(values):
    values = list(values)
    return np.array([sum(v < x for v in values) + (values.count(x) + 1) / 2 for x in values])


def spearman(one, other):
    return np.corrcoef(mean_ranks(one), mean_ranks(other))[0, 1]


def rows_and_confusion(size=6, seed=0):
    rng = np.random.default_rng(seed)
    rows = rng.dirichlet(np.ones(size), size)
    return rows, rng.multinomial(60, 0.5 * rows + 0.5 * np.eye(size)).astype(float)


def off_diagonal(matrix, i):
    return np.delete(matrix[i], i)


def test_rank_correlation_against_ranks_by_hand():
    rows, confusion = rows_and_confusion()
    found = metrics.rank_correlation(rows, confusion)
    pairs = [(off_diagonal(rows, i), off_diagonal(confusion, i)) for i in range(6)]
    np.testing.assert_allclose(found.by_row, [spearman(*pair) for pair in pairs], rtol=1e-9)
    flat = [np.concatenate([one / one.sum() for one in side]).round(12) for side in zip(*pairs, strict=True)]
    assert found.overall == pytest.approx(spearman(*flat), rel=1e-9)


def test_rank_correlation_does_not_see_the_diagonal_nor_the_size_of_a_class():
    rows, confusion = rows_and_confusion()
    found = metrics.rank_correlation(rows, confusion)
    confident = 0.1 * rows + 0.9 * np.eye(6)
    larger = confusion * np.array([1, 2, 4, 8, 16, 32])[:, None]
    for other in (metrics.rank_correlation(confident, confusion), metrics.rank_correlation(rows, larger)):
        assert other.overall == pytest.approx(found.overall, abs=1e-12)
        np.testing.assert_allclose(other.by_row, found.by_row)


def test_rank_correlation_of_a_matrix_with_itself_and_its_opposite():
    rows, _ = rows_and_confusion()
    same = metrics.rank_correlation(rows, rows)
    assert same.overall == pytest.approx(1)
    np.testing.assert_allclose(same.by_row, 1)
    np.testing.assert_allclose(metrics.rank_correlation(rows, 1 - rows).by_row, -1)


def test_rank_correlation_takes_the_top_of_each_row():
    rows, confusion = rows_and_confusion()
    found = metrics.rank_correlation(top_of(rows, 3), confusion)
    square = metrics.rank_correlation(spread(rows, 3), confusion)
    np.testing.assert_allclose(found.by_row, square.by_row, rtol=1e-9)


def test_rows_without_an_order_are_left_out():
    rows, confusion = rows_and_confusion()
    rows[2] = 1 / 6
    confusion[4] = 7 * np.eye(6)[4]
    found = metrics.rank_correlation(rows, confusion)
    assert np.flatnonzero(np.isnan(found.by_row)).tolist() == [2, 4]
    kept = [0, 1, 3, 5]
    pairs = [(off_diagonal(rows, i), off_diagonal(confusion, i)) for i in kept]
    flat = [np.concatenate([one / one.sum() for one in side]).round(12) for side in zip(*pairs, strict=True)]
    assert found.overall == pytest.approx(spearman(*flat), rel=1e-9)


def test_where_no_row_has_an_order_there_is_no_correlation():
    rows, confusion = rows_and_confusion()
    for pair in (
        (np.full([6, 6], 1 / 6), confusion),  # nothing learned
        (np.zeros([6, 6]), confusion),
        (rows, np.eye(6)),  # no mistakes
        (np.full([2, 2], 0.5), np.ones([2, 2])),  # of one other class there is no order
    ):
        found = metrics.rank_correlation(*pair)
        assert np.isnan(found.overall)
        assert np.isnan(found.by_row).all()


def test_rank_correlation_refuses_what_does_not_fit():
    rows, confusion = rows_and_confusion()
    with pytest.raises(ValueError, match=r"`confusion` must be \[6, 6\]"):
        metrics.rank_correlation(rows, np.eye(5))
    with pytest.raises(ValueError, match=r"`confusion` must hold counts or fractions of at least 0\. Received: -1"):
        metrics.rank_correlation(rows, -np.eye(6))
    with pytest.raises(ValueError, match="`rows` must be at least 0, with rows that sum to 1"):
        metrics.rank_correlation(2 * rows, confusion)


def test_results_hold_what_was_learned_and_what_is_confused():
    rows, _ = rows_and_confusion()
    predicted, labels = np.random.default_rng(3).integers(0, 6, (2, 200))
    model = types.SimpleNamespace(loss=types.SimpleNamespace(class_rows=rows))
    found = evaluation.learned_rows(model, np.eye(6)[predicted], labels)
    np.testing.assert_array_equal(found["class_rows"], rows)
    for true, guess in np.ndindex(6, 6):
        assert found["test_confusion"][true][guess] == np.sum((labels == true) & (predicted == guess))

"""Paired tests over seeds, beside SciPy's."""

import numpy as np
import pytest
from scipy import stats

from experiments.evaluation import paired_tests


def test_p_values_are_those_of_a_paired_t_test():
    rng = np.random.default_rng(0)
    pairs = [(rng.normal(size=n), rng.normal(0.5, size=n)) for n in (2, 3, 5, 8)]
    expected = [stats.ttest_rel(one, other).pvalue for one, other in pairs]
    np.testing.assert_allclose(paired_tests.p_values([one - other for one, other in pairs]), expected)


def test_equal_scores_do_not_differ_and_a_constant_gap_does():
    np.testing.assert_array_equal(paired_tests.p_values([np.zeros(3), np.full(3, 0.5)]), [1, 0])


def by_seed(*scores):
    return dict(enumerate(scores))


def test_what_is_not_worse_is_found_by_pairs_of_seeds():
    """The method "below" is half a point below at each seed, which is less than seeds differ among themselves."""
    best = [90.0, 80.0, 70.0, 85.0]
    scores = {
        "best": by_seed(*best),
        "near": by_seed(89.0, 80.9, 69.0, 85.5),
        "below": by_seed(89.5, 79.4, 69.6, 84.5),
    }
    assert stats.ttest_ind(best, [*scores["below"].values()]).pvalue > 0.9
    assert paired_tests.not_worse_than_best(scores) == {"best", "near"}


@pytest.mark.parametrize(("seeds", "found"), [(2, {"best"}), (3, {"best", "near"})])
def test_fewer_than_three_common_seeds_decide_nothing(seeds, found):
    scores = {"best": by_seed(90.0, 80.0, 70.0), "near": dict.fromkeys(range(seeds), 79.5)}
    assert paired_tests.not_worse_than_best(scores) == found


def test_equal_means_are_all_the_best():
    scores = {"one": {0: 96.0}, "other": {0: 96.0}, "worse": {0: 95.0}}
    assert paired_tests.not_worse_than_best(scores) == {"one", "other"}


def test_what_is_worse_than_one_of_two_that_tie_is_worse():
    tied = {"even": by_seed(90.0, 90.0, 90.0), "spread": by_seed(80.0, 90.0, 100.0)}
    scores = {**tied, "below": by_seed(89.0, 88.9, 89.1)}
    assert paired_tests.not_worse_than_best({name: scores[name] for name in ("spread", "below")}) == {"spread", "below"}
    for order in (["even", "spread", "below"], ["spread", "even", "below"]):
        assert paired_tests.not_worse_than_best({name: scores[name] for name in order}) == {"even", "spread"}


def test_one_lucky_seed_takes_the_mark_from_none():
    scores = {"lucky": {0: 99.0}, "best": by_seed(96.0, 95.0, 97.0), "worse": by_seed(90.0, 89.5, 91.0)}
    assert paired_tests.not_worse_than_best(scores) == {"best"}


def test_nothing_is_the_best_of_nothing():
    assert paired_tests.not_worse_than_best({}) == set()

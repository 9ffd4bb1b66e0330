"""Claims of the papers against the papers' own numbers, and the rules by which runs decide them."""

import numpy as np
import pytest

from experiments import overview, papers
from experiments.evaluation import claims, summaries
from experiments.evaluation.claims import Claim, Comparison
from experiments.papers import findings_page
from tests.helpers.small_experiments import SMALL, result_of

ALL = [(folder, claim) for folder, (paper, _) in overview.PAPERS.items() for claim in paper.CLAIMS]
KEYS = {heading: key for heading, (key, *_) in {**summaries.SCORES, **summaries.FURTHER_SCORES}.items()}
PRINTED = {(cell.experiment, cell.score): cell.number[0] for cell in papers.CELLS}


def pairs():
    """Each comparison of a claim with the names of its two experiments."""
    for _, claim in ALL:
        for folder, comparisons in claim.settings.items():
            names = findings_page.experiments_of(folder, comparisons)
            for one in comparisons:
                yield claim, folder, one, names[one.better], names[one.worse]


def test_every_comparison_is_of_declared_experiments_with_one_noise_and_setting():
    for claim, _, one, *names in pairs():
        better, worse = map(papers.find, names)
        assert (better.dataset, better.model, better.epochs) == (worse.dataset, worse.model, worse.epochs), claim.text
        assert better.noise == worse.noise or one.within, claim.text


def test_claims_are_the_papers_own():
    """The printed numbers of both experiments, where the paper has them, are for the claim."""
    compared = 0
    for claim, _, one, *names in pairs():
        numbers = [PRINTED.get((name, KEYS[one.heading])) for name in names]
        if None not in numbers:
            compared += 1
            gain = one.sign * (numbers[0] - numbers[1])
            assert gain > -(one.within or 0), (claim.text, numbers)
    assert compared > 500


def test_every_table_of_results_has_a_claim():
    """A claim compares experiments of it: of all but Table X of paper OLS, which no experiment has."""
    tables = {cell.table for cell in papers.CELLS if cell.experiment}
    claimed = {cell.table for _, _, _, *names in pairs() for cell in papers.CELLS if cell.experiment in names}
    assert tables - claimed == set()


def test_texts_are_told_apart():
    assert len({(folder, claim.text, claim.source) for folder, claim in ALL}) == len(ALL)
    assert all(claim.settings and not claim.text.endswith(".") for _, claim in ALL)


def runs(accuracies, seeds=4):
    """Results of methods, whose seeds differ by less than a tenth of a point from one another."""
    return {
        method: [
            {
                "settings": {"name": method, "seed": seed},
                "scores": {"test_accuracy": accuracy + 1e-4 * ((seed * (2 + index)) % 3), "train": {}},
            }
            for seed in range(seeds)
        ]
        for index, (method, accuracy) in enumerate(accuracies.items())
    }


@pytest.mark.parametrize(
    ("accuracies", "verdict", "votes"),
    [
        ({"a": 0.8, "b": 0.7, "c": 0.6}, "holds", "Holds"),
        ({"a": 0.8, "b": 0.9, "c": 0.6}, "does not hold", "1 for, 1 against"),
        ({"a": 0.6, "b": 0.9, "c": 0.7}, "does not hold", "The opposite holds"),
        ({"a": 0.8, "b": 0.8, "c": 0.6}, "undecided", "1 for, 1 undecided"),
        ({"a": 0.8, "b": 0.7}, "undecided", "1 for, 1 not run"),
        ({"a": 0.6, "b": 0.7}, "does not hold", "1 against, 1 not run"),
        ({"a": 0.8}, "not run", "Not judged"),
    ],
)
def test_a_claim_holds_if_all_comparisons_are_for_it(accuracies, verdict, votes):
    found = claims.judge([Comparison("a", "b"), Comparison("a", "c")], runs(accuracies))
    assert (found.verdict, found.votes) == (verdict, votes)
    assert found.figures.count(";") == max(len(accuracies) - 2, 0)


@pytest.mark.parametrize(
    ("gain", "seeds", "verdict", "votes"),
    [
        (0.0, 4, "undecided", "Undecided"),
        (0.0, 5, "does not hold", "No gain"),
        (0.003, 5, "does not hold", "No gain"),
        (0.0048, 5, "undecided", "Undecided"),
        (0.0055, 5, "holds", "Holds"),
        (-0.004, 5, "does not hold", "No gain"),
        (-0.006, 5, "does not hold", "The opposite holds"),
    ],
)
def test_five_seeds_can_bound_a_gain_by_half_a_point(gain, seeds, verdict, votes):
    found = claims.judge([Comparison("a", "b")], runs({"a": 0.8 + gain, "b": 0.8}, seeds))
    assert (found.verdict, found.votes) == (verdict, votes)


def test_two_seeds_decide_nothing():
    found = claims.judge([Comparison("a", "b")], runs({"a": 0.8, "b": 0.1}, seeds=2))
    assert found == claims.Judgement("not run", "Not judged", "")


def test_runs_of_one_seed_with_other_wrong_labels_are_no_pair():
    """Runs whose exact counts had their ties by class index lack what the others say about ties."""
    found = runs({"a": 0.8, "b": 0.1})
    noise = {"kind": "symmetric", "rate": 0.4, "exact": True}
    for method in found.values():
        for run in method:
            run["settings"] = {**run["settings"], "noise": noise}
            run["resolved"] = {"ties": "drawn"}
    assert claims.judge([Comparison("a", "b")], found).verdict == "holds"
    for run in found["b"]:
        run["resolved"] = {}
    assert claims.judge([Comparison("a", "b")], found).verdict == "not run"


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        (["holds", "undecided", "not run"], "holds"),
        (["not run", "does not hold", "does not hold"], "does not hold"),
        (["holds", "does not hold"], "depends on the setting"),
        (["not run", "undecided"], "undecided"),
        (["not run"], "not run"),
    ],
)
def test_settings_that_decide_make_the_verdict(verdicts, expected):
    assert claims.overall(verdicts) == expected


def test_methods_of_other_folders_are_named_with_theirs():
    comparisons = [Comparison("symmetric40/LN", "/LN/figure6/mnist/symmetric40/LN-identity")]
    assert list(findings_page.experiments_of("LN/table1/mnist", comparisons).values()) == [
        "LN/figure6/mnist/symmetric40/LN-identity",
        "LN/table1/mnist/symmetric40/LN",
    ]
    found = runs({"symmetric40/LN": 0.9, comparisons[0].worse: 0.7})
    assert claims.judge(comparisons, found).figures.startswith("symmetric40/LN against LN/figure6/mnist/symmetric40/LN")


class Paper:
    """Two claims on small experiments, one of which has no runs."""

    TITLE, MADE_BY = "Made up", "tests"
    CLAIMS = (
        Claim("FC is above CE", "Table 1", {"LN/table1/laptop-digits/none": [Comparison("LN", "CE")]}),
        Claim("Ours is cheap", "Table 2", {"OLS/table8/laptop-digits/none": [Comparison("OLS", "CE")]}),
    )


def finished(name, seed, accuracy, seconds=20.0):
    experiment = papers.find(name).with_seed(seed)
    result = {**result_of(SMALL), "settings": experiment.settings(), "made_by": {"seconds": seconds}}
    return {**result, "scores": {**result["scores"], "test_accuracy": accuracy}}


def test_page_has_verdicts_counts_and_the_price_of_missing_runs():
    experiments = [papers.find(f"LN/table1/laptop-digits/none/{method}") for method in ("CE", "LN")]
    experiments += [papers.find(f"OLS/table8/laptop-digits/none/{method}") for method in ("CE", "OLS")]
    found = [
        finished(f"LN/table1/laptop-digits/none/{method}", seed, accuracy + 1e-4 * (seed * factor % 3))
        for method, accuracy, factor in (("CE", 0.7, 2), ("LN", 0.9, 1))
        for seed in range(3)
    ]
    text = findings_page.markdown(Paper, found, experiments)
    assert "| FC is above CE | Table 1 | holds | 1 | 0 | 0 | 0 | – |" in text
    missing = "6 runs, about 2 min: `OLS/table8/laptop-digits/none/CE`, `OLS/table8/laptop-digits/none/OLS`"
    assert f"| Ours is cheap | Table 2 | not run | 0 | 0 | 0 | 1 | {missing} |" in text
    assert "\n- **Holds.** FC is above CE (Table 1): LN against CE +20.0" in text
    assert "| LN | 3 | 90.01 ± 0.01 |" in text
    assert "## OLS" not in text
    [first, second] = findings_page.verdicts(Paper, found)
    assert (first.verdict, second.counts["not run"]) == ("holds", 1)


@pytest.mark.parametrize("folder", overview.PAPERS)
def test_a_paper_without_runs_says_which_command_makes_some(folder):
    _, page = overview.PAPERS[folder]
    with pytest.raises(ValueError, match=rf"No run of this paper: .* start with {folder}/") as error:
        page.markdown([])
    assert f"python -m experiments.sweep --under={folder}/" in str(error.value)
    assert "runs, about" in str(error.value)


def test_differences_of_scores_within_a_dict():
    found = runs({"a": 0.8, "b": 0.7})
    for method, group in found.items():
        for result in group:
            result["scores"]["ensembles"] = {"20": 0.9 if method == "a" else 0.6}
    np.testing.assert_allclose(claims.differences(found, Comparison("a", "b", "ensemble of 20")), [30.0] * 4)

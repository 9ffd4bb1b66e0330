"""Claims of the papers against the papers' own numbers, and the rules by which runs decide them."""

import pathlib

import numpy as np
import pytest

from experiments import overview, papers, results
from experiments.evaluation import claims, summaries
from experiments.evaluation.claims import Claim, Comparison
from experiments.papers import findings_page
from tests.helpers.small_experiments import SMALL, result_of

RESULTS = pathlib.Path(__file__).parents[2] / "results"
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
                "settings": {"name": method, "seed": seed, "dataset": "mnist"},
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
        (0.0, 5, "does not hold", "No gain that counts"),
        (0.003, 5, "undecided", "Undecided"),  # a gain for certain, if a small one
        (-0.004, 5, "does not hold", "No gain that counts"),
        (-0.006, 5, "does not hold", "The opposite holds"),
        (0.0055, 5, "holds", "Holds"),
    ],
)
def test_five_seeds_can_bound_a_gain_by_half_a_point(gain, seeds, verdict, votes):
    found = claims.judge([Comparison("a", "b")], runs({"a": 0.8 + gain, "b": 0.8}, seeds))
    assert (found.verdict, found.votes) == (verdict, votes)


def marks(better, worse, comparison, examples=10000):
    """The mark of a comparison of two methods whose scores are given by seed, in the unit of a result."""
    methods = {
        name: [
            {
                "settings": {"name": name, "seed": seed, "dataset": "made_up"},
                "scores": {"train": {}, KEYS[comparison.heading]: score},
            }
            for seed, score in enumerate(scores)
        ]
        for name, scores in (("a", better), ("b", worse))
    }
    with pytest.MonkeyPatch.context() as patch:
        if examples:
            patch.setitem(claims.TEST_EXAMPLES, "made_up", examples)
        return claims.judge([comparison], methods).figures[-2]


def test_accuracies_are_of_so_many_test_examples():
    """Every committed accuracy is a whole number of them, and a confusion matrix has as many as the data set."""
    for result in results.load(RESULTS).values():
        plain = {key: value for key, value in result.items() if key != "test_confusion"}
        examples = claims.number_of_test_examples(plain)
        assert not np.isnan(examples), f"`TEST_EXAMPLES` must have {result['settings']['dataset']}"
        assert claims.number_of_test_examples(result) == examples
        for heading in claims._ON_TEST_EXAMPLES:
            for accuracy in summaries.values([result], heading):
                right = accuracy / 100 * examples
                assert right == pytest.approx(round(right), abs=1e-3), result["settings"]["name"]


FEW, MORE = np.linspace(-1e-3, 1e-3, 5), np.linspace(1e-3, -1e-3, 5)


@pytest.mark.parametrize(
    ("mark", "arguments"),
    [
        ("=", (0.8 + FEW, 0.8 + MORE, Comparison("a", "b"))),
        ("?", (0.998 + FEW, 0.998 + MORE, Comparison("a", "b"))),  # no room for half a point below 100 %
        ("=", (0.8 + FEW, 0.8 + MORE, Comparison("a", "b", sign=-1))),
        ("?", (0.002 + FEW, 0.002 + MORE, Comparison("a", "b", sign=-1))),  # nor above 0
        ("?", (0.8 + FEW, 0.8 + MORE, Comparison("a", "b"), 200)),  # one of 200 examples is half a point itself
        ("?", (np.full(5, 0.8), np.full(5, 0.8), Comparison("a", "b"), 200)),
        ("?", (0.8 + FEW, 0.8 + MORE, Comparison("a", "b"), None)),  # nobody knows what an example changes
        ("?", (0.8 + FEW, 0.8 + MORE, Comparison("a", "b", "noisy: fit"))),
        ("=", (0.1 + FEW, 0.1 + MORE, Comparison("a", "b", "ECE 15", sign=-1), None)),
        ("?", (0.004 + FEW, 0.004 + MORE, Comparison("a", "b", "ECE 15", sign=-1))),
        ("+", (0.1 + FEW, 0.12 + MORE, Comparison("a", "b", "ECE 15", sign=-1))),
        ("?", (np.full(3, 0.806), np.full(3, 0.8), Comparison("a", "b"), 360)),  # two examples, three times by chance
        ("+", (np.full(3, 0.806), np.full(3, 0.8), Comparison("a", "b"), 10000)),
    ],
)
def test_equal_counts_and_scores_at_their_bound_decide_nothing(mark, arguments):
    assert marks(*arguments) == mark


def test_comparisons_that_were_not_run_count_in_the_correction():
    gains = [claims.Sample(np.array([1.0, 1.3, 0.7]), 50.0, 0.0)]  # p = 0.03
    assert claims.decide(gains, [Comparison("a", "b")], 1) == ["+"]
    assert claims.decide(gains, [Comparison("a", "b")], 2) == ["?"]


def test_every_score_of_a_claim_has_a_smallest_gain():
    assert {one.heading for _, _, one, *_ in pairs()} <= claims._SMALLEST_GAIN.keys()


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

    TITLE, MADE_BY, NOTE = "Made up", "tests", "Nothing of it is true.\n"
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
    assert first.by_setting == {"LN/table1/laptop-digits/none": "holds"}
    assert "Nothing of it is true." in text


class OfAll(Paper):
    """A claim on all noises of digits, and one on a single noise, whose runs have a table of their own."""

    CLAIMS = (
        Claim("LN is above CE", "Table 1", {"LN/table1/laptop-digits": [Comparison("none/LN", "none/CE")]}),
        Claim("CE is below LN", "Table 1", {"LN/table1/laptop-digits/none": [Comparison("LN", "CE")]}),
    )


def test_a_run_stands_in_one_table():
    names = [f"LN/table1/laptop-digits/none/{method}" for method in ("CE", "LN")]
    found = [finished(name, seed, 0.9) for name in names for seed in range(3)]
    text = findings_page.markdown(OfAll, found, list(map(papers.find, names)))
    assert text.count("| LN | 3 | 90.00") == 1
    assert "none/LN | 3" not in text
    whole = text.partition("## LN/table1/laptop-digits\n")[2].partition("\n## ")[0]
    assert "\nThe methods stand in the tables of single noises, below.\n" in whole


def test_more_seeds_are_asked_for_where_those_of_a_sweep_decide_nothing():
    names = [f"OLS/table8/laptop-digits/none/{method}" for method in ("CE", "OLS")]
    others = [f"LN/table1/laptop-digits/none/{method}" for method in ("CE", "LN")]
    accuracies = np.random.default_rng(0).permuted(np.linspace(0.6, 0.9, 20).reshape(2, 10), axis=1)
    experiments = [papers.find(name) for name in (*names, *others)]
    for seeds, missing in ((2, "2 runs, about 1 min: "), (3, "14 runs, about 5 min, of 10 seeds: "), (10, "–")):
        found = [
            finished(name, seed, accuracy if index else 0.7 + 1e-3 * seed)
            for index, name in enumerate(names)
            for seed, accuracy in enumerate(accuracies[:, :seeds].mean(0))
        ]
        text = findings_page.markdown(Paper, found, experiments)
        assert f"| {missing}" in text.partition("| Ours is cheap |")[2].partition("\n")[0]
        assert ("more than 3 seeds" in text) == (seeds > 3)


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
    np.testing.assert_allclose(claims.sample(found, Comparison("a", "b", "ensemble of 20")).gains, [30.0] * 4)

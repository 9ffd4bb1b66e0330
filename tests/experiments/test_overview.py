"""The page over all results: counts, rank correlations, and the committed pages against the committed results."""

import json
import pathlib
import re

import numpy as np
import pytest
from scipy import stats

from experiments import overview, papers, readme, results
from experiments.evaluation import rankings, summaries
from experiments.evaluation.claims import Claim
from experiments.papers import method_names
from experiments.papers.cells import Cell
from experiments.papers.findings_page import Verdict
from experiments.papers.logistic_normal import published
from tests.helpers.small_experiments import result_of

RESULTS = pathlib.Path(__file__).parents[2] / "results"


@pytest.fixture(scope="module")
def committed():
    return list(results.load(RESULTS).values())


@pytest.mark.parametrize("folder", overview.PAPERS)
def test_committed_verdicts_are_made_from_the_committed_results(folder, committed):
    _, page = overview.PAPERS[folder]
    message = "`python -m experiments.overview` makes the pages anew."
    assert (RESULTS / folder / "findings.md").read_text() == page.markdown(committed), message


def test_committed_page_is_made_from_the_committed_results():
    text = (RESULTS / "README.md").read_text()
    assert text == overview.markdown(RESULTS), "`python -m experiments.overview` makes the page anew."
    assert "Left out" not in text
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert all((RESULTS / link).exists() for link in links)
    assert {RESULTS / link for link in links} >= {path for path in RESULTS.rglob("*.md") if path.name != "README.md"}


def run(name, seed, accuracy):
    result = result_of(papers.find(name).with_seed(seed))
    return {**result, "scores": {**result["scores"], "test_accuracy": accuracy}}


def test_counts_claims_and_left_out_files(tmp_path):
    """Three runs of two experiments; one of them, and a torn file, is left out and named."""
    sound = [run("LN/table1/mnist/none/CE", 0, 0.99), run("LN/table1/laptop-digits/none/CE", 0, 0.9)]
    other = run("LN/table1/laptop-digits/none/LN", 0, 0.9)
    other["settings"]["epochs"] = 3
    for one in (*sound, other):
        path = tmp_path / one["settings"]["name"] / "seed0.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(one))
    torn = tmp_path / "LN/table1/laptop-digits/none/CE/seed1.json"
    torn.write_text('{"settings": ')
    text = overview.markdown(tmp_path)
    assert "2 results, 2 of them without a digest" in text
    assert "| LN/table1 | 486 | 243 | 1 | 162 | 1 | 324 | 1 |" in text
    assert f"- {torn} is not a result: " in text
    assert re.search(r"- .*none/LN/seed0.json holds a result of other settings .*epochs: 3 there, 100 now", text)
    count = len(overview.PAPERS["LN"][0].CLAIMS)
    assert f"| [LN](LN/findings.md) | {count} | 0 | 0 | 0 | 0 | 0 | {count} |" in text


def test_words_say_what_the_verdicts_rest_on():
    """A claim of digits alone, one of the paper's own size, one of both, of ours, and one that nothing decides."""
    claim, own = (Claim("FC is above CE", source, {}) for source in ("Table 1", "ours"))
    digits, mnist = "LN/table1/laptop-digits/none", "LN/table1/mnist/none"
    verdicts = [
        Verdict(claim, "holds", {digits: "holds", mnist: "undecided"}),
        Verdict(claim, "does not hold", {digits: "not run", mnist: "does not hold"}),
        Verdict(own, "depends on the setting", {digits: "holds", mnist: "does not hold"}),
        Verdict(claim, "undecided", {digits: "undecided"}),
    ]
    words = " ".join(overview._behind(verdicts).split())
    assert words.startswith("1 of the claims are ours. 6 pairs of a claim and a setting were tested")
    assert "Of the 3 decided claims, 2 rest on a setting of the paper's own size (mnist), and 1 on 8x8 digits" in words


def test_measured_numbers_stand_beside_the_printed_ones():
    """Cross-entropy is printed as 99.27 ± 0.07, and LN as 99.38 ± 0.06."""
    found = [run("LN/table1/mnist/none/CE", 0, 0.9940), run("LN/table1/mnist/none/LN", 0, 0.9924)]
    found += [run("LN/table1/mnist/none/LN", 1, 0.9926), run("LN/table1/laptop-digits/none/CE", 0, 0.9)]
    rows = readme._beside(summaries.by_experiment(found)).splitlines()
    assert rows[0] == "| setting | method | none |"
    assert rows[2:] == [
        "| `LN/table1/mnist` | CE | 99.40 [99.27 ± 0.07] |",
        "| `LN/table1/mnist` | LN | 99.25* of 2 [99.38 ± 0.06] |",
        "",
        "1 of 2 numbers have a star.",
    ]


def test_every_method_of_a_paper_is_named_with_its_loss_and_training():
    for folder in overview.PAPERS:
        declared = [one for name, one in papers.EXPERIMENTS.items() if name.startswith(f"{folder}/")]
        rows = dict(re.findall(r"^\| `(.+?)` \| (.*) \|$", method_names.markdown(declared), re.MULTILINE))
        assert rows.keys() == {one.method.label for one in declared}
        for one in declared:
            assert rows[one.method.label].startswith(one.method.loss.__name__)
            assert " at 0x" not in rows[one.method.label]
    assert rows["LLS-teacher"] == "CrossEntropy | distilled from `LLS`"
    assert rows["LLS"].startswith("LearnableLabelSmoothing(alpha by setting, ")
    small = [papers.find(f"LLS/table8/laptop-digits/none/{name}") for name in ("CE", "Co")]
    assert "| `Co` | CrossEntropy | Cutout(fraction=0.5) |" in method_names.markdown(small)


def test_orders_are_compared_with_columns_of_the_same_table_and_noise():
    accuracies = {"CE": 0.7, "GCE": 0.9, "LN": 0.8, "NAN": 0.75, "Het": 0.6}
    found = [
        run(f"LN/table1/laptop-digits/symmetric40/{method}", seed, accuracy + 0.01 * seed)
        for method, accuracy in accuracies.items()
        for seed in (0, 1)
    ]
    found += [run(f"LN/table1/laptop-digits/none/{method}", 0, 0.9) for method in ("CE", "GCE", "LN")]
    agreements = rankings.agreements(papers.CELLS, found)
    assert [one.column for one in agreements] == [
        f"LN/table1: {dataset}, symmetric40" for dataset in ("mnist", "cifar10", "cifar100")
    ]
    for one, dataset in zip(agreements, published.TABLE_1, strict=True):
        theirs = [published.TABLE_1[dataset]["symmetric40"][method][0] for method in accuracies]
        assert one.rho == pytest.approx(stats.spearmanr(list(accuracies.values()), theirs).statistic)
        assert (one.run, one.methods) == ("LN/table1/laptop-digits/symmetric40", 5)


def test_equal_accuracies_tie_in_whatever_order_they_were_added():
    assert np.mean([0.1, 0.2, 0.3]) != np.mean([0.3, 0.2, 0.1])
    accuracies = {"CE": (0.1, 0.2, 0.3), "GCE": (0.3, 0.2, 0.1), "LN": (0.5, 0.5, 0.5), "NAN": (0.9, 0.9, 0.9)}
    found = [
        run(f"LN/table1/laptop-digits/none/{method}", seed, accuracy)
        for method, ones in accuracies.items()
        for seed, accuracy in enumerate(ones)
    ]
    for one in rankings.agreements(papers.CELLS, found):
        theirs = [
            published.TABLE_1[one.column.split(": ")[1].split(",")[0]]["none"][method][0] for method in accuracies
        ]
        assert one.rho == pytest.approx(stats.spearmanr([2, 2, 5, 9], theirs).statistic)


def test_a_papers_own_setting_is_compared_with_its_own_column_alone():
    methods = ("CE", "GCE", "LN", "NAN")
    cells = [
        Cell("LN/table1", column, method, (value, None), "test_accuracy", f"LN/table1/{column}/none/{method}", None)
        for column in ("mnist", "cifar10")
        for value, method in enumerate(methods)
    ]
    found = [run(f"LN/table1/mnist/none/{method}", 0, 0.9 - 0.1 * i) for i, method in enumerate(methods)]
    (one,) = rankings.agreements(cells, found)
    assert one == ("LN/table1/mnist/none", "LN/table1: mnist", 4, pytest.approx(-1.0))

"""Verdicts on the paper's findings by the runs at hand: `python -m experiments.papers.label_smoothing.findings`.

Writes `DIR/LS/findings.md`. A finding is a list of comparisons of two methods by a score, over at least three seeds
that both have, decided by paired t tests at 5 %, two-sided, with Holm's correction within a finding.
"""

import pathlib
from typing import NamedTuple

import numpy as np
from absl import flags
from scipy import stats

from experiments import results
from experiments.console import shared_flags, terminal
from experiments.evaluation import summaries
from experiments.evaluation.paired_tests import FEWEST_SEEDS, LEVEL, p_values, standard_error
from experiments.papers.drawing import seeds_text
from experiments.papers.label_smoothing.methods import ALPHAS, FAMILIES, names
from experiments.papers.label_smoothing.published import TABLES_3_AND_4
from experiments.papers.label_smoothing.studies import PERCENTILES

_SMALLEST_GAIN = {"ECE 100": 0.005}  # else half a point of accuracy: less is not worth the word
_HEADER = """\
# Lukasik et al. 2020: where its findings hold

Made by `python -m experiments.papers.label_smoothing.findings` from the finished runs beside this file. Accuracies in
percent, mean ± standard deviation over seeds. Each finding compares pairs of methods: their difference in the finding's
direction, mean ± standard error over paired seeds. A difference is for (+) or against (-) the finding by a paired t
test at 5 %, two-sided, with Holm's correction for the comparisons of the finding, if it is at least half a point of
accuracy, or 0.005 of calibration error; else it is undecided (?). For a finding of "at most 1 point", a difference is
for it if its 95 % interval, by Bonferroni, lies above -1, and against it if below. Seeds vary the noise, the
initialisation and the order, but not the test set. The sampling error of the test set comes on top: at 88 % accuracy
1.7 points on the 360 test digits, and 0.3 on 10,000 images.
"""


class Comparison(NamedTuple):
    """Claim that `better` scores more than `worse`; with `sign` -1, less; with `within`, at most that much less."""

    better: str
    worse: str
    heading: str = "test"
    sign: int = 1
    within: float | None = None


def _smoothing_over_cross_entropy(heading, sign=1):
    return [Comparison(f"LS{alpha}", "CE", heading, sign) for alpha in ALPHAS]


def _alpha_findings(rate):
    """The findings of section 4.1, under symmetric noise of `rate`."""
    near, large = min(ALPHAS, key=lambda alpha: abs(alpha - rate)), max(ALPHAS)
    at_small_alpha = [(family, alpha) for family in ("FC", "BC") for alpha in (0.1, 0.2)]
    return {
        "Smoothing improves accuracy (Figure 2)": _smoothing_over_cross_entropy("test"),
        "Alpha above the noise rate improves every method further (Figure 2)": [
            Comparison(f"{family}{large}", f"{family}{near}") for family in FAMILIES
        ],
        "Forward correction is best at large alpha (Figure 2)": [
            Comparison(f"FC{large}", f"{other}{large}") for other in ("LS", "BC")
        ],
        "Backward correction is worse than cross-entropy at small alpha, better at large (Figure 2)": [
            Comparison("CE", "BC0.1"),
            Comparison(f"BC{large}", "CE"),
        ],
        "Smoothing improves predictions of mislabelled examples (Table 3)": _smoothing_over_cross_entropy(
            "noisy: true"
        ),
        "Smoothing fits wrong labels less (Table 3)": _smoothing_over_cross_entropy("noisy: fit", sign=-1),
        "Smoothing improves predictions of correctly labelled examples (Table 3)": _smoothing_over_cross_entropy(
            "clean part"
        ),
        "Smoothing of 0.1 improves calibration (Table 4)": [Comparison("LS0.1", "CE", "ECE 100", sign=-1)],
        "Correction harms calibration (Table 4)": [
            Comparison("CE", f"{family}{alpha}", "ECE 100", sign=-1) for family, alpha in at_small_alpha
        ],
        "Correction harms it more than smoothing of the same alpha (Table 4)": [
            Comparison(f"LS{alpha}", f"{family}{alpha}", "ECE 100", sign=-1) for family, alpha in at_small_alpha
        ],
    }


_TABLE_5_FINDINGS = {
    "Smoothing or correcting the teacher improves the student (Table 5)": [
        Comparison(f"{family}-teacher", "vanilla") for family in ("LS", "FC")
    ],
    "Smoothing or correcting the student improves it (Table 5, on CIFAR-10)": [
        Comparison(f"{family}-student", "vanilla") for family in ("LS", "FC")
    ],
}
_FIGURE_6_FINDINGS = {
    "A smoothed teacher's student is better at every alpha (Figure 6)": [
        Comparison(f"teacher-LS{alpha}", "teacher-CE") for alpha in ALPHAS
    ]
}
_ESTIMATED_FINDINGS = {
    f"{correction} with the estimated transition loses at most 1 point to {correction} with the true one (ours)": [
        Comparison(f"{correction}-{percentile}", f"{correction}-true", within=1.0) for percentile in PERCENTILES
    ]
    for correction in ("FC", "BC")
}
_TABLE_2_FINDINGS = {
    "Smoothing and forward correction improve accuracy at every alpha (Table 2: but for smoothing of 0.6)": [
        Comparison(f"{family}{alpha}", "CE") for family in ("LS", "FC") for alpha in ALPHAS
    ]
}


def differences(methods, comparison):
    """Return `sign (better - worse)` of a comparison, one number for each seed that both methods have.

    Args:
        methods: a dict `{method: its results}`.
        comparison: a `Comparison`.

    Returns:
        float `[seeds]`, in the heading's unit.
    """
    by_seed = [
        {
            result["settings"]["seed"]: summaries.values([result], comparison.heading)
            for result in methods.get(method, ())
        }
        for method in (comparison.better, comparison.worse)
    ]
    seeds = sorted(seed for seed in by_seed[0].keys() & by_seed[1].keys() if by_seed[0][seed] and by_seed[1][seed])
    better, worse = (np.array([one[seed] for seed in seeds]).reshape(-1) for one in by_seed)
    return comparison.sign * (better - worse)


def _decide(gains, comparisons):
    """Verdict on each comparison: +1 for the finding, -1 against it, 0 undecided."""
    p = p_values(gains)
    ranks = np.argsort(np.argsort(p))
    holm = np.maximum.accumulate(np.sort(p) * (len(p) - np.arange(len(p))))[ranks]
    decided = []
    for one, gain, adjusted in zip(comparisons, gains, holm, strict=True):
        mean = gain.mean()
        if one.within is None:
            smallest = _SMALLEST_GAIN.get(one.heading, 0.5)
            decided.append(int(np.sign(mean)) if adjusted <= LEVEL and abs(mean) >= smallest else 0)
        else:
            reach = stats.t.isf(LEVEL / 2 / len(gains), len(gain) - 1) * standard_error(gain)
            decided.append(1 if mean - reach > -one.within else -1 if mean + reach < -one.within else 0)
    return decided


def _judge(finding, comparisons, methods):
    """One line of Markdown: verdict, finding, figures."""
    found = [(one, gains) for one in comparisons if len(gains := differences(methods, one)) >= FEWEST_SEEDS]
    if not found:
        return f"- **Not judged**: fewer than {FEWEST_SEEDS} seeds. {finding}.\n"
    comparisons, gains = zip(*found, strict=True)
    decided = _decide(gains, comparisons)
    votes = {word: decided.count(sign) for word, sign in (("for", 1), ("against", -1), ("undecided", 0))}
    unanimous = {"for": "Holds", "against": "The opposite holds", "undecided": "Undecided"}
    verdict = next((unanimous[word] for word, count in votes.items() if count == len(decided)), None)
    verdict = verdict or ", ".join(f"{count} {word}" for word, count in votes.items() if count).capitalize()
    digits = summaries.decimals(comparisons[0].heading)
    figures = "; ".join(
        f"{one.better} against {one.worse} {gain.mean():+.{digits}f} ± "
        f"{standard_error(gain):.{digits}f} ({'?+-'[sign]})"
        for one, gain, sign in zip(comparisons, gains, decided, strict=True)
    )
    return f"- **{verdict}.** {finding}: {figures}.\n"


def _alpha_tables(methods):
    """One table a score, with a row a family and a column an alpha; then the methods without alpha."""
    text = ""
    for heading in ("test", "ECE 100", "train", "clean part", "noisy: true", "noisy: fit"):
        rows = [[heading, *(f"alpha {alpha:g}" for alpha in names("LS"))]]
        for family in FAMILIES:
            rows.append([family, *(summaries.mean(methods.get(name, []), heading) for name in names(family).values())])
        for family in FAMILIES:
            published = TABLES_3_AND_4.get((heading, family))
            if published:
                cells = (f"{published[alpha]}" if alpha in published else "–" for alpha in names(family))
                rows.append([f"{family}, paper: ResNet-32, CIFAR-100", *cells])
        text += summaries.markdown_table(rows) + "\n"
    by_alpha = {name for family in FAMILIES for name in names(family).values()}
    others = {name: group for name, group in methods.items() if name not in by_alpha}
    return text + (_method_table(others) if others else "")


def _method_table(methods):
    headings = ["test", "ECE 100", "noisy: true", "noisy: fit", "error of T"]
    rows = [["method", "seeds", *headings]]
    for name, group in methods.items():
        rows.append([name, str(len(group)), *(summaries.mean(group, heading) for heading in headings)])
    return summaries.markdown_table(rows) + "\n"


_SECTIONS = {  # folder: table, findings
    "alpha": (_alpha_tables, _alpha_findings),
    "estimated": (_method_table, lambda _: _ESTIMATED_FINDINGS),
    "figure6": (_method_table, lambda _: _FIGURE_6_FINDINGS),
    "table2": (_method_table, lambda _: _TABLE_2_FINDINGS),
    "table5": (_method_table, lambda _: _TABLE_5_FINDINGS),
}


def markdown(runs):
    """Return the report as Markdown.

    Args:
        runs: results; those of other papers are left out.

    Raises:
        ValueError: if none is of this paper.
    """
    groups = {}
    for name, group in summaries.by_experiment(runs).items():
        folder, method = name.rsplit("/", 1)
        if folder.startswith("LS/"):
            groups.setdefault(folder, {})[method] = group
    if not groups:
        raise ValueError("No run of this paper: expected names that start with LS/. Run one, or give its `--workdir`.")
    text = _HEADER
    for folder, methods in groups.items():
        table, findings = _SECTIONS[folder.split("/")[1]]
        settings = next(iter(methods.values()))[0]["settings"]
        seeds = seeds_text([len(group) for group in methods.values()])
        text += f"\n## {folder}\n\n{settings['dataset']}, {settings['model']}, {settings['epochs']} epochs; "
        text += f"{seeds} seeds a method.\n\n{table(methods)}"
        text += "".join(_judge(*item, methods) for item in findings(settings["noise"]["rate"]).items())
    return text


def main():
    """Write the report."""
    folder = pathlib.Path(flags.FLAGS.workdir)
    text = markdown(list(results.load(folder).values()))
    results.write_text(folder / "LS" / "findings.md", text)
    terminal.console().print(f"{folder}/LS/findings.md")


if __name__ == "__main__":
    shared_flags.define_workdir_to_read()
    terminal.start(main)

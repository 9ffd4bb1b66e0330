"""Verdicts on the paper's claims, and scores beside clean accuracy: ensembles, top-5, attacks, calibration.

`python -m experiments.papers.online_label_smoothing.findings --workdir=DIR` writes `DIR/OLS/findings.md` and
`DIR/OLS/scores.md`, with the paper's scores beside those of the runs at hand. Clean accuracy stands in the table of all
results.
"""

import pathlib
from typing import NamedTuple

from absl import flags

from experiments import results
from experiments.console import shared_flags, terminal
from experiments.evaluation import summaries
from experiments.papers import findings_page, missing, online_label_smoothing
from experiments.papers.cells import ACCURACY
from experiments.papers.online_label_smoothing import claims
from experiments.papers.online_label_smoothing.cells import CELLS

_LEGEND = (
    "Percent, and nats for the divergence from annotators; mean ± standard deviation over seeds. An ensemble: test "
    "accuracy of the mean probabilities of so many epochs. FGSM, PGD: test accuracy after the attack."
)


class _Score(NamedTuple):
    """Title of a score, factor to its unit, and folders of the experiments whose rows show it."""

    title: str
    factor: float = 100
    under: tuple[str, ...] = ("OLS/",)


# By the score's key, with "/" before one within a dict. Every run has a calibration error; those of Table XI are shown.
_SCORES = {
    **{f"ensembles/{count}": _Score(f"{count} models") for count in ("6", "10", "15", "20")},
    "test_top5_accuracy": _Score("top 5"),
    "fgsm_accuracy": _Score("FGSM"),
    "fgsm_top5_accuracy": _Score("FGSM, top 5"),
    "pgd_accuracy": _Score("PGD"),
    "pgd_top5_accuracy": _Score("PGD, top 5"),
    "human_divergence": _Score("divergence from humans", factor=1),
    "test_ece_15_bins": _Score("calibration error", under=("OLS/table7/", "OLS/table11/")),
}


# `{experiment: {key of a score: (mean, standard deviation or None)}}`
PUBLISHED: dict[str, dict[str, tuple[float, float | None]]] = {}
for _cell in CELLS:
    if _cell.experiment and _cell.score != ACCURACY:
        PUBLISHED.setdefault(_cell.experiment, {})[_cell.score] = _cell.number


def rows(runs):
    """Return a row of text, headings first, for each score of each of the paper's experiments with finished runs."""
    lines = [["experiment", "score", "paper", "ours", "seeds"]]
    for name, group in summaries.by_experiment(runs).items():
        for key, score in _SCORES.items():
            found = [summaries.score(result["scores"], key) for result in group]
            values = [score.factor * value for value in found if value is not None]
            if values and name.startswith(score.under):
                numbers = PUBLISHED.get(name, {}).get(key), summaries.mean_and_deviation(values)
                paper, ours = (summaries.number_text(number, ".4g", ".2g") for number in numbers)
                lines.append([name + summaries.mark(group), score.title, paper, ours, str(len(values))])
    return lines


def markdown(runs):
    """Return the page of the paper's claims as Markdown.

    Args:
        runs: results; those of other papers are left out.

    Raises:
        ValueError: if none is of this paper.
    """

    def table(_, methods):
        return findings_page.method_table(methods, "ECE 15")

    return findings_page.markdown(claims, runs, online_label_smoothing.EXPERIMENTS, table)


def scores(runs):
    """Return the table of the scores of these results, as Markdown."""
    lines = rows(runs)
    shown = summaries.markdown_table(lines)
    return f"{shown}\n{summaries.legend(_LEGEND, shown)}\n"


def main():
    """Write the verdicts and the table of the runs at hand, and print the table."""
    folder = pathlib.Path(flags.FLAGS.workdir)
    findings_page.write(folder, "OLS", markdown)
    text = scores(missing.load(folder).values())
    results.write_text(folder / "OLS" / "scores.md", text)
    terminal.console().print(text, markup=False)


if __name__ == "__main__":
    shared_flags.define_workdir_to_read()
    terminal.start(main)

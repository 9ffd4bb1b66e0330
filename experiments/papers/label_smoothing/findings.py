"""Verdicts on the paper's claims by the runs at hand: `python -m experiments.papers.label_smoothing.findings`.

Writes `DIR/LS/findings.md`.
"""

from absl import flags

from experiments.console import shared_flags, terminal
from experiments.evaluation import summaries
from experiments.papers import findings_page, label_smoothing
from experiments.papers.label_smoothing import claims
from experiments.papers.label_smoothing.methods import FAMILIES, names
from experiments.papers.label_smoothing.published import TABLES_3_AND_4


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
    return text + (findings_page.method_table(others) if others else "")


def _table(folder, methods):
    return _alpha_tables(methods) if folder.startswith("LS/alpha/") else findings_page.method_table(methods)


def markdown(runs):
    """Return the page as Markdown.

    Args:
        runs: results; those of other papers are left out.

    Raises:
        ValueError: if none is of this paper.
    """
    return findings_page.markdown(claims, runs, label_smoothing.EXPERIMENTS, _table)


if __name__ == "__main__":
    shared_flags.define_workdir_to_read()
    terminal.start(lambda: findings_page.write(flags.FLAGS.workdir, "LS", markdown))

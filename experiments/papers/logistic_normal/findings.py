"""Verdicts on the paper's claims by the runs at hand: `python -m experiments.papers.logistic_normal.findings`.

Writes `DIR/LN/findings.md`.
"""

from absl import flags

from experiments.console import shared_flags, terminal
from experiments.papers import findings_page, logistic_normal
from experiments.papers.logistic_normal import claims


def markdown(runs):
    """Return the page as Markdown.

    Args:
        runs: results; those of other papers are left out.

    Raises:
        ValueError: if none is of this paper.
    """
    return findings_page.markdown(claims, runs, logistic_normal.EXPERIMENTS)


if __name__ == "__main__":
    shared_flags.define_workdir_to_read()
    terminal.start(lambda: findings_page.write(flags.FLAGS.workdir, "LN", markdown))

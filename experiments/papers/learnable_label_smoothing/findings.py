"""Verdicts and learned rows: `python -m experiments.papers.learnable_label_smoothing.findings --workdir=DIR`.

Writes `DIR/LLS/findings.md`, on the paper's claims, and `DIR/LLS/similarities.md`, on the classes that the rows of
Fashion-MNIST find similar and those that the network confuses.
"""

import pathlib

import numpy as np
from absl import flags

from experiments.console import shared_flags, terminal
from experiments.evaluation import summaries
from experiments.papers import findings_page, learnable_label_smoothing, missing
from experiments.papers.learnable_label_smoothing import claims
from tfp_noise import metrics

_CLASSES = (  # of Fashion-MNIST, as its publisher numbers them: the page is made without the data
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)
_CLASS, _NUM_NEAREST = "Shirt", 3  # the one that section 4.3 discusses
_SIMILARITIES = f"""\
# Learned rows and confusion on Fashion-MNIST

Made by `python -m experiments.papers.learnable_label_smoothing.findings` from the finished runs beside this file; mean
± standard deviation over seeds. Accuracy on clean test labels in percent. Rank correlation: Spearman's, of a run's
rows with its confusion matrix on the test images, off the diagonal (`metrics.rank_correlation`). Then the
{_NUM_NEAREST} other classes with the largest probabilities in the row of {_CLASS}, and the {_NUM_NEAREST} that {_CLASS}
is most often mistaken for, in percent of all other classes.

"""


def _mean(values, digits):
    """Mean ± standard deviation, as text."""
    return summaries.number_text(summaries.mean_and_deviation(values), f".{digits}f")


def without_labels(matrix):
    """Each row without its diagonal, divided by its sum."""
    others = np.array(matrix, np.float64)
    np.fill_diagonal(others, 0)
    return others / others.sum(axis=1, keepdims=True)


def _largest(fractions):
    """The classes with the largest mean of `fractions`, float `[seeds, K]`, as text."""
    order = np.argsort(-np.mean(fractions, axis=0), kind="stable")[:_NUM_NEAREST]
    return ", ".join(f"{_CLASSES[one]} {_mean(100 * fractions[:, one], 0)}" for one in order)


def markdown(runs):
    """Return the page of the paper's claims as Markdown.

    Args:
        runs: results; those of other papers are left out.

    Raises:
        ValueError: if none is of this paper.
    """
    return findings_page.markdown(claims, runs, learnable_label_smoothing.EXPERIMENTS)


def similarities(runs):
    """Return the report on runs of Fashion-MNIST with learned rows, as Markdown.

    Args:
        runs: results; those of other data, and those without `class_rows`, are left out.

    Raises:
        FileNotFoundError: if none is left.
    """
    label = _CLASSES.index(_CLASS)
    lines = [["experiment", "seeds", "test", "rank correlation", f"nearest to {_CLASS}", f"{_CLASS} is taken for"]]
    chosen = [r for r in runs if r["settings"]["dataset"] == "fashion_mnist" and "class_rows" in r]
    for name, group in summaries.by_experiment(chosen).items():
        correlations = [metrics.rank_correlation(r["class_rows"], r["test_confusion"]).overall for r in group]
        nearest, mistakes = (
            _largest(np.array([without_labels(result[key])[label] for result in group]))
            for key in ("class_rows", "test_confusion")
        )
        lines.append([name, str(len(group)), summaries.mean(group, "test"), _mean(correlations, 2), nearest, mistakes])
    if not chosen:
        raise FileNotFoundError(
            "No finished run on Fashion-MNIST with learned rows. Run first\n"
            f"{missing.command('LLS/table3/laptop-fashion_mnist')}"
        )
    return _SIMILARITIES + summaries.markdown_table(lines)


def main():
    """Write the verdicts and the report, and end with the runs that one misses."""
    args = flags.FLAGS
    findings_page.write(args.workdir, "LLS", markdown)
    path = pathlib.Path(args.workdir) / "LLS" / "similarities.md"
    findings_page.write_report(path, lambda: similarities(missing.load(args.workdir).values()))


if __name__ == "__main__":
    shared_flags.define_workdir_to_read()
    terminal.start(main)

"""Verdicts and learned rows: `python -m experiments.papers.learnable_label_smoothing.findings --workdir=DIR`.

Writes `DIR/LLS/findings.md`, on the paper's claims, `DIR/LLS/similarities.md`, on the classes that the rows of
Fashion-MNIST find similar and those that the network confuses, and `DIR/LLS/top_entries.md`, on rows of ten entries
beside whole ones (`studies.TOP_ENTRIES`). Models of the latter that are missing beside finished runs are trained: they
are not under version control.
"""

import pathlib
import sys

import numpy as np
from absl import flags

from experiments import papers, results
from experiments.console import shared_flags, terminal
from experiments.evaluation import summaries
from experiments.experiment import CROSS_ENTROPY
from experiments.papers import findings_page, learnable_label_smoothing, missing
from experiments.papers.learnable_label_smoothing import claims
from experiments.papers.learnable_label_smoothing.methods import LEARNABLE, ONLINE
from experiments.papers.learnable_label_smoothing.studies import TOP, TOP_ENTRIES
from experiments.run import trained
from tfp_noise import datasets, metrics

_CLASS, _NUM_NEAREST = "Shirt", 3  # the one that section 4.3 discusses
_SIMILARITIES = f"""\
# Learned rows and confusion on Fashion-MNIST

Made by `python -m experiments.papers.learnable_label_smoothing.findings` from the finished runs beside this file; mean
± standard deviation over seeds. Accuracy on clean test labels in percent. Rank correlation: Spearman's, of a run's
rows with its confusion matrix on the test images, off the diagonal (`metrics.rank_correlation`). Then the
{_NUM_NEAREST} other classes with the largest probabilities in the row of {_CLASS}, and the {_NUM_NEAREST} that {_CLASS}
is most often mistaken for, in percent of all other classes.

"""
_TOP_ENTRIES = f"""\
# Rows of {TOP} entries beside whole rows, pairs of digits, 100 classes

Made by `python -m experiments.papers.learnable_label_smoothing.findings` from the finished runs beside this file; mean
± standard deviation over seeds. Accuracy on clean test labels in percent; difference: {TOP} entries minus
whole rows, of the same seed. The last columns are of the probability that whole rows give to other classes than the
label: how many percent of it lie in their own {TOP} largest entries, and how many in the entries that the run with
{TOP} of them has kept, as means over rows. {TOP} classes at random would hold about {TOP} percent.

"""


def _mean(values, digits):
    """Mean ± standard deviation, as text."""
    return summaries.number_text(summaries.mean_and_deviation(values), f".{digits}f")


def _others(matrix):
    """Each row without its diagonal, divided by its sum."""
    others = np.array(matrix, np.float64)
    np.fill_diagonal(others, 0)
    return others / others.sum(axis=1, keepdims=True)


def _largest(fractions, names):
    """The classes with the largest mean of `fractions`, float `[seeds, K]`, as text."""
    order = np.argsort(-np.mean(fractions, axis=0), kind="stable")[:_NUM_NEAREST]
    return ", ".join(f"{names[one]} {_mean(100 * fractions[:, one], 0)}" for one in order)


def markdown(runs):
    """Return the page of the paper's claims as Markdown.

    Args:
        runs: results; those of other papers are left out.

    Raises:
        ValueError: if none is of this paper.
    """
    return findings_page.markdown(claims, runs, learnable_label_smoothing.EXPERIMENTS)


def similarities(runs, names):
    """Return the report on runs of Fashion-MNIST with learned rows, as Markdown.

    Args:
        runs: results; those of other data, and those without `class_rows`, are left out.
        names: tuple of text, the classes.

    Raises:
        FileNotFoundError: if none is left.
    """
    label = names.index(_CLASS)
    lines = [["experiment", "seeds", "test", "rank correlation", f"nearest to {_CLASS}", f"{_CLASS} is taken for"]]
    chosen = [r for r in runs if r["settings"]["dataset"] == "fashion_mnist" and "class_rows" in r]
    for name, group in summaries.by_experiment(chosen).items():
        correlations = [metrics.rank_correlation(r["class_rows"], r["test_confusion"]).overall for r in group]
        nearest, mistakes = (
            _largest(np.array([_others(result[key])[label] for result in group]), names)
            for key in ("class_rows", "test_confusion")
        )
        lines.append([name, str(len(group)), summaries.mean(group, "test"), _mean(correlations, 2), nearest, mistakes])
    if not chosen:
        raise FileNotFoundError(
            "No finished run on Fashion-MNIST with learned rows. Run first\n"
            f"{missing.command('LLS/table3/laptop-fashion_mnist')}"
        )
    return _SIMILARITIES + summaries.markdown_table(lines)


def held(whole, kept):
    """Return the fraction of the probability for other classes than the label that lies in some entries of whole rows.

    Args:
        whole: float `[K, K]`, rows sum to 1.
        kept: int `[K, N]`, different classes in each row.

    Returns:
        Two floats from 0 to 1, means over rows: for the N largest entries of each row, and for `kept`.
    """
    others = _others(whole)
    largest = np.argsort(-whole, axis=1, kind="stable")[:, : kept.shape[1]]
    return tuple(float(np.take_along_axis(others, of, axis=1).sum(axis=1).mean()) for of in (largest, kept))


def top_rows(runs, class_rows):
    """Return the report on whole rows and rows of N entries, as Markdown.

    Args:
        runs: results; those of other experiments are left out.
        class_rows: a function from the name and seed of a run to the rows of its loss.

    Raises:
        FileNotFoundError: if no run of N entries has one of whole rows with the same seed beside it.
    """
    by_seed = {
        name: {result["settings"]["seed"]: result for result in group}
        for name, group in summaries.by_experiment(runs).items()
    }
    lines = [["noise", "loss", "seeds", "whole rows", "entries", "difference", "largest hold", "kept hold"]]
    for folder in dict.fromkeys(experiment.name.rsplit("/", 1)[0] for experiment in TOP_ENTRIES):
        noise = folder.rsplit("/", 1)[1]
        plain = list(by_seed.get(f"{folder}/{CROSS_ENTROPY.label}", {}).values())
        for method in (ONLINE.label, LEARNABLE.label):
            names = [f"{folder}/{method}", f"{folder}/{method}-top{TOP}"]
            whole, top = (by_seed.get(name, {}) for name in names)
            seeds = sorted(whole.keys() & top.keys())
            if not seeds:
                continue
            whole, top = ([found[seed] for seed in seeds] for found in (whole, top))
            gains = np.subtract(summaries.values(top, "test"), summaries.values(whole, "test"))
            fractions = [held(class_rows(names[0], seed), class_rows(names[1], seed).indices) for seed in seeds]
            cells = [summaries.mean(whole, "test"), summaries.mean(top, "test"), _mean(gains, 2)]
            cells += [_mean(100 * of, 1) for of in np.transpose(fractions)]
            lines.append([noise, method + summaries.mark(whole + top), str(len(seeds)), *cells])
        if plain:
            accuracy = summaries.mean(plain, "test")
            lines.append([noise, CROSS_ENTROPY.label, str(len(plain)), accuracy, *["–"] * 4])
    if len(lines) == 1:
        raise FileNotFoundError(
            f"No finished runs of whole rows and of few entries. Run first\n{missing.command('LLS/top')}"
        )
    dagger = summaries.legend("", lines).strip()
    return _TOP_ENTRIES + summaries.markdown_table(lines) + (f"\n{dagger}\n" if dagger else "")


def main():
    """Write the verdicts and both reports, and end with the runs that a report misses."""
    args = flags.FLAGS
    runs = list(missing.load(args.workdir).values())
    reports = {
        "findings": lambda: markdown(runs),
        "similarities": lambda: similarities(runs, datasets.class_names("fashion_mnist", args.data_dir)),
        "top_entries": lambda: top_rows(
            runs, lambda name, seed: trained(papers.find(name).with_seed(seed), args.workdir).loss.class_rows
        ),
    }
    problems = []
    for name, make in reports.items():
        path = pathlib.Path(args.workdir) / "LLS" / f"{name}.md"
        try:
            text = make()
        except FileNotFoundError as error:
            problems.append(f"{path}: {error}")
            continue
        results.write_text(path, text)
        terminal.console().print(path)
    if problems:
        sys.exit("\n".join(problems))


if __name__ == "__main__":
    shared_flags.define_workdir_to_read()
    shared_flags.define_data_dir()
    terminal.start(main)

"""What learned rows hold: `python -m experiments.papers.learnable_label_smoothing.findings --workdir=DIR`.

Writes `DIR/LLS/similarities.md`, which classes the rows of Fashion-MNIST find similar and whether these are the ones
that are confused, and `DIR/LLS/top_entries.md`, what rows of ten entries lose of whole ones (`top_entries`). Models of
the latter that are missing beside finished runs are trained: they are not under version control.
"""

import pathlib
import sys

import numpy as np
from absl import flags

from experiments import papers, report, results, terminal
from experiments.experiment import CROSS_ENTROPY
from experiments.papers.learnable_label_smoothing import top_entries
from experiments.papers.learnable_label_smoothing.settings import LEARNABLE, ONLINE
from experiments.run import trained
from tfp_noise import datasets, metrics

_CLASS, _NUM_NEAREST = "Shirt", 3  # the one that section 4.3 discusses
_SIMILARITIES = f"""\
# Learned rows and confusion on Fashion-MNIST

Made by `python -m experiments.papers.learnable_label_smoothing.findings` from the finished runs beside this file; mean
± standard deviation over seeds. Accuracy on clean test labels in percent. Rank correlation: Spearman's, of a run's
rows with its confusion matrix on the test images, off the diagonal (`metrics.rank_correlation`). Then the
{_NUM_NEAREST} classes that the row of {_CLASS} gives most of what it does not give {_CLASS} itself, and those that
{_CLASS} is most often mistaken for, in percent of what goes to other classes.

"""
_TOP_ENTRIES = f"""\
# Rows of {top_entries.TOP} entries beside whole rows, pairs of digits, 100 classes

Made by `python -m experiments.papers.learnable_label_smoothing.findings` from the finished runs beside this file; mean
± standard deviation over seeds. Accuracy on clean test labels in percent; difference: {top_entries.TOP} entries minus
whole rows, of the same seed. Then, in percent, how much of the probability that whole rows give to other classes than
the label lies in their own {top_entries.TOP} largest entries, and how much in the entries that the run with
{top_entries.TOP} of them has kept: means over rows. {top_entries.TOP} classes at random would hold about
{top_entries.TOP} percent.

"""


def _mean(values, digits):
    """Mean ± standard deviation, as text."""
    spread = f" ± {np.std(values, ddof=1):.{digits}f}" if len(values) > 1 else ""
    return f"{np.mean(values):.{digits}f}{spread}"


def _shares_of_others(matrix):
    """Each row without its diagonal, divided by its sum."""
    others = np.array(matrix, np.float64)
    np.fill_diagonal(others, 0)
    return others / others.sum(axis=1, keepdims=True)


def _largest(shares, names):
    """The classes with the largest mean of `shares`, float `[seeds, K]`, as text."""
    order = np.argsort(-np.mean(shares, axis=0), kind="stable")[:_NUM_NEAREST]
    return ", ".join(f"{names[one]} {_mean(100 * shares[:, one], 0)}" for one in order)


def similarities(runs, names):
    """The report on runs of Fashion-MNIST with learned rows, as Markdown.

    Args:
        runs: results; those of other data, and without `class_rows`, are left out.
        names: of the classes.

    Raises:
        FileNotFoundError: if none is left.
    """
    label = names.index(_CLASS)
    lines = [["experiment", "seeds", "test", "rank correlation", f"nearest to {_CLASS}", f"{_CLASS} is taken for"]]
    chosen = [r for r in runs if r["settings"]["dataset"] == "fashion_mnist" and "class_rows" in r]
    for name, group in report.by_experiment(chosen).items():
        correlations = [metrics.rank_correlation(r["class_rows"], r["test_confusion"]).overall for r in group]
        nearest, mistakes = (
            _largest(np.array([_shares_of_others(result[key])[label] for result in group]), names)
            for key in ("class_rows", "test_confusion")
        )
        lines.append([name, str(len(group)), report.mean(group, "test"), _mean(correlations, 2), nearest, mistakes])
    if not chosen:
        raise FileNotFoundError(
            "No finished run on Fashion-MNIST with learned rows. Run first\n"
            "  python -m experiments.sweep --under=LLS/table3/laptop-fashion_mnist"
        )
    return _SIMILARITIES + report.markdown_table(lines)


def held(whole, kept):
    """How much of what whole rows give to other classes than the label lies in some of their entries.

    Args:
        whole: float `[K, K]`, rows sum to 1.
        kept: int `[K, N]`, different classes in each row.

    Returns:
        Two floats from 0 to 1, means over rows: for the N largest entries of each row, and for `kept`.
    """
    shares = _shares_of_others(whole)
    largest = np.argsort(-whole, axis=1, kind="stable")[:, : kept.shape[1]]
    return tuple(float(np.take_along_axis(shares, of, axis=1).sum(axis=1).mean()) for of in (largest, kept))


def top_rows(runs, class_rows):
    """The report on whole rows and rows of N entries, as Markdown.

    Args:
        runs: results; those of other experiments are left out.
        class_rows: a function from the name and seed of a run to what its loss has learned.

    Raises:
        FileNotFoundError: if no run of N entries has one of whole rows with the same seed beside it.
    """
    by_seed = {
        name: {result["settings"]["seed"]: result for result in group}
        for name, group in report.by_experiment(runs).items()
    }
    lines = [["noise", "loss", "seeds", "whole rows", "entries", "difference", "largest hold", "kept hold"]]
    for folder in dict.fromkeys(experiment.name.rsplit("/", 1)[0] for experiment in top_entries.EXPERIMENTS):
        noise = folder.rsplit("/", 1)[1]
        plain = list(by_seed.get(f"{folder}/{CROSS_ENTROPY.label}", {}).values())
        for method in (ONLINE.label, LEARNABLE.label):
            names = [f"{folder}/{method}", f"{folder}/{method}-top{top_entries.TOP}"]
            whole, top = (by_seed.get(name, {}) for name in names)
            seeds = sorted(whole.keys() & top.keys())
            if not seeds:
                continue
            whole, top = ([found[seed] for seed in seeds] for found in (whole, top))
            gains = np.subtract(report.values(top, "test"), report.values(whole, "test"))
            shares = [held(class_rows(names[0], seed), class_rows(names[1], seed).indices) for seed in seeds]
            cells = [report.mean(whole, "test"), report.mean(top, "test"), _mean(gains, 2)]
            cells += [_mean(100 * of, 1) for of in np.transpose(shares)]
            lines.append([noise, method, str(len(seeds)), *cells])
        if plain:
            accuracy = report.mean(plain, "test")
            lines.append([noise, CROSS_ENTROPY.label, str(len(plain)), accuracy, *["–"] * 4])
    if len(lines) == 1:
        raise FileNotFoundError(
            "No finished runs of whole rows and of few entries. Run first\n"
            "  python -m experiments.sweep --under=LLS/top --seeds=0,1,2"
        )
    return _TOP_ENTRIES + report.markdown_table(lines)


def main():
    """Writes both reports, and says at the end what one of them misses."""
    args = flags.FLAGS
    runs = list(results.load(args.workdir).values())
    reports = {
        "similarities": lambda: similarities(runs, datasets.class_names("fashion_mnist", args.data_dir)),
        "top_entries": lambda: top_rows(
            runs, lambda name, seed: trained(papers.find(name).with_seed(seed), args.workdir).loss.class_rows
        ),
    }
    missing = []
    for name, make in reports.items():
        path = pathlib.Path(args.workdir) / "LLS" / f"{name}.md"
        try:
            text = make()
        except FileNotFoundError as error:
            missing.append(f"{path}: {error}")
            continue
        results.atomic_write(path, lambda file, text=text: file.write_text(text))
        terminal.console().print(path)
    if missing:
        sys.exit("\n".join(missing))


if __name__ == "__main__":
    flags.DEFINE_string("workdir", "results", "Folder of finished runs.")
    flags.DEFINE_string("data_dir", None, "Where TensorFlow Datasets keeps its data.")
    terminal.start(main)

"""Rows of ten entries beside whole ones: `python -m experiments.papers.learnable_label_smoothing.top_entries`.

Writes `DIR/LLS/top_entries.md` from the finished runs of `studies.TOP_ENTRIES`. The learned rows are read from the
runs' models, which are not under version control: those that are missing are trained, a minute each on two CPU cores.
"""

import pathlib

import numpy as np
from absl import flags

from experiments import papers
from experiments.console import shared_flags, terminal
from experiments.evaluation import summaries
from experiments.experiment import CROSS_ENTROPY
from experiments.papers import findings_page, missing
from experiments.papers.learnable_label_smoothing.findings import without_labels
from experiments.papers.learnable_label_smoothing.methods import LEARNABLE, ONLINE
from experiments.papers.learnable_label_smoothing.studies import TOP, TOP_ENTRIES
from experiments.run import trained

_HEADER = f"""\
# Rows of {TOP} entries beside whole rows, pairs of digits, 100 classes

Made by `python -m experiments.papers.learnable_label_smoothing.top_entries` from the finished runs beside this file;
mean ± standard deviation over seeds. Accuracy on clean test labels in percent; difference: {TOP} entries minus whole
rows, of the same seed. The last columns are of the probability that whole rows give to other classes than the label:
how many percent of it lie in their own {TOP} largest entries, and how many in the entries that the run with {TOP} of
them has kept, as means over rows. {TOP} classes at random would hold about {TOP} percent.

"""


def held(whole, kept):
    """Return the fraction of the probability for other classes than the label that lies in some entries of whole rows.

    Args:
        whole: float `[K, K]`, rows sum to 1.
        kept: int `[K, N]`, different classes in each row.

    Returns:
        Two floats from 0 to 1, means over rows: for the N largest entries of each row, and for `kept`.
    """
    others = without_labels(whole)
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
            means = [(gains, ".2f"), *((100 * of, ".1f") for of in np.transpose(fractions))]
            cells = [summaries.mean(whole, "test"), summaries.mean(top, "test")]
            cells += [summaries.number_text(summaries.mean_and_deviation(of), style) for of, style in means]
            lines.append([noise, method + summaries.mark(whole + top), str(len(seeds)), *cells])
        if plain:
            accuracy = summaries.mean(plain, "test")
            lines.append([noise, CROSS_ENTROPY.label, str(len(plain)), accuracy, *["–"] * 4])
    if len(lines) == 1:
        raise FileNotFoundError(
            f"No finished runs of whole rows and of few entries. Run first\n{missing.command('LLS/top')}"
        )
    shown = summaries.markdown_table(lines)
    dagger = summaries.legend("", shown)
    return _HEADER + shown + (f"\n{dagger}\n" if dagger else "")


def main():
    """Write the report."""
    args = flags.FLAGS
    path = pathlib.Path(args.workdir) / "LLS" / "top_entries.md"

    def class_rows(name, seed):
        return trained(papers.find(name).with_seed(seed), args.workdir, args.data_dir).loss.class_rows

    findings_page.write_report(path, lambda: top_rows(missing.load(args.workdir).values(), class_rows))


if __name__ == "__main__":
    shared_flags.define_workdir_to_read()
    shared_flags.define_data_dir()
    terminal.start(main)

"""The table and figures of finished runs: `python -m experiments.report --workdir=DIR`.

Makes `DIR/table.md` anew, and in the folder of every group of methods the figures that compare them.
"""

import itertools
import pathlib

import numpy as np
from absl import flags
from rich import box
from rich.table import Table

from experiments import results
from experiments.console import shared_flags, terminal
from experiments.evaluation import summaries
from experiments.evaluation.paired_tests import FEWEST_SEEDS, not_worse_than_best
from experiments.papers import missing
from tfp_noise import visualization

_LEGEND = (
    "Accuracies in percent, mean ± standard deviation over seeds; a score that older runs lack is of fewer seeds. off: "
    f"test minus paper, in the paper's standard deviations. {summaries.COLUMNS} `findings.md` of each paper says what "
    "the names of its methods stand for. Under symmetric noise of 40 % that fraction of labels is drawn from all "
    "classes, and under symmetric other from the other ones: of ten classes 36 and 40 % are wrong."
)
_BOLD = (
    "Bold: the highest mean test accuracy of the methods of one table, data set, network and noise, and those that a "
    f"paired t test at 5 % over seeds does not tell from it, where each method has {FEWEST_SEEDS} seeds or more."
)
_MOST_METHODS = 12
_RELIABILITY = "reliability"


def _noise(settings):
    kind, rate = settings["noise"]["kind"], settings["noise"]["rate"]
    return f"{kind.replace('_', ' ')} {rate:.0%}" if rate else kind


_SETTINGS = {
    "table": lambda settings: settings["name"].rsplit("/", 2)[0],
    "data": lambda settings: settings["dataset"],
    "network": lambda settings: settings["model"],
    "epochs": lambda settings: str(settings["epochs"]),
    "noise": _noise,
    "method": lambda settings: settings["method"]["label"],
    "paper": lambda settings: summaries.number_text(settings["published"], ".2f"),
}
_HEADINGS = [*_SETTINGS, "seeds", "off", *summaries.SCORES]


def _distance(group):
    """Distance of the mean test accuracy from the published one, in published standard deviations."""
    mean, spread = group[0]["settings"]["published"] or (None, None)
    return "–" if spread is None else f"{(np.mean(summaries.values(group, 'test')) - mean) / spread:+.1f}"


def rows(runs):
    """Return the table's rows as dicts from heading to text: one an experiment, accuracies in percent."""
    return [
        {heading: text(group[0]["settings"]) for heading, text in _SETTINGS.items()}
        | {"noise": _noise(group[0]["settings"]) + summaries.mark(group)}
        | {"seeds": str(len(group)), "off": _distance(group)}
        | {heading: summaries.mean(group, heading) for heading in summaries.SCORES}
        for group in summaries.by_experiment(runs).values()
    ]


def markdown(runs):
    """Return the table as Markdown, the best test accuracies under each noise in bold."""
    best = _best(runs)
    lines = rows(runs)
    for name, line in zip(summaries.by_experiment(runs), lines, strict=True):
        if name in best:
            line["test"] = f"**{line['test']}**"
    shown = summaries.markdown_table([_HEADINGS, *(list(line.values()) for line in lines)])
    legend = summaries.legend(f"{_LEGEND} {_BOLD}" if best else _LEGEND, shown)
    return f"{legend}\n\n{shown}"


def _best(runs):
    """Names of experiments that are not significantly worse than the best of their data, network and noise."""
    settings = {}
    for name, group in summaries.by_experiment(runs).items():
        accuracies = {summaries.draw(one): one["scores"]["test_accuracy"] for one in group}
        settings.setdefault(name.rpartition("/")[0], {})[name] = accuracies
    tested = [methods for methods in settings.values() if min(map(len, methods.values())) >= FEWEST_SEEDS]
    return set().union(*map(not_worse_than_best, (methods for methods in tested if len(methods) > 1)))


def table(runs):
    """Return the table for a terminal; columns that say the same in every row of several are left out."""
    lines = rows(runs)
    headings = [key for key in _HEADINGS if len(lines) == 1 or len({line[key] for line in lines}) > 1]
    body = [[line[heading] for heading in headings] for line in lines]
    shown = Table(
        caption=summaries.legend(_LEGEND, " ".join(itertools.chain(*body))), box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0)
    )
    for heading in headings:
        justify = "right" if heading in summaries.SCORES else "left"
        shown.add_column(heading, justify=justify, no_wrap=heading in _SETTINGS)
    for cells in body:
        shown.add_row(*cells)
    return shown


def refresh(folder, changed=None):
    """Make `folder/table.md` and the figures of groups of methods under `folder` anew.

    Args:
        folder: path of a folder with finished runs.
        changed: names of experiments whose groups are drawn; those of all groups by default.

    Returns:
        The results that they are made from, a list.

    Raises:
        FileNotFoundError: if no finished run is there.
    """
    folder, found = pathlib.Path(folder), missing.load(folder)
    everything = list(found.values())
    text = markdown(everything)
    results.write_text(folder / "table.md", text)
    groups = {}  # by folder: a search's trials lie below their method, and sort before the next one
    for path, result in found.items():
        groups.setdefault(path.parent.parent, {}).setdefault(path.parent.name, []).append((path, result))
    drawn = groups if changed is None else {(folder / name).parent for name in changed}
    kept = 0
    for group, methods in groups.items():
        if group in drawn and len(methods) <= _MOST_METHODS:  # more cannot be told apart
            figures = compare(methods)
            for name, figure in figures.items():
                results.write_figure(group / f"{name}.png", figure)
            kept += _RELIABILITY not in figures and (group / f"{_RELIABILITY}.png").exists()
    if kept:
        text = f"{kept} {_RELIABILITY}.png kept as they are: not all of their runs have predictions (.npz) beside them."
        terminal.console().print(text, markup=False)
    return everything


def compare(methods):
    """Return figures that compare methods on one data set.

    Args:
        methods: a dict `{method: [(path, result), ...]}` with the finished runs of each, one a seed.

    Returns:
        A dict from name to figure: learning curves of all runs; reliability of each method's first one, if its
        predictions lie beside it for every method, so that none is missing without a word; and where predictions hold
        it, the transition.
    """
    settings = next(iter(methods.values()))[0][1]["settings"]
    title = f"{settings['dataset']}, {_noise(settings)}"
    figures = {"learning_curves": _learning_curves(methods, title)}
    files = {method: runs[0][0].with_suffix(".npz") for method, runs in methods.items()}
    arrays = {method: results.read_predictions(file) for method, file in files.items() if file.exists()}
    if arrays:
        one = next(iter(arrays.values()))
        if len(arrays) == len(methods):
            probabilities = {method: array["test_probabilities"] for method, array in arrays.items()}
            figures[_RELIABILITY] = visualization.reliability_diagram(probabilities, one["test_labels"])
        if "transition" in one:
            figures["transition"] = visualization.transition_matrix(one["transition"], one["class_names"], title)
    return figures


def _learning_curves(methods, title):
    """Learning curves under a title that says what the numbers of seeds in the legend are, where there are several."""
    curves = {method: [result["curves"] for _, result in runs] for method, runs in methods.items()}
    if any(len(runs) > 1 for runs in curves.values()):
        title = f"{title}; means over seeds, whose number is in parentheses"
        curves = {f"{method} ({len(runs)})": runs for method, runs in curves.items()}
    return visualization.learning_curves(curves, title)


def main():
    """Make the table and figures of a folder anew, and print the table."""
    terminal.console().print(table(refresh(flags.FLAGS.workdir)))


if __name__ == "__main__":
    shared_flags.define_workdir_to_read()
    terminal.start(main)

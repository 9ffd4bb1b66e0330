"""The table and figures of finished runs: `python -m experiments.report --workdir=DIR`.

Makes `DIR/table.md` anew, and in the folder of every group of methods the figures that compare them.
"""

import pathlib

import numpy as np
from absl import flags
from rich import box
from rich.table import Table

from experiments import result_files, results, terminal
from tfp_noise import visualization

LEGEND = (
    "Accuracies in percent. off: test minus paper, in the paper's standard deviations. test: on clean test labels. "
    "ECE: calibration error, 15 and 100 bins; scaled: at the temperature fitted to held-out observed labels. train: on "
    "training examples by their true class: all, those labelled correctly (clean part), mislabelled (noisy: true); "
    "noisy: fit, mislabelled ones by their wrong label. error of T: mean absolute error of the transition that a "
    "correction assumes. †: run on exact counts of wrong labels whose ties went by class index; the seed breaks "
    "them now, so that the run is to be repeated."
)
_MOST_METHODS = 9


def _noise(settings):
    kind, rate = settings["noise"]["kind"], settings["noise"]["rate"]
    return f"{kind.replace('_', ' ')} {rate:.0%}" if rate else kind


def mark(group):
    """A dagger for runs whose exact counts favoured the first classes, where many of a row's remainders are equal."""
    return (
        " †"
        if any(
            result["settings"]["noise"].get("exact")
            and result["settings"]["noise"]["kind"].startswith("symmetric")
            and "ties" not in result.get("resolved", {})
            for result in group
        )
        else ""
    )


def _published(settings):
    if settings["published"] is None:
        return "–"
    mean, spread = settings["published"]
    return f"{mean:.2f}" if spread is None else f"{mean:.2f} ± {spread:.2f}"


_SETTINGS = {
    "table": lambda settings: settings["name"].rsplit("/", 2)[0],
    "data": lambda settings: settings["dataset"],
    "network": lambda settings: settings["model"],
    "epochs": lambda settings: str(settings["epochs"]),
    "noise": _noise,
    "method": lambda settings: settings["method"]["label"],
    "paper": _published,
}
_SCORES = {  # heading: key, factor, digits
    "test": ("test_accuracy", 100, 2),
    "NLL": ("test_negative_log_likelihood", 1, 3),
    "Brier": ("test_brier_score", 1, 3),
    "ECE 15": ("test_ece_15_bins", 1, 3),
    "ECE 100": ("test_ece_100_bins", 1, 3),
    "scaled": ("test_ece_100_bins_scaled", 1, 3),
    "train": ("accuracy", 100, 1),
    "clean part": ("accuracy_clean", 100, 1),
    "noisy: true": ("accuracy_mislabelled_true", 100, 1),
    "noisy: fit": ("accuracy_mislabelled", 100, 1),
    "error of T": ("transition_mean_absolute_error", 1, 4),
}
_HEADINGS = [*_SETTINGS, "seeds", "off", *_SCORES]


def values(group, heading):
    """What the runs of one experiment scored under a heading of the table, in its unit; runs without it left out."""
    key, factor, _ = _SCORES[heading]
    found = [{**result["scores"], **result["scores"]["train"]}.get(key) for result in group]
    return [factor * value for value in found if value is not None]


def _distance(group):
    """How far the mean test accuracy is from the published one."""
    mean, spread = group[0]["settings"]["published"] or (None, None)
    return "–" if spread is None else f"{(np.mean(values(group, 'test')) - mean) / spread:+.1f}"


def decimals(heading):
    """Digits after the point that a score is shown with."""
    return _SCORES[heading][2]


def mean(group, heading):
    """Mean ± standard deviation over the runs of one experiment, as text."""
    numbers, digits = values(group, heading), decimals(heading)
    if not numbers:
        return "–"
    spread = f" ± {np.std(numbers, ddof=1):.{digits}f}" if len(numbers) > 1 else ""
    return f"{np.mean(numbers):.{digits}f}{spread}"


def by_experiment(runs):
    """A dict `{name of experiment: its runs}`."""
    groups = {}
    for result in runs:
        groups.setdefault(result["settings"]["name"], []).append(result)
    return groups


def rows(runs):
    """The table's rows as dicts from heading to text: one an experiment, accuracies in percent."""
    return [
        {heading: text(group[0]["settings"]) for heading, text in _SETTINGS.items()}
        | {"noise": _noise(group[0]["settings"]) + mark(group)}
        | {"seeds": str(len(group)), "off": _distance(group)}
        | {heading: mean(group, heading) for heading in _SCORES}
        for group in by_experiment(runs).values()
    ]


def markdown(runs):
    """The table as Markdown."""
    return f"{markdown_table([_HEADINGS, *(row.values() for row in rows(runs))])}\n{LEGEND}\n"


def markdown_table(rows):
    """Rows of text, the first of them headings, as Markdown."""
    head, *body = map(list, rows)
    return "".join(f"| {' | '.join(line)} |\n" for line in [head, ["---"] * len(head), *body])


def table(runs):
    """The table for a terminal; columns that say the same in every row of several are left out."""
    lines = rows(runs)
    shown = Table(caption=LEGEND, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    headings = [key for key in _HEADINGS if len(lines) == 1 or len({line[key] for line in lines}) > 1]
    for heading in headings:
        shown.add_column(heading, justify="right" if heading in _SCORES else "left", no_wrap=heading in _SETTINGS)
    for line in lines:
        shown.add_row(*(line[heading] for heading in headings))
    return shown


def refresh(folder):
    """Makes `folder/table.md` and the figures of every group of methods under `folder` anew.

    Returns:
        The results that they are made from, a list.

    Raises:
        FileNotFoundError: if no finished run is there.
    """
    folder, found = pathlib.Path(folder), results.load(folder)
    everything = list(found.values())
    text = markdown(everything)
    results.atomic_write(folder / "table.md", lambda file: file.write_text(text))
    groups = {}  # not runs of neighbours: a search's trials lie below its method, and sort before the next one
    for path, result in found.items():
        groups.setdefault(path.parent.parent, {}).setdefault(path.parent.name, (path, result))
    for group, methods in groups.items():
        if len(methods) <= _MOST_METHODS:  # more cannot be told apart
            for name, figure in compare(methods).items():
                results.write_figure(group / f"{name}.png", figure)
    return everything


def compare(methods):
    """Figures that compare methods on one data set.

    Args:
        methods: a dict `{method: (path, result)}`, one finished run each.

    Returns:
        A dict from name to figure: learning curves, and where predictions lie beside the runs, reliability and the
        transition.
    """
    settings = next(iter(methods.values()))[1]["settings"]
    title = f"{settings['dataset']}, {_noise(settings)}"
    curves = {method: result["curves"] for method, (_, result) in methods.items()}
    figures = {"learning_curves": visualization.learning_curves(curves, title)}
    files = {method: path.with_suffix(".npz") for method, (path, _) in methods.items()}
    arrays = {method: result_files.read_predictions(file) for method, file in files.items() if file.exists()}
    if arrays:
        one = next(iter(arrays.values()))
        probabilities = {method: array["test_probabilities"] for method, array in arrays.items()}
        figures["reliability"] = visualization.reliability_diagram(probabilities, one["test_labels"])
        figures["transition"] = visualization.transition_matrix(one["transition"], one["class_names"], title)
    return figures


def main():
    """Makes the table and figures of a folder anew, and prints the table."""
    terminal.console().print(table(refresh(flags.FLAGS.workdir)))


if __name__ == "__main__":
    flags.DEFINE_string("workdir", "results", "Folder of finished runs.")
    terminal.start(main)

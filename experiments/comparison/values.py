"""Accuracies by the values that methods are searched over: `python -m experiments.comparison.values`.

The page is made of the searches that `experiments.compare` has stored. `--dataset` measures more first: every value of
the methods named, also where the comparison on that data set searches over none. What is there is not trained again.
"""

import inspect
import pathlib
import sys

import numpy as np
from absl import flags

from experiments import results
from experiments.comparison import runs, sets, table
from experiments.comparison.methods import METHODS
from experiments.console import shared_flags, terminal
from experiments.evaluation import summaries
from tfp_noise import _validation

_NOTE = """# Values of the methods' arguments

Accuracy on clean test labels at the last epoch, %, by the values that each method is searched over, on the data of
[digits](digits.md), [Fashion-MNIST](fashion_mnist.md) and [CIFAR-10N](cifar10n-aggregate.md): the mean over the noises
of a column, under each of which the trainings had {seeds} seeds, and on CIFAR-10N one. In bold the highest of a column.
"Chosen" counts the noises, of those with a choice, under which the accuracy on given validation labels was highest with
these values. Nothing here is tested for significance: read it as where to begin a search. Arguments that are not named
are the loss's defaults, or stand in `experiments/comparison/methods.py` and `otherwise.py`.

Made by `python -m experiments.comparison.values`; `--dataset=cifar10n-aggregate --methods=LogisticNormal` measures a
method's values on a data set first.
"""


def main():
    """Measure what the flags ask for, and write the page."""
    args, root, failed = flags.FLAGS, pathlib.Path(flags.FLAGS.workdir), []
    if args.dataset:
        methods = [_validation.check_choice("methods", name, METHODS, "method") for name in args.methods]
        noises, folder = sets.SETS[args.dataset].noises, root / args.dataset
        failed = runs.measure(args.dataset, noises, methods, [0], folder, args.data_dir, values_only=True)
    results.write_text(root / "values.md", page(root))
    if failed:
        sys.exit(f"{len(failed)} searches failed, see the messages above: {'; '.join(failed)}.")


def page(root):
    """Return the page as Markdown.

    Args:
        root: `pathlib.Path` of the folders of the data sets' results.
    """
    found = _searches(root)
    text = _NOTE.format(seeds=len(sets.SETS["digits"].search_seeds))
    for name in sorted(found):
        text += f"\n## {name}\n\n{summaries.markdown_table(rows(name, found[name]))}"
    return text


def _searches(root):
    """The content of all files of searches, `{method: {(data set, noise): content}}`."""
    found = {}
    for dataset in sets.SETS:
        paths = (root / dataset).glob("*/*-search.json")
        for path in sorted(paths, key=lambda one: table.place(one.parent.name)):
            name = path.stem.removesuffix("-search")
            if name in METHODS:
                found.setdefault(name, {})[dataset, path.parent.name] = results.read_measured(path)
    return found


def rows(name, searches):
    """Return the rows of a method's table as lists of text, the first of them headings.

    Args:
        name: a key of `METHODS`.
        searches: `{(data set, noise): content of the file of a search}`.
    """
    columns = {}
    for dataset, noise in searches:
        columns.setdefault((dataset, table.kind(noise)), []).append((dataset, noise))
    accuracies = {place: _accuracies(content) for place, content in searches.items()}
    points = list(dict.fromkeys(point for by_point in accuracies.values() for point in by_point))
    means = [
        [_mean([accuracies[place].get(point) for place in places]) for places in columns.values()] for point in points
    ]
    highest = np.nanmax(np.array(means, float), axis=0)
    chosen = [_key(content["chosen"]) for content in searches.values() if "chosen" in content]
    arguments = list(METHODS[name].space)
    parameters = inspect.signature(METHODS[name].made).parameters
    defaults = tuple(parameters[argument].default for argument in arguments)
    lines = [[*(f"`{one}`" for one in arguments), *(_heading(*one) for one in columns.items()), "chosen"]]
    for point, row in zip(points, means, strict=True):
        marked = [_cell(*one) for one in zip(row, highest, strict=True)]
        values = [*map(str, point[:-1]), f"{point[-1]}{' (default)' if point == defaults else ''}"]
        lines.append([*values, *marked, f"{chosen.count(point)} of {len(chosen)}"])
    return lines


def _accuracies(content):
    """The mean accuracy of the seeds by the values, in percent; `None` where a training diverged."""
    found = {}
    for trial in content["trials"]:
        ends = [scores.get("last") for scores in trial["seeds"]]
        found[_key(trial["arguments"])] = None if None in ends else 100 * float(np.mean(ends))
    return found


def _key(arguments):
    """The values of a point, such that they can be looked up."""
    return tuple(tuple(value) if isinstance(value, list) else value for value in arguments.values())


def _mean(values):
    return None if None in values else float(np.mean(values))


def _heading(column, places):
    dataset, kind = column
    return f"{dataset}, {kind}" + (f" ({len(places)})" if len(places) > 1 else "")


def _cell(value, highest):
    if value is None:
        return "–"
    return f"**{value:.1f}**" if value == highest else f"{value:.1f}"


if __name__ == "__main__":
    flags.DEFINE_enum("dataset", None, list(sets.SETS), "Data set to measure on; none without it.")
    flags.DEFINE_list("methods", ["LogisticNormal"], "Methods to measure there.")
    flags.DEFINE_string("workdir", "results/compare", "Folder for results.")
    shared_flags.define_data_dir()
    terminal.start(main)

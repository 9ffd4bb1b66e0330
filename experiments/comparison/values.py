"""Accuracies by the values that methods are searched over: `python -m experiments.comparison.values`.

The page is made of the searches that `experiments.compare` has stored. `--dataset` and `--methods` measure more first:
every value of the methods named, also where the comparison on that data set searches over none. What is there is not
trained again.
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

_NOTE = """Accuracy on clean test labels at the last epoch, %, by the values that each method is searched over, on the
data sets of {sets}. A value is the mean over the noises of a column and over seeds ({seeds}). In bold the highest of a
column. "Chosen" counts the noises under which the accuracy on given validation labels was highest with these values, of
those whose search is finished. Nothing here is tested for significance, and with few seeds two points or more are
chance: read it as where to begin a search. "–": not measured under each of these noises. Arguments that are not named
are the loss's defaults, or stand in `experiments/comparison/methods.py` and `otherwise.py`.{left_out}

Made by `python -m experiments.comparison.values`; `--dataset=cifar10n-aggregate --methods=LogisticNormal` measures the
values of a method on a data set first.
"""
_MISSING, _DIVERGED = "–", "diverged"


def main():
    """Measure what the flags ask for, and write the page."""
    args, root, failed = flags.FLAGS, pathlib.Path(flags.FLAGS.workdir), []
    if bool(args.dataset) != bool(args.methods):
        raise ValueError(
            f"`--dataset` and `--methods` must be given together. Received: {args.dataset!r} and {args.methods!r}. "
            "Leave both out to make the page of what is there."
        )
    if args.dataset:
        with_values = {name: one for name, one in METHODS.items() if one.space}
        methods = [
            _validation.check_choice("methods", name, with_values, "method with values") for name in args.methods
        ]
        noises = sets.parse_noises(args.noise, args.dataset) if args.noise else sets.SETS[args.dataset].noises
        failed = runs.measure(args.dataset, noises, methods, [0], root / args.dataset, args.data_dir, values_only=True)
    results.write_text(root / "values.md", page(root))
    if failed:
        sys.exit(f"{len(failed)} searches failed, see the messages above: {'; '.join(failed)}.")


def page(root):
    """Return the page as Markdown.

    Args:
        root: `pathlib.Path` of the folders of the data sets' results.

    Raises:
        FileNotFoundError: if no search is there.
    """
    found, others = searches(root)
    if not found:
        raise FileNotFoundError(
            f"No search of today's settings under {root}. `python -m experiments.compare --dataset=digits` makes some."
        )
    names = list(dict.fromkeys(dataset for by_place in found.values() for dataset, _ in by_place))
    note = _NOTE.format(
        sets=", ".join(f"[{one}]({one}.md)" for one in names),
        seeds=", ".join(f"{len(sets.SETS[one].search_seeds)} on {one}" for one in names),
        left_out=f" Left out as searches of other settings: {', '.join(f'`{one}`' for one in others)}."
        if others
        else "",
    )
    paragraphs = note.split("\n\n")
    text = f"# Values of the methods' arguments\n\n{summaries.filled(paragraphs)}"
    for name in sorted(found):
        text += f"\n## {name}\n\n{summaries.markdown_table(rows(name, found[name]))}"
    return text


def searches(root):
    """Return the searches of today's settings, and the paths of the others.

    Args:
        root: as in `page`.

    Returns:
        `{method: {(data set, noise): content of the file}}`, and a list of text.
    """
    found, others = {}, []
    for dataset in sets.SETS:
        paths = (root / dataset).glob("*/*-search.json")
        for path in sorted(paths, key=lambda one: (table.order(one.parent.name), one.name)):
            name, content = path.stem.removesuffix("-search"), results.read_measured(path)
            if name in METHODS and _is_of_today(name, dataset, content):
                found.setdefault(name, {})[dataset, path.parent.name] = content
            else:
                others.append(path.relative_to(root).as_posix())
    return found, others


def _is_of_today(name, dataset, content):
    """True for a search, finished or not, over the values and with the settings of today."""
    settings, space = content.get("settings", {}), METHODS[name].space
    if not content.get("trials") or settings.get("method") != name or not runs.is_of_today(settings, dataset):
        return False
    return all(_key(settings["arguments"].get(argument)) == _key(values) for argument, values in space.items())


def rows(name, by_place):
    """Return the rows of a method's table as lists of text, the first of them headings.

    Args:
        name: a key of `METHODS`.
        by_place: `{(data set, noise): content of the file of a search}`.
    """
    arguments, columns = list(METHODS[name].space), {}
    for dataset, noise in by_place:
        columns.setdefault((dataset, table.kind(noise)), []).append((dataset, noise))
    accuracies = {place: _accuracies(content, arguments) for place, content in by_place.items()}
    chosen = [_point(content["chosen"], arguments) for content in by_place.values() if "chosen" in content]
    parameters = inspect.signature(METHODS[name].made).parameters
    default = tuple(_key(parameters[argument].default) for argument in arguments)
    titles = [f"{dataset}, {table.span([noise for _, noise in places])}" for (dataset, _), places in columns.items()]
    lines = [[*(f"`{one}`" for one in arguments), *titles, "chosen"]]
    points = list(dict.fromkeys(point for one in accuracies.values() for point in one))
    cells = [[_cell([accuracies[one].get(point) for one in places]) for places in columns.values()] for point in points]
    highest = [max(filter(_is_number, column), key=float, default=None) for column in zip(*cells, strict=True)]
    for point, line in zip(points, cells, strict=True):
        marked = [f"**{cell}**" if cell == best else cell for cell, best in zip(line, highest, strict=True)]
        values = [*map(str, point[:-1]), f"{point[-1]}{' (default)' if point == default else ''}"]
        lines.append([*values, *marked, f"{chosen.count(point)} of {len(chosen)}"])
    return lines


def _accuracies(content, arguments):
    """The mean accuracy of the seeds by the values, in percent; NaN where a training diverged."""
    found = {}
    for trial in content["trials"]:
        ends = [scores.get("last", np.nan) for scores in trial["seeds"]]
        found[_point(trial["arguments"], arguments)] = 100 * float(np.mean(ends))
    return found


def _point(values, arguments):
    """The values of a point in the order of a method's arguments."""
    return tuple(_key(values[argument]) for argument in arguments)


def _key(value):
    """A value as JSON gives it back, such that it can be looked up."""
    return tuple(map(_key, value)) if isinstance(value, list | tuple) else value


def _cell(values):
    if None in values:
        return _MISSING
    mean = np.mean(values)
    return _DIVERGED if np.isnan(mean) else f"{mean:.1f}"


def _is_number(cell):
    return cell not in (_MISSING, _DIVERGED)


if __name__ == "__main__":
    flags.DEFINE_enum("dataset", None, list(sets.SETS), "Data set to measure on.")
    flags.DEFINE_list("methods", None, "Methods whose values are measured there.")
    flags.DEFINE_multi_string("noise", None, "Noise as in experiments.compare; the data set's own without it.")
    flags.DEFINE_string("workdir", "results/compare", "Folder for results.")
    shared_flags.define_data_dir()
    terminal.start(main)

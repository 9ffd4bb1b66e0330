"""Parts that the figures of several papers have in common."""

import pathlib
import sys

from experiments import results
from experiments.console import terminal
from experiments.evaluation import summaries
from experiments.papers import missing


def missing_run(under, workdir, seed=0):
    """Return the error of a figure that has no finished run to be drawn from, with the command that makes one.

    Args:
        under: the run's name, or a folder of names.
        workdir: the folder that has no such run.
        seed: int, the run's seed.
    """
    return FileNotFoundError(
        f"No finished run of {under} with seed {seed} in {workdir}. Run first\n"
        f"{missing.command(under, workdir, [seed])}"
    )


def draw(figures, args, folder):
    """Draw and store the figures that the flags ask for, each as `args.workdir/folder/NAME.png`.

    Args:
        figures: a dict from a figure's number to a function from `args` to a dict `{name: figure}`.
        args: the flags `figures` (the numbers to draw), `workdir`, and those that the functions read.
        folder: text, the folder of the figures, as "LN".

    Raises:
        SystemExit: after the other figures, if one has no finished run.
    """
    problems = []
    for number in args.figures:
        try:
            drawn = figures[number](args)
        except FileNotFoundError as error:
            problems.append(f"Figure {number}: {error}")
            continue
        for name, figure in drawn.items():
            path = pathlib.Path(args.workdir) / folder / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            results.write_figure(path, figure)
            terminal.console().print(path)
    if problems:
        sys.exit("\n".join(problems))


def by_alpha(runs, folder, names, heading):
    """Return scores by alpha.

    Args:
        runs: results.
        folder: folder of the runs' names.
        names: a dict from alpha to a method's name.
        heading: of the table, one of `summaries.SCORES`.

    Returns:
        A dict from alpha to the scores of its runs, without those that have none.
    """
    groups = summaries.by_experiment(runs)
    found = {alpha: groups.get(f"{folder}/{name}", []) for alpha, name in names.items()}
    return {alpha: summaries.values(group, heading) for alpha, group in found.items() if group}


def check_classes(texts):
    """Return the three classes of the flag `--classes` as ints.

    Args:
        texts: list of text.

    Raises:
        ValueError: if they are not three different class indices.
    """
    if not all(text.isdigit() for text in texts) or len(set(texts)) != 3:
        raise ValueError(f"`--classes` must be three different class indices, as in 0,1,2. Received: {texts}.")
    return [int(text) for text in texts]


def seeds_text(counts):
    """Return the range of numbers of seeds as text, "3" or "1 to 3".

    Args:
        counts: the number of seeds of each of several points or methods.
    """
    return " to ".join(map(str, sorted({min(counts), max(counts)})))

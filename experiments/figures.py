"""Draws a paper's figures one after the other; at the end it says which finished runs some of them miss."""

import pathlib
import sys

from experiments import results, terminal


def missing_run(under, workdir, seed=0):
    """The error of a figure that has no finished run to be drawn from, with the command that makes them."""
    return FileNotFoundError(
        f"No finished run of {under} with seed {seed} in {workdir}. Run first\n"
        f"  python -m experiments.sweep --under={under} --seeds={seed} --workdir={workdir}"
    )


def draw(figures, args, folder):
    """Stores the figures that the flags ask for.

    Args:
        figures: a dict from a figure's number to a function that makes of `args` a dict `{name: figure}`.
        args: the flags: `figures`, the numbers to draw, and `workdir`, besides what the functions read.
        folder: below `args.workdir`, where `NAME.png` goes.

    Raises:
        SystemExit: after the others, if a figure has no finished run.
    """
    missing = []
    for number in args.figures:
        try:
            drawn = figures[number](args)
        except FileNotFoundError as error:
            missing.append(f"Figure {number}: {error}")
            continue
        for name, figure in drawn.items():
            path = pathlib.Path(args.workdir) / folder / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            results.write_figure(path, figure)
            terminal.console().print(path)
    if missing:
        sys.exit("\n".join(missing))

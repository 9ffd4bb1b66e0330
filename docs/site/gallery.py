"""Pages with every committed figure, each beside the command that draws it."""

import pathlib
import re

from docs.site import navigation, sources

_PAPER = "python -m experiments.papers"
# A path below results/, as a regular expression, and the command that draws it.
COMMANDS = {
    r".*/(?:learning_curves|reliability|transition)\.png": "python -m experiments.report --workdir=results",
    r"compare/([\w-]+)\.png": r"python -m experiments.compare --dataset=\1 --notrain",
    r"LN/figure([123])(?:/\w+)?\.png": rf"{_PAPER}.logistic_normal.figures --figures=\1 --workdir=results",
    r"LN/figure([45])/([\w-]+)\.png": rf"{_PAPER}.logistic_normal.figures --figures=\1 --label=\2 --workdir=results",
    r"LN/figure6/([\w-]+)-(\w+)\.png": (
        rf"{_PAPER}.logistic_normal.figures --figures=6 --label=\1 --noises=\2 --workdir=results"
    ),
    r"LS/figure5/figure5\.png": f"{_PAPER}.label_smoothing.separators --workdir=results/LS/figure5",
    r"(LS/(?:alpha|table\d).*)/figure(\d)\.png": (
        rf"{_PAPER}.label_smoothing.figures --figures=\2 --under=\1 --workdir=results"
    ),
    r"(LS/(?:alpha|table\d).*)/table4\.png": (
        rf"{_PAPER}.label_smoothing.figures --figures=2 --under=\1 --workdir=results"
    ),
    r"OLS/figure(\w+)/([\w-]+)\.png": (
        rf"{_PAPER}.online_label_smoothing.figures --figures=\1 --label=\2 --workdir=results"
    ),
    r"LLS/figure([79])/([\w-]+)\.png": (
        rf"{_PAPER}.learnable_label_smoothing.figures --figures=\1 --label=\2 --workdir=results"
    ),
    r"LLS/figure([468])/([\w-]+)-(\w+)\.png": (
        rf"{_PAPER}.learnable_label_smoothing.figures --figures=\1 --label=\2 --noise=\3 --workdir=results"
    ),
}


def command(figure):
    """Return the command that draws a figure.

    Args:
        figure: path of it below results/.

    Raises:
        ValueError: unless one line of `COMMANDS`, and only one, has it.
    """
    found = [match.expand(text) for pattern, text in COMMANDS.items() if (match := re.fullmatch(pattern, figure))]
    if len(found) != 1:
        raise ValueError(f"`COMMANDS` must have one line for results/{figure}. Received: {found}.")
    return found[0]


def pages():
    """Return the pages of figures, one a folder of results, `{path: Markdown}`."""
    figures = {}
    for path in sources.figures():
        name = path.removeprefix("results/")
        figures.setdefault(name.partition("/")[0], []).append(name)
    found = {f"gallery/{top}.md": _page(top, names) for top, names in figures.items()}
    text = "# Figures\n\nEvery figure that is committed, with the command that draws it, by folder of `results`.\n\n"
    rows = "".join(f"| [{top}]({top}.md) | {len(names)} |\n" for top, names in figures.items())
    tree = navigation.tree([path.removesuffix(".md") for path in found])
    return {**found, "gallery/index.md": f"{text}| folder | figures |\n| --- | --- |\n{rows}\n{tree}"}


def _page(top, names):
    text, folders = f"# Figures of `{top}`\n", {}
    for name in names:
        folders.setdefault((str(pathlib.PurePosixPath(name).parent), command(name)), []).append(name)
    last = None
    for (folder, drawn_by), own in folders.items():
        text += f"\n## {folder}\n" if folder != last else ""
        last = folder
        text += f"\n```bash\n{drawn_by}\n```\n\n"
        text += "\n\n".join(f"![{pathlib.PurePosixPath(name).stem}](/results/{name})" for name in own) + "\n"
    return text

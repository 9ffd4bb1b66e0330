"""Page of a paper's claims: a table of verdicts, and the runs and tests of each setting behind them."""

import pathlib
import posixpath
import sys
from typing import NamedTuple

from experiments import papers, results
from experiments.console import terminal
from experiments.evaluation import claims, summaries
from experiments.evaluation.durations import MORE_SEEDS, SEEDS, Speeds
from experiments.evaluation.paired_tests import FEWEST_SEEDS
from experiments.papers import method_names, missing
from experiments.papers.drawing import seeds_text

_OF_MORE_SEEDS = f"of {len(MORE_SEEDS)} seeds"
_FEW = 3  # so many experiments are not listed, but the folder that they have in common
_HOW = f"""\
Accuracies in percent, mean ± standard deviation over seeds. Each claim compares pairs of methods: their difference in
the claim's direction, mean ± standard error over paired seeds. A difference is for (+) or against (-) the claim by a
paired t test at 5 %, two-sided, with Holm's correction for the comparisons of the claim, if its mean is at least half
a point of accuracy, or 0.005 of calibration error or divergence. It has no gain that counts (=) if five seeds or more
put its 95 % interval, by Bonferroni, below that least difference, unless it is a smaller gain for certain, or the
other score is as close to its bound. Else it is undecided (?). Accuracies on test examples are taken to have a
standard deviation of at least one example. For a claim of "at most 1 point", a difference is for it if that interval
lies above -1, and against it if below; the papers say "comparable" or the like, and such bounds are ours. Nothing
corrects for the number of claims and of their settings. Only runs with the same wrong labels are a pair. Seeds vary
the noise, the initialisation and the order, but not the test set. The sampling error of the test set comes on top: at
88 % accuracy 1.7 points on the 360 test digits, and 0.3 on 10,000 images; a calibration error of 15 bins has one of
about 0.005 on 360 digits at 98 %, where that of a perfect model is about 0.010.

Columns: {summaries.COLUMNS}"""
_MORE_SEEDS = f"""

Where methods have more than {FEWEST_SEEDS} seeds, the further ones may have been run because {FEWEST_SEEDS} left a
claim undecided. Such a second look finds two equal methods to differ in nearly 10 % of comparisons, not in 5."""
_VERDICTS = f"""

## Verdicts

A claim *holds* in a setting if each of its comparisons is for it, and *does not hold* if one is against it or has no
gain that counts. It is *not run* there if no pair has {FEWEST_SEEDS} seeds. The verdict is that of the settings that
decide it; the counts are of settings: data, network and, for some, noise. A setting with `laptop` in its name is
smaller than the paper's, and speaks about small data and networks only. Where nothing is decided, the last column has
the cheapest setting with missing runs: their number, their time at the speed of the finished runs of the same data and
network, or else of a few steps of the network with cross-entropy ([speeds](../speeds.json), of one CPU core; methods
that do more take longer), and the FOLDER for
`python -m experiments.sweep --under=FOLDER --seeds={",".join(map(str, SEEDS))} --workdir=results`,
which makes all runs of that folder. "{_OF_MORE_SEEDS}": those seeds are there, and leave the claim undecided; take
`--seeds={",".join(map(str, MORE_SEEDS))}`.

"""
_NAMES = """
## Names of the methods

Loss and training of each method that was run; plain training, and the loss's defaults, where nothing is said.

"""


class Verdict(NamedTuple):
    """A claim, its verdict, and that of each of its settings, a dict from the folder."""

    claim: claims.Claim
    verdict: str
    by_setting: dict[str, str]

    @property
    def counts(self):
        """The numbers of settings by their own verdict, a dict."""
        return {word: list(self.by_setting.values()).count(word) for word in claims.VERDICTS}


def verdicts(paper, runs):
    """Return a list with the `Verdict` of each claim of a paper.

    Args:
        paper: module with the `CLAIMS` of a paper.
        runs: results; those of other papers are left out.
    """
    groups = summaries.by_experiment(runs)
    found = []
    for claim in paper.CLAIMS:
        judged = {
            folder: claims.judge(ones, _methods(folder, ones, groups)).verdict
            for folder, ones in claim.settings.items()
        }
        found.append(Verdict(claim, claims.overall(list(judged.values())), judged))
    return found


def experiments_of(folder, comparisons):
    """Return the experiments that comparisons name, a dict from a method to the name of its experiment.

    Args:
        folder: the setting of the comparisons.
        comparisons: list of `claims.Comparison`.
    """
    methods = sorted({method for one in comparisons for method in (one.better, one.worse)})
    return {method: posixpath.join(folder, method).removeprefix("/") for method in methods}


def _methods(folder, comparisons, groups):
    """Results of the experiments right under a folder, and of those that comparisons name."""
    under = {name.rpartition("/")[2]: name for name in groups if name.rpartition("/")[0] == folder}
    names = {**under, **experiments_of(folder, comparisons)}
    return {method: groups[name] for method, name in sorted(names.items()) if name in groups}


def _cheapest(claim, experiments, speeds):
    """The missing runs of a claim in words."""
    bills = []
    for folder, comparisons in claim.settings.items():
        named = [experiments[name] for name in experiments_of(folder, comparisons).values()]
        bill, label = speeds.bill(named), ""
        if not bill.runs:
            bill, label = speeds.bill(named, MORE_SEEDS), f", {_OF_MORE_SEEDS}"
        if bill.runs:
            bills.append((bill, label))
    if not bills:
        return "–"
    bill, label = min(bills, key=lambda one: (one[0].seconds is None, one[0].seconds or one[0].runs))
    folders = bill.names if len(bill.names) < _FEW else [posixpath.commonpath(bill.names)]
    return f"{bill.text}{label}: {', '.join(f'`{folder}`' for folder in folders)}"


def _verdict_table(paper, runs, experiments):
    speeds = Speeds(runs)
    rows = [["claim", "paper", "verdict", *claims.VERDICTS, "what is missing"]]
    for one in verdicts(paper, runs):
        missing = _cheapest(one.claim, experiments, speeds) if one.verdict in ("undecided", "not run") else "–"
        rows.append([one.claim.text, one.claim.source, one.verdict, *map(str, one.counts.values()), missing])
    return summaries.markdown_table(rows)


def method_table(methods, calibration="ECE 100"):
    """Return the scores of the methods of a setting as Markdown, without columns that are empty.

    Args:
        methods: a dict `{method: its results}`.
        calibration: heading of the paper's calibration error.
    """
    headings = ["test", calibration, "noisy: true", "noisy: fit", "error of T", *summaries.FURTHER_SCORES]
    headings = [one for one in headings if any(summaries.values(group, one) for group in methods.values())]
    rows = [["method", "seeds", *headings]]
    for name, group in methods.items():
        rows.append(
            [
                name.removeprefix("/") + summaries.mark(group),
                str(len(group)),
                *(summaries.mean(group, heading) for heading in headings),
            ]
        )
    return summaries.markdown_table(rows) + "\n"


def markdown(paper, runs, experiments, table=lambda _, methods: method_table(methods)):
    """Return the page as Markdown.

    Args:
        paper: module with `TITLE`, `MADE_BY`, `NOTE` (text) and `CLAIMS`.
        runs: results; those of other papers are left out.
        experiments: list of `Experiment`, those of the paper.
        table: a function from a setting and its methods, `{method: results}`, to the table above its claims.

    Raises:
        ValueError: if no result is of this paper.
    """
    experiments = {experiment.name: experiment for experiment in experiments}
    groups = summaries.by_experiment(runs)
    if not groups.keys() & experiments.keys():
        raise ValueError(_nothing_to_read(experiments))
    title = f"# {paper.TITLE}\n\nMade by `python -m {paper.MADE_BY}` from the finished runs beside this file.\n"
    more = any(len(group) > FEWEST_SEEDS for name, group in groups.items() if name in experiments)
    text = f"\n\n{paper.NOTE.rstrip()}" + _MORE_SEEDS * more + _VERDICTS + _verdict_table(paper, runs, experiments)
    folders = sorted({folder for claim in paper.CLAIMS for folder in claim.settings})
    for folder in folders:
        judged = [(claim, claim.settings[folder]) for claim in paper.CLAIMS if folder in claim.settings]
        methods = _methods(folder, [one for _, ones in judged for one in ones], groups)
        if methods:
            shown = {name: group for name, group in methods.items() if not _has_section(folder, name, folders)}
            text += _heading(folder, methods) + (table(folder, shown) if shown else "")
            if len(shown) < len(methods):
                text += f"The {'other ' if shown else ''}methods stand in the tables of single noises, below.\n\n"
            text += "".join(_line(*one, methods) for one in judged)
    run = [experiment for name, experiment in experiments.items() if name in groups]
    return title + summaries.legend(_HOW, text) + text + _NAMES + method_names.markdown(run)


def _nothing_to_read(experiments):
    """The error of a page without runs, with the command that makes those of a small setting."""
    folder = next(name for name in experiments if "/laptop-" in name).rpartition("/")[0]
    return (
        f"No run of this paper: expected results whose names start with {folder.partition('/')[0]}/. Give the "
        f"`--workdir` that has them, or run some, such as\n{missing.command(folder)}"
    )


def write(workdir, paper, page):
    """Write the page of a paper, `workdir/PAPER/findings.md`, from the finished runs of the folder.

    Args:
        workdir: a path.
        paper: text, the folder of the paper.
        page: a function from the runs to the text.
    """
    path = pathlib.Path(workdir) / paper / "findings.md"
    results.write_text(path, page(list(results.load_sound(workdir, papers.EXPERIMENTS).values())))
    terminal.console().print(path)


def write_report(path, make):
    """Write a report, or end with the runs that it misses.

    Args:
        path: `pathlib.Path` of the report.
        make: a function that returns its text.
    """
    try:
        text = make()
    except FileNotFoundError as error:
        sys.exit(f"{path}: {error}")
    results.write_text(path, text)
    terminal.console().print(path)


def _has_section(folder, method, folders):
    """True for a method of a setting that stands in the table of a setting below it."""
    place = posixpath.join(folder, method).removeprefix("/").rpartition("/")[0]
    return place != folder and place in folders


def _heading(folder, methods):
    settings = next(iter(methods.values()))[0]["settings"]
    seeds = seeds_text([len(group) for group in methods.values()])
    about = f"{settings['dataset']}, {settings['model']}, {settings['epochs']} epochs; "
    about += f"{seeds} seed{'' if seeds == '1' else 's'} a method."
    return f"\n## {folder}\n\n{about}\n\n"


def _line(claim, comparisons, methods):
    judged = claims.judge(comparisons, methods)
    title = f"{claim.text} ({claim.source})"
    if not judged.figures:
        return f"- **{judged.votes}**: fewer than {FEWEST_SEEDS} seeds of a method that it compares. {title}.\n"
    return f"- **{judged.votes}.** {title}: {judged.figures}.\n"

"""Pages on the papers' experiments: command, state and numbers of every table and figure."""

import functools
import posixpath

from docs.site import navigation
from docs.site.sources import ROOT
from experiments import papers, results
from experiments.evaluation import summaries
from experiments.evaluation.durations import SEEDS, Speeds

PAPERS = {
    "LN": "Logistic-Normal likelihoods (Englesson et al., 2023)",
    "LS": "Label smoothing under noise (Lukasik et al., 2020)",
    "OLS": "Online label smoothing (Zhang et al., 2021)",
    "LLS": "Learnable label smoothing",
}
_HEADER = """\
# Reproduce the papers

Every table and figure of the four papers, and the runs behind it, in three states: run at the paper's own settings, run
at laptop scale (smaller data and networks, `laptop` in the name), and not run. What is missing has its time beside it,
{seeds} seeds each, at the speed of the finished runs of the same data and network on two processor cores; where none of
these was run, no speed was measured. A paper's page has each setting and the printed numbers beside ours.

`python -m experiments.run --experiment=NAME --workdir=results` makes a single run; the commands below make all runs of
a table. [Experiments](/docs/experiments.md) says more, [the papers' tables](/docs/papers.md) which numbers have no
experiment and why, and [Figures](/gallery/index.md) shows what was drawn.

"""


def pages():
    """Return the pages, `{path: Markdown}`."""
    found = {f"reproduce/{key}.md": _page(key) for key in PAPERS}
    text = _HEADER.format(seeds=len(SEEDS))
    for key, title in PAPERS.items():
        text += f"## [{title}]({key}.md)\n\nVerdicts on its claims: [findings](/results/{key}/findings.md).\n\n"
        rows = [
            ["table or figure", "printed numbers", "run at its settings", "run at laptop scale", "missing", "command"]
        ]
        rows += [_row(group, names) for group, names in _groups(key).items()]
        text += summaries.markdown_table(rows) + "\n"
    return {**found, "reproduce/index.md": text + navigation.tree([path.removesuffix(".md") for path in found])}


@functools.cache
def _finished():
    """Results by the name of their experiment, and the speed of them all."""
    runs = list(results.load(ROOT / "results").values())
    return summaries.by_experiment(runs), Speeds(runs)


def _groups(key):
    """`{table or figure: names of its experiments}` of a paper."""
    found = {}
    for name in papers.EXPERIMENTS:
        if name.startswith(f"{key}/"):
            found.setdefault("/".join(name.split("/")[:2]), []).append(name)
    return found


def _row(group, names):
    printed = {cell.experiment for cell in papers.CELLS}
    small = [name for name in names if "/laptop-" in name]
    others = [name for name in names if "/laptop-" not in name]
    return [
        f"[{group}]({group.partition('/')[0]}.md#{group.lower().replace('/', '')})",
        str(sum(name in printed for name in names)),
        *(_done(part) for part in (others, small)),
        _missing(names),
        f"`{_command(group)}`",
    ]


def _done(names):
    finished = _finished()[0]
    return f"{sum(name in finished for name in names)} of {len(names)}" if names else "–"


def _missing(names):
    bill = _finished()[1].bill([papers.EXPERIMENTS[name] for name in names])
    return bill.text if bill.runs else "nothing"


def _command(under):
    return f"python -m experiments.sweep --under={under} --seeds={','.join(map(str, SEEDS))} --workdir=results"


def _page(key):
    text = f"# {PAPERS[key]}\n\nClaims and verdicts: [findings](/results/{key}/findings.md).\n"
    cells = {cell.experiment: cell for cell in papers.CELLS}
    for group, names in _groups(key).items():
        text += f"\n## {group}\n\n```bash\n{_command(group)}\n```\n\n"
        folders = {}
        for name in names:
            folders.setdefault(posixpath.dirname(name), []).append(name)
        rows = [["setting", "run", "missing", "numbers: ours (the paper's)"]]
        for folder, own in folders.items():
            numbers = "; ".join(filter(None, (_numbers(name, cells.get(name)) for name in own)))
            rows.append([f"`{folder}`", _done(own), _missing(own), numbers])
        text += summaries.markdown_table(rows)
    return text


def _numbers(name, cell):
    """A method's mean accuracy of finished runs, and the number that the paper prints."""
    group = _finished()[0].get(name)
    ours = summaries.mean(group, "test") if group else ""
    printed = f"({summaries.number_text(cell.number, '.2f')})" if cell else ""
    return f"{posixpath.basename(name)} {ours} {printed}".strip() if ours or printed else ""

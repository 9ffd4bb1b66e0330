"""Measured numbers of one method, from the committed results."""

import functools
import re

from docs.site.sources import ROOT
from experiments.comparison import costs, page, sets, table
from experiments.comparison.methods import CROSS_ENTROPY, METHODS
from experiments.decision import runs as decision
from experiments.decision import table as decision_table
from experiments.evaluation.summaries import markdown_table

_COMPARED, _DECISION, _BENCH = (ROOT / "results" / name for name in ("compare", "decision", "bench.txt"))
_SIZES = ("K = 10", "K = 100", "K = 1000")


@functools.cache
def runs(dataset):
    """Return the scores of the comparison on one data set, as `table.scores` does, and the costs of steps.

    Args:
        dataset: a key of `sets.SETS`.
    """
    folder = _COMPARED / dataset
    return table.scores(table.stored(dataset, folder)[0]), costs.read(dataset, folder)


@functools.cache
def _differences():
    return decision_table.differences(decision.load(_DECISION), "last")


@functools.cache
def _bench():
    """`{row: cells of graph mode}` of the benchmark's widest table, that by classes; two spaces part its cells."""
    lines = _BENCH.read_text(encoding="utf-8").splitlines()
    rows = [re.split(r" {2,}", line.strip()) for line in lines]
    return {row[0]: row[1 : 1 + len(_SIZES)] for row in rows if len(row) > 2 * len(_SIZES)}


def compared(name):
    """Return the rows of a table: a method on each data set of the comparison of all methods.

    Args:
        name: a key of `METHODS`.
    """
    for dataset in sets.SETS:
        found, ratios = runs(dataset)
        if not found or (mean := table.mean(found, name)) is None:
            continue
        means = {one: table.mean(found, one) for one in METHODS if not METHODS[one].told}
        ranked = sorted((one for one in means if means[one] is not None), key=lambda one: -means[one])
        place = f"{ranked.index(name) + 1} of {len(ranked)}" if name in ranked else f"told {METHODS[name].told}"
        plain = table.mean(found, CROSS_ENTROPY)
        against = "" if name == CROSS_ENTROPY else page.against_cross_entropy(found, name)
        cost = f"{ratios[name]:.2f}" if name in ratios else "–"
        yield [f"[{dataset}](/results/compare/{dataset}.md)", f"{mean:.1f}", f"{plain:.1f}", place, against, cost]


def measured(name):
    """Return what the page of a method says about accuracy, as Markdown.

    Args:
        name: of a loss or classifier.
    """
    rows = list(compared(name)) if name in METHODS else []
    text = ""
    if rows:
        head = [
            "data set",
            "accuracy, %",
            "cross-entropy's, %",
            "place",
            "beside cross-entropy, by noises",
            "cost of a step",
        ]
        text += (
            "Mean accuracy on clean test labels over the noises of the comparison of all methods, at the last epoch. "
            "The place is that among the methods that are told nothing but the noisy labels. The cost is a training "
            f"step's time divided by cross-entropy's.\n\n{markdown_table([head, *rows])}\n"
        )
    found = _differences().get(name, {})
    if found:
        head = ["labels are", "points"]
        lines = [[decision.KINDS[kind], decision_table.cell(found[kind])] for kind in decision.KINDS if kind in found]
        text += (
            "Difference to cross-entropy's accuracy by the kind of noise, the mean over small data sets "
            f"([all losses](/results/decision.md)):\n\n{markdown_table([head, *lines])}\n"
        )
    return text or "No comparison has it: none of the committed results trains with it alone.\n"


def cost(name):
    """Return what a loss costs, as Markdown; nothing if the benchmark has no row of it.

    Args:
        name: of a loss.
    """
    rows = [[f"`{row}`", *cells] for row, cells in _bench().items() if re.match(rf"{name}(\(|$)", row)]
    if not rows:
        return ""
    return (
        "Time of loss and gradient divided by that of Keras's cross-entropy, for a batch of 256 on a CPU in graph mode "
        f"([all losses](/results/bench.txt)):\n\n{markdown_table([['loss', *_SIZES], *rows])}\n"
    )

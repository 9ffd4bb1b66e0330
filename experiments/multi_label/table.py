"""Table of the losses on digits with wrong attributes: `python -m experiments.multi_label.table`."""

import json
import pathlib

import numpy as np
from absl import flags

from experiments.console import terminal
from experiments.multi_label import attributes

_SCORES = {"labels_right": "labels right, %", "f1": "F1, %", "auroc": "area under the ROC curve, %"}
_PLAIN = "binary cross-entropy"
_NOTE = """# Several labels an example, some of them wrong

Handwritten digits, each with {labels} labels, present or absent: {names}.
{missed:.0f} % of the present labels are given as absent, and {added:.0f} % of the absent ones as present. Scores are
for other digits with their true labels, means over the labels: mean and standard deviation over {seeds} seeds of noise
and networks, and in how many of them a loss beats binary cross-entropy. Each loss is one of two classes in
`losses.MultiLabel`, with its default hyperparameters. The estimated transitions, one a label, are those of
`estimation.from_confident_counts` for predictions of networks that were trained on the other half of the digits.
"""


def main():
    """Writes `table.md` from the results in its folder."""
    folder = pathlib.Path(flags.FLAGS.results)
    (folder / "table.md").write_text(table(folder), encoding="utf-8")


def table(folder):
    """Text of the table, from the JSON files of `experiments.multi_label.measure`."""
    runs = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]
    added, missed = 100 * attributes.TRANSITION[[0, 1], [1, 0]]
    names = ", ".join(attributes.DIGITS_WITH)
    note = _NOTE.format(labels=attributes.NUM_LABELS, names=names, missed=missed, added=added, seeds=len(runs))
    rows = [_row("loss", *(cell for title in _SCORES.values() for cell in (title, "wins"))), _row("---", *["---:"] * 6)]
    for name in runs[0]:
        cells = []
        for score in _SCORES:
            found, plain = (np.array([run[one][score] for run in runs]) for one in (name, _PLAIN))
            wins = "" if name == _PLAIN else f"{np.sum(found > plain)} of {len(runs)}"
            cells += [f"{100 * found.mean():.1f} ± {100 * found.std(ddof=1):.1f}", wins]
        rows.append(_row(name, *cells))
    return "\n".join([note, *rows]) + "\n"


def _row(*cells):
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    flags.DEFINE_string("results", "results/multi_label", "Folder of results.")
    terminal.start(main)

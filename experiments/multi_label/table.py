"""Table of the losses on digits with wrong attributes: `python -m experiments.multi_label.table`."""

import pathlib

from absl import flags

from experiments import results
from experiments.console import terminal
from experiments.evaluation import summaries
from experiments.multi_label import attributes

_SCORES = {"labels_right": "labels right, %", "f1": "F1, %", "auroc": "area under the ROC curve, %"}
_NOTE = """# Several labels an example, some of them wrong

Handwritten digits, each with {labels} labels, present or absent: {names}.
{missed:.0f} % of the present labels are given as absent, and {added:.0f} % of the absent ones as present. Scores are
for other digits with their true labels, means over the labels: mean and standard deviation over {seeds} seeds of
noise and networks; in how many of them a loss has more than binary cross-entropy, and p of a paired t test. Each loss
is one of two classes in `losses.MultiLabel`, with its default hyperparameters, but for two further rows of
Logistic-Normal, whose `temperature` and `min_scale` stand in parentheses: the defaults are 1 and 0.5. The estimated
transitions, one a label, are those of `estimation.from_confident_counts` for predictions of networks that were trained
on the other half of the digits.
"""


def main():
    """Writes `table.md` from the results in its folder."""
    folder = pathlib.Path(flags.FLAGS.results)
    (folder / "table.md").write_text(table(folder), encoding="utf-8")


def table(folder):
    """Text of the table, from the JSON files of `experiments.multi_label.measure`."""
    runs = [results.read_measured(path) for path in sorted(folder.glob("*.json"))]
    added, missed = 100 * attributes.TRANSITION[[0, 1], [1, 0]]
    names = ", ".join(attributes.DIGITS_WITH)
    note = _NOTE.format(labels=attributes.NUM_LABELS, names=names, missed=missed, added=added, seeds=len(runs))
    return f"{note}\n{summaries.beside_baseline(runs, _SCORES, 'binary cross-entropy')}"


if __name__ == "__main__":
    flags.DEFINE_string("results", "results/multi_label", "Folder of results.")
    terminal.start(main)

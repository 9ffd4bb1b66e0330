"""Table of the losses on canvases with wrong labels: `python -m experiments.dense.table`."""

import pathlib

import numpy as np
from absl import flags

from experiments import results
from experiments.console import terminal
from experiments.dense import canvases
from experiments.evaluation import summaries

_SCORES = {"digit_pixels_right": "pixels of digits right, %", "mean_iou": "mean IoU, %"}
_NOTE = """# Segmentation with noisy labels

Canvases of {size} x {size} pixels with {digits} handwritten digits each; a pixel's label is the digit there, or none.
{rate:.0f} % of the digits have the label of the next class at all of their pixels. Scores are for canvases of other
digits with their true labels: mean and standard deviation over {seeds} seeds of canvases, noise and networks; in how
many of them a loss has more than cross-entropy, and p of a paired t test. Hyperparameters are the defaults. The
estimated transition is that of `estimation.from_confident_counts` for the predictions of a network that was trained
on the other half of the canvases.
"""


def main():
    """Writes `table.md` from the results in its folder."""
    folder = pathlib.Path(flags.FLAGS.results)
    (folder / "table.md").write_text(table(folder), encoding="utf-8")


def table(folder):
    """Text of the table, from the JSON files of `experiments.dense.measure`."""
    runs = [results.read_measured(path) for path in sorted(folder.glob("*.json"))]
    rate = 100 * (1 - np.diag(canvases.TRANSITION)[1:].mean())
    note = _NOTE.format(size=canvases.SIZE, digits=canvases.DIGITS, rate=rate, seeds=len(runs))
    return f"{note}\n{summaries.beside_baseline(runs, _SCORES, 'cross-entropy')}"


if __name__ == "__main__":
    flags.DEFINE_string("results", "results/dense", "Folder of results.")
    terminal.start(main)

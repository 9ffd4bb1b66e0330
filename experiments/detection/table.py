"""Table of the losses of the classes of anchors: `python -m experiments.detection.table`."""

import pathlib

import numpy as np
from absl import flags

from experiments import results
from experiments.console import terminal
from experiments.dense import canvases
from experiments.dense.measure import EPOCHS
from experiments.detection import anchors, measure
from experiments.evaluation import summaries
from experiments.papers.online_label_smoothing import published

_SCORES = {"mean_average_precision": "mAP, %"}
_NOTE = """# Detection with noisy labels

{train} canvases of {size} x {size} pixels with {digits} handwritten digits each. A network, trained for {epochs}
epochs, predicts a digit or the background at {anchors} anchors: boxes of {shapes} pixels around every second pixel.
An anchor whose intersection over union (IoU) with a digit's box is at least {positive} has the digit's given label;
below {negative} it is background, and between both it does not count. The boxes of the detections are those of the
anchors: none is learned.

Scores are the mean average precision at an IoU of 0.5, after non-maximum suppression, for {test} canvases of other
digits with their true labels: mean and standard deviation over {seeds} seeds of canvases, noise and networks; in how
many of them a loss has more than cross-entropy, and p of a paired t test. Hyperparameters are the defaults, but for
the focal loss's `gamma` of 2, and two further rows of Logistic-Normal, whose `temperature` and `min_scale` stand in
parentheses: the defaults are 1 and 0.5. Forward correction knows the transition matrix; that of true labels is the
identity, with which it is cross-entropy but for rounding errors, so that the difference of these two rows is what they
make of a training. Zhang et al. (2021), Table X, have on Pascal VOC with YOLO and MobileNetV2 {paper}.
"""
_TITLES = {"clean": "True labels", "pair_flip30": "{rate:.0f} % of the digits have the label of the next class"}


def main():
    """Writes `table.md` from the results in its folder."""
    folder = pathlib.Path(flags.FLAGS.results)
    (folder / "table.md").write_text(table(folder), encoding="utf-8")


def table(folder):
    """Text of the tables, from the JSON files of `experiments.detection.measure`."""
    text = ""
    for noise, transition in measure.TRANSITIONS.items():
        runs = [results.read_measured(path) for path in sorted(folder.glob(f"{noise}-*.json"))]
        title = _TITLES[noise].format(rate=100 * (1 - np.diag(transition)[1:].mean()))
        text += f"\n## {title}\n\n{summaries.beside_baseline(runs, _SCORES, 'cross-entropy')}"
    note = _NOTE.format(
        train=canvases.TRAIN,
        test=canvases.TEST,
        epochs=EPOCHS,
        size=canvases.SIZE,
        digits=canvases.DIGITS,
        anchors=anchors.grid().size // 4,
        shapes=" and ".join(f"{height} x {width}" for height, width in anchors.SHAPES),
        positive=anchors.POSITIVE,
        negative=anchors.NEGATIVE,
        seeds=len(runs),
        paper=", ".join(f"{mean:.1f} ({row})" for row, (mean, _) in published.TABLE_10["yolo"].items()),
    )
    return note + text


if __name__ == "__main__":
    flags.DEFINE_string("results", "results/detection", "Folder of results.")
    terminal.start(main)

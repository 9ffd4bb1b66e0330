"""Table of errors and costs of the heteroscedastic loss: `python -m experiments.heteroscedastic.table`."""

import pathlib

from absl import flags

from experiments import results
from experiments.console import terminal
from experiments.evaluation import summaries
from experiments.heteroscedastic import measure
from tfp_noise import losses

_COLUMNS = {
    "loss": "loss, nats",
    "gradient": "gradient",
    "median_loss": "loss, median example",
    "median_gradient": "gradient, median example",
    "batch_gradient": "mean gradient",
    "probability": "probability",
}
_NOTE = """# Samples of the heteroscedastic loss

Errors of the loss and of its gradient by the number of quasi-random points that a batch shares, beside those of 1,000
random samples of each example, as published. The truth is the mean over {reference:,} random samples. Outputs of the
network are standard normal numbers and labels uniformly random; K is the number of classes, R the rank and T the
temperature. Errors are root mean squares over draws and over examples ({sizes}):
of the loss; of the gradient with respect to all outputs, as a Euclidean norm; both for the median example, because at a
low temperature few labels that are nearly impossible decide the means; of the mean gradient of the examples; and of the
predicted probability of the label, with as many points in prediction. **Bold**: no larger than with 1,000 random
samples.

Made by `python -m experiments.heteroscedastic.measure`, which measures what is missing, then `.measure --costs` and
`.table`.
"""
_COSTS = """
## Cost of a training step

The time of a step of LeNet-5 with Adam and batches of 256, K = 10, divided by cross-entropy's: the median of ratios
measured in turn in one process.

"""


def main():
    """Write `table.md` from the results in its folder."""
    folder = pathlib.Path(flags.FLAGS.results)
    results.write_text(folder / "table.md", table(folder))


def table(folder):
    """Return the text of the table, from the files of `experiments.heteroscedastic.measure`."""
    sizes = ", ".join(f"{examples} at K = {k}" for k, (examples, _) in measure.SIZES.items())
    text = _NOTE.format(reference=measure.REFERENCE, sizes=sizes)
    for setting in sorted(measure.SETTINGS):
        found = results.read_measured(measure.path_of(folder, setting))
        if found:
            text += "\n## K = {}, R = {}, T = {}\n\n".format(*setting) + _errors(found, setting)
    found = results.read_measured(folder / "costs.json")
    return text + _COSTS + summaries.markdown_table(_cost_rows(found)) if found else text


def _errors(found, setting):
    """The mean loss and gradient, and a row a method."""
    num_classes, rank, temperature = setting
    default = f"{losses.Heteroscedastic(num_classes, temperature, rank).train_points} points"
    text = f"The loss is {found['loss']:.3g} nats on average, and the norm of the gradient {found['gradient']:.3g}.\n\n"
    rows = [["", *_COLUMNS.values()]]
    for name in measure.METHODS:
        cells = [f"{found[name][column]:.2g}" for column in _COLUMNS]
        better = [found[name][column] <= found[measure.RANDOM][column] for column in _COLUMNS]
        marked = [f"**{cell}**" if good else cell for cell, good in zip(cells, better, strict=True)]
        title = f"{name} (default)" if name == default else name
        rows.append([title, *(cells if name == measure.RANDOM else marked)])
    return text + summaries.markdown_table(rows)


def _cost_rows(found):
    """A row a method, a column a rank."""
    ratios = found["ratios"]
    rows = [["", *(f"R = {rank}" for rank in measure.RANKS)]]
    return rows + [[name, *(f"{ratios[f'rank {r}, {name}']:.2f}" for r in measure.RANKS)] for name in measure.METHODS]


if __name__ == "__main__":
    flags.DEFINE_string("results", "results/heteroscedastic", "Folder of results.")
    terminal.start(main)

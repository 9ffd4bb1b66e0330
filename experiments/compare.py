"""All methods on one data set under label noise: `python -m experiments.compare --noise=symmetric:0.4 --seeds=5`.

Trains what is missing in `--workdir`, one JSON file a run, so that the same command goes on and fills in what a new
method lacks. Then writes the tables and the figure of all runs that are there, `DATASET.md` and `DATASET.png`.
"""

import pathlib
import sys

from absl import flags
from rich import box
from rich.table import Table

from experiments import results
from experiments.comparison import costs, page, runs, sets, table
from experiments.comparison.methods import METHODS
from experiments.console import shared_flags, terminal
from experiments.experiment import MAX_SEED
from tfp_noise import _validation


def main():
    """Compare as the flags say, and print the accuracies at the last epoch."""
    args = flags.FLAGS
    noises = sets.parse_noises(args.noise, args.dataset) if args.noise else sets.SETS[args.dataset].noises
    methods = [_validation.check_choice("methods", name, METHODS, "method") for name in args.methods]
    if not methods:
        raise ValueError("`--methods` must name at least one method. Received none. Leave the flag out for all.")
    folder, failed = pathlib.Path(args.workdir) / args.dataset, []
    if args.train:
        folder.mkdir(parents=True, exist_ok=True)  # where that is not possible, nothing has been trained for nothing
        failed = runs.measure(args.dataset, noises, methods, range(args.seeds), folder, args.data_dir)
        costs.measure(args.dataset, methods, folder, args.data_dir)
    stored, others = table.stored(args.dataset, folder)
    if not stored:
        raise FileNotFoundError(f"No finished run of today's settings in {folder}. Run the command without --notrain.")
    found = table.scores(stored)
    results.write_text(folder.with_suffix(".md"), page.page(args.dataset, folder, stored, others))
    results.write_figure(folder.with_suffix(".png"), table.figure(args.dataset, found))
    shown = {noise.name: found[noise.name] for noise in noises if noise.name in found}
    if shown:
        terminal.console().print(_shown(table.rows(shown, "last", costs.read(args.dataset, folder))))
    else:
        terminal.console().print(f"No finished run under {', '.join(noise.name for noise in noises)}.")
    terminal.console().print(f"{folder.with_suffix('.md')}, {folder.with_suffix('.png')}")
    if failed:
        sys.exit(f"{len(failed)} runs failed, see the messages above: {'; '.join(failed)}.")


def _shown(lines):
    """Rows of a table for a terminal."""
    shown = Table(caption="Clean test accuracy at the last epoch, %; (number of seeds).", box=box.SIMPLE_HEAD)
    for heading in lines[0]:
        shown.add_column(heading)
    for line in lines[1:]:
        shown.add_row(*(cell.replace("`", "").replace("**", "") for cell in line))
    return shown


if __name__ == "__main__":
    flags.DEFINE_enum("dataset", "digits", list(sets.SETS), "Data set.")
    text = "Noise as KIND:RATE, such as symmetric:0.4 or asymmetric:0.2; several with commas, or the flag repeated. "
    text += "Left out: human where the data set has people's labels, else symmetric:0.4."
    flags.DEFINE_multi_string("noise", None, text)
    flags.DEFINE_integer("seeds", 5, "Number of seeds, from 0 on.", lower_bound=1, upper_bound=MAX_SEED)
    flags.DEFINE_list("methods", list(METHODS), "Methods; all without it.")
    flags.DEFINE_bool("train", True, "Train what is missing; --notrain makes table and figure of what is there.")
    shared_flags.define_workdir_to_write("results/compare")
    shared_flags.define_data_dir()
    terminal.start(main)

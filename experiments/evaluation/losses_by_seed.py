"""Losses measured over seeds: one JSON file a seed, in which nothing that is there is measured again."""

import pathlib

from absl import flags

from experiments import results
from experiments.console import shared_flags, terminal


def define_flags(losses, folder):
    """Define the flags of a script that calls `measure`.

    Args:
        losses: dict or list of the names of losses, which are all measured without the flag.
        folder: text, the folder for results without the flag.
    """
    flags.DEFINE_list("losses", list(losses), "Losses.")
    flags.DEFINE_list("seeds", ["0", "1", "2", "3", "4"], "Seeds of data, noise and networks.")
    flags.DEFINE_string("results", folder, "Folder for results.")


def measure(load, measured, prefix=""):
    """Measure what the flags ask for and the files lack, and write each file anew after each loss.

    Args:
        load: function of a seed that returns data.
        measured: function of a loss's name, the data and the seed that returns scores as plain JSON.
        prefix: text before the seed in the names of the files.
    """
    args = flags.FLAGS
    for seed in shared_flags.check_seeds(args.seeds):
        path = pathlib.Path(args.results) / f"{prefix}{seed}.json"
        found = results.read_measured(path)
        for name in [name for name in args.losses if name not in found]:
            found[name] = measured(name, load(seed), seed)
            results.write_json(path, found)
            terminal.console().print(f"{path.stem}: {name} {found[name]}")

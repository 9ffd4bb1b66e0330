"""Commands that make missing runs, with the time that they take at the speed of the committed ones."""

import pathlib

from experiments import papers, results
from experiments.evaluation.durations import SEEDS, Speeds

_COMMITTED = pathlib.Path(__file__).parents[2] / "results"


def command(under, workdir="runs", seeds=SEEDS):
    """Return the command that makes the runs under a name, and in brackets how many are missing and their time.

    Args:
        under: the name of an experiment, or a folder of names.
        workdir: the folder of results that lacks them.
        seeds: sequence of int.
    """
    finished = results.survey(workdir).runs.values()
    bill = Speeds(finished, measured=results.survey(_COMMITTED).runs.values()).bill(papers.under(under), seeds)
    names = ",".join(map(str, seeds))
    return f"  python -m experiments.sweep --under={under} --seeds={names} --workdir={workdir}\n({bill.text})"

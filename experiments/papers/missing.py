"""Finished runs for tables, and commands that make missing ones, with their time at the speed of the committed runs."""

from experiments import papers, results
from experiments.evaluation.durations import COMMITTED, SEEDS, Speeds

_SMALL_TABLE = "LS/figure6/laptop-digits"


def command(under, workdir="runs", seeds=SEEDS):
    """Return the command that makes the runs under a name, and in brackets how many are missing and their time.

    Args:
        under: the name of an experiment, or a folder of names.
        workdir: the folder of results that lacks them.
        seeds: sequence of int.
    """
    finished = results.survey(workdir).runs.values()
    bill = Speeds(finished, measured=results.survey(COMMITTED).runs.values()).bill(papers.under(under), seeds)
    names = ",".join(map(str, seeds))
    return f"  python -m experiments.sweep --under={under} --seeds={names} --workdir={workdir}\n({bill.text})"


def load(workdir):
    """Return the finished runs that tables and figures are made of, a dict `{path of the JSON: result}`.

    Files that are torn, changed or of other settings than those of their experiment are named in a warning each.

    Args:
        workdir: a path.

    Raises:
        FileNotFoundError: if there is none; the message has the command that makes a small table.
    """
    found = results.load_sound(workdir, papers.EXPERIMENTS)
    if not found:
        raise FileNotFoundError(
            f"No finished run under {workdir}: expected files seed*.json. Run some first, as for a small table\n"
            f"{command(_SMALL_TABLE, workdir)}"
        )
    return found

"""Three random runs of a folder, made again and compared: `python -m experiments.verify --workdir=results`.

Takes short runs of experiments with many seeds, at laptop scale, trains one seed of each again in a temporary folder,
and compares the stored accuracy and the new one with those of the other seeds. Other versions, cores and threads give
other digits.
"""

import datetime
import sys
import tempfile
from typing import NamedTuple

import numpy as np
from absl import flags
from rich.table import Table
from scipy import stats

from experiments import papers
from experiments.console import shared_flags, terminal
from experiments.evaluation import summaries
from experiments.evaluation.durations import Speeds
from experiments.papers import missing
from experiments.run import run

_CELLS = 3
_FEWEST_SEEDS = 6  # with fewer than five others the interval is so wide that hardly any run could be off
_LONGEST = 90.0  # seconds, with the runs that one builds on
_LEVEL = 0.01
_LEAST_REACH = 0.5  # points: seeds that agree to the last example leave room for one of another machine
_LARGEST_REACH = 10.0  # points: where seeds differ more, hardly any run could be off, either


class Check(NamedTuple):
    """A run that was made again.

    Args:
        name: of the experiment.
        seed: int.
        stored: float, its accuracy in percent in the folder.
        again: float, its accuracy now.
        lowest: float, the lower end of the interval of agreement.
        highest: float, its upper end.
    """

    name: str
    seed: int
    stored: float
    again: float
    lowest: float
    highest: float

    @property
    def verdict(self):
        """One of "equal", "within the seeds' spread" and "OFF", which either of two accuracies that differ can be."""
        if self.again == self.stored:
            return "equal"
        both_within = all(self.lowest <= accuracy <= self.highest for accuracy in (self.stored, self.again))
        return "within the seeds' spread" if both_within else "OFF"


def candidates(runs):
    """Return the results that may be made again, a dict from the experiment's name to those of its seeds.

    Results with a dagger in the tables are not among them, because their noise is another one now, nor are experiments
    whose seeds agree with anything 10 points away, whichever is left out.

    Args:
        runs: list of results.
    """
    speeds = Speeds([], measured=runs)
    found = {}
    for name, group in summaries.by_experiment(runs).items():
        is_small = "/laptop-" in name and name in papers.EXPERIMENTS
        if is_small and len(group) >= _FEWEST_SEEDS and not summaries.mark(group):
            seconds = speeds.bill([papers.find(name)], seeds=[0]).seconds
            reach = min(_agreement(one, group)[1] for one in group)
            if seconds is not None and seconds <= _LONGEST and reach <= _LARGEST_REACH:
                found[name] = group
    return found


def chosen(groups, pick):
    """Return three random results, of three experiments.

    Args:
        groups: as `candidates` returns them.
        pick: int, which always gives the same ones.

    Raises:
        ValueError: if there are fewer experiments.
    """
    if len(groups) < _CELLS:
        raise ValueError(
            f"`workdir` must have {_CELLS} short experiments at laptop scale, each with {_FEWEST_SEEDS} "
            f"seeds that differ by a few points. Received: {len(groups)}. Give --workdir=results."
        )
    rng = np.random.default_rng(pick)
    names = rng.choice(sorted(groups), size=_CELLS, replace=False)
    return [groups[name][rng.integers(len(groups[name]))] for name in names]


def _agreement(result, group):
    """The mean accuracy of the other seeds, and how far from it one more run may be.

    That is the 99 % prediction interval of one more seed, by Student, and at least half a point.
    """
    accuracies = np.array(summaries.values([one for one in group if one is not result], "test"))
    spread = accuracies.std(ddof=1) * np.sqrt(1 + 1 / len(accuracies))
    return accuracies.mean(), max(stats.t.isf(_LEVEL / 2, len(accuracies) - 1) * spread, _LEAST_REACH)


def check(result, group, again):
    """Return the `Check` of a run that was made again.

    Args:
        result: the stored result.
        group: list of the stored results of all seeds.
        again: the result now.
    """
    mean, reach = _agreement(result, group)
    (stored,), (now,) = (summaries.values([one], "test") for one in (result, again))
    settings = result["settings"]
    return Check(settings["name"], settings["seed"], stored, now, mean - reach, mean + reach)


def verify(runs, pick):
    """Return the `Check` of each of three random runs, which are trained again.

    Args:
        runs: list of results.
        pick: as in `chosen`.
    """
    groups = candidates(runs)
    with tempfile.TemporaryDirectory() as folder:
        again = [
            (one, run(papers.find(one["settings"]["name"]).with_seed(one["settings"]["seed"]), folder))
            for one in chosen(groups, pick)
        ]
    return [check(one, groups[one["settings"]["name"]], now) for one, now in again]


def main():
    """Print the checks, and end with an error if a run is off."""
    args = flags.FLAGS
    pick = args.pick or int(f"{datetime.date.today():%Y%m%d}")
    checks = verify(list(missing.load(args.workdir).values()), pick)
    shown = Table(caption=f"--pick={pick}: accuracies in percent")
    for heading in ("experiment", "seed", "stored", "again", "between", "verdict"):
        shown.add_column(heading)
    for one in checks:
        between = f"{one.lowest:.2f} and {one.highest:.2f}"
        shown.add_row(one.name, str(one.seed), f"{one.stored:.2f}", f"{one.again:.2f}", between, one.verdict)
    terminal.console().print(shown)
    if off := [one.name for one in checks if one.verdict == "OFF"]:
        sys.exit(
            f"The stored or the new accuracy of {len(off)} of {len(checks)} runs is outside what the other seeds agree "
            f"with: {', '.join(off)}. One accuracy in a hundred is so by chance: look at others by another --pick."
        )


if __name__ == "__main__":
    shared_flags.define_workdir_to_read()
    flags.DEFINE_integer("pick", None, "Number that the runs are drawn by; today's date without it.", lower_bound=1)
    terminal.start(main)

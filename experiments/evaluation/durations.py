"""Time that missing runs would take, by the seconds that finished ones of the same data and network took.

Where there are none, by the seconds an image that `experiments.speeds` measured.
"""

import functools
import pathlib
import statistics
from typing import NamedTuple

from experiments import results
from experiments.evaluation.paired_tests import FEWEST_SEEDS

SPEEDS = "speeds.json"  # beside the committed results
IMAGES = dict.fromkeys(("cifar10", "cifar10n", "cifar100", "cifar100n"), 50_000)  # of an epoch, at most
COMMITTED = pathlib.Path(__file__).parents[2] / "results"
SEEDS = tuple(range(FEWEST_SEEDS))  # those of a sweep that lets a claim be decided
MORE_SEEDS = tuple(range(10))  # and where they leave it undecided


class Bill(NamedTuple):
    """Missing runs.

    Args:
        runs: their number.
        seconds: their time; `None` if no run of the same data and network as one of them has been measured, nor the
            network's speed.
        names: names of their experiments.
    """

    runs: int
    seconds: float | None
    names: tuple[str, ...] = ()

    @property
    def text(self):
        """The bill in words.

        Example:
            >>> Bill(1, 90.0).text, Bill(6, 7200.0).text, Bill(9, 5e6).text, Bill(3, None).text
            ('1 run, about 2 min', '6 runs, about 2.0 h', '9 runs, about 1,400 h', '3 runs, no speed measured')
        """
        runs = f"{self.runs} run{'s' if self.runs != 1 else ''}"
        if self.seconds is None:
            return f"{runs}, no speed measured"
        minutes, hours = self.seconds / 60, self.seconds / 3600
        if hours >= 1:
            return f"{runs}, about {float(f'{hours:.2g}'):,.0f} h" if hours >= 100 else f"{runs}, about {hours:.1f} h"
        return f"{runs}, about {max(minutes, 1):.0f} min"


def _with_predecessors(experiment):
    while experiment is not None:
        yield experiment
        experiment = experiment.predecessor


class Speeds:
    """Seconds an epoch of finished runs, by data and network, and by the loss where it has been measured.

    Args:
        finished: list of results, which are not missing.
        measured: list of results to learn the speed from; `finished` without it. Those that went on after a kill have
            no time for the whole run, and are left out.
    """

    def __init__(self, finished, measured=None):
        self._finished = {(result["settings"]["name"], result["settings"]["seed"]) for result in finished}
        self._measured = {}
        for result in finished if measured is None else measured:
            made_by, settings = result.get("made_by", {}), result["settings"]
            if "seconds" in made_by and "resumed_at_epoch" not in made_by:
                place = settings["dataset"], settings["model"]
                for key in (place, (*place, settings["method"].get("loss"))):
                    self._measured.setdefault(key, []).append(made_by["seconds"] / settings["epochs"])

    def bill(self, experiments, seeds=SEEDS):
        """Return the `Bill` of the runs that are missing, with the runs that they build on.

        Args:
            experiments: list of `Experiment`.
            seeds: list of int.
        """
        needed = {one.name: one for experiment in experiments for one in _with_predecessors(experiment)}
        missing = [one for one in needed.values() for seed in seeds if (one.name, seed) not in self._finished]
        seconds = [self._seconds(one) for one in missing]
        names = tuple(dict.fromkeys(one.name for one in missing))
        return Bill(len(missing), None if None in seconds else sum(seconds), names)

    def _seconds(self, experiment):
        """Median of the measured runs, or that of the network's steps, times the epochs."""
        place = experiment.dataset, experiment.model
        by_loss = (*place, experiment.method.loss.__name__)
        found = self._measured.get(by_loss) or self._measured.get(place)
        if found:
            return statistics.median(found) * experiment.epochs
        images, seconds = IMAGES.get(experiment.dataset.partition(":")[0]), _of_networks().get(experiment.model)
        return images * seconds * experiment.epochs if images and seconds else None


@functools.cache
def _of_networks():
    """Seconds an image by the network's name; empty where they were not measured."""
    return results.read_measured(COMMITTED / SPEEDS).get("seconds_an_image", {})

"""Measured losses beside cross-entropy: their runs by data set and noise, choices by validation labels, and errors."""

import json
from typing import NamedTuple

import numpy as np

from experiments.decision.methods import CROSS_ENTROPY, METHODS, POINTS, point_name

KINDS = {
    "none": "no wrong labels",
    "symmetric": "wrong to any class",
    "pair_flip": "wrong to the next class",
    "human": "human labels, of images as histograms",
}
SEARCHED = "searched LogisticNormal"
_FOR_PAIRS = "LogisticNormal at MNIST's values"
CHOSEN = "one of four by given labels"
FOUR = (CROSS_ENTROPY, "GeneralizedCrossEntropy", "SymmetricCrossEntropy", "LogisticNormal")
_DEFAULT = point_name({"temperature": 1.0, "min_scale": 0.5})
# At the end of training, and at the time of the highest accuracy on given validation labels.
_TIMES = {"last": "validation", "best": "best_validation"}


def load(folder):
    """Return `{(set, kind of noise): [{method: scores} of each rate and seed]}` with all choices by validation labels.

    Args:
        folder: `pathlib.Path` of the files that `experiments.decision.measure` wrote.
    """
    found = {}
    for (name, noise), seeds in by_noise(folder).items():
        found.setdefault((name, kind_of(noise)), []).extend(seeds)
    return found


def by_noise(folder):
    """Return `{(set, kind of noise and its rate): [{method: scores} of each seed]}`, with choices as in `load`.

    Args:
        folder: as in `load`.
    """
    found = {}
    for path in sorted(folder.glob("*-*-*.json")):
        name, noise, _ = path.stem.rsplit("-", 2)
        stored = json.loads(path.read_text(encoding="utf-8"))
        measured = {key: stored[key] for key in METHODS if "failed" not in stored.get(key, {"failed": "not run"})}
        found.setdefault((name, noise), []).append(_with_choices(measured))
    return found


def kind_of(noise):
    """Return the kind of a noise without its rate: "symmetric" of "symmetric40"."""
    return noise.rstrip("0123456789")


class Errors(NamedTuple):
    """Standard errors, in points, of means over sets of differences to cross-entropy, under one kind of noise.

    Args:
        pooled: float, by the variance between seeds of all losses.
        own: a dict from a loss to that by its own variance.
        repeated: the number of pairs of a set and a rate with several seeds.
    """

    pooled: float
    own: dict[str, float]
    repeated: int

    def largest(self, method):
        """The larger one of the pooled standard error and of the loss's own."""
        return max(self.pooled, self.own.get(method, 0))


def standard_errors(folder):
    """Return the `Errors` of each kind of noise, a dict; kinds without two seeds of anything are left out.

    The variance between seeds of one set and noise is averaged over sets and rates; a set of one seed is taken to have
    it, too.

    Args:
        folder: as in `load`.
    """
    variances, counts = {}, {}
    for (name, noise), seeds in by_noise(folder).items():
        of_sets = counts.setdefault(kind_of(noise), {})
        of_sets[name] = of_sets.get(name, 0) + len(seeds)
        for method in sorted(set().union(*seeds) - {CROSS_ENTROPY}):
            gaps = [100 * (run[method]["last"] - run[CROSS_ENTROPY]["last"]) for run in seeds if method in run]
            if len(gaps) > 1:
                variances.setdefault(kind_of(noise), {}).setdefault(method, []).append(np.var(gaps, ddof=1))
    return {kind: _errors(variances[kind], list(counts[kind].values())) for kind in KINDS if kind in variances}


def _errors(variances, runs):
    """The `Errors` of one kind of noise.

    Args:
        variances: a dict from a loss to its variances between seeds, one a set and rate.
        runs: list of int, the number of runs on each set.
    """
    scale = np.sqrt(np.sum(1 / np.array(runs))) / len(runs)
    pooled = np.mean([one for several in variances.values() for one in several])
    own = {method: float(scale * np.sqrt(np.mean(several))) for method, several in variances.items()}
    return Errors(float(scale * np.sqrt(pooled)), own, max(map(len, variances.values())))


def _with_choices(measured):
    """The scores of one run by the table's rows."""
    points = [point_name(values) for values in POINTS]
    rows = {name: scores for name, scores in measured.items() if name not in points}
    grid = {name: measured[name] for name in points if name in measured}
    if _DEFAULT in grid:
        rows["LogisticNormal"] = grid[_DEFAULT]
        rows[_FOR_PAIRS] = grid[point_name({"temperature": 0.5, "min_scale": 0.1})]
    if all(name in rows for name in FOUR):
        rows[CHOSEN] = _chosen({name: rows[name] for name in FOUR})
    if len(grid) == len(points):
        rows[SEARCHED] = _chosen(grid)
    return rows


def _chosen(candidates):
    """Scores of the first of those with the highest accuracy on validation labels."""
    return {
        time: max(candidates.values(), key=lambda one: one[validation])[time] for time, validation in _TIMES.items()
    }

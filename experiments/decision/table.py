"""Tables of the measured losses beside cross-entropy: `python -m experiments.decision.table` writes `decision.md`."""

import json
import pathlib

import numpy as np
from absl import flags

from experiments.console import terminal
from experiments.decision.methods import CROSS_ENTROPY, GRID, METHODS, POINTS, point_name
from experiments.evaluation.summaries import markdown_table
from tfp_noise import losses

KINDS = {
    "none": "no wrong labels",
    "symmetric": "wrong to any class",
    "pair_flip": "wrong to the next class",
    "human": "human labels, of images as histograms",
}
_SEARCHED = "searched LogisticNormal"
_FOR_PAIRS = "LogisticNormal at MNIST's values"
_CHOSEN = "one of four by given labels"
_FOUR = (CROSS_ENTROPY, "GeneralizedCrossEntropy", "SymmetricCrossEntropy", "LogisticNormal")
_DEFAULT = point_name({"temperature": 1.0, "min_scale": 0.5})
_TOLD = [one.name for one in losses.available() if "transition" in one.needs]
# At the end of training, and at the time of the highest accuracy on given validation labels.
_TIMES = {"last": "validation", "best": "best_validation"}
_LEAST = 2  # standard errors within which the README's table calls no loss better or worse
_NOTE = """Two hidden layers of 128 units, Adam; default hyperparameters, or those of the papers
(`experiments/decision/methods.py`). Inputs are vectors: two tables, the pixels of digits, those of 2,000 images of
Fashion-MNIST at half their size, and of CIFAR-10N histograms of the edges of 4,000 grey images, the same ones with two
sets of people's labels. Nothing follows for convolutional networks on photographs. Each cell: the mean over data sets
of the accuracy on clean test labels minus cross-entropy's, in points, and on how many of the sets it is below
cross-entropy's. Time: that of a training divided by cross-entropy's; of a choice that of all its trainings. Data sets,
with the number of seeds and the noise so far: {sets}.

- {told} are told the true transition matrix.
  "estimated": the matrix is counted from predictions out of sample, by two shorter trainings, which are not in the
  time.
- "searched LogisticNormal": {points}, the values with the highest accuracy on given validation labels, which is what
  `tfp_noise.search.choose_loss` does. "MNIST's values": those of its paper for pair flips,
  temperature 0.5 and min_scale 0.1.
- "one of four by given labels": the one of {four} with the highest accuracy on given validation labels.

Data sets are small and seeds few. Standard errors of the means over data sets, by what lies between seeds of one set
and noise, pooled over all losses: {errors}.
"""


def load(folder):
    """Return `{(set, kind of noise): [{method: scores} of each rate and seed]}` with all choices by validation labels.

    Args:
        folder: `pathlib.Path` of the files that `experiments.decision.measure` wrote.
    """
    found = {}
    for (name, noise), seeds in _by_noise(folder).items():
        found.setdefault((name, _kind(noise)), []).extend(seeds)
    return found


def _by_noise(folder):
    """`{(set, kind of noise and its rate): [{method: scores} of each seed]}`."""
    found = {}
    for path in sorted(folder.glob("*-*-*.json")):
        name, noise, _ = path.stem.rsplit("-", 2)
        stored = json.loads(path.read_text(encoding="utf-8"))
        measured = {key: stored[key] for key in METHODS if "failed" not in stored.get(key, {"failed": "not run"})}
        found.setdefault((name, noise), []).append(_with_choices(measured))
    return found


def _kind(noise):
    return noise.rstrip("0123456789")


def standard_errors(folder):
    """Return the standard error, in points, of a mean over sets of differences to cross-entropy, `{kind: float}`.

    The variance between seeds of one set and noise is pooled over methods, sets and rates; a set of one seed is taken
    to have it, too. Kinds without two seeds of anything are left out.

    Args:
        folder: as in `load`.
    """
    variances, counts, found = {}, {}, {}
    for (name, noise), seeds in _by_noise(folder).items():
        of_sets = counts.setdefault(_kind(noise), {})
        of_sets[name] = of_sets.get(name, 0) + len(seeds)
        for method in sorted(set().union(*seeds) - {CROSS_ENTROPY}):
            gaps = [100 * (run[method]["last"] - run[CROSS_ENTROPY]["last"]) for run in seeds if method in run]
            if len(gaps) > 1:
                variances.setdefault(_kind(noise), []).append(np.var(gaps, ddof=1))
    for kind in KINDS:
        if kind in variances:
            runs = np.array(list(counts[kind].values()))
            found[kind] = float(np.sqrt(np.mean(variances[kind]) * np.sum(1 / runs)) / len(runs))
    return found


def _with_choices(measured):
    """The scores of one run by the table's rows."""
    points = [point_name(values) for values in POINTS]
    rows = {name: scores for name, scores in measured.items() if name not in points}
    grid = {name: measured[name] for name in points if name in measured}
    if _DEFAULT in grid:
        rows["LogisticNormal"] = grid[_DEFAULT]
        rows[_FOR_PAIRS] = grid[point_name({"temperature": 0.5, "min_scale": 0.1})]
    if all(name in rows for name in _FOUR):
        rows[_CHOSEN] = _chosen({name: rows[name] for name in _FOUR})
    if len(grid) == len(points):
        rows[_SEARCHED] = _chosen(grid)
    return rows


def _chosen(candidates):
    """Scores of the first of those with the highest accuracy on validation labels, the seconds of all."""
    found = {"seconds": sum(one["seconds"] for one in candidates.values())}
    for time, validation in _TIMES.items():
        found[time] = max(candidates.values(), key=lambda one: one[validation])[time]
    return found


def differences(runs, time):
    """Return `{method: {kind: [difference to cross-entropy on each set, in points]}}`.

    Args:
        runs: as `load` returns them.
        time: "last" or "best".
    """
    found = {}
    for (_, kind), cell in runs.items():
        for method in sorted({name for run in cell for name in run} - {CROSS_ENTROPY}):
            pairs = [(run[method][time], run[CROSS_ENTROPY][time]) for run in cell if method in run]
            mean = 100 * float(np.mean([own - plain for own, plain in pairs]))
            found.setdefault(method, {}).setdefault(kind, []).append(mean)
    return found


def markdown(folder):
    """Return the text of `decision.md`.

    Args:
        folder: as in `load`.
    """
    runs = load(folder)
    kinds = [kind for kind in KINDS if any(one == kind for _, one in runs)]
    sets = _sets(folder)
    note = _NOTE.format(
        sets="; ".join(f"{name} ({len(seeds)}; {', '.join(sorted(noises))})" for name, (seeds, noises) in sets.items()),
        points=" and ".join(f"{name} in {values}" for name, values in GRID.items()),
        told=", ".join(f"`{name}`" for name in _TOLD),
        four=", ".join(f"`{name}`" for name in _FOUR),
        errors=", ".join(f"{KINDS[kind]} {error:.1f}" for kind, error in standard_errors(folder).items()),
    )
    parts = ["# Losses beside cross-entropy\n", note, "## At the end of training\n", _table(runs, "last", kinds)]
    parts += ["## At the highest accuracy on given validation labels\n", _table(runs, "best", kinds)]
    return "\n".join(parts)


def _sets(folder):
    """`{set: (its seeds, its kinds and rates of noise)}`, sets of text."""
    sets = {}
    for path in sorted(folder.glob("*-*-*.json")):
        name, noise, seed = path.stem.rsplit("-", 2)
        seeds, noises = sets.setdefault(name, (set(), set()))
        seeds.add(seed)
        noises.add(noise)
    return sets


def _table(runs, time, kinds):
    found = differences(runs, time)
    plain = [f"{_cross_entropy(runs, time, kind):.1f} %" for kind in kinds]
    body = [
        [
            f"`{name}`" if name in METHODS else name,
            _relative_time(runs, name),
            *(cell(found[name].get(kind)) for kind in kinds),
        ]
        for name in sorted(found, key=lambda name: (name in (_CHOSEN, _SEARCHED), name))
    ]
    return markdown_table([["loss", "time", *map(KINDS.get, kinds)], [CROSS_ENTROPY, "1.0", *plain], *body])


def _cross_entropy(runs, time, kind):
    """Mean accuracy of cross-entropy over sets, in percent."""
    cells = [cell for (_, one), cell in runs.items() if one == kind]
    return 100 * float(np.mean([np.mean([run[CROSS_ENTROPY][time] for run in cell]) for cell in cells]))


def cell(numbers):
    """Return the mean of differences in points, and on how many sets they are negative, as text.

    Args:
        numbers: list of floats, one a data set; `None` or without any for an empty text.
    """
    if not numbers:
        return ""
    return f"{np.mean(numbers):+.1f}, below on {sum(one < 0 for one in numbers)} of {len(numbers)}"


def _relative_time(runs, method):
    pairs = [
        (run[method]["seconds"], run[CROSS_ENTROPY]["seconds"])
        for cell in runs.values()
        for run in cell
        if method in run
    ]
    return f"{np.sum(pairs, axis=0)[0] / np.sum(pairs, axis=0)[1]:.1f}"


def summary(folder):
    """Return the README's table: for each kind of noise the losses that lead, and those that harm; and what was run.

    A loss that was not run on every data set under that noise has no part in it.

    Args:
        folder: as in `load`.
    """
    runs, errors = load(folder), standard_errors(folder)
    found, body = differences(runs, "last"), []
    for kind, text in KINDS.items():
        size = sum(one == kind for _, one in runs)
        numbers = {name: one[kind] for name, one in found.items() if len(one.get(kind, ())) == size > 0}
        ordered = sorted(numbers, key=lambda name: np.mean(numbers[name]))
        least = _LEAST * errors.get(kind, np.inf)
        leading = [name for name in reversed(ordered) if np.mean(numbers[name]) > least][:4]
        harmful = [name for name in ordered if np.mean(numbers[name]) < -least]
        if size:
            cells = [", ".join(_named(name, numbers[name]) for name in names) or "none" for names in (leading, harmful)]
            error = f"{errors[kind]:.1f}" if kind in errors else "–"
            body.append([text, str(size), f"{_cross_entropy(runs, 'last', kind):.1f} %", error, *cells])
    head = [
        "labels are",
        "data sets",
        "`CrossEntropy`",
        "standard error",
        f"ahead by more than {_LEAST} standard errors, the best four",
        f"below by more than {_LEAST}",
    ]
    counts = {name: len(seeds) for name, (seeds, _) in _sets(folder).items()}
    listed = ", ".join(f"{name} {count}" for name, count in counts.items())
    return f"{len(counts)} data sets, with the number of seeds of each: {listed}.\n\n{markdown_table([head, *body])}"


def _named(name, numbers):
    """A loss, its mean difference, and the number of sets that say otherwise."""
    mean, told = np.mean(numbers), " (told the matrix)" if name in _TOLD else ""
    against = sum((one < 0) != (mean < 0) for one in numbers if one)
    but = f" (on {against} of {len(numbers)} sets {'below' if mean > 0 else 'ahead'})" if against else ""
    return f"{f'`{name}`' if hasattr(losses, name) else name}{told} {mean:+.1f}{but}"


def main():
    """Write the table beside the folder of results."""
    folder = pathlib.Path(flags.FLAGS.results)
    folder.with_suffix(".md").write_text(markdown(folder), encoding="utf-8")


if __name__ == "__main__":
    flags.DEFINE_string("results", "results/decision", "Folder of results.")
    terminal.start(main)

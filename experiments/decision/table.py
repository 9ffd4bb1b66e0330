"""Tables of the measured losses beside cross-entropy: `python -m experiments.decision.table` writes `decision.md`."""

import pathlib

import numpy as np
from absl import flags

from experiments.console import terminal
from experiments.decision.methods import CROSS_ENTROPY, GRID, METHODS
from experiments.decision.runs import CHOSEN, FOUR, KINDS, SEARCHED, Errors, kind_of, load, standard_errors
from experiments.evaluation.summaries import markdown_table
from tfp_noise import losses

_TOLD = [one.name for one in losses.available() if "transition" in one.needs]
_LEAST = 2  # standard errors within which the README's table calls no loss better or worse
_NOTE = """Two hidden layers of 128 units, Adam; default hyperparameters, or those of the papers
(`experiments/decision/methods.py`). Inputs are vectors: two tables, the pixels of digits, those of 2,000 images of
Fashion-MNIST at half their size, and of CIFAR-10N histograms of the edges of 4,000 grey images, the same ones with two
sets of people's labels. Nothing follows for convolutional networks on photographs. Each cell: the mean over data sets
of the accuracy on clean test labels minus cross-entropy's, in points, and on how many of the sets it is below
cross-entropy's. What a step of each loss costs is in [compare/footprint.md](compare/footprint.md). Data sets, with the
number of seeds and the noise so far: {sets}.

- {told} are told the true transition matrix.
  "estimated": the matrix is counted from predictions out of sample, by two shorter trainings.
- "searched LogisticNormal": {points}, the values with the highest accuracy on given validation labels, which is what
  `tfp_noise.search.choose_loss` does; of equal ones the first. "MNIST's values": those of its paper for pair flips,
  temperature 0.5 and min_scale 0.1.
- "one of four by given labels": the one of {four} with the highest accuracy on given validation labels.

Data sets are small and seeds few. Standard errors of the means over data sets, by what lies between seeds of one set
and noise, pooled over all losses: {errors}. They are rough, because few sets have several seeds, and all losses are
compared with the same trainings of cross-entropy; and the sampling of the test examples comes on top. So "ahead" and
"below" in the README ask for two of them, and for two of the loss's own.
"""


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
        four=", ".join(f"`{name}`" for name in FOUR),
        errors=", ".join(
            f"{KINDS[kind]} {error.pooled:.1f} (of {error.repeated} with several seeds)"
            for kind, error in standard_errors(folder).items()
        ),
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
            *(cell(found[name].get(kind)) for kind in kinds),
        ]
        for name in sorted(found, key=lambda name: (name in (CHOSEN, SEARCHED), name))
    ]
    return markdown_table([["loss", *map(KINDS.get, kinds)], [CROSS_ENTROPY, *plain], *body])


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
        error = errors.get(kind, Errors(np.inf, {}, 0))
        told = [name for name in ordered if abs(np.mean(numbers[name])) > _LEAST * error.largest(name)]
        leading = [name for name in reversed(told) if np.mean(numbers[name]) > 0][:4]
        harmful = [name for name in told if np.mean(numbers[name]) < 0]
        if size:
            cells = [", ".join(_named(name, numbers[name]) for name in names) or "none" for names in (leading, harmful)]
            pooled = f"{error.pooled:.1f}" if error.repeated else "–"
            plain = f"{_cross_entropy(runs, 'last', kind):.1f} %"
            body.append([text + _rates(folder, kind), str(size), plain, pooled, *cells])
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


def _rates(folder, kind):
    """The rates of a kind of noise in words, such as ", 20 or 40 %"."""
    rates = sorted(
        {noise[len(kind) :] for _, noises in _sets(folder).values() for noise in noises if kind_of(noise) == kind}
    )
    return f", {' or '.join(rates)} %" if any(rates) else ""


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

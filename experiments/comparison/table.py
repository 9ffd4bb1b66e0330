"""Tables and figure of the finished runs of the comparison on one data set."""

import numpy as np

from experiments import results
from experiments.comparison import costs
from experiments.comparison.methods import CROSS_ENTROPY, METHODS
from experiments.comparison.sets import SETS
from experiments.comparison.training import LEARNING_RATE
from experiments.evaluation import summaries
from experiments.evaluation.paired_tests import not_worse_than_best
from experiments.experiment import CLEAN
from tfp_noise import visualization

TIMES = {"last": "last epoch", "best": "epoch that is best on given validation labels"}
_PLACED = (
    CROSS_ENTROPY,
    "AveragedCrossEntropy",
    "LabelSmoothing",
    "OnlineLabelSmoothing",
    "LearnableLabelSmoothing",
    "LogisticNormal",
)
_KINDS = ("none", "symmetric", "asymmetric", "pair_flip")
_NOTE = """# Every method on {dataset}

Made by `python -m experiments.compare --dataset={dataset}`. Accuracy on clean test labels in percent, mean ± standard
deviation over seeds of noise, weights and order; the number of seeds stands behind the noise, and in parentheses behind
a cell that has fewer. In bold: the highest mean of a column, and what is not significantly worse by a paired t test
over the seeds (two-sided, 5 %, three seeds or more, not corrected for the number of methods); "in bold" counts such
noises. Methods that are told more than the noisy labels stand below and have no part in this.

A training that diverged is left out, so that a cell with fewer seeds may be one of survivors. With few seeds the test
finds little: a method whose seeds differ much may be in bold far below the best.

Every method trains the same network, two hidden layers of 128 units, with Adam at a learning rate of
{learning_rate:g} for {epochs} epochs in batches of {batch_size}. Symmetric noise draws a label from all classes, the
true one included; asymmetric noise flips the pairs of classes that papers publish for the data set, and leaves the
other classes alone. The cost is that of a training step divided by cross-entropy's, measured in turn in one process.

Hyperparameters that papers searched for their own data are searched here, too: under each noise, with seed 0, by the
accuracy on given validation labels at the end of a training; the best are kept for all seeds. Trainings that this
takes under each noise: {searched}. All others are defaults, or those in `experiments/comparison/methods.py` and
`otherwise.py`, some of them in proportion to the shorter training; a search of these, too, might change their places.
What is more than a loss trains with cross-entropy where nothing else is said:

"""


def load(folder):
    """Return the scores of all finished runs, `{noise: {method: {seed: scores}}}`, those that diverged left out.

    Args:
        folder: `pathlib.Path` of the results of a data set.
    """
    found = {}
    for path in sorted(folder.glob("*/*.json")):
        method, _, seed = path.stem.rpartition("-")
        if method in METHODS and seed.isdigit():
            scores = results.read_measured(path)["scores"]
            if "failed" not in scores:
                found.setdefault(path.parent.name, {}).setdefault(method, {})[int(seed)] = scores
    return {noise: found[noise] for noise in sorted(found, key=_place)}


def _place(noise):
    kind, rate = _parts(noise)
    return _KINDS.index(kind), rate


def _parts(noise):
    """Kind and rate in percent of a noise's name."""
    kind = noise.rstrip("0123456789")
    return kind, int(noise[len(kind) :] or 0)


def title(noise):
    """Return the name of a noise as a table prints it, as "symmetric 40 %"."""
    kind, rate = _parts(noise)
    return f"{kind.replace('_', ' ')} {rate} %" if rate else "no wrong labels"


def page(dataset, folder):
    """Return the page of tables as Markdown.

    Args:
        dataset: a key of `SETS`.
        folder: `pathlib.Path` of the results of the data set.
    """
    runs, task = load(folder), SETS[dataset]
    text = _NOTE.format(
        dataset=dataset,
        epochs=task.epochs,
        batch_size=task.batch_size,
        learning_rate=LEARNING_RATE,
        searched=_searched(folder),
    )
    about = {name: one.about for name, one in METHODS.items() if one.about}
    text += "".join(f"- `{name}`: {words}\n" for name, words in about.items()) + f"\n{_places(runs)}"
    ratios = {"last": costs.read(folder), "best": {}}
    for time, words in TIMES.items():
        text += f"\n## Accuracy at the {words}\n\n{summaries.markdown_table(rows(runs, time, ratios[time]))}"
    noisy = {noise: methods for noise, methods in runs.items() if noise != CLEAN.name}
    text += "\n## Wrong labels learned\n\nThe fraction of wrong training labels that are predicted at the end, %.\n\n"
    return text + summaries.markdown_table(rows(noisy, "memorised", {}))


def _places(runs):
    """Paragraph on the first methods and on those of this package's papers, by means over all noises."""
    means = {name: _mean(runs, name) for name in _ordered(runs) if not METHODS[name].told}
    ranked = [name for name, mean in means.items() if mean is not None]
    if not ranked:
        return "No method has runs under all of these noises yet.\n"
    placed = {name: f"`{name}` {means[name]:.1f}" for name in ranked}
    others = [f"{placed[name]} (place {ranked.index(name) + 1})" for name in _PLACED if name in ranked]
    return (
        f"Mean accuracy over these noises at the last epoch, of the {len(ranked)} methods that are told nothing else: "
        f"{', '.join(placed[name] for name in ranked[:3])} lead; {', '.join(others)}.\n"
    )


def _mean(runs, name, score="last"):
    """The mean accuracy of a method over all noises in percent; `None` if it lacks one."""
    by_noise = [[one[score] for one in methods.get(name, {}).values()] for methods in runs.values()]
    return 100 * float(np.mean(list(map(np.mean, by_noise)))) if all(by_noise) else None


def _searched(folder):
    """The methods that were searched over, with the number of their trials, as text."""
    counts = {}
    for path in sorted(folder.glob("*/*-search.json")):
        name, trials = path.stem.removesuffix("-search"), results.read_measured(path)["trials"]
        counts[name] = max(counts.get(name, 0), len(trials))
    return ", ".join(f"`{name}` {counts[name]}" for name in sorted(counts)) or "none"


def rows(runs, score, ratios):
    """Return the rows of a table as lists of text, the first of them headings.

    Args:
        runs: as `load` returns them.
        score: key of the scores.
        ratios: costs of a step, `{method: float}`; without any there is no such column.
    """
    counts = {noise: max(map(len, methods.values())) for noise, methods in runs.items()}
    cells = {noise: _cells(methods, score, counts[noise]) for noise, methods in runs.items()}
    several = score in TIMES and len(runs) > 1
    head = ["method", *(f"{title(noise)} ({counts[noise]})" for noise in runs)]
    lines = [[*head, *(["mean", "in bold"] if several else []), *(["cost"] if ratios else [])]]
    for name in _ordered(runs):
        told = f", told {METHODS[name].told}" if METHODS[name].told else ""
        line = [f"`{name}`{told}", *(cells[noise].get(name, "–") for noise in runs)]
        if several:
            line += [
                "–" if (mean := _mean(runs, name, score)) is None else f"{mean:.1f}",
                str(sum(cell.startswith("**") for cell in line)),
            ]
        lines.append([*line, *([f"{ratios[name]:.2f}" if name in ratios else "–"] if ratios else [])])
    return lines


def _cells(methods, score, count):
    """`{method: mean and deviation in percent}` under one noise; the best accuracies in bold."""
    found = {}
    for name, by_seed in methods.items():
        values = {seed: 100 * one[score] for seed, one in by_seed.items() if one[score] is not None}
        if values:
            found[name] = values
    compared = {name: values for name, values in found.items() if not METHODS[name].told}
    leading = not_worse_than_best(compared) if score in TIMES else set()
    texts = {}
    for name, values in found.items():
        text = summaries.number_text(summaries.mean_and_deviation(list(values.values())), ".1f")
        text = f"**{text}**" if name in leading else text
        texts[name] = text if len(values) == count else f"{text} ({len(values)})"
    return texts


def _ordered(runs):
    """The methods by the mean over noises of their accuracy at the last epoch, those that are told more at the end."""
    means = {}
    for methods in runs.values():
        for name, by_seed in methods.items():
            means.setdefault(name, []).append(np.mean([one["last"] for one in by_seed.values()]))
    return sorted(means, key=lambda name: (bool(METHODS[name].told), -np.mean(means[name]), name))


def figure(dataset, folder):
    """Return the figure of accuracies, a panel for each noise.

    Args:
        dataset: a key of `SETS`.
        folder: as in `load`.
    """
    runs = load(folder)
    scores = {
        f"{title(noise)}": {
            name: {words: [100 * one[time] for one in methods[name].values()] for time, words in TIMES.items()}
            for name in _ordered(runs)
            if name in methods
        }
        for noise, methods in runs.items()
    }
    return visualization.scores_by_method(scores, title=dataset)

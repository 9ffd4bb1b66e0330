"""Tables and figure of the finished runs of the comparison on one data set."""

import numpy as np

from experiments import results
from experiments.comparison.methods import CROSS_ENTROPY, METHODS
from experiments.comparison.runs import is_of_today
from experiments.evaluation import summaries
from experiments.evaluation.paired_tests import FEWEST_SEEDS, not_worse_than_best
from tfp_noise import visualization

TIMES = {"last": "last epoch", "best": "epoch that is best on given validation labels"}
_TITLES = {"none": "no wrong labels", "human": "human labels"}
_KINDS = ("none", "symmetric", "asymmetric", "pair_flip", "human")


def stored(dataset, folder):
    """Return the content of the files of all runs of today's settings, and the paths of the others.

    Args:
        dataset: a key of `SETS`.
        folder: `pathlib.Path` of the results of the data set.

    Returns:
        `{path: content}` and a list of `pathlib.Path`; files of searches and of unknown methods are in neither.
    """
    split = {path: path.stem.rpartition("-") for path in sorted(folder.glob("*/*.json"))}
    of_runs = [path for path, (method, _, seed) in split.items() if method in METHODS and seed.isdigit()]
    found = {path: results.read_measured(path) for path in of_runs}
    others = [path for path, content in found.items() if not is_of_today(content["settings"], dataset)]
    return {path: content for path, content in found.items() if path not in others}, others


def scores(contents):
    """Return the scores of finished runs, `{noise: {method: {seed: scores}}}`, those that diverged left out.

    Args:
        contents: `{path: content}`, as `stored` returns it.
    """
    found = {}
    for path, content in contents.items():
        method, _, seed = path.stem.rpartition("-")
        if "failed" not in content["scores"]:
            found.setdefault(path.parent.name, {}).setdefault(method, {})[int(seed)] = content["scores"]
    return {noise: found[noise] for noise in sorted(found, key=order)}


def order(noise):
    """Return what noises are ordered by in tables, a tuple: their kind, and their rate."""
    name, rate = _parts(noise)
    return _KINDS.index(name), rate


def _parts(noise):
    """Kind and rate in percent of a noise's name."""
    name = noise.rstrip("0123456789")
    return name, int(noise[len(name) :] or 0)


def kind(noise):
    """Return the kind of a noise as a table prints it, as "symmetric"."""
    name, _ = _parts(noise)
    return _TITLES.get(name, name.replace("_", " "))


def title(noise):
    """Return the name of a noise as a table prints it, as "symmetric 40 %"."""
    _, rate = _parts(noise)
    return f"{kind(noise)} {rate} %" if rate else kind(noise)


def span(noises):
    """Return what noises of one kind are called together, as "symmetric 20 to 80 % (4 noises)".

    Args:
        noises: list of their names, in the order of their rates.
    """
    if len(noises) == 1:
        return title(noises[0])
    (_, lowest), (_, highest) = _parts(noises[0]), _parts(noises[-1])
    return f"{kind(noises[0])} {lowest} to {highest} % ({len(noises)} noises)"


def mean(runs, name, score="last"):
    """Return the mean accuracy of a method over all noises in percent; `None` if it lacks one.

    Args:
        runs: as `scores` returns them.
        name: a key of `METHODS`.
        score: key of the scores.
    """
    by_noise = [[one[score] for one in methods.get(name, {}).values()] for methods in runs.values()]
    return 100 * float(np.mean(list(map(np.mean, by_noise)))) if all(by_noise) else None


def rows(runs, score, ratios):
    """Return the rows of a table as lists of text, the first of them headings.

    Args:
        runs: as `scores` returns them.
        score: key of the scores.
        ratios: costs of a step, `{method: float}`; without any there is no such column.
    """
    counts = {noise: max(map(len, methods.values())) for noise, methods in runs.items()}
    cells = {noise: _cells(methods, score, counts[noise]) for noise, methods in runs.items()}
    several = score in TIMES and len(runs) > 1
    head = ["method", *(f"{title(noise)} ({counts[noise]})" for noise in runs)]
    lines = [[*head, *(["mean", "in bold"] if several else []), *(["cost"] if ratios else [])]]
    for name in ordered(runs):
        told = f", told {METHODS[name].told}" if METHODS[name].told else ""
        line = [f"`{name}`{told}", *(cells[noise].get(name, "–") for noise in runs)]
        if several:
            line += [
                "–" if (average := mean(runs, name, score)) is None else f"{average:.1f}",
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
    best = leading(methods, score) if score in TIMES else set()
    texts = {}
    for name, values in found.items():
        text = summaries.number_text(summaries.mean_and_deviation(list(values.values())), ".1f")
        text = f"**{text}**" if name in best else text
        texts[name] = text if len(values) == count else f"{text} ({len(values)})"
    return texts


def leading(methods, score):
    """Return the methods under one noise that are not significantly worse than the best, none without two to compare.

    Args:
        methods: `{method: {seed: scores}}`.
        score: key of the scores.
    """
    compared = {name: runs for name, runs in methods.items() if not METHODS[name].told}
    if sum(len(runs) >= FEWEST_SEEDS for runs in compared.values()) < 2:
        return set()
    return not_worse_than_best(
        {name: {seed: one[score] for seed, one in own.items()} for name, own in compared.items()}
    )


def ordered(runs):
    """Return the methods by the mean over noises of their accuracy at the last epoch, those told more at the end.

    Args:
        runs: as `scores` returns them.
    """
    means = {}
    for methods in runs.values():
        for name, by_seed in methods.items():
            means.setdefault(name, []).append(np.mean([one["last"] for one in by_seed.values()]))
    return sorted(means, key=lambda name: (bool(METHODS[name].told), -np.mean(means[name]), name))


def figure(dataset, runs):
    """Return the figure of accuracies, a panel for each noise; a star marks the methods that are told more.

    Args:
        dataset: a key of `SETS`.
        runs: as `scores` returns them.
    """
    accuracies = {
        f"{title(noise)}": {
            _marked(name): {words: [100 * one[time] for one in methods[name].values()] for time, words in TIMES.items()}
            for name in ordered(runs)
            if name in methods
        }
        for noise, methods in runs.items()
    }
    note, reference = "*: told more than the noisy labels", None
    if any(CROSS_ENTROPY in methods for methods in runs.values()):
        note, reference = f"{note}; line: cross-entropy at the last epoch", (CROSS_ENTROPY, TIMES["last"])
    return visualization.scores_by_method(accuracies, title=f"{dataset} ({note})", reference=reference)


def _marked(name):
    return f"{name} *" if METHODS[name].told else name

"""Page of the comparison on one data set: how it was made, which method one would take, and the tables."""

import numpy as np

from experiments import results
from experiments.comparison import costs, table
from experiments.comparison.methods import CROSS_ENTROPY, METHODS
from experiments.comparison.sets import SETS
from experiments.comparison.training import HIDDEN
from experiments.evaluation import summaries
from experiments.evaluation.paired_tests import FEWEST_SEEDS, LEVEL, p_values
from experiments.experiment import CLEAN

# The losses of this package's papers.
_OWN = ("LabelSmoothing", "OnlineLabelSmoothing", "LearnableLabelSmoothing", "LogisticNormal")
_NOTE = """Made by `python -m experiments.compare --dataset={dataset}`. Accuracy on clean test labels in percent, mean ±
standard deviation over seeds of noise, weights and order; the number of seeds stands behind the noise, and in
parentheses behind a cell that has fewer. In bold, where two methods have three seeds or more: the highest mean of a
column, and what is not significantly worse by a paired t test over the seeds (two-sided, 5 %, not corrected for the
number of methods); "in bold" counts such noises. Methods that are told more than the noisy labels stand below and have
no part in this. With few seeds the test finds little: a method whose seeds differ much may be in bold far below the
best.
{left_out}

Every method trains the same network, {network}, with Adam at a learning rate of {learning_rate:g} for {epochs} epochs
in batches of {batch_size}, on {train:,} examples; {validation:,} more, with noisy labels, choose {chosen}, and
{test:,} with true labels test, which leaves a standard error of up to {sampling:.1f} points. {noise}. The cost is that
of a training step divided by cross-entropy's, measured in turn in one process.

{search} What is more than a loss trains with cross-entropy where nothing else is said:
"""
_SEARCH = """Losses with hyperparameters, and most classifiers, are searched over, under each noise, by the mean
accuracy on given validation labels at the end of trainings with {search_seeds} seeds; the best are kept for all seeds.
Settings that are tried under each noise: {searched}. Other arguments are defaults, or stand in
`experiments/comparison/methods.py` and `otherwise.py`, some of them in proportion to the shorter training. Nothing is
searched over for {not_searched}. What each value brought is in [values.md](values.md)."""
_NO_SEARCH = """Nothing is searched over: a method has the values that its authors use, which stand in
`experiments/comparison/methods.py` and `otherwise.py`, some of them in proportion to the shorter training, or its
defaults. What other values brought, where they were tried, is in [values.md](values.md)."""
# The start of a noise's name, and what the noise is.
_NOISES = {
    "symmetric": "symmetric noise draws a label from all classes, the true one included",
    "asymmetric": "asymmetric noise flips the pairs of classes that papers publish for the data set, and leaves the "
    "other classes alone",
    "pair_flip": "asymmetric noise gives each class the label of the next one",
    "human": "the wrong labels are those that people gave",
}


def page(dataset, folder, stored, others):
    """Return the page as Markdown.

    Args:
        dataset: a key of `SETS`.
        folder: `pathlib.Path` of the results of the data set.
        stored: `{path: content}` of at least one run, and
        others: list of `pathlib.Path`, as `table.stored` returns them for the folder.
    """
    runs, task = table.scores(stored), SETS[dataset]
    examples = next(iter(stored.values()))["settings"]["examples"]
    methods = {path.stem.rpartition("-")[0] for path in stored}
    text = _NOTE.format(
        dataset=dataset,
        left_out=_left_out(stored, others),
        epochs=task.epochs,
        batch_size=task.batch_size,
        learning_rate=task.learning_rate,
        sampling=50 / np.sqrt(examples["test"]),  # at an accuracy of one half
        network=f"`{task.model}`" if task.model else f"two hidden layers of {HIDDEN[0]} units",
        noise=_noise(runs),
        chosen="hyperparameters and the best epoch" if task.searched else "the best epoch",
        search=_search(task, folder, methods) if task.searched else _NO_SEARCH,
        **examples,
    )
    paragraphs = text.split("\n\n")
    text = f"# Methods compared on {dataset}\n\n{summaries.filled(paragraphs)}\n"
    about = {name: METHODS[name].about for name in METHODS if name in methods and METHODS[name].about}
    text += "".join(f"- `{name}`: {words}\n" for name, words in about.items())
    text += f"\n## Which one to take\n\n{choice(runs)}"
    ratios = {"last": costs.read(dataset, folder), "best": {}}
    for time, words in table.TIMES.items():
        text += f"\n## Accuracy at the {words}\n\n{summaries.markdown_table(table.rows(runs, time, ratios[time]))}"
    noisy = {noise: methods for noise, methods in runs.items() if noise != CLEAN.name}
    text += "\n## Wrong labels learned\n\nThe fraction of wrong training labels that are predicted at the end, %.\n\n"
    return text + summaries.markdown_table(table.rows(noisy, "memorised", {}))


def _left_out(stored, others):
    """Sentences on the trainings that are not in the tables."""
    failed = [path for path, content in stored.items() if "failed" in content["scores"]]
    named = ", ".join(f"`{path.stem}` ({table.title(path.parent.name)})" for path in failed)
    text = "No training diverged."
    if failed:
        text = f"Left out are trainings that diverged, so that their cells are those of survivors: {named}."
    of_others = ", ".join(f"`{path.parent.name}/{path.name}`" for path in others)
    return f"{text} Left out as runs of other settings: {of_others}." if others else text


def _noise(runs):
    """A sentence on the kinds of noise."""
    words = [one for kind, one in _NOISES.items() if any(noise.startswith(kind) for noise in runs)]
    return "; ".join(words).capitalize() if words else "No label is wrong"


def _search(task, folder, methods):
    """The paragraph on the search over values."""
    return _SEARCH.format(
        search_seeds=len(task.search_seeds),
        searched=_searched(folder),
        not_searched=_and([f"`{name}`" for name in METHODS if name in methods and not METHODS[name].space]),
    )


def _searched(folder):
    """The methods that were searched over, with the number of points, as text."""
    counts = {}
    for path in sorted(folder.glob("*/*-search.json")):
        name, found = path.stem.removesuffix("-search"), results.read_measured(path)
        if "chosen" in found:
            counts[name] = max(counts.get(name, 0), len(found["trials"]))
    return ", ".join(f"`{name}` {counts[name]}" for name in sorted(counts)) or "none"


def choice(runs):
    """Return paragraphs on the methods that one would take, and on those of this package's papers, as Markdown.

    Args:
        runs: as `table.scores` returns them.
    """
    means = {name: table.mean(runs, name) for name in table.ordered(runs) if not METHODS[name].told}
    ranked = [name for name, one in means.items() if one is not None]  # in the order of these means
    if CROSS_ENTROPY not in ranked:
        return f"`{CROSS_ENTROPY}` has no runs under some of these noises yet.\n"
    losses = [name for name in ranked if METHODS[name].only_a_loss]

    def placed(name):
        against = "" if name == CROSS_ENTROPY else f", {against_cross_entropy(runs, name)}"
        return f"`{name}` {means[name]:.1f} (place {ranked.index(name) + 1}{against})"

    def first(names):
        best, *others = map(placed, names[:4])
        return f"one would take {best}" + (f"; then come {_and(others)}." if others else ".")

    lines = [
        f"By the mean accuracy over these noises at the last epoch, of the {len(ranked)} methods that are told nothing "
        f"else {first(ranked)}",
        f"Of those that change nothing but the loss, and need no ids of examples, {first(losses)}",
        f"Plain {placed(CROSS_ENTROPY)}.",
        f"The losses of this package's papers: {_and([placed(name) for name in _OWN if name in ranked]) or 'none'}.",
        "In parentheses stand the noises under which a method is better than cross-entropy, and worse, by the same "
        "test, of those with three seeds or more.",
    ]
    return summaries.filled(lines)


def against_cross_entropy(runs, name):
    """Return under how many noises a method is significantly better and worse than cross-entropy, as text.

    Args:
        runs: as `table.scores` returns them.
        name: a key of `METHODS`.
    """
    better = worse = tested = 0
    for methods in runs.values():
        own, plain = methods.get(name, {}), methods.get(CROSS_ENTROPY, {})
        gap = np.array([own[seed]["last"] - plain[seed]["last"] for seed in sorted(own.keys() & plain.keys())])
        if len(gap) >= FEWEST_SEEDS:
            tested += 1
            is_told_apart = p_values([gap])[0] <= LEVEL
            better, worse = better + (is_told_apart and gap.mean() > 0), worse + (is_told_apart and gap.mean() < 0)
    return f"better {better}, worse {worse} of {tested}" if tested else "too few seeds for a test"


def _and(words):
    """Words as a list in a sentence."""
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))

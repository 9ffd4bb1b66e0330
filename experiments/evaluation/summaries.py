"""Summaries of finished runs: scores over seeds, as numbers and as text."""

import textwrap

import numpy as np

from experiments.evaluation import paired_tests

SCORES = {  # heading of the table: key, factor, digits
    "test": ("test_accuracy", 100, 2),
    "NLL": ("test_negative_log_likelihood", 1, 3),
    "Brier": ("test_brier_score", 1, 3),
    "ECE 15": ("test_ece_15_bins", 1, 3),
    "ECE 100": ("test_ece_100_bins", 1, 3),
    "scaled": ("test_ece_100_bins_scaled", 1, 3),
    "train": ("accuracy", 100, 1),
    "clean part": ("accuracy_clean", 100, 1),
    "noisy: true": ("accuracy_mislabelled_true", 100, 1),
    "noisy: fit": ("accuracy_mislabelled", 100, 1),
    "error of T": ("transition_mean_absolute_error", 1, 4),
}
# Scores that only some experiments have: no columns of the table, but what claims of papers are about.
FURTHER_SCORES = {
    "ensemble of 20": ("ensembles/20", 100, 2),
    "FGSM": ("fgsm_accuracy", 100, 2),
    "PGD": ("pgd_accuracy", 100, 2),
    "divergence": ("human_divergence", 1, 4),
}
_ALL = {**SCORES, **FURTHER_SCORES}
COLUMNS = (
    "test: on clean test labels. ECE: calibration error, 15 and 100 bins; scaled: with 100 bins, at the temperature "
    "fitted to held-out observed labels. train: on training examples by their true class: all, correctly labelled ones "
    "(clean part), mislabelled ones (noisy: true); noisy: fit, mislabelled ones by their wrong label. error of T: mean "
    "absolute error of the transition that a correction assumes."
)
_MARK = " †"
_DAGGER = (
    "†: to be repeated. These runs have exact counts of wrong labels whose ties went by class index, where the seed "
    "breaks them now; or they are of learnable label smoothing by Adam, from before it summed the gradients of equal "
    "labels: the steps of Q were too long."
)


def by_experiment(runs):
    """Return a dict `{name of experiment: its runs}`."""
    groups = {}
    for result in runs:
        groups.setdefault(result["settings"]["name"], []).append(result)
    return groups


def values(group, heading):
    """Return the scores of the runs of one experiment under a heading; runs without it are left out.

    Args:
        group: list of results.
        heading: one of `SCORES` or `FURTHER_SCORES`.

    Returns:
        A list of floats, in the unit of the table.
    """
    key, factor, _ = _ALL[heading]
    found = [score({**result["scores"], **result["scores"]["train"]}, key) for result in group]
    return [factor * value for value in found if value is not None]


def score(scores, key):
    """Return one score of a result, `None` if it has none.

    Args:
        scores: dict, the scores of a result.
        key: name of the score, with "/" before one within a dict.

    Example:
        >>> score({"ensembles": {"6": 0.8}}, "ensembles/6")
        0.8
    """
    *folder, name = key.split("/")
    for part in folder:
        scores = scores.get(part, {})
    return scores.get(name)


def decimals(heading):
    """Return the number of digits after the point under a heading."""
    return _ALL[heading][2]


def mean(group, heading):
    """Return mean ± standard deviation over the runs of one experiment, as text."""
    return number_text(mean_and_deviation(values(group, heading)), f".{decimals(heading)}f")


def mean_and_deviation(numbers):
    """Return the mean and the standard deviation, `None` of one number; `None` for both without any."""
    if not len(numbers):
        return None
    return np.mean(numbers), np.std(numbers, ddof=1) if len(numbers) > 1 else None


def number_text(number, style, deviation_style=None):
    """Return "mean ± standard deviation".

    Args:
        number: mean and standard deviation, or mean and `None`; or `None`, which becomes a dash.
        style: text, a format of Python.
        deviation_style: the same for the standard deviation; `style` by default.

    Example:
        >>> number_text((97.206, 0.38), ".2f"), number_text((97.206, None), ".2f"), number_text(None, ".2f")
        ('97.21 ± 0.38', '97.21', '–')
    """
    if number is None:
        return "–"
    average, deviation = number
    return f"{average:{style}}" + ("" if deviation is None else f" ± {deviation:{deviation_style or style}}")


def mark(group):
    """Return a dagger if a run of the past was made otherwise than it would be today, else nothing.

    Equal remainders of a row of exact counts were dealt out by class index, which favoured the first classes; and Adam
    squared the gradients of equal labels one by one for learnable label smoothing.
    """
    return _MARK if any(_ties_by_index(one) or _long_steps_of_targets(one) for one in group) else ""


def draw(result):
    """Return what two runs share if they have the same wrong labels: their seed, and how ties of exact counts went.

    Runs of one seed are pairs of a paired test; runs of one seed with other wrong labels are not.
    """
    return result["settings"]["seed"], _ties_by_index(result)


def legend(text, shown):
    """Return the legend of a table, which explains the dagger only if one is shown.

    Args:
        text: the rest of the legend.
        shown: text, the table.
    """
    return f"{text} {_DAGGER}".strip() if _MARK in shown else text


def _ties_by_index(result):
    noise = result["settings"].get("noise", {})
    return bool(
        noise.get("exact") and noise["kind"].startswith("symmetric") and "ties" not in result.get("resolved", {})
    )


def _long_steps_of_targets(result):
    """True for runs from before results had a digest, as all of these are."""
    settings = result["settings"]
    learned = settings.get("method", {}).get("loss") == "LearnableLabelSmoothing" and "Adam" in settings["optimizer"]
    return learned and "digest" not in result


def filled(paragraphs):
    """Return paragraphs, a list of text, in lines of at most 120 characters."""
    return "\n\n".join(textwrap.fill(one, 120, break_on_hyphens=False) for one in paragraphs) + "\n"


def markdown_table(rows):
    """Return rows of text, the first of them headings, as Markdown."""
    head, *body = map(list, rows)
    return "".join(f"| {' | '.join(line)} |\n" for line in [head, ["---"] * len(head), *body])


def beside_baseline(runs, scores, baseline):
    """Table of methods as Markdown: mean and deviation over runs in percent, and a comparison with a baseline.

    The comparison is the number of runs in which a method has the higher score, and p of a paired t test.

    Args:
        runs: list of `{method: {score: fraction}}`, one a seed.
        scores: dict from a score to its heading.
        baseline: text, the method that the others are compared with.
    """
    rows = [["loss", *(cell for title in scores.values() for cell in (title, "higher (p)"))]]
    for name in runs[0]:
        cells = []
        for score in scores:
            found, plain = (np.array([run[one][score] for run in runs]) for one in (name, baseline))
            higher = f"{np.sum(found > plain)} of {len(runs)} ({paired_tests.p_values([found - plain])[0]:.2g})"
            cells += [f"{100 * found.mean():.1f} ± {100 * found.std(ddof=1):.1f}", "" if name == baseline else higher]
        rows.append([name, *cells])
    return markdown_table(rows)

"""Summaries of finished runs: scores over seeds, as numbers and as text."""

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
_MARK = " †"
_DAGGER = (
    "†: run on exact counts of wrong labels whose ties went by class index; the seed breaks them now, so that the run "
    "is to be repeated."
)


def by_experiment(runs):
    """Return a dict `{name of experiment: its runs}`."""
    groups = {}
    for result in runs:
        groups.setdefault(result["settings"]["name"], []).append(result)
    return groups


def values(group, heading):
    """Return the scores of the runs of one experiment under a heading of the table; runs without it are left out.

    Args:
        group: list of results.
        heading: one of `SCORES`.

    Returns:
        A list of floats, in the unit of the table.
    """
    key, factor, _ = SCORES[heading]
    found = [{**result["scores"], **result["scores"]["train"]}.get(key) for result in group]
    return [factor * value for value in found if value is not None]


def decimals(heading):
    """Return the number of digits after the point under a heading."""
    return SCORES[heading][2]


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
    """Return a dagger if a run's exact counts of wrong labels favoured the first classes, else nothing.

    In runs of the past, equal remainders of a row were dealt out by class index.
    """
    return _MARK if any(map(_ties_by_index, group)) else ""


def legend(text, rows):
    """Return the legend of a table, which explains the dagger only if one is shown.

    Args:
        text: the rest of the legend.
        rows: the rows of the table, each a sequence of texts.
    """
    return f"{text} {_DAGGER}" if any(cell.endswith(_MARK) for row in rows for cell in row) else text


def _ties_by_index(result):
    noise = result["settings"]["noise"]
    return bool(
        noise.get("exact") and noise["kind"].startswith("symmetric") and "ties" not in result.get("resolved", {})
    )


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

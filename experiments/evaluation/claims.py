"""Claims of a paper as data, and the verdicts of finished runs on them.

A claim is a list of comparisons of two methods by a score, in each setting that it is made for. A setting decides it by
paired t tests over at least three seeds that both methods have, at 5 %, two-sided, with Holm's correction for the
comparisons of the claim. A gain that counts is as good as refuted, too, where five seeds or more bound it from above.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

from experiments.evaluation import summaries
from experiments.evaluation.paired_tests import FEWEST_SEEDS, LEVEL, p_values, standard_error

VERDICTS = ("holds", "does not hold", "undecided", "not run")
_SMALLEST_GAIN = {
    "ECE 15": 0.005,
    "ECE 100": 0.005,
    "divergence": 0.005,
}  # else half a point: less is not worth the word
# By the fewest seeds that can bound a gain: in steps of one test example, three of them are too easily the same.
_FEWEST_SEEDS_FOR_NONE = 5
_VOTES = {"for": "+", "against": "-", "without gain": "=", "undecided": "?"}


class Comparison(NamedTuple):
    """Claim that `better` scores more than `worse`; with `sign` -1, less; with `within`, at most that much less."""

    better: str
    worse: str
    heading: str = "test"
    sign: int = 1
    within: float | None = None


class Claim(NamedTuple):
    """One claim of a paper.

    Args:
        text: the claim, without a full stop.
        source: text, the table or figure of the paper that it is read from.
        settings: a dict from a folder of experiments to the comparisons that decide the claim there. Their methods are
            names of experiments without the folder, or, after a "/", with it.
    """

    text: str
    source: str
    settings: Mapping[str, Sequence[Comparison]]


class Judgement(NamedTuple):
    """Verdict of one setting on a claim.

    Args:
        verdict: one of `VERDICTS`.
        votes: text, the verdict in words if the comparisons agree, else how many of them are for and against it.
        figures: text, the differences; empty without any.
    """

    verdict: str
    votes: str
    figures: str


def differences(methods, comparison):
    """Return `sign (better - worse)` of a comparison, one number for each draw of the noise that both methods have.

    Args:
        methods: a dict `{method: its results}`.
        comparison: a `Comparison`.

    Returns:
        float `[seeds]`, in the heading's unit.
    """
    by_draw = [
        {summaries.draw(result): summaries.values([result], comparison.heading) for result in methods.get(method, ())}
        for method in (comparison.better, comparison.worse)
    ]
    common = sorted(draw for draw in by_draw[0].keys() & by_draw[1].keys() if by_draw[0][draw] and by_draw[1][draw])
    better, worse = (np.array([one[draw] for draw in common]).reshape(-1) for one in by_draw)
    return comparison.sign * (better - worse)


def decide(gains, comparisons):
    """Return the verdict on each comparison, a list of marks.

    "+" is for the claim, "-" against it, "=" is a gain, if there is one, below the smallest that counts, "?" undecided.

    Args:
        gains: list of float `[seeds]`, as `differences` returns them.
        comparisons: list of `Comparison`, of the same length.
    """
    p = p_values(gains)
    ranks = np.argsort(np.argsort(p))
    holm = np.maximum.accumulate(np.sort(p) * (len(p) - np.arange(len(p))))[ranks]
    return [_mark(*one, len(gains)) for one in zip(comparisons, gains, holm, strict=True)]


def _mark(comparison, gain, p, number):
    """The mark of one of several comparisons.

    Args:
        comparison: a `Comparison`.
        gain: float `[seeds]`.
        p: its p value, corrected for the number of comparisons.
        number: how many comparisons the claim has.
    """
    mean, reach = gain.mean(), stats.t.isf(LEVEL / 2 / number, len(gain) - 1) * standard_error(gain)
    if comparison.within is not None:
        return "+" if mean - reach > -comparison.within else "-" if mean + reach < -comparison.within else "?"
    smallest = _SMALLEST_GAIN.get(comparison.heading, 0.5)
    if p <= LEVEL and abs(mean) >= smallest:
        return "+" if mean > 0 else "-"
    return "=" if mean + reach < smallest and len(gain) >= _FEWEST_SEEDS_FOR_NONE else "?"


def judge(comparisons, methods):
    """Return the `Judgement` of one setting.

    The claim holds if each comparison is for it, and does not hold if one is against it or without gain: it is made for
    all of them.

    Args:
        comparisons: list of `Comparison`, those of the claim in this setting.
        methods: as in `differences`.
    """
    found = [(one, gains) for one in comparisons if len(gains := differences(methods, one)) >= FEWEST_SEEDS]
    if not found:
        return Judgement("not run", "Not judged", "")
    tested, gains = zip(*found, strict=True)
    decided = decide(gains, tested)
    votes = {word: decided.count(mark) for word, mark in _VOTES.items()}
    votes["not run"] = len(comparisons) - len(tested)
    fails = votes["against"] or votes["without gain"]
    verdict = "does not hold" if fails else "holds" if votes["for"] == len(comparisons) else "undecided"
    unanimous = {
        "for": "Holds",
        "against": "The opposite holds",
        "without gain": "No gain",
        "undecided": "Undecided",
    }
    words = next((word for key, word in unanimous.items() if votes[key] == len(comparisons)), None)
    words = words or ", ".join(f"{count} {word}" for word, count in votes.items() if count).capitalize()
    figures = [_figure(*one) for one in zip(tested, gains, decided, strict=True)]
    return Judgement(verdict, words, "; ".join(figures))


def _figure(comparison, gain, mark):
    digits = summaries.decimals(comparison.heading)
    mean, error = (f"{value:{form}.{digits}f}" for value, form in ((gain.mean(), "+"), (standard_error(gain), "")))
    better, worse = (name.removeprefix("/") for name in (comparison.better, comparison.worse))
    return f"{better} against {worse} {mean} ± {error} ({mark})"


def overall(verdicts):
    """Return one verdict of those of several settings; settings that disagree make "depends on the setting".

    Args:
        verdicts: list of `VERDICTS`.

    Example:
        >>> overall(["holds", "undecided", "not run"]), overall(["undecided", "not run"]), overall(["not run"])
        ('holds', 'undecided', 'not run')
    """
    decided = {"holds", "does not hold"} & set(verdicts)
    if len(decided) == 2:
        return "depends on the setting"
    return next((word for word in (*decided, "undecided") if word in verdicts), "not run")

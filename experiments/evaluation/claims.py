"""Claims of a paper as data, and the verdicts of finished runs on them.

A claim is a list of comparisons of two methods by a score, in each setting that it is made for. A setting decides it by
paired t tests over at least three seeds that both methods have, at 5 %, two-sided, with Holm's correction for the
comparisons of the claim. Five seeds or more can also refute a gain that counts, by an upper bound below it.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

from experiments.evaluation import summaries
from experiments.evaluation.paired_tests import FEWEST_SEEDS, LEVEL, p_values, standard_error

VERDICTS = ("holds", "does not hold", "undecided", "not run")
_ON_TEST_EXAMPLES = ("test", "ensemble of 20", "FGSM", "PGD")
_ACCURACIES = (*_ON_TEST_EXAMPLES, "clean part", "noisy: true", "noisy: fit")  # in percent
_SMALLEST_GAIN = {  # less is not worth the word
    **dict.fromkeys(_ACCURACIES, 0.5),
    **dict.fromkeys(("ECE 15", "ECE 100", "divergence"), 0.005),
}
_FEWEST_SEEDS_FOR_A_BOUND = 5
TEST_EXAMPLES = {"digits": 360, "two_moons": 1_000, "two_circles": 1_000}  # of the data sets of committed runs
TEST_EXAMPLES |= dict.fromkeys(("mnist", "fashion_mnist", "digit_pairs", "cifar10", "cifar10n"), 10_000)
_VOTES = {"for": "+", "against": "-", "without a gain that counts": "=", "undecided": "?"}


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


class Sample(NamedTuple):
    """Paired differences of two methods, in the unit of the heading.

    Args:
        gains: float `[seeds]`, `sign (better - worse)` for each draw of the noise that both methods have.
        room: the largest mean gain that `worse` leaves, up to the bound of the score.
        step: that of an accuracy from one test example to the next, the least standard deviation that is believed; 0
            for scores that are no counts, NaN for counts of training examples, and where nobody knows of how many.
    """

    gains: np.ndarray
    room: float
    step: float


def sample(methods, comparison):
    """Return the `Sample` of a comparison.

    Args:
        methods: a dict `{method: its results}`.
        comparison: a `Comparison`.
    """
    heading, sign = comparison.heading, comparison.sign
    by_draw = [
        {summaries.draw(result): summaries.values([result], heading) for result in methods.get(method, ())}
        for method in (comparison.better, comparison.worse)
    ]
    common = sorted(draw for draw in by_draw[0].keys() & by_draw[1].keys() if by_draw[0][draw] and by_draw[1][draw])
    better, worse = (np.array([one[draw] for draw in common]).reshape(-1) for one in by_draw)
    mean = worse.mean() if common else np.nan
    highest, step = (100, _step(methods.values(), heading)) if heading in _ACCURACIES else (1, 0.0)
    return Sample(sign * (better - worse), highest - mean if sign > 0 else mean, step)


def _step(groups, heading):
    """The step of an accuracy from one test example to the next, in points."""
    if heading not in _ON_TEST_EXAMPLES:
        return np.nan
    return 100 / next((number_of_test_examples(result) for group in groups for result in group), np.nan)


def number_of_test_examples(result):
    """Return how many test examples a run had, by its confusion matrix or else its data; NaN where neither tells."""
    if "test_confusion" in result:
        return np.sum(result["test_confusion"])
    settings = result["settings"]
    share = settings.get("source", {}).get("class_share", 1)  # of classes of about equal size
    return share * TEST_EXAMPLES.get(settings["dataset"].partition(":")[0], np.nan)


def decide(samples, comparisons, number):
    """Return the verdict on each comparison, a list of marks.

    "+" is for the claim, "-" against it, "=" has no gain that counts, "?" is undecided.

    Args:
        samples: list of `Sample`.
        comparisons: list of `Comparison`, of the same length.
        number: how many comparisons the claim has, with those that were not run.
    """
    p = p_values([one.gains for one in samples], [one.step for one in samples])
    ranks = np.argsort(np.argsort(p))
    holm = np.maximum.accumulate(np.sort(p) * (number - np.arange(len(p))))[ranks]
    return [_mark(*one, number) for one in zip(comparisons, samples, holm, strict=True)]


def _mark(comparison, sample, p, number):
    """The mark of one of several comparisons, by its p value after Holm's correction, or by an interval."""
    gains, room, step = sample
    mean, reach = gains.mean(), stats.t.isf(LEVEL / 2 / number, len(gains) - 1) * standard_error(gains, step)
    if comparison.within is not None:
        return "+" if mean - reach > -comparison.within else "-" if mean + reach < -comparison.within else "?"
    smallest = _SMALLEST_GAIN[comparison.heading]
    if p <= LEVEL and abs(mean) >= smallest:
        return "+" if mean > 0 else "-"
    bounded = mean + reach < smallest and len(gains) >= _FEWEST_SEEDS_FOR_A_BOUND
    # A small gain is a gain; where none would fit, that there is none says nothing; few counts are equal by chance.
    says_something = not (p <= LEVEL and mean > 0) and room > smallest and not np.isnan(step)
    return "=" if bounded and says_something else "?"


def judge(comparisons, methods):
    """Return the `Judgement` of one setting.

    The claim holds if each comparison is for it, and does not hold if one is against it or without a gain that counts:
    it is made for all of them.

    Args:
        comparisons: list of `Comparison`, those of the claim in this setting.
        methods: as in `sample`.
    """
    samples = [(one, sample(methods, one)) for one in comparisons]
    found = [(one, paired) for one, paired in samples if len(paired.gains) >= FEWEST_SEEDS]
    if not found:
        return Judgement("not run", "Not judged", "")
    tested, samples = zip(*found, strict=True)
    decided = decide(samples, tested, len(comparisons))
    votes = {word: decided.count(mark) for word, mark in _VOTES.items()}
    votes["not run"] = len(comparisons) - len(tested)
    fails = votes["against"] or votes["without a gain that counts"]
    verdict = "does not hold" if fails else "holds" if votes["for"] == len(comparisons) else "undecided"
    unanimous = {
        "for": "Holds",
        "against": "The opposite holds",
        "without a gain that counts": "No gain that counts",
        "undecided": "Undecided",
    }
    words = next((word for key, word in unanimous.items() if votes[key] == len(comparisons)), None)
    words = words or ", ".join(f"{count} {word}" for word, count in votes.items() if count).capitalize()
    figures = [_figure(*one) for one in zip(tested, samples, decided, strict=True)]
    return Judgement(verdict, words, "; ".join(figures))


def _figure(comparison, sample, mark):
    digits = summaries.decimals(comparison.heading)
    mean = round(sample.gains.mean(), digits) + 0.0  # no "-0.00"
    better, worse = (name.removeprefix("/") for name in (comparison.better, comparison.worse))
    error = standard_error(sample.gains, sample.step)
    return f"{better} against {worse} {mean:+.{digits}f} ± {error:.{digits}f} ({mark})"


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

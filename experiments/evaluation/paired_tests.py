"""Paired t tests over seeds, because runs of one seed share their data, noise and order."""

import numpy as np
from scipy import stats

LEVEL = 0.05
FEWEST_SEEDS = 3


def p_values(differences, least=0.0):
    """Return the two-sided p value of each paired difference, 1 where all of its values are 0.

    Args:
        differences: list of float `[seeds]`, two seeds or more in each.
        least: as in `standard_error`, a float or one for each difference.

    Returns:
        float `[len(differences)]`.

    Example:
        >>> [round(float(p), 4) for p in p_values([np.array([1.0, 2.0, 3.0]), np.zeros(3)])]
        [0.0742, 1.0]
    """
    means = np.array([one.mean() for one in differences])
    least = np.broadcast_to(least, len(differences))
    errors = np.array([standard_error(*one) for one in zip(differences, least, strict=True)])
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.abs(means) / errors
    return np.nan_to_num(2 * stats.t.sf(t, [len(one) - 1 for one in differences]), nan=1.0)


def standard_error(difference, least=0.0):
    """Return the standard error of the mean of a sample, a float.

    Args:
        difference: float `[seeds]`.
        least: the smallest standard deviation that is believed, if it is known, else NaN; a few counts may all be the
            same by chance.
    """
    return np.fmax(difference.std(ddof=1), least) / np.sqrt(len(difference))


def not_worse_than_best(scores):
    """Return the methods with the highest mean, and those that are not significantly worse than it.

    The highest mean is that of a method with as many seeds as any has, so that a run of one lucky seed does not set it;
    methods with an equal mean and as many seeds are all the best, and the others are tested beside each of them. The
    test is two-sided at 5 %, over the seeds that both have, without a correction for the number of methods. A method
    with fewer than three seeds in common with one of the best is not among them, unless it is one.

    Args:
        scores: a dict `{method: {seed: score}}`; higher is better. Instead of seeds, whatever pairs the scores.

    Returns:
        A set of methods.

    Example:
        >>> best, near, worse = [3.0, 5.0, 4.0], [3.0, 4.5, 4.1], [1.0, 3.1, 1.9]
        >>> runs = {name: dict(enumerate(one)) for name, one in [("best", best), ("near", near), ("worse", worse)]}
        >>> sorted(not_worse_than_best(runs))
        ['best', 'near']
    """
    most = max(map(len, scores.values()), default=0)
    means = {method: float(np.mean(list(own.values()))) for method, own in scores.items() if len(own) == most}
    highest = max(means.values(), default=None)
    best = {method for method, mean in means.items() if np.isclose(mean, highest, rtol=1e-9)}
    return best | {method for method, own in scores.items() if all(_not_worse(own, scores[one]) for one in best)}


def _not_worse(own, best):
    common = sorted(own.keys() & best.keys())
    gap = np.array([best[seed] - own[seed] for seed in common])
    return len(common) >= FEWEST_SEEDS and p_values([gap])[0] > LEVEL

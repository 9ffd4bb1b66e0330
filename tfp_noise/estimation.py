"""Transition matrices estimated from a model that was trained on noisy labels, or from a trusted subset."""

import dataclasses
import functools
import warnings
from typing import NamedTuple

import numpy as np
from scipy import stats

from tfp_noise import _validation, noise
from tfp_noise._confident_joint import confident_joint
from tfp_noise.noise._conditioning import approximate_condition_number

__all__ = ["EstimatedTransition", "TrustedCheck", "from_anchors", "from_confident_counts", "from_trusted"]


@dataclasses.dataclass(frozen=True)
class EstimatedTransition:
    """A transition matrix and how far to trust it.

    Args:
        transition: float64 `[K, K]`, `transition[i, j] = P(observed = j | clean = i)`; rows sum to 1.
        support: int `[K]`, how many examples stand behind each row.
    """

    transition: np.ndarray
    support: np.ndarray

    def __post_init__(self):
        object.__setattr__(self, "transition", _validation.check_transition("transition", self.transition))
        support, expected = _validation.as_numbers("support", self.support), (len(self.transition),)
        if support.dtype.kind not in "iu" or support.shape != expected or support.min() < 0:
            raise ValueError(f"`support` must be counts, int {list(expected)}. Received: {self.support!r:.100}.")
        object.__setattr__(self, "support", support)

    @functools.cached_property
    def condition_number(self):
        """Condition number in the 2-norm: what backward correction multiplies errors by, at most."""
        return noise.condition_number(self.transition)

    def __array__(self, dtype=None, copy=None):
        """The transition itself, so that losses and NumPy take the estimate as it is."""
        return np.array(self.transition, dtype=dtype, copy=copy)

    def check(self, clean, observed):
        """Compares the estimate with a trusted subset, for which clean and observed labels are known.

        Two comparisons, each beside what chance alone would give if the estimate were right:

        - entry by entry, over the rows with trusted examples, `n_i` of class i and `n_ij` of them labelled j: the
          mean of `|n_ij / n_i - T_ij|`, and its expectation for binomial `n_ij`, by de Moivre's formula;
        - as a whole: the share of wrong labels, and `mean_n 1 - T[y_n, y_n]` with its standard error
          `sqrt(sum_n T[y_n, y_n] (1 - T[y_n, y_n])) / n`, for the clean labels `y_n` of the subset.

        With many classes and few examples, the entries can hide a wrong noise rate, which the share shows.

        Args:
            clean: int `[n]`, labels that are trusted.
            observed: int `[n]`, noisy labels of the same examples.

        Returns:
            A `TrustedCheck`.

        Raises:
            ValueError, TypeError: if the labels do not fit, or there are none.

        Example:
            >>> estimate = EstimatedTransition(np.array([[0.8, 0.2], [0.4, 0.6]]), np.array([10, 10]))
            >>> check = estimate.check(np.array([0, 0, 1, 1]), np.array([0, 0, 0, 1]))
            >>> round(check.mean_absolute_error, 3), round(check.sampling_error, 3)
            (0.15, 0.272)
            >>> check.noise_rate, round(check.expected_noise_rate, 3), round(check.standard_error, 3)
            (0.25, 0.3, 0.224)

        References:
            Diaconis, Zabell, "Closed form summation for classical distributions", 1991: de Moivre's formula.
        """
        counts = _count(clean, observed, len(self.transition))
        support = counts.sum(axis=1)
        trusted = support > 0
        rows, examples = self.transition[trusted], support[trusted, None]
        errors = np.abs(counts[trusted] / examples - rows)
        above = np.floor(examples * rows) + 1  # the least count above the expected one
        by_counting = 2 * above * (1 - rows) * stats.binom.pmf(above, examples, rows) / examples
        kept = np.diag(self.transition)
        return TrustedCheck(
            mean_absolute_error=float(errors.mean()),
            sampling_error=float(by_counting.mean()),
            noise_rate=float(1 - np.trace(counts) / support.sum()),
            expected_noise_rate=float(1 - kept @ support / support.sum()),
            standard_error=float(np.sqrt(kept * (1 - kept) @ support) / support.sum()),
            support=support,
        )


class TrustedCheck(NamedTuple):
    """What `EstimatedTransition.check` returns: how wrong the estimate looks, and how wrong a right one would.

    Args:
        mean_absolute_error: float, between entries of the estimate and shares counted on the subset.
        sampling_error: float, what that would be on average by counting so few examples, were the estimate right.
        noise_rate: float, the share of wrong labels in the subset.
        expected_noise_rate: float, that share as the estimate has it.
        standard_error: float, of `noise_rate`, were the estimate right.
        support: int `[K]`, trusted examples of each class.
    """

    mean_absolute_error: float
    sampling_error: float
    noise_rate: float
    expected_noise_rate: float
    standard_error: float
    support: np.ndarray


def from_anchors(probabilities, percentile=97.0):
    """Rows of `transition` read off at one anchor example a class.

    `T[i] = p(x_i)` with `x_i` the example at the given percentile of `p_i` over all `n` examples: where the noisy
    posterior of class i is (nearly) highest, the clean class is taken to be i for certain, and the noisy posterior is
    the row. For a class that the model assigns to `n_i` examples, fewer than a tenth of all, the percentile is that of
    `10 n_i` examples, as if there were ten classes of this size: among more, its anchor would be an example of another
    class.

    Args:
        probabilities: float `[n, K]`, predictions for noisy data of a model that was trained on noisy labels.
        percentile: float in (0, 100]; 100 is the argmax. 97 spares outliers; Lukasik et al. take 99.9.

    Returns:
        An `EstimatedTransition`; its support counts the examples that the model assigns to each class. A class that
        it never assigns keeps the row of its likeliest example, for what it is worth.

    Raises:
        ValueError: if the rows are no distributions or `percentile` is out of range.

    Warns:
        UserWarning: if a class is never predicted (it has no anchor), its row does not have the class itself as its
            likeliest label, or the matrix is ill-conditioned.

    Example:
        >>> p = np.array([[0.8, 0.2], [0.6, 0.4], [0.1, 0.9]])
        >>> from_anchors(p, percentile=100).transition.tolist()
        [[0.8, 0.2], [0.1, 0.9]]

    References:
        Patrini et al., "Making deep neural networks robust to label noise: a loss correction approach", 2017, Eq. 12;
        Lukasik et al., "Does label smoothing mitigate label noise?", 2020, supplement C.1. Departure: both take the
        percentile over all examples for every class, which with more than 33 balanced classes, or a class of less than
        3 %, reads the row of another class at 97.
    """
    probabilities = _validation.check_distributions("probabilities", probabilities)
    percentile = _validation.check_number("percentile", percentile, maximum=100, above=0)
    n, num_classes = probabilities.shape
    support = np.bincount(probabilities.argmax(axis=1), minlength=num_classes)
    # How many examples are above the anchor. Rounded: 0.1 / 100 * 1000 is a little below 1, and 1 is meant.
    above = np.floor(np.round((1 - percentile / 100) * np.minimum(n, 10 * support), 6)).astype(int)
    order = np.argsort(probabilities, axis=0, kind="stable")
    anchors = probabilities[order[n - 1 - np.minimum(above, n - 1), np.arange(num_classes)]]
    cure = (
        "because its anchor is probably an example of another class. Count confident predictions, made by models that "
        "were not trained on the examples that they predict: `from_confident_counts`."
    )
    return _estimate(anchors, support, anchors.argmax(axis=1) == np.arange(num_classes), cure)


def from_confident_counts(probabilities, labels):
    """Counts of examples that a model is confident about, by observed label and predicted class.

    An example counts for class `j` if `p_j` reaches the mean of `p_j` over the examples labelled `j`; of several such
    classes the most probable one. Each observed label's counts are scaled to its number of examples before the rows
    of `transition` are normalised.

    Args:
        probabilities: float `[n, K]`, out-of-sample predictions for noisy data.
        labels: int `[n]`, the observed labels of the same examples.

    Returns:
        An `EstimatedTransition`; its support counts the confident examples of each class.

    Raises:
        ValueError, TypeError: if the rows are no distributions or the labels do not fit.

    Warns:
        UserWarning: if no example is confidently of a class, its row does not have the class itself as its likeliest
            label, confident examples are more than twice or less than half of those with its label, or the matrix is
            ill-conditioned.

    Example:
        >>> p = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8]])
        >>> from_confident_counts(p, np.array([0, 0, 1, 1])).transition.tolist()
        [[1.0, 0.0], [0.0, 1.0]]

    References:
        Northcutt, Jiang, Chuang, "Confident learning: estimating uncertainty in dataset labels", 2021, Eq. 1 to 3.
    """
    probabilities = _validation.check_distribution_rows("probabilities", probabilities)
    num_classes = probabilities.shape[1]
    labels = _validation.check_labels("labels", labels, num_classes)
    if len(labels) != len(probabilities):
        raise ValueError(f"`labels` must be as many as `probabilities`, {len(probabilities)}. Received: {len(labels)}.")
    counts, scaled = confident_joint(probabilities, labels)
    sizes, support = np.bincount(labels.astype(np.int64), minlength=num_classes), counts.sum(axis=1)
    believable = (scaled.argmax(axis=1) == np.arange(num_classes)) & (support <= 2 * sizes) & (2 * support >= sizes)
    cure = (
        "or the model is sure of as many examples as twice or half the class has. Train longer, leave rare classes "
        "out, or count trusted labels: `from_trusted`."
    )
    return _estimate(scaled, support, believable, cure)


def from_trusted(clean, observed, num_classes):
    """Counts of clean and observed labels of a subset for which both are known.

    Args:
        clean: int `[n]`, labels that are trusted.
        observed: int `[n]`, noisy labels of the same examples.
        num_classes: int, K.

    Returns:
        An `EstimatedTransition`; its support counts the trusted examples of each class. A class without any is taken
        to be labelled correctly.

    Raises:
        ValueError, TypeError: if the labels do not fit, or there are none.

    Warns:
        UserWarning: if a class has no trusted example, or the matrix is ill-conditioned.

    Example:
        >>> from_trusted(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]), 2).transition.tolist()
        [[0.5, 0.5], [0.0, 1.0]]
    """
    counts = _count(clean, observed, num_classes)
    return _estimate(counts, counts.sum(axis=1))


def _count(clean, observed, num_classes):
    """How many examples of each class have each label, int `[num_classes, num_classes]`."""
    num_classes = _validation.check_int("num_classes", num_classes, 2)
    clean = _validation.check_labels("clean", clean, num_classes)
    observed = _validation.check_labels("observed", observed, num_classes)
    if len(clean) != len(observed):
        raise ValueError(f"`observed` must be as many as `clean`, {len(clean)}. Received: {len(observed)}.")
    if not len(clean):
        raise ValueError("`clean` must hold at least one label. Received none.")
    pairs = clean.astype(np.int64) * num_classes + observed.astype(np.int64)  # products of small integers wrap
    return np.bincount(pairs, minlength=num_classes**2).reshape(num_classes, num_classes)


def _estimate(rows, support, believable=True, cure=""):
    """Normalises rows; a row of zeros becomes the identity's, and a class without support is warned of."""
    missing = (support == 0) | (rows.sum(axis=1) == 0)
    if missing.any():
        warnings.warn(
            f"No example stands for class {_listed(missing)}: its row of the estimated transition is not "
            "to be trusted. Is the class missing from the data, or did the model never learn it? Train longer, or "
            "count trusted labels: `from_trusted`.",
            stacklevel=3,
        )
    doubtful = ~(missing | believable)
    if doubtful.any():
        warnings.warn(
            f"The row of class {_listed(doubtful)} is not to be trusted: it says that most of its labels are wrong, "
            f"{cure}",
            stacklevel=3,
        )
    rows = np.where(rows.sum(axis=1, keepdims=True) > 0, rows, np.eye(len(rows)))
    estimate = EstimatedTransition(rows / rows.sum(axis=1, keepdims=True), support)
    condition_number = approximate_condition_number(estimate.transition)
    if not condition_number < _validation.ILL_CONDITIONED:
        warnings.warn(
            f"The estimated transition has condition number {condition_number:.3g}: corrections amplify "
            "errors of the estimate by up to that. Check it against trusted labels (`check`), or count those "
            "(`from_trusted`).",
            stacklevel=3,
        )
    return estimate


def _listed(which):
    """The numbers of the classes for which `which` is true, the first ten of them."""
    numbers = np.flatnonzero(which)
    return ", ".join(map(str, numbers[:10])) + (f" and {len(numbers) - 10} more" if len(numbers) > 10 else "")

"""Transition matrices, estimated from a model that was trained on noisy labels or from a trusted subset."""

import dataclasses
import functools
import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from tfp_noise import _positions, _validation, noise
from tfp_noise._confident_joint import confident_joint
from tfp_noise._validation import wording
from tfp_noise.noise._conditioning import approximate_condition_number

__all__ = ["EstimatedTransition", "TrustedCheck", "from_anchors", "from_confident_counts", "from_trusted"]


@dataclasses.dataclass(frozen=True)
class EstimatedTransition:
    """A transition matrix with the number of examples behind each row; losses and NumPy take it as the matrix.

    Args:
        transition: float64 `[K, K]`, `transition[i, j] = P(observed = j | clean = i)`; rows sum to 1.
        support: int `[K]`, number of examples that each row was estimated from.

    Raises:
        TypeError, ValueError: if `transition` is not a transition matrix, or `support` does not hold K counts.

    Example:
        >>> estimate = EstimatedTransition(np.array([[0.75, 0.25], [0.25, 0.75]]), np.array([40, 40]))
        >>> round(estimate.condition_number, 6)
        2.0
    """

    transition: np.ndarray
    support: np.ndarray

    def __post_init__(self):
        object.__setattr__(self, "transition", _validation.check_transition("transition", self.transition))
        support, expected = _validation.as_numbers("support", self.support), (len(self.transition),)
        if support.dtype.kind not in "iu" or support.shape != expected or support.min() < 0:
            raise ValueError(f"`support` must hold counts, int {list(expected)}. Received: {self.support!r:.100}.")
        object.__setattr__(self, "support", support)

    @functools.cached_property
    def condition_number(self) -> float:
        """Condition number in the 2-norm: the largest factor by which backward correction multiplies errors."""
        return noise.condition_number(self.transition)

    def __array__(self, dtype=None, copy=None):
        """The matrix, so that losses and NumPy take an instance in its place."""
        return np.array(self.transition, dtype=dtype, copy=copy)

    def check(self, clean: ArrayLike, observed: ArrayLike) -> "TrustedCheck":
        """Compares the estimate with a trusted subset, for which true and observed labels are known.

        There are two comparisons, each with the deviation that chance alone would cause if the estimate were right:

        - Entry by entry, with `n_i` trusted examples of class i, `n_ij` of them labelled j: the mean of
          `|n_ij / n_i - T_ij|` for `n_i > 0`, and its expectation for binomial `n_ij`, by de Moivre's formula.
        - As a whole: the fraction of wrong labels, and its expectation `mean_n 1 - T[y_n, y_n]` with the standard error
          `sqrt(sum_n T[y_n, y_n] (1 - T[y_n, y_n])) / n`, for the true labels `y_n` of the subset.

        With many classes and few examples, a wrong noise rate is hard to see in the entries, but shows in the fraction.

        Args:
            clean: int `[n]`, true labels, which are trusted.
            observed: int `[n]`, noisy labels of the same examples.

        Returns:
            A `TrustedCheck`.

        Raises:
            TypeError, ValueError: as `from_trusted`.

        Example:
            >>> estimate = EstimatedTransition(np.array([[0.8, 0.2], [0.4, 0.6]]), np.array([10, 10]))
            >>> check = estimate.check(np.array([0, 0, 1, 1]), np.array([0, 0, 0, 1]))
            >>> round(check.mean_absolute_error, 3), round(check.sampling_error, 3)
            (0.15, 0.272)
            >>> check.noise_rate, round(check.expected_noise_rate, 3), round(check.standard_error, 3)
            (0.25, 0.3, 0.224)

        References:
            Diaconis, Zabell, "Closed form summation for classical distributions", 1991, for de Moivre's formula.
        """
        counts = _count(clean, observed, len(self.transition))
        support = counts.sum(axis=1)
        trusted = support > 0
        rows, examples = self.transition[trusted], support[trusted, None]
        errors = np.abs(counts[trusted] / examples - rows)
        above = np.floor(examples * rows) + 1  # the smallest count above the expected one
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
    """Result of `EstimatedTransition.check`: deviations of an estimate from a trusted subset, and those due to chance.

    Args:
        mean_absolute_error: float, mean difference between entries of the estimate and fractions counted on the subset.
        sampling_error: float, expectation of that difference if the estimate is right, due to the size of the subset.
        noise_rate: float, fraction of wrong labels in the subset.
        expected_noise_rate: float, that fraction according to the estimate.
        standard_error: float, standard error of `noise_rate` if the estimate is right.
        support: int `[K]`, number of trusted examples of each class.
    """

    mean_absolute_error: float
    sampling_error: float
    noise_rate: float
    expected_noise_rate: float
    standard_error: float
    support: np.ndarray


def from_anchors(probabilities: ArrayLike, percentile: float = 97.0) -> EstimatedTransition:
    """Estimates each row of the transition matrix from one anchor example of its class.

    `T[i] = p(x_i)`, where the anchor `x_i` is the example at the given percentile of `p_i` over all `n` examples. The
    method assumes that the true class is certainly i where the noisy posterior of class i is (almost) largest, so that
    the noisy posterior there is the row.

    For a class that the model assigns to `n_i < n / 10` examples, the percentile is taken over `10 n_i` examples, as if
    there were ten classes of this size. Over all examples, the anchor would be an example of another class.

    Args:
        probabilities: float `[n, K]`, predictions for noisy data by a model that was trained on noisy labels. Of a
            model with a label at each position, `[n, ..., K]`: each position counts as an example.
        percentile: float in (0, 100]; 100 is the argmax. 97 avoids outliers; Lukasik et al. use 99.9.

    Returns:
        An `EstimatedTransition`, whose support is the number of examples that the model assigns to each class. A class
        that the model never predicts gets the row of its most probable example.

    Raises:
        TypeError, ValueError: if rows are not distributions, or `percentile` is not a number in range.

    Warns:
        UserWarning: if a class is never predicted and therefore has no anchor, if the most probable label of a row is
            not the class itself, or if the matrix is ill-conditioned.

    Example:
        >>> p = np.array([[0.8, 0.2], [0.6, 0.4], [0.1, 0.9]])
        >>> from_anchors(p, percentile=100).transition.tolist()
        [[0.8, 0.2], [0.1, 0.9]]

    References:
        Patrini et al., "Making deep neural networks robust to label noise: a loss correction approach", 2017, Eq. 12;
        Lukasik et al., "Does label smoothing mitigate label noise?", 2020, supplement C.1. Departure: both papers take
        the percentile over all examples for every class. At 97, that returns the row of another class if there are more
        than 33 balanced classes, or if a class has less than 3 % of the examples.
    """
    probabilities, _ = _positions.as_examples(probabilities)
    probabilities = _validation.check_distributions("probabilities", probabilities)
    percentile = _validation.check_number("percentile", percentile, maximum=100, above=0)
    n, num_classes = probabilities.shape
    support = np.bincount(probabilities.argmax(axis=1), minlength=num_classes)
    # Number of examples above the anchor. It is rounded first, because 0.1 / 100 * 1000 is slightly below 1.
    above = np.floor(np.round((1 - percentile / 100) * np.minimum(n, 10 * support), 6)).astype(int)
    order = np.argsort(probabilities, axis=0, kind="stable")
    anchors = probabilities[order[n - 1 - np.minimum(above, n - 1), np.arange(num_classes)]]
    cure = (
        "because its anchor is probably an example of another class. Use `from_confident_counts` with predictions of "
        "models that were not trained on the examples that they predict."
    )
    return _estimate(anchors, support, anchors.argmax(axis=1) == np.arange(num_classes), cure)


def from_confident_counts(
    probabilities: ArrayLike, labels: ArrayLike, class_names: Sequence[str] | None = None
) -> EstimatedTransition:
    """Estimates the transition matrix from the confident joint: confident predictions by class and observed label.

    An example is counted for the most probable class `j` whose `p_j` is at least the mean of `p_j` over the examples
    labelled `j`. The counts of each observed label are scaled to its number of examples before rows are normalised.

    Args:
        probabilities: float `[n, K]`, out-of-sample predictions for noisy data. Of a model with a label at each
            position, `[n, ..., K]`: each position counts as an example. Leave out those without a label:
            `from_confident_counts(probabilities[labels >= 0], labels[labels >= 0])`.
        labels: int `[n]` or `[n, ...]`, observed labels of the same examples or positions.
        class_names: a name a class, for warnings; by default the indices.

    Returns:
        An `EstimatedTransition`, whose support is the number of confident examples of each class.

    Raises:
        TypeError: if labels are not integers, or names no strings.
        ValueError: if rows are not distributions, or labels are out of range or not as many as rows, or names not as
            many as classes.

    Warns:
        UserWarning: if a class has no confident example, if the most probable label of a row is not the class itself,
            if a class has more than twice or less than half as many confident examples as labels, or if the matrix is
            ill-conditioned.

    Example:
        >>> p = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8]])
        >>> from_confident_counts(p, np.array([0, 0, 1, 1])).transition.tolist()
        [[1.0, 0.0], [0.0, 1.0]]

    References:
        Northcutt, Jiang, Chuang, "Confident learning: estimating uncertainty in dataset labels", 2021, Eq. 1 to 3.
    """
    _validation.check_one_order({"probabilities": probabilities, "labels": labels})
    probabilities, labels = _positions.as_examples(probabilities, labels)
    probabilities = _validation.check_distribution_rows("probabilities", probabilities)
    num_classes = probabilities.shape[1]
    no_label = wording.NO_LABEL_BESIDE_PREDICTIONS
    labels = _validation.check_labels("labels", labels, num_classes, no_label=no_label)
    if len(labels) != len(probabilities):
        raise ValueError(
            f"`labels` must be one per row of `probabilities`, {len(probabilities)}. Received: {len(labels)}."
        )
    names = None if class_names is None else _validation.check_class_names(class_names, num_classes)
    counts, scaled = confident_joint(probabilities, labels)
    sizes, support = np.bincount(labels.astype(np.int64), minlength=num_classes), counts.sum(axis=1)
    believable = (scaled.argmax(axis=1) == np.arange(num_classes)) & (support <= 2 * sizes) & (2 * support >= sizes)
    cure = (
        "or the model is confident about more than twice or less than half as many examples as have this label. Train "
        "longer, leave rare classes out, or use trusted labels: `from_trusted`."
    )
    return _estimate(scaled, support, believable, cure, names)


def from_trusted(clean: ArrayLike, observed: ArrayLike, num_classes: int) -> EstimatedTransition:
    """Estimates the transition matrix from a trusted subset, for which true and observed labels are known.

    Args:
        clean: int `[n]`, true labels, which are trusted.
        observed: int `[n]`, noisy labels of the same examples.
        num_classes: int, K.

    Returns:
        An `EstimatedTransition`, whose support is the number of trusted examples of each class. A class without any
        gets the row of the identity matrix, as if it were always labelled correctly.

    Raises:
        TypeError: if labels or `num_classes` are not integers.
        ValueError: if labels are out of range, differ in number, or there are none.

    Warns:
        UserWarning: if a class has no trusted example, or the matrix is ill-conditioned.

    Example:
        >>> from_trusted(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]), 2).transition.tolist()
        [[0.5, 0.5], [0.0, 1.0]]
    """
    counts = _count(clean, observed, num_classes)
    return _estimate(counts, counts.sum(axis=1))


def _count(clean, observed, num_classes):
    """Number of examples by class and observed label, int `[num_classes, num_classes]`."""
    _validation.check_one_order({"clean": clean, "observed": observed})
    num_classes = _validation.check_int("num_classes", num_classes, 2)
    clean = _validation.check_labels("clean", clean, num_classes)
    observed = _validation.check_labels("observed", observed, num_classes)
    if len(clean) != len(observed):
        raise ValueError(f"`observed` must have the length of `clean`, {len(clean)}. Received: {len(observed)}.")
    if not len(clean):
        raise ValueError("`clean` must hold at least one label. Received: none.")
    pairs = clean.astype(np.int64) * num_classes + observed.astype(np.int64)  # products of small integers wrap
    return np.bincount(pairs, minlength=num_classes**2).reshape(num_classes, num_classes)


def _estimate(rows, support, believable=True, cure="", names=None):
    """Normalises rows, with the identity's row for a row of zeros, and warns of classes that cannot be trusted."""
    missing = (support == 0) | (rows.sum(axis=1) == 0)
    if missing.any():
        warnings.warn(
            f"The estimated row of class {_listed(missing, names)} cannot be trusted: no example stands behind it. Is "
            "the class missing from the data, or did the model never learn it? Train longer, or use `from_trusted`.",
            stacklevel=3,
        )
    doubtful = ~(missing | believable)
    if doubtful.any():
        warnings.warn(
            f"The estimated row of class {_listed(doubtful, names)} cannot be trusted: it says that most labels are "
            f"wrong, {cure}",
            stacklevel=3,
        )
    rows = np.where(rows.sum(axis=1, keepdims=True) > 0, rows, np.eye(len(rows)))
    estimate = EstimatedTransition(rows / rows.sum(axis=1, keepdims=True), support)
    condition_number = approximate_condition_number(estimate.transition)
    if not condition_number < _validation.ILL_CONDITIONED:
        warnings.warn(
            f"The estimated transition has condition number {condition_number:.3g}: backward correction may multiply "
            "its errors by that. Compare it with trusted labels (`check`), or use them (`from_trusted`).",
            stacklevel=3,
        )
    return estimate


def _listed(which, names):
    """Names or numbers of the first ten classes for which `which` is true, as text."""
    classes = np.flatnonzero(which)
    shown = [str(one) if names is None else repr(names[one]) for one in classes[:10]]
    return ", ".join(shown) + (f" and {len(classes) - 10} more" if len(classes) > 10 else "")

"""Transition matrices: the probability of each observed label, for each clean one."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from tfp_noise import _validation

_MNIST_PAIRS = {7: 1, 2: 7, 5: 6, 6: 5, 3: 8}
_ASYMMETRIC_PAIRS = {
    "digits": _MNIST_PAIRS,
    "mnist": _MNIST_PAIRS,
    # bird -> airplane, truck -> automobile, cat <-> dog, deer -> horse
    "cifar10": {2: 0, 9: 1, 3: 5, 5: 3, 4: 7},
    "cifar100": {i: (i + 1) % 100 for i in range(100)},
}
_NUM_CLASSES = {"digits": 10, "mnist": 10, "cifar10": 10, "cifar100": 100}


def symmetric(num_classes: int, rate: float, include_true: bool = True) -> np.ndarray:
    """Symmetric noise: with probability `rate` a label is replaced by one drawn uniformly.

    `T = (1 - rate) I + rate / K J` with `include_true` (the new label may be the true one, so that a fraction
    `rate (K - 1) / K` of the labels ends up wrong), else `T = (1 - rate) I + rate / (K - 1) (J - I)`.

    Args:
        num_classes: int, K >= 2.
        rate: float in [0, 1].
        include_true: bool, whether the uniform draw includes the true class.

    Returns:
        float64 `[K, K]`.

    Raises:
        TypeError: if an argument is of another type.
        ValueError: if `num_classes` or `rate` is out of range.

    Example:
        >>> symmetric(4, 0.4)[0].tolist()
        [0.7, 0.1, 0.1, 0.1]
        >>> round(effective_rate(symmetric(4, 0.4)), 6)
        0.3

    References:
        Lukasik et al., "Does label smoothing mitigate label noise?", 2020, section 4.1 (with the true class); its
        Eq. 3 counts flips to other classes and converts by `alpha = K / (K - 1) rho`.
    """
    num_classes = _validation.check_int("num_classes", num_classes, 2)
    rate = _validation.check_number("rate", rate, 0, 1)
    if _validation.check_bool("include_true", include_true):
        return (1 - rate) * np.eye(num_classes) + rate / num_classes
    off = rate / (num_classes - 1)
    return (1 - rate - off) * np.eye(num_classes) + off


def from_pairs(num_classes: int, pairs: Mapping[int, int], rate: float) -> np.ndarray:
    """Noise that turns each class in `pairs` into another one with probability `rate`.

    Args:
        num_classes: int, K >= 2.
        pairs: mapping from a source class to its target class; all other classes keep their labels.
        rate: float in [0, 1].

    Returns:
        float64 `[K, K]`.

    Raises:
        TypeError: if an argument is of another type.
        ValueError: if a class is outside `[0, K)`, a target equals its source, or `rate` is out of range.

    Example:
        >>> from_pairs(3, {0: 2}, 0.25).tolist()
        [[0.75, 0.0, 0.25], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    num_classes = _validation.check_int("num_classes", num_classes, 2)
    rate = _validation.check_number("rate", rate, 0, 1)
    if not isinstance(pairs, Mapping):
        raise TypeError(f"`pairs` must be a mapping such as {{source: target}}. Received: {pairs!r:.100}.")
    transition = np.eye(num_classes)
    for source, target in pairs.items():
        _validation.check_labels("pairs", [source, target], num_classes)
        if source == target:
            raise ValueError(f"`pairs` must change the class. Received: {source} -> {target}. Leave that class out.")
        transition[source, source] = 1 - rate
        transition[source, target] = rate
    return transition


def pair_flip(num_classes: int, rate: float) -> np.ndarray:
    """Noise that turns class `i` into class `i + 1`, and the last into the first, with probability `rate`.

    Args:
        num_classes: int, K >= 2.
        rate: float in [0, 1].

    Returns:
        float64 `[K, K]`.

    Raises:
        TypeError: if an argument is of another type.
        ValueError: if `num_classes` or `rate` is out of range.

    Example:
        >>> pair_flip(3, 0.5).tolist()
        [[0.5, 0.5, 0.0], [0.0, 0.5, 0.5], [0.5, 0.0, 0.5]]
    """
    num_classes = _validation.check_int("num_classes", num_classes, 2)
    rate = _validation.check_number("rate", rate, 0, 1)
    return (1 - rate) * np.eye(num_classes) + rate * np.roll(np.eye(num_classes), 1, axis=1)


def asymmetric(dataset_name: str, rate: float) -> np.ndarray:
    """The asymmetric noise of Englesson et al. 2023 for a named data set: classes flip to similar ones.

    MNIST (and `digits`, which has the same classes): 7 -> 1, 2 -> 7, 5 <-> 6, 3 -> 8. CIFAR-10: bird -> airplane,
    truck -> automobile, cat <-> dog, deer -> horse. CIFAR-100: each class to the next, cyclically.

    The paper's text leaves out truck -> automobile; it is in the authors' code, which produced the paper's numbers, and
    in Patrini et al. 2017. The map as printed is `from_pairs(10, {2: 0, 3: 5, 5: 3, 4: 7}, rate)`.

    Args:
        dataset_name: "digits", "mnist", "cifar10" or "cifar100".
        rate: float in [0, 1], the probability of a flip within an affected class.

    Returns:
        float64 `[K, K]`.

    Raises:
        TypeError: if `rate` is not a number.
        ValueError: if the data set has no published map, or `rate` is out of range.

    Example:
        >>> asymmetric("mnist", 0.4)[7, [1, 7]].tolist()
        [0.4, 0.6]

    References:
        Englesson, Mehrpanah, Azizpour, "Logistic-Normal likelihoods for heteroscedastic label noise in
        classification", 2023, section 5.4.
    """
    kind = "data set with a published asymmetric noise"
    _validation.check_choice("dataset_name", dataset_name, _ASYMMETRIC_PAIRS, kind)
    return from_pairs(_NUM_CLASSES[dataset_name], _ASYMMETRIC_PAIRS[dataset_name], rate)


def effective_rate(transition: ArrayLike) -> float:
    """Fraction of labels that this noise makes wrong if the classes are balanced: `1 - trace(T) / K`.

    Args:
        transition: float `[K, K]`, rows sum to 1.

    Returns:
        A float in [0, 1].

    Raises:
        ValueError: if `transition` is not such a matrix.

    Example:
        >>> effective_rate(pair_flip(10, 0.25))
        0.25
    """
    return float(1 - np.mean(np.diag(_validation.check_transition("transition", transition))))


def condition_number(transition: ArrayLike) -> float:
    """Condition number of `transition` in the 2-norm.

    It bounds the factor by which backward correction amplifies relative errors.

    Args:
        transition: float `[K, K]`, rows sum to 1.

    Returns:
        A float of at least 1; `inf` if the matrix is singular.

    Raises:
        ValueError: if `transition` is not such a matrix.

    Example:
        >>> round(condition_number(symmetric(10, 0.5)), 6)
        2.0
    """
    return float(np.linalg.cond(_validation.check_transition("transition", transition)))

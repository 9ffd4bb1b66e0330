"""Data sets that need no files: scikit-learn's digits and its two synthetic shapes."""

import numpy as np
from sklearn import datasets, model_selection

from tfp_noise.datasets import base

_SEED = 0
_POINTS = 2000
_PAIRS = 10_000


def _digits(_):
    features, labels = datasets.load_digits(return_X_y=True)
    images = (features / 16).astype(np.float32).reshape(-1, 8, 8, 1)
    whole = base.Examples(images, labels.astype(np.int32), np.arange(len(labels)))
    train, test = model_selection.train_test_split(whole.ids, test_size=0.2, stratify=labels, random_state=_SEED)
    return whole.take(np.sort(train)), whole.take(np.sort(test)), tuple("0123456789"), None


def _digit_pairs(_):
    train, test, names, _ = _digits(None)
    pairs = tuple(f"{left}{right}" for left in names for right in names)
    return _pairs_of(train, 0), _pairs_of(test, 1), pairs, None


def _pairs_of(digits, split):
    """Examples of two digits side by side, images `[_PAIRS, 8, 16, 1]`; ids differ between splits."""
    left, right = np.random.default_rng([_SEED, split]).integers(0, len(digits), (2, _PAIRS))
    features = np.concatenate([digits.features[left], digits.features[right]], axis=2)
    labels = 10 * digits.labels[left] + digits.labels[right]
    return base.Examples(features, labels, split * _PAIRS + np.arange(_PAIRS))


def _two_moons(_):
    points = datasets.make_moons(_POINTS, noise=0.1, random_state=_SEED)
    return *_halves(*points), ("upper moon", "lower moon"), None


def _two_circles(_):
    points = datasets.make_circles(_POINTS, noise=0.1, factor=0.5, random_state=_SEED)
    return *_halves(*points), ("outer circle", "inner circle"), None


def _halves(features, labels):
    """Training and test splits of equal size of the points, which scikit-learn has shuffled."""
    whole = base.Examples(features.astype(np.float32), labels.astype(np.int32), np.arange(_POINTS))
    return whole.take(np.s_[: _POINTS // 2]), whole.take(np.s_[_POINTS // 2 :])


LOADERS = {"digits": _digits, "digit_pairs": _digit_pairs, "two_moons": _two_moons, "two_circles": _two_circles}

"""Data sets that need no files: scikit-learn's digits and its two synthetic shapes."""

import numpy as np
from sklearn import datasets, model_selection

from tfp_noise.datasets import base

_SEED = 0
_POINTS = 2000


def _digits(_):
    features, labels = datasets.load_digits(return_X_y=True)
    images = (features / 16).astype(np.float32).reshape(-1, 8, 8, 1)
    whole = base.Examples(images, labels.astype(np.int32), np.arange(len(labels)))
    train, test = model_selection.train_test_split(whole.ids, test_size=0.2, stratify=labels, random_state=_SEED)
    return whole.take(np.sort(train)), whole.take(np.sort(test)), tuple("0123456789"), None


def _two_moons(_):
    points = datasets.make_moons(_POINTS, noise=0.1, random_state=_SEED)
    return *_halves(*points), ("upper moon", "lower moon"), None


def _two_circles(_):
    points = datasets.make_circles(_POINTS, noise=0.1, factor=0.5, random_state=_SEED)
    return *_halves(*points), ("outer circle", "inner circle"), None


def _halves(features, labels):
    """The points, which scikit-learn has shuffled, as a train and a test split of one size."""
    whole = base.Examples(features.astype(np.float32), labels.astype(np.int32), np.arange(_POINTS))
    return whole.take(np.s_[: _POINTS // 2]), whole.take(np.s_[_POINTS // 2 :])


LOADERS = {"digits": _digits, "two_moons": _two_moons, "two_circles": _two_circles}

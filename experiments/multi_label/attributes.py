"""Handwritten digits with attributes as labels, which are often overlooked where they are present."""

import numpy as np

from tfp_noise import datasets, noise

DIGITS_WITH = {
    "even": (0, 2, 4, 6, 8),
    "prime": (2, 3, 5, 7),
    "square": (0, 1, 4, 9),
    "closed loop": (0, 6, 8, 9),
    "straight line": (1, 4, 7),
    "at least five": (5, 6, 7, 8, 9),
}
NUM_LABELS = len(DIGITS_WITH)
# P(given = column | true = row), for absent and present.
TRANSITION = np.array([[0.9, 0.1], [0.45, 0.55]])


def load(seed):
    """Features and given labels to train on, features and true labels of other digits: `[n, 64]` and `[n, L]`."""
    data = datasets.load("digits", validation_share=0.0)
    parts = [(part.inputs.reshape(len(part), -1), attributes(part.labels)) for part in (data.train, data.test)]
    (x, true), test = parts
    given = [noise.corrupt(true[:, label], TRANSITION, seed=NUM_LABELS * seed + label) for label in range(NUM_LABELS)]
    return x, np.stack(given, axis=-1), *test


def attributes(digits):
    """1 for each attribute that a digit has, else 0: int `[n, L]`."""
    return np.stack([np.isin(digits, those) for those in DIGITS_WITH.values()], axis=-1).astype(int)

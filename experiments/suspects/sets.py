"""Labelled examples with noise of a known kind, on which detectors of wrong labels are compared."""

import dataclasses
from collections.abc import Callable

import numpy as np
from sklearn import datasets as sklearn_datasets
from sklearn import preprocessing

from tfp_noise import datasets, noise

_IMBALANCED = (140, 120, 100, 85, 70, 55, 45, 35, 30, 25)  # examples of each digit


@dataclasses.dataclass(frozen=True)
class NoisySet:
    """A data set and the noise on it.

    Args:
        examples: function that gives features, float32 `[n, ...]`, and true labels, int `[n]`.
        transition: float64 `[K, K]`.
        epochs: int, how long a network is trained on it.
    """

    examples: Callable[[], tuple[np.ndarray, np.ndarray]]
    transition: np.ndarray
    epochs: int = 30
    units: int = 128

    @property
    def num_classes(self) -> int:
        return len(self.transition)

    def load(self, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Features, true labels and the noisy ones of this seed."""
        features, true = self.examples()
        return features, true, noise.corrupt(true, self.transition, seed)


def _embedded(name):
    def load():
        train = datasets.load(name, validation_share=0.0).train
        return train.inputs.reshape(len(train), -1), train.labels

    return load


def _imbalanced_digits():
    features, labels = _embedded("digits")()
    kept = np.concatenate([np.flatnonzero(labels == one)[:size] for one, size in enumerate(_IMBALANCED)])
    return features[kept], labels[kept]


def _breast_cancer():
    features, labels = sklearn_datasets.load_breast_cancer(return_X_y=True)
    return preprocessing.scale(features).astype(np.float32), labels


SETS = {
    "digits_symmetric20": NoisySet(_embedded("digits"), noise.symmetric(10, 0.2)),
    "digits_symmetric40": NoisySet(_embedded("digits"), noise.symmetric(10, 0.4)),
    "digits_symmetric60": NoisySet(_embedded("digits"), noise.symmetric(10, 0.6)),
    "digits_pairs30": NoisySet(_embedded("digits"), noise.pair_flip(10, 0.3)),
    "imbalanced_digits_symmetric10": NoisySet(_imbalanced_digits, noise.symmetric(10, 0.1)),
    "breast_cancer30": NoisySet(_breast_cancer, noise.pair_flip(2, 0.3)),
    "digit_pairs_symmetric20": NoisySet(_embedded("digit_pairs"), noise.symmetric(100, 0.2), 20),
}

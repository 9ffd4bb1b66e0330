"""Labelled examples with noise of a known kind, on which detectors of wrong labels are compared."""

import dataclasses
import pathlib
from collections.abc import Callable

import numpy as np
from sklearn import datasets as sklearn_datasets
from sklearn import preprocessing

from experiments.suspects.features import patch_features
from tfp_noise import datasets, noise
from tfp_noise._saving.atomic_files import atomic_write

_IMBALANCED = (140, 120, 100, 85, 70, 55, 45, 35, 30, 25)  # examples of each digit
_SIZE = 12_000  # of the large data sets, so that all networks train within an hour


@dataclasses.dataclass(frozen=True)
class NoisySet:
    """A data set and the noise on it.

    Args:
        examples: function of a folder of TensorFlow Datasets and one for computed features, which gives `Examples` with
            float32 features `[n, ...]` and true labels.
        transition: float64 `[K, K]`; `None` if people gave the wrong labels, which are then `observed`.
        epochs: int, how long a network is trained on it.
        units: int, of the network's hidden layer.
        batch_size: int.
    """

    examples: Callable[[str | None, pathlib.Path | None], datasets.Examples]
    transition: np.ndarray | None
    epochs: int = 30
    units: int = 128
    batch_size: int = 64

    def load(
        self, seed: int, data_dir: str | None = None, cache: pathlib.Path | None = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Features, true labels, and the given ones, which depend on the seed unless people gave them.

        Args:
            seed: int, of the noise.
            data_dir: folder of TensorFlow Datasets; `None` for its own default.
            cache: folder that keeps computed features; `None` to compute them anew.

        Raises:
            FileNotFoundError: if the data set is not prepared; the message says by which command it is.
        """
        examples = self.examples(data_dir, cache)
        if self.transition is None:
            return examples.features, examples.labels, examples.observed
        return examples.features, examples.labels, noise.corrupt(examples.labels, self.transition, seed)


def _pixels(name, size=None):
    def load(data_dir, cache):
        del cache
        train = datasets.load(name, data_dir, validation_share=0.0).train.take(np.s_[:size])
        return dataclasses.replace(train, features=train.inputs.reshape(len(train), -1))

    return load


def _imbalanced_digits(data_dir, cache):
    digits = _pixels("digits")(data_dir, cache)
    kept = [np.flatnonzero(digits.labels == one)[:size] for one, size in enumerate(_IMBALANCED)]
    return digits.take(np.concatenate(kept))


def _breast_cancer(data_dir, cache):
    del data_dir, cache
    features, labels = sklearn_datasets.load_breast_cancer(return_X_y=True)
    return datasets.Examples(preprocessing.scale(features).astype(np.float32), labels, np.arange(len(labels)))


def _people(annotation):
    """The first images of CIFAR-10 in its publisher's order, with the labels that people gave them."""

    def load(data_dir, cache):
        train = datasets.load(f"cifar10n:{annotation}", data_dir, validation_share=0.0).train
        train = train.take(np.argsort(train.ids)[:_SIZE])
        path = cache and cache / "cifar10_features.npy"
        if path and path.exists():
            return dataclasses.replace(train, features=np.load(path))
        features = patch_features(train.features)
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
            atomic_write(path, lambda temporary: np.save(temporary, features))
        return dataclasses.replace(train, features=features)

    return load


EMBEDDED = {
    "digits_symmetric20": NoisySet(_pixels("digits"), noise.symmetric(10, 0.2)),
    "digits_symmetric40": NoisySet(_pixels("digits"), noise.symmetric(10, 0.4)),
    "digits_symmetric60": NoisySet(_pixels("digits"), noise.symmetric(10, 0.6)),
    "digits_pairs30": NoisySet(_pixels("digits"), noise.pair_flip(10, 0.3)),
    "imbalanced_digits_symmetric10": NoisySet(_imbalanced_digits, noise.symmetric(10, 0.1)),
    "breast_cancer30": NoisySet(_breast_cancer, noise.pair_flip(2, 0.3)),
    "digit_pairs_symmetric20": NoisySet(_pixels("digit_pairs"), noise.symmetric(100, 0.2), 20),
}
_LARGE = {"units": 256, "batch_size": 128}
PREPARED = {
    "mnist_pairs40": NoisySet(_pixels("mnist", _SIZE), noise.pair_flip(10, 0.4), **_LARGE),
    "cifar10n_worst": NoisySet(_people("worst"), None, **_LARGE),
    "cifar10n_aggregate": NoisySet(_people("aggregate"), None, **_LARGE),
    "cifar10n_random1": NoisySet(_people("random1"), None, **_LARGE),
}
SETS = EMBEDDED | PREPARED

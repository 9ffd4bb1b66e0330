"""Small data sets, split in three, on which losses are compared under noise."""

import dataclasses
import functools

import numpy as np
from sklearn import datasets as sklearn_datasets
from sklearn import model_selection, preprocessing

from experiments.comparison.training import ComparedSet
from experiments.sources.label_noise import Noise
from tfp_noise import datasets

CLEAN = Noise("none")
SYMMETRIC = (Noise("symmetric", 0.2), Noise("symmetric", 0.4))
PAIRS = (Noise("pair_flip", 0.3), Noise("pair_flip", 0.4))
HUMAN = Noise("human")
SYNTHETIC = (CLEAN, *SYMMETRIC, *PAIRS)


def _table(make):
    """A table of scikit-learn: 56 % of the rows to train on, 14 % for validation, 30 % to test, drawn by the seed."""

    def load(seed, data_dir):
        del data_dir
        features, labels = make(return_X_y=True)
        split = functools.partial(model_selection.train_test_split, random_state=seed)
        rest, test = split(np.arange(len(labels)), test_size=0.3, stratify=labels)
        train, validation = split(rest, test_size=0.2, stratify=labels[rest])
        scaled = preprocessing.StandardScaler().fit(features[train]).transform(features).astype(np.float32)
        whole = datasets.Examples(scaled, labels.astype(np.int32), np.arange(len(labels)))
        names = tuple(map(str, range(labels.max() + 1)))
        return datasets.Dataset(
            make.__name__, *(whole.take(np.sort(part)) for part in (train, validation, test)), names
        )

    return load


def _flat(images):
    return images.reshape(len(images), -1)


def _small(images):
    """Images at half their height and width, as vectors."""
    n, height, width, channels = images.shape
    return _flat(images.reshape(n, height // 2, 2, width // 2, 2, channels).mean(axis=(2, 4)))


def _images(name, features=_flat, sizes=(2000, 400, 2000)):
    """The first images of each split of a data set of this package, as vectors."""

    @functools.cache
    def first(data_dir):
        data = datasets.load(name, data_dir)
        parts = [
            getattr(data, split).take(slice(size))
            for split, size in zip(("train", "validation", "test"), sizes, strict=True)
        ]
        vectors = [dataclasses.replace(part, features=features(part.inputs)) for part in parts]
        return datasets.Dataset(name, *vectors, data.class_names, data.transition)

    return lambda _, data_dir: first(data_dir)


def gradient_histograms(images):
    """Histograms of edge directions: 8 directions in cells of 4 x 4 pixels, each image's vector of length 1.

    Args:
        images: float `[n, height, width, channels]`.

    Returns:
        float32 `[n, cells * 8]`, times the square root of its width, so that features are about 1.
    """
    grey = images.mean(axis=-1)
    down, right = np.gradient(grey, axis=(1, 2))
    strength, direction = np.hypot(down, right), np.arctan2(down, right)
    bins = np.floor((direction + np.pi) / (2 * np.pi) * 8).astype(int) % 8
    spread = strength[..., None] * (bins[..., None] == np.arange(8))
    n, height, width, _ = spread.shape
    cells = spread.reshape(n, height // 4, 4, width // 4, 4, 8).sum(axis=(2, 4))
    cells = np.sqrt(cells.reshape(n, -1))
    length = np.linalg.norm(cells, axis=1, keepdims=True)
    return (cells / np.maximum(length, 1e-6) * np.sqrt(cells.shape[1])).astype(np.float32)


def _human(kind):
    return ComparedSet(_images(f"cifar10n:{kind}", gradient_histograms, (4000, 800, 2000)), 20, 128, (HUMAN,))


SETS = {
    "wine": ComparedSet(_table(sklearn_datasets.load_wine), 60, 32, SYNTHETIC),
    "breast_cancer": ComparedSet(_table(sklearn_datasets.load_breast_cancer), 40, 64, SYNTHETIC),
    "digits": ComparedSet(_images("digits"), 60, 128, SYNTHETIC),
    "fashion_mnist": ComparedSet(_images("fashion_mnist", _small), 40, 128, SYNTHETIC),
    "digit_pairs": ComparedSet(_images("digit_pairs", sizes=(4000, 800, 2000)), 30, 128, SYNTHETIC),
    "cifar10n-worst": _human("worst"),
    "cifar10n-aggregate": _human("aggregate"),
    "cifar10n-random1": _human("random1"),
}

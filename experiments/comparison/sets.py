"""Data sets that methods are compared on, and the noise that their labels get, by names on the command line.

The number of steps is one at which cross-entropy learns between 10 and 60 % of the labels that symmetric noise or
people made wrong, so that there is something to gain and something to lose; of asymmetric noise of 40 % it learns more.
"""

import dataclasses

from experiments.comparison.compared_method import CHECKED, Case
from experiments.comparison.training import ComparedSet
from experiments.experiment import CLEAN, Noise
from tfp_noise import datasets, noise, pipeline

_FORM = "`--noise` must be human, or KIND:RATE, such as symmetric:0.4, with a KIND of symmetric or asymmetric"
_HUMAN = Noise("human")
_SYMMETRIC = (Noise("symmetric", 0.4),)


def _first(name, sizes):
    """The first images of each split of a data set of this package."""

    def load(seed, data_dir):
        del seed
        data = datasets.load(name, data_dir)
        parts = {split: getattr(data, split).take(slice(size)) for split, size in sizes.items()}
        return dataclasses.replace(data, **parts)

    return load


def _shifts(pad):
    return pipeline.CropAndFlip(pad=pad, flip=False)


def _images(name, epochs):
    """The first 10,000 of the images of 28 x 28 pixels."""
    load = _first(name, {"train": 10_000, "validation": 2_000})
    return ComparedSet(load, epochs, 128, _SYMMETRIC, periods=epochs, augmentation=_shifts(2))


def _human(kind):
    """The first 20,000 of CIFAR-10's photographs with people's labels, and a residual network: minutes a run."""
    load = _first(f"cifar10n:{kind}", {"train": 20_000, "validation": 2_000, "test": 5_000})
    network = {"augmentation": pipeline.CropAndFlip(pad=4), "model": "resnet8", "learning_rate": 2e-3}
    return ComparedSet(load, 12, 128, (_HUMAN,), 12, **network, searched=False, search_seeds=(0,))


SETS = {
    "digits": ComparedSet(_first("digits", {}), 30, 128, _SYMMETRIC, periods=30, augmentation=_shifts(1)),
    "fashion_mnist": _images("fashion_mnist", epochs=30),
    "mnist": _images("mnist", epochs=12),
    "cifar10n-worst": _human("worst"),
    "cifar10n-aggregate": _human("aggregate"),
}


def parse_noises(texts, dataset):
    """Return the `Noise` of each text, without repetition.

    Asymmetric noise flips the pairs of classes that papers publish for the data set, and where there are none, each
    class to the next one.

    Args:
        texts: list of text, each with noises such as "symmetric:0.4" or "human", separated by commas.
        dataset: name of the data set.

    Raises:
        ValueError: if a text is no noise, or its rate is not in [0, 1).
    """
    parts = [part.strip() for text in texts for part in text.split(",")]
    return list(dict.fromkeys(_parse_noise(part, dataset) for part in parts))


def _parse_noise(text, dataset):
    if text == _HUMAN.kind:
        return _HUMAN
    kind, _, rate = text.partition(":")
    try:
        rate = float(rate)
    except ValueError:
        raise ValueError(f"{_FORM}. Received: {text!r}.") from None
    if kind not in ("symmetric", "asymmetric"):
        raise ValueError(f"{_FORM}. Received: {text!r}.")
    if not 0 <= rate < 1:
        raise ValueError(f"{_FORM} and a RATE from 0 to below 1. Received: {text!r}. Is the rate in percent?")
    if rate == 0:
        return CLEAN
    return Noise(_asymmetric(dataset) if kind == "asymmetric" else kind, rate)


def _asymmetric(dataset):
    try:
        noise.asymmetric(dataset, 0.0)
    except ValueError:
        return "pair_flip"
    return "asymmetric"


def cases(dataset, noises, seed, data_dir):
    """Return the `Case` of each noise; its first training examples are set aside.

    Args:
        dataset: a key of `SETS`.
        noises: list of `Noise`.
        seed: int, of noise, weights and order.
        data_dir: folder of prepared data sets, or `None`.
    """
    task = SETS[dataset]
    clean = task.load(seed, data_dir)
    return [_case(dataset, task, one, seed, one.apply(clean, seed)) for one in noises]


def _case(dataset, task, label_noise, seed, noisy):
    checked, rest = noisy.train.take(slice(CHECKED)), noisy.train.take(slice(CHECKED, None))
    return Case(dataset, task, label_noise, seed, dataclasses.replace(noisy, train=rest), checked)

"""CIFAR-10H: the labels that about 50 people gave each of CIFAR-10's test images, joined to those of TFDS by id."""

import os

import numpy as np

from tfp_noise import _validation
from tfp_noise._saving import packed_arrays
from tfp_noise.datasets import base, human

__all__ = ["load"]

PUBLISHER = "https://github.com/jcpeterson/cifar-10h"
FILE = "cifar10h-probs.npy"

# Most people give the published label for nearly all images; in another order a tenth of the images would agree.
_LEAST_AGREEMENT = 0.9


def load(examples: base.Examples, data_dir: str | os.PathLike | None = None) -> np.ndarray:
    """The fraction of people who chose each class, for examples of CIFAR-10's test split.

    Args:
        examples: `datasets.Examples` of the split `test` of `datasets.load("cifar10")`, all or some.
        data_dir: directory of TFDS's data sets; `None` for TFDS's default. The file is read from `cifar_n` in it, where
            the files of CIFAR-N are, too, under its published name.

    Returns:
        Float64 `[n, 10]`, a distribution over classes for each example, in their order.

    Raises:
        FileNotFoundError: if the file is missing.
        TypeError: if `examples` is not a `datasets.Examples`.
        ValueError: if the file is damaged, or `examples` are not of that test split.

    References:
        Peterson, Battleday, Griffiths, Russakovsky. Human uncertainty makes classification more robust. ICCV 2019.
    """
    _validation.check_instance("examples", examples, base.Examples)
    path = human.label_path(FILE, data_dir)
    if not path.exists():
        raise FileNotFoundError(
            f"CIFAR-10H needs the file {str(path)!r}, which is missing. It is published at {PUBLISHER} as {FILE!r}."
        )
    fractions = _read(path)
    if examples.ids.max() >= len(fractions):
        raise ValueError(
            f"{str(path)!r} must have a row for each of `examples`. Received: {len(fractions)} rows, and an example "
            f"with the id {examples.ids.max()}. Are these examples of the test split?"
        )
    joined = fractions[examples.ids]
    agreement = np.mean(joined.argmax(axis=1) == base.true_labels("examples", examples))
    if agreement < _LEAST_AGREEMENT:
        raise ValueError(
            f"`examples` must have the labels that most people chose in {str(path)!r}. Received: {agreement:.0%} that "
            "do. Are these examples of the test split of CIFAR-10?"
        )
    return joined


def _read(path):
    try:
        with open(path, "rb") as stream:
            fractions = packed_arrays.read_npy(stream, path.stat().st_size)
        rows = _validation.check_distributions(str(path), fractions, cure=lambda _: "Is it the file of counts?")
        if rows.shape[1] != 10:
            raise ValueError(f"it has the shape {rows.shape}")
    except Exception as error:  # a damaged header can raise anything
        raise ValueError(
            f"{str(path)!r} must be an array [n, 10] of distributions. Received: {error}. Fetch it again from "
            f"{PUBLISHER}."
        ) from error
    return rows

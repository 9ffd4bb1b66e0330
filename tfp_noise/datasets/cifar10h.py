"""CIFAR-10H: what 50 people or so said of each of CIFAR-10's test images, joined to TFDS's by their numbers."""

import numpy as np

from tfp_noise import _validation
from tfp_noise._saving import packed_arrays
from tfp_noise.datasets import base, human

__all__ = ["load"]

PUBLISHER = "https://github.com/jcpeterson/cifar-10h"
FILE = "cifar10h-probs.npy"

# People give the published label most often for nearly all images; of examples in another order a tenth would agree.
_LEAST_AGREEMENT = 0.9


def load(examples, data_dir=None):
    """The share of people who chose each class, for examples of CIFAR-10's test split.

    Args:
        examples: `datasets.Examples` of the split `test` of `datasets.load("cifar10")`, all or some.
        data_dir: the directory TFDS keeps its data sets in; `None` for its own. The file lies in `cifar_n` in it,
            beside those of CIFAR-N, under its published name.

    Returns:
        Float64 `[n, 10]`, a distribution over classes for each example, in their order.

    Raises:
        FileNotFoundError: the file is not there.
        ValueError: it is no such file, or not that of these examples.

    References:
        Peterson, Battleday, Griffiths, Russakovsky. Human uncertainty makes classification more robust. ICCV 2019.
    """
    _validation.check_instance("examples", examples, base.Examples)
    path = human.label_path(FILE, data_dir)
    if not path.exists():
        raise FileNotFoundError(
            f"CIFAR-10H needs the file {str(path)!r}, which is not there. It is published at {PUBLISHER} as {FILE!r}."
        )
    shares = _read(path)
    if examples.ids.max() >= len(shares):
        raise ValueError(
            f"{str(path)!r} must have a row for each of `examples`. Received: {len(shares)} rows, and an example with "
            f"the number {examples.ids.max()}. Are these examples of the test split?"
        )
    joined = shares[examples.ids]
    agreement = np.mean(joined.argmax(axis=1) == base.true_labels("examples", examples))
    if agreement < _LEAST_AGREEMENT:
        raise ValueError(
            f"Most people must have said the label of nearly every image. Received: {agreement:.0%} of `examples` that "
            f"agree with {str(path)!r}. Are these examples of the test split of CIFAR-10?"
        )
    return joined


def _read(path):
    try:
        with open(path, "rb") as stream:
            shares = packed_arrays.read_npy(stream, path.stat().st_size)
        rows = _validation.check_distributions(str(path), shares, cure="Is it the file of counts?")
        if rows.shape[1] != 10:
            raise ValueError(f"it has the shape {rows.shape}")
    except Exception as error:  # a damaged header can raise anything
        raise ValueError(
            f"{str(path)!r} must be an array [n, 10] of distributions. Received: {error}. Fetch it again from "
            f"{PUBLISHER}."
        ) from error
    return rows

"""Loading of data sets by name."""

import functools
import os
from collections.abc import Callable

from tfp_noise import _validation
from tfp_noise.datasets import base, embedded, folders, human, published
from tfp_noise.datasets.dataset import Dataset

# A loader takes the data directory and returns (train, test, class_names, transition); `train` includes validation.
_LOADERS: dict[str, Callable] = {
    **embedded.LOADERS,
    **{name: functools.partial(published.load, name) for name in (*published.NAMES, *folders.NAMES)},
    **{name: functools.partial(human.load, name) for name in human.ANNOTATIONS},
}


def names() -> tuple[str, ...]:
    """The names of all data sets that `load` knows.

    Returns:
        A tuple of strings.

    Example:
        >>> "cifar10n:worst" in names()
        True
    """
    return tuple(_LOADERS)


def load(name: str, data_dir: str | os.PathLike | None = None, validation_share: float = 0.1) -> Dataset:
    """Loads a data set as arrays.

    | name | features | source |
    |---|---|---|
    | `digits` | float32 `[n, 8, 8, 1]` in [0, 1] | scikit-learn |
    | `digit_pairs` | float32 `[n, 8, 16, 1]`, 100 classes: two of the digits, drawn with a fixed seed | scikit-learn |
    | `two_moons`, `two_circles` | float32 `[n, 2]` | drawn with a fixed seed |
    | `mnist`, `fashion_mnist` | uint8 `[n, 28, 28, 1]` | TensorFlow Datasets |
    | `cifar10`, `cifar100`, `svhn_cropped` | uint8 `[n, 32, 32, 3]` | TensorFlow Datasets |
    | `tiny_imagenet`, `animals10n` | uint8 `[n, 64, 64, 3]` | folders of images [2] |
    | `imagenet100`, `fgvc_aircraft` | uint8, if the files have one size | folders of images [2] |
    | `cifar10n:aggregate`, `:random1`, `:random2`, `:random3`, `:worst` | as `cifar10` | and human labels [1] |
    | `cifar100n` | as `cifar100` | and human labels [1] |

    Nothing is downloaded. For a data set that TensorFlow Datasets (TFDS) has not prepared yet, the error says how to
    prepare it.

    Args:
        name: one of `names()`.
        data_dir: directory of the prepared data sets; `None` for TFDS's default (`~/tensorflow_datasets`). The label
            files of CIFAR-N are in `cifar_n` in it. Data sets that need no files do not read it.
        validation_share: float in [0, 1), the fraction of the training split that is held out, always the same
            examples.

    Returns:
        A `Dataset`. Labels are int32 `[n]`, ids int64 `[n]`: the example's number in its publisher's order where TFDS
        keeps it (CIFAR, SVHN), else its position in TFDS's fixed reading order. For the data sets with human labels,
        train and validation have `observed` labels, and `transition` is counted over the whole training split; for
        `animals10n`, whose true training labels nobody knows, their `labels` and the `transition` are `None`.

    Raises:
        FileNotFoundError: if `data_dir`, or the data set in it, does not exist.
        TypeError: if an argument is of another type.
        ValueError: if `name` is unknown, `validation_share` is outside [0, 1), or label files do not match the images.

    Example:
        >>> data = load("digits")
        >>> len(data.train), len(data.validation), len(data.test), data.input_shape, data.num_classes
        (1293, 144, 360, (8, 8, 1), 10)

    References:
        [1] Wei et al. Learning with Noisy Labels Revisited: A Study Using Real-World Human Annotations. ICLR 2022.
        [2] Layout of the folders and publishers: `tfp_noise.datasets.folders`.
    """
    _validation.check_choice("name", name, _LOADERS, "data set")
    fraction = _validation.check_number("validation_share", validation_share, 0, below=1)
    directory = None if data_dir is None else _validation.check_path("data_dir", data_dir).expanduser()
    if directory is not None and not directory.is_dir():
        raise FileNotFoundError(
            f"`data_dir` must be an existing directory. Received: {str(directory)!r}. "
            "Leave it out for TFDS's default, or pass the directory in which data sets were prepared."
        )
    whole, test, class_names, transition = _LOADERS[name](directory)
    train, validation = base.hold_out(whole, fraction)
    return Dataset(name, train, validation, test, class_names, transition)

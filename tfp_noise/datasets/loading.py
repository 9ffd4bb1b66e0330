"""Which data sets there are, and how one is loaded by its name."""

import functools

from tfp_noise import _validation
from tfp_noise.datasets import base, embedded, folders, human, published

# A loader takes the data directory and returns (train, test, class_names, transition), the train split still whole.
_LOADERS = {
    **embedded.LOADERS,
    **{name: functools.partial(published.load, name) for name in (*published.NAMES, *folders.NAMES)},
    **{name: functools.partial(human.load, name) for name in human.ANNOTATIONS},
}


def names():
    """The names that `load` knows, as a tuple of strings.

    Example:
        >>> "cifar10n:worst" in names()
        True
    """
    return tuple(_LOADERS)


def load(name, data_dir=None, validation_share=0.1):
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

    Nothing is downloaded: what TensorFlow Datasets has not prepared yet is an error that says how to.

    Args:
        name: one of `names()`.
        data_dir: directory of the prepared data sets; `None` for TFDS's own (`~/tensorflow_datasets`). The label files
            of CIFAR-N lie in `cifar_n` below it. The sets that need no files do not read it.
        validation_share: float in [0, 1), the share of the training split that is held out, always the same examples.

    Returns:
        A `Dataset`. Labels are int32 `[n]`, ids int64 `[n]`: the example's number in its publisher's order where TFDS
        keeps it (CIFAR, SVHN), else its position in TFDS's fixed reading order. For the human-noise sets, train and
        validation have `observed` labels, and `transition` is counted over the whole training split.

    Raises:
        ValueError: unknown `name`, `validation_share` outside [0, 1), or label files that do not fit the images.
        FileNotFoundError: `data_dir`, or the data set in it, is not there.

    Example:
        >>> data = load("digits")
        >>> len(data.train), len(data.validation), len(data.test), data.input_shape, data.num_classes
        (1293, 144, 360, (8, 8, 1), 10)

    References:
        [1] Wei et al. Learning with Noisy Labels Revisited: A Study Using Real-World Human Annotations. ICLR 2022.
        [2] Where they lie, and whose they are: `tfp_noise.datasets.folders`.
    """
    _validation.check_choice("name", name, _LOADERS, "data set")
    share = _validation.check_number("validation_share", validation_share, 0, below=1)
    if data_dir is not None:
        data_dir = _validation.check_path("data_dir", data_dir).expanduser()
        if not data_dir.is_dir():
            raise FileNotFoundError(
                f"`data_dir` must be an existing directory. Received: {str(data_dir)!r}. "
                "Leave it out for TFDS's own, or give the directory that data sets were prepared in."
            )
    whole, test, class_names, transition = _LOADERS[name](data_dir)
    train, validation = base.hold_out(whole, share)
    return base.Dataset(name, train, validation, test, class_names, transition)

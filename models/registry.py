"""Networks by name, and the smallest images that they take."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import keras
import numpy as np

from models.alexnet import alexnet
from models.digits_cnn import digits_cnn
from models.lenet import lenet5, lenet5_same
from models.mlp import mlp
from models.pretrained import (
    efficientnet_b7,
    mobilenet_v2,
    resnet50,
    resnet50_untrained,
    resnet101,
    resnet101_untrained,
)
from models.projected_resnet import (
    resnet18,
    resnet18_untrained,
    resnet29,
    resnet34,
    resnet50_small,
    resnet101_small,
    resnext29_2x64d,
    resnext29_32x4d,
)
from models.resnet import resnet8, resnet20, resnet32, resnet56, resnet74, resnet110
from models.resnet50v2 import resnet50v2
from models.wide_resnet import wrn28_2
from tfp_noise import _validation


class _Architecture(NamedTuple):
    network: Callable  # (input_shape, num_outputs) -> keras.Model
    smallest: int | None  # least height and width of an image; None: a shape of any rank


_ARCHITECTURES = {
    "alexnet": _Architecture(alexnet, smallest=4),
    "digits_cnn": _Architecture(digits_cnn, smallest=4),
    "efficientnet_b7": _Architecture(efficientnet_b7, smallest=32),
    "lenet5": _Architecture(lenet5, smallest=12),  # 12 -> 6 -> 2 -> 1
    "lenet5_same": _Architecture(lenet5_same, smallest=4),
    "mlp": _Architecture(mlp, smallest=None),
    "mobilenet_v2": _Architecture(mobilenet_v2, smallest=32),
    "resnet8": _Architecture(resnet8, smallest=4),
    "resnet18": _Architecture(resnet18, smallest=25),  # 25 -> 13 -> 7 -> 4, the window of the average
    "resnet18_untrained": _Architecture(resnet18_untrained, smallest=32),  # five halvings to 1
    "resnet20": _Architecture(resnet20, smallest=4),
    "resnet29": _Architecture(resnet29, smallest=4),
    "resnet32": _Architecture(resnet32, smallest=4),
    "resnet34": _Architecture(resnet34, smallest=25),
    "resnet50": _Architecture(resnet50, smallest=32),
    "resnet50_small": _Architecture(resnet50_small, smallest=25),
    "resnet50_untrained": _Architecture(resnet50_untrained, smallest=32),
    "resnet101_untrained": _Architecture(resnet101_untrained, smallest=32),
    "resnet50v2": _Architecture(resnet50v2, smallest=32),  # Keras's own bound
    "resnet56": _Architecture(resnet56, smallest=4),
    "resnet74": _Architecture(resnet74, smallest=4),
    "resnet101": _Architecture(resnet101, smallest=32),
    "resnet101_small": _Architecture(resnet101_small, smallest=25),
    "resnet110": _Architecture(resnet110, smallest=4),
    "resnext29_2x64d": _Architecture(resnext29_2x64d, smallest=4),
    "resnext29_32x4d": _Architecture(resnext29_32x4d, smallest=4),
    "wrn28_2": _Architecture(wrn28_2, smallest=4),
}


def names() -> list[str]:
    """The names that `build` knows, sorted.

    Returns:
        A list of strings.

    Example:
        >>> import models
        >>> "lenet5" in models.names()
        True
    """
    return sorted(_ARCHITECTURES)


def build(name: str, input_shape: Sequence[int], num_outputs: int) -> keras.Model:
    """A new network, untrained but for `resnet50`, `resnet101`, `mobilenet_v2` and `efficientnet_b7`.

    Those four start from ImageNet weights, read from a file.

    The network's outputs are raw: the last layer is a linear `keras.layers.Dense`. Every layer follows the global dtype
    policy (`keras.config.set_dtype_policy`). The network is a functional `keras.Model` of Keras's layers and
    operations, so that it is saved, loaded and cloned without custom objects. Residual networks have a batch
    normalisation of this project, which is faster on CPUs: `import tfp_noise` is enough to load their files, and what
    `NoisyLabelClassifier.deployable` makes of them has Keras's. They name the last layer of each stage: "stage1",
    "stage2" and so on, for `tfp_noise.DepthDistillation`.

    Args:
        name: one of `names()`.
        input_shape: shape of one example: `(height, width, channels)` for the convolutional networks, any for `mlp`.
        num_outputs: int, width of the last layer, which is `loss.num_outputs` for training with a loss.

    Returns:
        A `keras.Model` from float `[batch, *input_shape]` to float `[batch, num_outputs]`.

    Raises:
        FileNotFoundError: if a file of ImageNet weights is missing.
        TypeError: if `num_outputs`, or a size in `input_shape`, is not an integer.
        ValueError: if the name is unknown, the network cannot take the shape, or `num_outputs` is below 1.

    Example:
        >>> import models
        >>> models.build("lenet5", (28, 28, 1), 10).count_params()
        61706
    """
    architecture = _ARCHITECTURES[_validation.check_choice("name", name, names(), "model")]
    input_shape = _check_input_shape(name, input_shape, architecture.smallest)
    return architecture.network(input_shape, _validation.check_int("num_outputs", num_outputs, 1))


def _check_input_shape(name, input_shape, smallest):
    """`input_shape` as a tuple of ints if the network `name` can take it."""
    expected = "(height, width, channels)" if smallest else "at least one size, the batch left out"
    if np.ndim(input_shape) != 1:
        raise ValueError(
            f"`input_shape` must be a tuple: {expected}. Received: {input_shape!r}. For {input_shape!r} features pass "
            f"({input_shape!r},)."
        )
    shape = tuple(_validation.check_int(f"input_shape[{axis}]", size, 1) for axis, size in enumerate(input_shape))
    if not shape or (smallest and len(shape) != 3):
        cure = (
            "Give the features a channel axis: `features[..., None]`."
            if len(shape) == 2
            else "Leave the batch axis out."
            if len(shape) == 4
            else "For features that are not images use the model 'mlp'."
        )
        raise ValueError(f"`input_shape` of {name!r} must be {expected}. Received: {shape}. {cure}")
    if smallest and min(shape[:2]) < smallest:
        raise ValueError(
            f"`input_shape` of {name!r} must be at least {smallest} high and wide. Received: {shape}. "
            "Pad or enlarge the images, or use a network with fewer pooling steps; channels come last."
        )
    return shape

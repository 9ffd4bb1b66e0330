"""Label noise within groups of similar classes, and CIFAR-100's published groups."""

import numpy as np
from numpy.typing import ArrayLike

from tfp_noise import _validation
from tfp_noise.noise.transitions import from_pairs

# The superclasses in their publisher's order. A class's index is its place among all names in alphabetical order.
_CIFAR100 = """
    beaver dolphin otter seal whale
    aquarium_fish flatfish ray shark trout
    orchid poppy rose sunflower tulip
    bottle bowl can cup plate
    apple mushroom orange pear sweet_pepper
    clock keyboard lamp telephone television
    bed chair couch table wardrobe
    bee beetle butterfly caterpillar cockroach
    bear leopard lion tiger wolf
    bridge castle house road skyscraper
    cloud forest mountain plain sea
    camel cattle chimpanzee elephant kangaroo
    fox porcupine possum raccoon skunk
    crab lobster snail spider worm
    baby boy girl man woman
    crocodile dinosaur lizard snake turtle
    hamster mouse rabbit shrew squirrel
    maple_tree oak_tree palm_tree pine_tree willow_tree
    bicycle bus motorcycle pickup_truck train
    lawn_mower rocket streetcar tank tractor
"""
_SUPERCLASS_OF = {name: index for index, line in enumerate(_CIFAR100.split("\n")[1:-1]) for name in line.split()}

CIFAR100_SUPERCLASSES: tuple[int, ...] = tuple(_SUPERCLASS_OF[name] for name in sorted(_SUPERCLASS_OF))
"""The superclass, from 0 to 19, of each of CIFAR-100's 100 classes."""


def superclass_flip(superclasses: ArrayLike, rate: float) -> np.ndarray:
    """Noise that turns each class into the next one of its superclass, and the last into the first.

    "Next" goes by the number of the class. A class that is alone in its superclass keeps its labels.

    Args:
        superclasses: int `[K]`, the superclass of each class; `CIFAR100_SUPERCLASSES` for CIFAR-100.
        rate: float in [0, 1], the probability of a flip.

    Returns:
        float64 `[K, K]`.

    Raises:
        TypeError: if an argument is of another type.
        ValueError: if there are fewer than two classes, every class is alone in its superclass, or `rate` is out of
            range.

    Example:
        >>> superclass_flip([0, 1, 0, 1, 0], 0.25)[0].tolist()
        [0.75, 0.0, 0.25, 0.0, 0.0]
        >>> float(superclass_flip(CIFAR100_SUPERCLASSES, 0.4).diagonal().max())
        0.6

    References:
        Patrini, Rozza, Menon, Nock, Qu. Making deep neural networks robust to label noise: a loss correction approach.
        CVPR 2017, experiments on CIFAR-100.
    """
    groups = _validation.check_indices("superclasses", superclasses)
    if len(np.unique(groups)) == len(groups):
        raise ValueError(
            "`superclasses` must hold at least two classes of one superclass. Received: "
            f"{len(groups)} classes, each in another one. Pass the superclass of each class, as in [0, 0, 1, 1]."
        )
    order = np.argsort(groups, kind="stable")
    following = np.empty_like(order)
    for members in np.split(order, np.flatnonzero(np.diff(groups[order])) + 1):
        following[members] = np.roll(members, -1)
    flips = {int(one): int(other) for one, other in enumerate(following) if one != other}
    return from_pairs(len(groups), flips, rate)

"""The noise of a run's labels, as an experiment declares it."""

import dataclasses
from collections.abc import Callable

import numpy as np

from tfp_noise import _validation, noise

_SUPERCLASSES = {"cifar100": noise.CIFAR100_SUPERCLASSES}


def _superclass_flip(data, rate):
    kind = "data set with published superclasses"
    _validation.check_choice("dataset", data.name, _SUPERCLASSES, kind)
    return noise.superclass_flip(_SUPERCLASSES[data.name], rate)


_TRANSITIONS: dict[str, Callable] = {
    "none": lambda data, _: np.eye(data.num_classes),
    "symmetric": lambda data, rate: noise.symmetric(data.num_classes, rate),
    "symmetric_other": lambda data, rate: noise.symmetric(data.num_classes, rate, include_true=False),
    "asymmetric": lambda data, rate: noise.asymmetric(data.name, rate),
    "pair_flip": lambda data, rate: noise.pair_flip(data.num_classes, rate),
    "superclass_flip": _superclass_flip,
}


@dataclasses.dataclass(frozen=True)
class Noise:
    """Label noise of an experiment.

    Args:
        kind: "none" (labels as they are, also if nobody knows the true ones), "symmetric" (to any class, the true one
            included), "symmetric_other" (to any other class), "asymmetric" (the published map of the data set),
            "pair_flip" (to the next class), "superclass_flip" (to the next class of the same published superclass), or
            "human" for data sets that come with annotators' labels.
        rate: probability of a flip, as the papers count it.
        exact: flip exact counts instead of drawing each label on its own.
    """

    kind: str
    rate: float = 0.0
    exact: bool = False

    def __post_init__(self):
        _validation.check_choice("kind", self.kind, [*_TRANSITIONS, "human"], "kind of noise")
        _validation.check_number("rate", self.rate, 0, 1)

    @property
    def name(self):
        """Kind and rate in percent, as in "symmetric40"."""
        return f"{self.kind}{round(100 * self.rate)}" if self.rate else self.kind

    def apply(self, data, seed):
        """Return a data set with noisy labels.

        Args:
            data: a `tfp_noise.datasets.Dataset`, with clean labels, or with annotators' if the kind is "human". With
                the kind "none" the clean labels may be unknown.
            seed: int.
        """
        if self.kind == "human":
            if data.transition is None:
                raise ValueError(f"Noise 'human' needs annotators' labels. Received: {data.name!r}, which has none.")
            return data
        if self.kind == "none" and data.train.labels is None:
            return data
        return noise.corrupt_dataset(data, _TRANSITIONS[self.kind](data, self.rate), seed, exact=self.exact)

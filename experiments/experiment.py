"""What an experiment is: frozen data that say everything a run depends on. A variant is `dataclasses.replace`."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

from tfp_noise import _validation, losses, noise


@dataclasses.dataclass(frozen=True)
class TrueTransition:
    """Argument of a method: the matrix that made the labels noisy. Only through it does a loss see that matrix."""

    def __call__(self, data):
        """`[K, K]`."""
        return data.transition


@dataclasses.dataclass(frozen=True)
class SymmetricTransition:
    """Argument of a method: symmetric noise of a rate that is assumed, whatever the true one."""

    rate: float

    def __call__(self, data):
        """`[K, K]`."""
        return noise.symmetric(data.num_classes, self.rate)


_TRANSITIONS: dict[str, Callable] = {
    "none": lambda data, _: np.eye(data.num_classes),
    "symmetric": lambda data, rate: noise.symmetric(data.num_classes, rate),
    "asymmetric": lambda data, rate: noise.asymmetric(data.name, rate),
    "pair_flip": lambda data, rate: noise.pair_flip(data.num_classes, rate),
}


@dataclasses.dataclass(frozen=True)
class Noise:
    """Label noise of an experiment.

    Args:
        kind: "none", "symmetric", "asymmetric" (the published map of the data set), "pair_flip" (to the next class), or
            "human" for data sets that come with annotators' labels.
        rate: probability of a flip, as the papers count it.
        exact: flip exact counts instead of drawing each label on its own.
    """

    kind: str
    rate: float = 0.0
    exact: bool = False

    def __post_init__(self):
        _validation.check_choice("kind of noise", self.kind, [*_TRANSITIONS, "human"])
        _validation.check_number("rate", self.rate, 0, 1)

    def apply(self, data, seed):
        """`data` with observed labels."""
        if self.kind == "human":
            if data.transition is None:
                raise ValueError(f"Noise 'human' needs annotators' labels. Received: {data.name!r}, which has none.")
            return data
        return noise.corrupt_dataset(data, _TRANSITIONS[self.kind](data, self.rate), seed, exact=self.exact)


@dataclasses.dataclass(frozen=True)
class Method:
    """A loss with its settings, as it stands in a table.

    Args:
        label: the row's name.
        loss: a class of `tfp_noise.losses`.
        arguments: what its constructor gets after `num_classes`; of a callable, such as `TrueTransition()`, what it
            gives for the noisy data.
    """

    label: str
    loss: type[losses.NoisyLabelLoss]
    arguments: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def build(self, data):
        """The loss for `data`, with its state at the start."""
        arguments = {key: value(data) if callable(value) else value for key, value in self.arguments.items()}
        return self.loss(data.num_classes, **arguments)


CROSS_ENTROPY = Method("CE", losses.LabelSmoothing, {"alpha": 0.0})


@dataclasses.dataclass(frozen=True)
class Experiment:
    """One training run but for its seed.

    Args:
        name: unique; also the folder of its results.
        dataset: a name that `tfp_noise.datasets.load` knows.
        noise: a `Noise`.
        model: a name that `models.build` knows.
        method: a `Method`.
        epochs: passes over the training split.
        batch_size: examples a step.
        optimizer: class name and arguments of a `keras.optimizers.Optimizer`.
        augmentation: as in `tfp_noise.pipeline.batches`.
        published: the paper's clean test accuracy in percent, mean and standard deviation, or `None`.
        seed: of initialisation, noise, order and augmentation.
    """

    name: str
    dataset: str
    noise: Noise
    model: str
    method: Method
    epochs: int
    batch_size: int
    optimizer: tuple[str, Mapping[str, Any]]
    augmentation: Callable | None = None
    published: tuple[float, float] | None = None
    seed: int = 0

    def build_optimizer(self):
        """A new optimizer."""
        class_name, arguments = self.optimizer
        return keras.optimizers.get({"class_name": class_name, "config": dict(arguments)})

    def settings(self):
        """Everything above as plain JSON, to stand beside a result."""
        plain = {
            **dataclasses.asdict(dataclasses.replace(self, method=None, augmentation=None)),
            "method": {
                "label": self.method.label,
                "loss": self.method.loss.__name__,
                "arguments": {k: repr(v) if callable(v) else v for k, v in self.method.arguments.items()},
            },
            "augmentation": repr(self.augmentation) if self.augmentation else None,
            "optimizer": {self.optimizer[0]: dict(self.optimizer[1])},
        }
        return {**plain, "published": list(self.published) if self.published else None}

    def smoke(self):
        """The same in two epochs: does it run?"""
        return dataclasses.replace(self, name=f"smoke/{self.name}", epochs=min(2, self.epochs), published=None)

"""A way to train on noisy labels, and the data that it is trained on."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from experiments.comparison import training
from experiments.comparison.training import ComparedSet, Recipe, Trainer
from experiments.sources.label_noise import Noise
from tfp_noise import NoisyLabelClassifier, datasets, losses


@dataclasses.dataclass(frozen=True)
class Case:
    """Data that a method is trained on.

    Args:
        dataset: text, the name of the data set.
        task: its `ComparedSet`.
        noise: the `Noise`.
        seed: int, of noise, weights and order.
        data: the noisy `Dataset`.
    """

    dataset: str
    task: ComparedSet
    noise: Noise
    seed: int
    data: datasets.Dataset


@dataclasses.dataclass(frozen=True)
class ComparedMethod:
    """A way to train on noisy labels.

    Args:
        loss: function of a `Case`, and of arguments by name, that returns the loss.
        arguments: dict of the arguments that the authors use, where they are no defaults. A function of the `Case` in
            place of a value makes it, such as a number of epochs in proportion to the training's.
        told: text, what the method knows beside the noisy labels; empty for nothing.
        about: text, what its name does not say; empty for a loss by its own name.
        build: function of a network, the loss and the `Case` that returns a classifier, not compiled; `None` for
            `NoisyLabelClassifier`.
        recipe: `Recipe`, what else differs in the training.
        space: values of arguments to search over, `{argument: values}`; empty for a method with fixed arguments.
    """

    loss: Callable[..., losses.NoisyLabelLoss]
    arguments: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    told: str = ""
    about: str = ""
    build: Callable[..., NoisyLabelClassifier] | None = None
    recipe: Recipe = training.PLAIN
    space: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def values(self, case, arguments=None):
        """Return the arguments of the loss.

        Args:
            case: a `Case`.
            arguments: dict of arguments in addition to those of `arguments` or in their place, or `None`.
        """
        merged = {**self.arguments, **(arguments or {})}
        return {name: value(case) if callable(value) else value for name, value in merged.items()}

    def trainer(self, case, arguments, trainers):
        """Return the `Trainer` of the method for a case.

        Args:
            case: a `Case`.
            arguments: as in `values`.
            trainers: dict that keeps the trainers of losses; one of an equal loss is taken from it.
        """
        loss = self.loss(case, **self.values(case, arguments))
        settings = repr(loss.get_config())
        if self.build is not None:
            trainers[settings] = Trainer(
                case.data, loss, case.task, lambda network, own: self.build(network, own, case), self.recipe
            )
        elif settings not in trainers:
            trainers[settings] = Trainer(case.data, loss, case.task, recipe=self.recipe)
        return trainers[settings]

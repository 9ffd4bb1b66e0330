"""A way to train on noisy labels, and the data that it is trained on."""

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from experiments.comparison import training
from experiments.comparison.training import ComparedSet, Recipe, Trainer
from experiments.sources.label_noise import Noise
from tfp_noise import NoisyLabelClassifier, datasets, losses

_SHORTEST = {"backbone_epochs": 0, "warm_up": 1}  # epochs before labels are corrected, by the argument that sets them
CHECKED = 100  # training examples that are kept for the methods that need some right labels, and left out by all others


@dataclasses.dataclass(frozen=True)
class Case:
    """Data that a method is trained on.

    Args:
        dataset: text, the name of the data set.
        task: its `ComparedSet`.
        noise: the `Noise`.
        seed: int, of noise, weights and order.
        data: the noisy `Dataset`.
        checked: `Examples` that are in no split of `data`, whose true labels some methods are given; `None` if no
            method needs them.
    """

    dataset: str
    task: ComparedSet
    noise: Noise
    seed: int
    data: datasets.Dataset
    checked: datasets.Examples | None = None


@dataclasses.dataclass(frozen=True)
class ComparedMethod:
    """A way to train on noisy labels.

    Args:
        made: class of the loss, or of the classifier for what is more than a loss. The defaults of its arguments are
            settings of a run, too.
        loss: function of a `Case`, and of arguments by name if there is no `build`, that returns the loss.
        arguments: dict of the arguments that the authors use, where they are no defaults. A function of the `Case` in
            place of a value makes it, such as a number of epochs in proportion to the training's.
        told: text, what the method knows beside the noisy labels; empty for nothing.
        about: text, what its name does not say; empty for a loss by its own name.
        build: function of a network, the loss, the `Case`, and arguments by name, that returns a classifier, not
            compiled; `None` for `NoisyLabelClassifier`.
        recipe: `Recipe`, what else differs in the training.
        space: values of arguments to search over, `{argument: values}`; empty for a method with fixed arguments.
    """

    made: type
    loss: Callable[..., losses.NoisyLabelLoss]
    arguments: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    told: str = ""
    about: str = ""
    build: Callable[..., NoisyLabelClassifier] | None = None
    recipe: Recipe = training.PLAIN
    space: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def only_a_loss(self):
        """True if nothing but the loss differs from cross-entropy's training, and it is told nothing more."""
        return self.build is None and self.recipe == training.PLAIN and not (self.told or self.made.needs_ids)

    def values(self, case, arguments=None):
        """Return the arguments of the loss, or of the classifier.

        Args:
            case: a `Case`.
            arguments: dict of arguments in addition to those of `arguments` or in their place, or `None`.
        """
        merged = {**self.arguments, **(arguments or {})}
        return {name: value(case) if callable(value) else value for name, value in merged.items()}

    def settings(self, case, arguments=None):
        """Return `values`, with the defaults of all other arguments.

        Args:
            case: a `Case`.
            arguments: as in `values`.
        """
        return {**self._defaults(), **self.values(case, arguments)}

    def fixed(self):
        """Return the arguments, defaults included, that neither depend on a `Case` nor are searched over."""
        found = {**self._defaults(), **self.arguments}
        return {name: one for name, one in found.items() if name not in self.space and not callable(one)}

    def shortest_warm_up(self):
        """Return the arguments with which labels are corrected from the second epoch on, to measure what that costs."""
        return {name: epochs for name, epochs in _SHORTEST.items() if name in self.arguments}

    def _defaults(self):
        parameters = inspect.signature(self.made).parameters.values()
        return {one.name: one.default for one in parameters if one.default is not one.empty and one.name != "name"}

    def trainer(self, case, arguments, trainers):
        """Return the `Trainer` of the method for a case.

        Args:
            case: a `Case`.
            arguments: as in `values`.
            trainers: dict that keeps the trainers of losses; one of an equal loss is taken from it.
        """
        values = self.values(case, arguments)
        if self.build is not None:
            return Trainer(
                case.data,
                self.loss(case),
                case.task,
                lambda network, loss: self.build(network, loss, case, **values),
                self.recipe,
            )
        loss = self.loss(case, **values)
        key = repr(loss.get_config())
        if key not in trainers:
            trainers[key] = Trainer(case.data, loss, case.task, recipe=self.recipe)
        return trainers[key]

"""The list of all methods that are compared: every loss, and the classifiers that train otherwise.

A loss of `tfp_noise.losses` is in the list by itself. One that has arguments without a default has its line in
`ARGUMENTS`, one that is searched over its line in `_SPACES`, and a classifier its line in `_OTHERS`.
"""

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from experiments.comparison import training
from experiments.comparison.training import ComparedSet, Recipe, Trainer
from experiments.papers.logistic_normal.methods import preset
from experiments.sources.label_noise import Noise
from tfp_noise import DistilledClassifier, NoisyLabelClassifier, datasets, estimation, losses

CROSS_ENTROPY = "CrossEntropy"


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
        build: function of a network, the loss and the `Case` that returns a classifier, not compiled; `None` for
            `NoisyLabelClassifier`.
        recipe: `Recipe`, what else differs in the training.
        row: text, the method's label in the tables of the Logistic-Normal paper, which have arguments for each noise;
            empty if it has none there.
        space: values of arguments to search over where the tables have none, `{argument: values}`.
    """

    loss: Callable[..., losses.NoisyLabelLoss]
    arguments: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    told: str = ""
    build: Callable[..., NoisyLabelClassifier] | None = None
    recipe: Recipe = training.PLAIN
    row: str = ""
    space: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def published(self, case):
        """Return the arguments that the Logistic-Normal paper's search chose, or `None` if it has none.

        Args:
            case: a `Case`, whose data set and noise decide.
        """
        try:
            return preset(self.row, case.dataset, case.noise) if self.row else None
        except ValueError:  # of data sets and noises that the tables do not have
            return None

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


# The values of Bi-tempered and noise against noise are CIFAR-10's under 40 % symmetric noise in the Logistic-Normal
# paper; of the next three, the online label smoothing paper's. Heteroscedastic averages fewer samples than its 1,000.
ARGUMENTS = {
    "BiTempered": {"t1": 0.7, "t2": 2.0},
    "NoiseAgainstNoise": {"sigma": 0.75},
    "Bootstrap": {"beta": 0.8, "hard": True},
    "DisturbLabel": {"rate": 0.1},
    "PairwiseConfusion": {"weight": 10.0},
    "Heteroscedastic": {"train_samples": 100, "test_samples": 30},
    "LogitClip": {"max_norm": 5.0},
}
# Rows of the Logistic-Normal paper's tables, with hyperparameters for each noise.
_ROWS = {
    "GeneralizedCrossEntropy": "GCE",
    "BiTempered": "Bi-tempered",
    "NoiseAgainstNoise": "NAN",
    "Heteroscedastic": "Het-tau",
    "LogisticNormal": "LN",
}
# Values to search over, beside those that losses declare as their `search_space`.
_SPACES = {
    "JensenShannon": {"weight": (0.1, 0.3, 0.5, 0.7, 0.9)},
    "LogitClip": {"max_norm": (1.0, 2.0, 5.0, 10.0)},
}
LEFT_OUT = {
    "LabelSmearing": "label smoothing with another matrix, which nobody states",
    "MultiLabel": "for several labels an example",
}
_TRANSITION = "the transition matrix"


def _of_classes(case, make, **arguments):
    """The loss that `make` builds for the case's number of classes, and of examples if it keeps something of each."""
    sizes = [case.data.num_classes]
    if "num_examples" in inspect.signature(make).parameters:
        sizes.append(len(case.data.train))
    return make(*sizes, **arguments)


def _told(case, make, **arguments):
    """A correction that is given the matrix that the labels were drawn from, or for human labels, counted from them."""
    return make(case.data.num_classes, case.data.transition, **arguments)


def _clipped(case, make, **arguments):
    return make(losses.CrossEntropy(case.data.num_classes), **arguments)


_MAKERS = {"a transition matrix": _told, "another loss": _clipped}


def _compared(one):
    """The entry of a loss, from its `LossSummary`."""
    make, maker = getattr(losses, one.name), _MAKERS.get(one.needs, _of_classes)
    return ComparedMethod(
        lambda case, **arguments: maker(case, make, **arguments),
        ARGUMENTS.get(one.name, {}),
        told=_TRANSITION if maker is _told else "",
        row=_ROWS.get(one.name, ""),
        space=_SPACES.get(one.name, make.search_space),
    )


def estimated_correction(case):
    """Return forward correction by a matrix that is counted from predictions out of sample.

    Args:
        case: a `Case`.
    """
    probabilities = training.out_of_sample(case.data, losses.CrossEntropy, case.task, case.seed)
    found = estimation.from_confident_counts(probabilities, case.data.train.training_labels)
    return losses.ForwardCorrection(case.data.num_classes, found.transition)


def _cross_entropy(case):
    return losses.CrossEntropy(case.data.num_classes)


def _student(network, loss, case):
    """A student of cross-entropy's network after the same training, as in Lukasik et al. (2020), section 5."""
    teacher = Trainer(case.data, _cross_entropy(case), case.task)
    teacher.scores(case.data, case.seed)
    return DistilledClassifier(network, loss, teacher.model, temperature=2.0)


_OTHERS = {
    "EstimatedForwardCorrection": ComparedMethod(estimated_correction),
    "AveragedCrossEntropy": ComparedMethod(
        _cross_entropy, recipe=Recipe({"weight_decay": 0.1}, augmented=True, averaged=True)
    ),
    "DistilledClassifier": ComparedMethod(_cross_entropy, build=_student),
}


def _all():
    found = {one.name: _compared(one) for one in losses.available() if one.name not in LEFT_OUT}
    return {CROSS_ENTROPY: found.pop(CROSS_ENTROPY), **found, **_OTHERS}


METHODS = _all()

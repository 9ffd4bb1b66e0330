"""Arguments of a method that are resolved at run time, from the noisy data and the predecessor's model."""

import dataclasses
import random

import keras

from experiments import evaluation
from tfp_noise import _validation, estimation, noise
from tfp_noise.datasets.base import true_labels
from tfp_noise.similarities import ClassSimilarities


class Resolver:
    """The base of all arguments that are resolved at run time; every other argument is handed on as it is.

    A subclass is a frozen dataclass, because its `repr` stands among the settings of a run.
    """

    needs_predecessor = False

    def __call__(self, data, predecessor):
        """Return the argument.

        Args:
            data: the noisy `Dataset` of the run.
            predecessor: a trained model, or `None`.
        """
        raise NotImplementedError


@dataclasses.dataclass(frozen=True)
class TrueTransition(Resolver):
    """The matrix that made the labels noisy; no other way leads from it to a loss."""

    def __call__(self, data, predecessor):
        del predecessor
        if data.transition is None:
            raise ValueError(
                f"The true transition must be known. Received: {data.name!r}, whose true training labels nobody knows. "
                "Estimate it by `AnchorTransition`, with cross-entropy as `predecessor`."
            )
        return data.transition


@dataclasses.dataclass(frozen=True)
class NumTrainingExamples(Resolver):
    """The number of training examples, for a loss that remembers each of them."""

    def __call__(self, data, predecessor):
        del predecessor
        return len(data.train)


@dataclasses.dataclass(frozen=True)
class DrawnSeed(Resolver):
    """A seed from Python's generator, which a run seeds before it builds its model: another one for each run's seed."""

    def __call__(self, data, predecessor):
        del data, predecessor
        return random.randrange(2**31)


@dataclasses.dataclass(frozen=True)
class CleanExamples(Resolver):
    """The first validation examples with their true labels, for a classifier that is told some; a pair of arrays.

    Args:
        count: int >= 1, how many.
    """

    count: int

    def __post_init__(self):
        _validation.check_int("count", self.count, 1)

    def __call__(self, data, predecessor):
        del predecessor
        if self.count > len(data.validation):
            raise ValueError(
                f"`count` must be at most the number of validation examples. Received: {self.count}, and {data.name!r} "
                f"with {_validation.counted(len(data.validation), 'validation example')}. Hold out a larger share."
            )
        clean = data.validation.take(slice(self.count))
        return clean.inputs, true_labels("validation", clean)


@dataclasses.dataclass(frozen=True)
class SymmetricTransition(Resolver):
    """The matrix of symmetric noise at an assumed rate, whatever the true one."""

    rate: float

    def __call__(self, data, predecessor):
        del predecessor
        return noise.symmetric(data.num_classes, self.rate)


@dataclasses.dataclass(frozen=True)
class AnchorTransition(Resolver):
    """A matrix estimated from anchors: the training examples that the predecessor's model is most certain of.

    Args:
        percentile: as in `tfp_noise.estimation.from_anchors`.
    """

    percentile: float
    needs_predecessor = True

    def __call__(self, data, predecessor):
        return estimation.from_anchors(evaluation.predict(predecessor, data.train), self.percentile).transition


@dataclasses.dataclass(frozen=True)
class SubstituteTeacher(Resolver):
    """Targets of each class, `(1 - alpha) I + alpha Q`, with the Q that the predecessor's model learned.

    Data that have only the predecessor's first classes get the rows of these, cut to these and divided by their sums:
    the softmax of the logits that are left.

    Args:
        alpha: weight of Q.
    """

    alpha: float
    needs_predecessor = True

    def __call__(self, data, predecessor):
        rows = predecessor.loss.q_matrix
        learned = ClassSimilarities(rows, [str(index) for index in range(len(rows))])
        return learned.subset(range(data.num_classes)).substitute_teacher(data.num_classes, self.alpha).matrix


@dataclasses.dataclass(frozen=True)
class ShiftsAndFlips(Resolver):
    """A layer that moves each image by up to `pad` pixels each way, with zeros behind it, and mirrors half of them.

    It is `pipeline.CropAndFlip` in the form that a classifier takes, which draws its own random numbers.

    Args:
        pad: int, the largest shift in pixels.
        flip: bool, whether to mirror left and right.
    """

    pad: int
    flip: bool = True

    def __call__(self, data, predecessor):
        del predecessor
        height, width, _ = data.input_shape
        factors = self.pad / height, self.pad / width
        shift = keras.layers.RandomTranslation(*factors, fill_mode="constant", interpolation="nearest")
        return keras.Sequential([shift, keras.layers.RandomFlip("horizontal")] if self.flip else [shift])

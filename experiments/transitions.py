"""Matrices as arguments of a method, made when a run has its noisy data and its predecessor's model."""

import dataclasses

from experiments import evaluation
from experiments.experiment import Resolver
from tfp_noise import estimation, noise
from tfp_noise.similarities import ClassSimilarities


@dataclasses.dataclass(frozen=True)
class TrueTransition(Resolver):
    """The matrix that made the labels noisy. Only through it does a loss see that matrix."""

    def __call__(self, data, predecessor):
        """`[K, K]`."""
        del predecessor
        return data.transition


@dataclasses.dataclass(frozen=True)
class SymmetricTransition(Resolver):
    """Symmetric noise of a rate that is assumed, whatever the true one."""

    rate: float

    def __call__(self, data, predecessor):
        """`[K, K]`."""
        del predecessor
        return noise.symmetric(data.num_classes, self.rate)


@dataclasses.dataclass(frozen=True)
class AnchorTransition(Resolver):
    """Estimated from the anchors that the predecessor's model, trained on the noisy labels, finds in the training set.

    Args:
        percentile: as in `tfp_noise.estimation.from_anchors`.
    """

    percentile: float
    needs_predecessor = True

    def __call__(self, data, predecessor):
        """`[K, K]`."""
        return estimation.from_anchors(evaluation.predict(predecessor, data.train), self.percentile).transition


@dataclasses.dataclass(frozen=True)
class SubstituteTeacher(Resolver):
    """`(1 - alpha) I + alpha Q`, the targets of each class, with the Q that the predecessor's model learned.

    Where the data have its first classes only, their rows are cut to them and divided by their sums, which is the
    softmax of the logits that are left.

    Args:
        alpha: weight of Q.
    """

    alpha: float
    needs_predecessor = True

    def __call__(self, data, predecessor):
        """`[K, K]`."""
        rows = predecessor.loss.q_matrix
        learned = ClassSimilarities(rows, [str(index) for index in range(len(rows))])
        return learned.subset(range(data.num_classes)).substitute_teacher(data.num_classes, self.alpha).matrix

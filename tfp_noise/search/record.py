"""Record of a search: what was tried, and what came of it."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from tfp_noise.losses.base import NoisyLabelLoss


@dataclasses.dataclass(frozen=True)
class Trial:
    """One training of a search.

    Args:
        loss: class of `tfp_noise.losses`.
        arguments: its arguments after `num_classes`, by name.
        accuracy: fraction of the held-out given labels that the trained model predicts; `None` if training diverged.

    Example:
        >>> from tfp_noise import losses
        >>> Trial(losses.GeneralizedCrossEntropy, {"q": 0.5}, accuracy=0.625).build_loss(num_classes=10).q
        0.5
    """

    loss: type[NoisyLabelLoss]
    arguments: Mapping[str, Any]
    accuracy: float | None

    def build_loss(self, num_classes: int) -> NoisyLabelLoss:
        """A new loss with these arguments, to train with.

        Args:
            num_classes: int, K >= 2.

        Returns:
            A `NoisyLabelLoss`.

        Raises:
            TypeError: if `num_classes` is not an integer.
            ValueError: if the loss refuses an argument.
        """
        return self.loss(num_classes, **self.arguments)


@dataclasses.dataclass(frozen=True)
class SearchResult:
    """All trials of a search, in their order.

    Args:
        trials: tuple of `Trial`, at least one with an accuracy.

    Example:
        >>> from tfp_noise import losses
        >>> trials = [Trial(losses.GeneralizedCrossEntropy, {"q": q}, accuracy=q) for q in (0.3, 0.9, 0.5)]
        >>> SearchResult(tuple(trials)).best.arguments
        {'q': 0.9}
    """

    trials: tuple[Trial, ...]

    @property
    def best(self) -> Trial:
        """The trial with the highest accuracy, the first of equal ones."""
        return max((trial for trial in self.trials if trial.accuracy is not None), key=lambda one: one.accuracy or 0.0)

"""List of the losses, made from their classes: a new loss declares its own line."""

import inspect
from typing import NamedTuple

from tfp_noise import losses
from tfp_noise.losses.base import NoisyLabelLoss


class LossSummary(NamedTuple):
    """One loss in a line.

    Args:
        name: str, the class in `tfp_noise.losses`.
        summary: str, the first line of its docstring.
        paper: str, authors and year of the paper that proposes it.
        needs: str, what it takes besides labels and logits, such as "a transition matrix"; "" for nothing.

    Example:
        >>> LossSummary("Mine", "Half of cross-entropy.", "Nobody, 1999", "").name
        'Mine'
    """

    name: str
    summary: str
    paper: str
    needs: str


def available() -> tuple[LossSummary, ...]:
    """The losses of `tfp_noise.losses`, one line each, in the order of their names.

    Returns:
        A tuple of `LossSummary`, without the base class `NoisyLabelLoss`.

    Example:
        >>> [loss.name for loss in available() if loss.needs == "a transition matrix"]
        ['BackwardCorrection', 'BoundedForwardCorrection', 'ForwardCorrection']
    """
    public = (getattr(losses, name) for name in sorted(losses.__all__))
    found = [one for one in public if inspect.isclass(one) and issubclass(one, NoisyLabelLoss)]
    return tuple(
        LossSummary(cls.__name__, (cls.__doc__ or "").partition("\n")[0], cls.paper, cls.needs)
        for cls in found
        if cls is not NoisyLabelLoss
    )

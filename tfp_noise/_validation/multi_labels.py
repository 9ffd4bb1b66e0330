"""Checks of several labels an example, each present or absent, in arrays."""

import numpy as np

from tfp_noise._validation import wording


def check_multi_labels(name, labels, num_labels, ignored=None, rank=2):
    """Refuses arrays that do not hold numbers in [0, 1] for each label, for outputs of `rank` axes.

    Args:
        name: text, the argument's name in errors.
        labels: array.
        num_labels: int, L.
        ignored: int, the number of labels that nobody knows, or `None`.
        rank: int, how many axes outputs have.
    """
    if labels.dtype.kind not in "biuf":
        cure = wording.NAME_OF_PRESENT if num_labels == 1 else wording.LISTS_OF_NAMES
        raise TypeError(f"`{name}` must hold numbers in [0, 1], one a label. Received dtype {labels.dtype}. {cure}")
    check_multi_label_shape(name, labels.shape, num_labels, rank, f"shape {labels.shape}")
    outside = ~((labels >= 0) & (labels <= 1))  # true for NaN
    if ignored is not None:
        outside &= labels != ignored
    if outside.any():
        position = tuple(map(int, np.unravel_index(np.argmax(outside), outside.shape)))
        missing = np.isnan(labels[position]) or labels[position] == -1
        cure = wording.UNKNOWN_LABEL if missing else _cure(num_labels)
        if labels[position] == 255:
            cure = f"{wording.UNKNOWN_LABEL_255} {cure}"
        if np.all(np.abs(labels) == 1):  # without any 0, nothing would be absent
            cure = wording.SIGNS
        said = f"{labels[position]} at position {position}"
        raise ValueError(f"{wording.multi_label_range(name)} Received: {said}. {cure}")


def check_multi_label_shape(name, shape, num_labels, rank, received):
    """Refuses a shape of labels, whose sizes may be `None`, for outputs of `rank` axes."""
    shape = tuple(shape)
    rows = len(shape) == rank and shape[-1] in (None, num_labels)
    if not (rows or (num_labels == 1 and len(shape) == rank - 1)):
        axes = "n, ..." if rank > 2 else "n"
        raise ValueError(
            f"`{name}` must be numbers in [0, 1] of shape [{axes}, {num_labels}], one a label, for a loss of several "
            f"labels. Received {received}. {_cure(num_labels)}"
        )


def _cure(num_labels):
    """Advice for numbers or shapes of one class an example."""
    return wording.ONE_OF_TWO if num_labels == 1 else wording.ONE_CLASS

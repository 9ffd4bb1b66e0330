"""Checks of labels in arrays: class indices, distributions over classes, and ids of examples."""

import numpy as np

from tfp_noise import _labels
from tfp_noise._validation import wording
from tfp_noise._validation.arrays import as_array, as_numbers, check_finite

DISTRIBUTION_TOLERANCE = 1e-3  # of the sum of a row, so that float16 predictions pass
_ROUNDED = 0.05  # as far as rounding to a few digits may move the sum of a row
LOGITS_CURE = "Are these logits? Pass their softmax. Did training diverge?"
_CHUNK_ENTRIES = 2**22
_NAN = ("nan", "<NA>")  # as NumPy and pandas write a missing value among names
_CURES_OF_255 = {
    wording.NO_LABEL_FOR_LOSS: wording.NO_LABEL_255,
    wording.NO_LABEL_BESIDE_PREDICTIONS: wording.NO_LABEL_255_BESIDE_PREDICTIONS,
}


def as_label_array(name, labels) -> np.ndarray:
    """`labels` of any container as a NumPy array; an array of objects is converted like a list."""
    return as_array(
        name, labels, "Give every example one class index, or every example a row of as many probabilities."
    )


def check_flags(name, flags) -> np.ndarray:
    """`flags` of any container as an array of booleans."""
    flags = as_array(name, flags, "Give every example True or False.")
    if flags.dtype != bool:
        raise TypeError(f"`{name}` must be booleans. Received dtype {flags.dtype}, first {flags.ravel()[:3].tolist()}.")
    return flags


def check_indices(name, labels, rank=1) -> np.ndarray:
    """`labels` of any container as an int array [n], or of so many axes; of one or more if `rank` is `None`."""
    if labels is None:
        raise TypeError(
            f"`{name}` must be integer class indices [n]. Received: None. If nobody knows the true labels, pass the "
            "given ones: `examples.training_labels`."
        )
    labels = as_label_array(name, labels)
    if labels.dtype.kind not in "iu":
        raise TypeError(f"`{name}` must be integer class indices. Received dtype {labels.dtype}. {_label_cure(labels)}")
    if labels.ndim != rank and (rank is not None or not labels.ndim):
        shape = {1: "[n]", None: "[n] or [n, ...]"}.get(rank, f"[n, ...] of {rank} axes")
        raise ValueError(f"`{name}` must have shape {shape}. Received shape {labels.shape}.")
    return labels


def _label_cure(labels):
    """Advice for labels that are not integers."""
    numbers = labels.dtype.kind in "bf" and labels.size
    if labels.dtype.kind in "USTO":
        missing = [value for value in labels.ravel().tolist() if value is None or str(value) in _NAN]
        if missing:
            return f"Leave out the {wording.counted(len(missing), 'example')} without a label."
        return (
            "Number the names: `class_names, labels = np.unique(labels, return_inverse=True)`. Give names in other "
            "data the same numbers: `[list(class_names).index(name) for name in names]`."
        )
    if numbers and not np.isfinite(labels).all():
        return "Leave out the examples whose label is NaN or infinite."
    if numbers and (labels == np.floor(labels)).all():
        return "Pass `labels.argmax(axis=-1)`." if _are_one_hot(labels) else 'Pass `labels.astype("int32")`.'
    if numbers and labels.min() >= 0 and labels.max() <= 1:
        return "Make rows of probabilities of class 1: `np.stack([1 - labels, labels], axis=-1)`."
    return f"Number the classes from 0, or pass a row of probabilities for each example. {wording.NOT_REGRESSION}"


def _are_one_hot(labels):
    wide = labels.ndim > 1 and labels.shape[-1] > 1
    return wide and bool(((labels == 0) | (labels == 1)).all() and (labels.sum(axis=-1) == 1).all())


def check_labels(name, labels, num_classes, ignored=None, rank=1, no_label=wording.NO_LABEL) -> np.ndarray:
    """`labels` of any container as an int array [n] with values in [0, num_classes), or equal to `ignored`.

    Args:
        name: text, the argument's name in errors.
        labels: class indices.
        num_classes: int, K.
        ignored: int, class index of examples without a label, or `None`.
        rank: int, how many axes labels have: 1, or more for a label at each position of an example.
        no_label: text, the cure for -1, which often stands for a missing label.
    """
    labels = check_indices(name, labels, rank)
    outside = ~_labels.are_known(labels, num_classes)
    if ignored is not None:
        outside &= labels != ignored
    if outside.any():
        position = tuple(map(int, np.unravel_index(np.argmax(outside), outside.shape)))
        cure = no_label if labels[position] == -1 else wording.FROM_1
        if labels[position] == 255 and no_label in _CURES_OF_255:
            cure += f" {_CURES_OF_255[no_label]}"
        place = position if len(position) > 1 else position[0]
        raise ValueError(
            f"{wording.label_range(name, num_classes)} Received: {labels[position]} at position {place}. {cure}"
        )
    return labels


def check_ids(name, ids, text=True) -> np.ndarray:
    """`ids` of any container as an array of integers or, if `text`, strings; not of floats, such as NaN."""
    ids = as_array(name, ids, "Give every example one id.")
    if ids.dtype.kind not in ("iuUS" if text else "iu"):
        whole = ids.dtype.kind == "f" and np.isfinite(ids).all() and (ids == np.floor(ids)).all()
        raise TypeError(
            f"`{name}` must be integers{' or strings' if text else ''}, one that identifies each example. Received "
            f"dtype {ids.dtype}. "
            + (f"Pass `np.asarray({name}, int)`." if whole else "Number the examples: `np.arange(n)`.")
        )
    return ids


def check_targets(name, targets, num_classes, ignored=None, rank=2):
    """Refuses arrays that are neither class indices nor distributions, for outputs of `rank` axes."""
    if _labels.are_distributions(targets, num_classes, rank):
        if targets.dtype.kind not in "biuf":
            raise TypeError(f"`{name}` must hold numbers. Received dtype {targets.dtype}. {_label_cure(targets)}")
        rows = targets.reshape(-1, num_classes)
        check_distributions(name, rows, lambda row: wording.NORMALISE if row.any() else wording.no_class(ignored))
    elif _labels.are_class_indices(targets, rank):
        indices = targets.reshape(targets.shape[: rank - 1])
        check_labels(name, indices, num_classes, ignored, rank - 1, wording.NO_LABEL_FOR_LOSS)
    else:
        raise ValueError(
            f"{wording.label_shapes(name, num_classes, rank)} Received shape {targets.shape}. Is `num_classes` right? "
            f"{wording.SEVERAL_LABELS}"
        )


def check_distributions(name, rows, cure=LOGITS_CURE) -> np.ndarray:
    """`rows` as a float64 array `[n, k]`, n at least 1: nonnegative, and each row sums to 1."""
    return check_distribution_rows(name, rows, cure).astype(np.float64)


def check_distribution_rows(name, rows, cure=LOGITS_CURE) -> np.ndarray:
    """`rows` as `check_distributions` returns them, but floats in their own dtype, and without a copy.

    Args:
        name: text, the argument's name in errors.
        rows: numbers in any container.
        cure: text for predictions; for other rows, a function of a wrong one that returns it.
    """
    rows = as_numbers(name, rows)
    if rows.ndim != 2 or not rows.size:
        raise ValueError(f"`{name}` must have shape [n, num_classes], n at least 1. Received shape {rows.shape}.")
    for part in row_chunks(rows):
        sums = rows[part].sum(axis=1, dtype=np.float64)
        right = (np.abs(sums - 1) <= DISTRIBUTION_TOLERANCE) & (rows[part].min(axis=1) >= 0)  # false for NaN
        if not right.all():
            wrong = int(right.argmin())
            row = rows[part][wrong]
            if callable(cure):
                cure = cure(row)
            elif _are_of_several_labels(rows):
                cure = wording.EACH_LABEL
            check_finite(name, rows, cure=cure)
            raise ValueError(
                f"{wording.distributions(name)} Received: row {part.start + wrong} has the minimum {row.min():g} and "
                f"the sum {sums[wrong]:g}. {cure}"
            )
    return rows if rows.dtype.kind == "f" else rows.astype(np.float64)


def _are_of_several_labels(rows):
    """True for numbers in [0, 1] of which most rows have sums that distributions do not get by rounding."""
    off = np.abs(rows.sum(axis=1, dtype=np.float64) - 1) > _ROUNDED
    return rows.min() >= 0 and rows.max() <= 1 and off.mean() > 0.5


def row_chunks(rows):
    """Slices of the first axis of `rows`, each of about four million entries, so that no temporary array is large."""
    size = max(1, _CHUNK_ENTRIES // rows.shape[1])
    return [slice(start, min(start + size, len(rows))) for start in range(0, len(rows), size)]

"""Checks of arguments: every message names the argument, what was expected, what came, and the likely cure."""

import difflib
import os
import pathlib
import warnings
from collections.abc import Sequence

import numpy as np

# Condition number from which a transition's errors and rounding show in what its inverse is applied to.
ILL_CONDITIONED = 100.0
_ROW_SUM_TOLERANCE = 1e-6
DISTRIBUTION_TOLERANCE = 1e-3  # float16 predictions pass
LOGITS_CURE = "Are these logits? Pass their softmax. Did training diverge?"
_CHUNK_ENTRIES = 2**22
_MAX_FLOAT32 = float(np.finfo(np.float32).max)
_END_OF_INTEGERS = 2**31  # TensorFlow counts in int32
# Powers of ten that a dtype holds with all digits, and with room for what multiplies or divides them.
_LARGEST_POWERS = {"float32": 30, "float64": 290}


def check_int(name, value, minimum):
    """`value` as a Python int of at least `minimum`, and below 2^31."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"`{name}` must be an integer. Received: {value!r:.100} of type {type(value).__name__}.")
    if value < minimum:
        raise ValueError(f"`{name}` must be at least {minimum}. Received: {value}.")
    if value >= _END_OF_INTEGERS:
        raise ValueError(f"`{name}` must be below 2^31. Received: {value}.")
    return int(value)


def check_batch_size(value, replicas):
    """`value` as a Python int that so many replicas divide."""
    value = check_int("batch_size", value, 1)
    if value % replicas:
        below = value - value % replicas
        near = " or ".join(str(size) for size in (below, below + replicas) if size)
        raise ValueError(f"`batch_size` must be a multiple of the {replicas} replicas. Received: {value}. Take {near}.")
    return value


def check_seed(value):
    """`value` as a Python int in [0, 2^31): the seeds that NumPy and TensorFlow both take."""
    return check_int("seed", value, 0)


def check_number(name, value, minimum=-np.inf, maximum=np.inf, *, above=None, below=None, dtype=None, squared=False):
    """`value` as a Python float that float32 holds, in [minimum, maximum], and strictly beyond `above` and `below`.

    With `dtype`, it is 0 or a number that arithmetic in float32 or float64 holds; with `squared`, its square, too.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"`{name}` must be a number. Received: {value!r:.100} of type {type(value).__name__}.")
    bounds = [f"above {above:g}"] if above is not None else [f"at least {minimum:g}"] if minimum > -np.inf else []
    bounds += [f"below {below:g}"] if below is not None else [f"at most {maximum:g}"] if maximum < np.inf else []
    inside = minimum <= value <= maximum and (above is None or value > above) and (below is None or value < below)
    held = abs(value) <= (_MAX_FLOAT32 if dtype is None else float(np.finfo(float).max))
    if not (held and inside):
        raise ValueError(f"`{name}` must be {' and '.join(['finite', *bounds])}. Received: {value}.")
    if dtype is not None:
        _check_held(name, float(value), dtype, squared)
    return float(value)


def _check_held(name, value, dtype, squared):
    """Refuses what arithmetic in `dtype` would turn into 0, infinity or few digits."""

    def nearest(dtype):
        power = _LARGEST_POWERS[dtype] // (2 if squared else 1)
        return float(np.clip(abs(value), float(f"1e-{power}"), float(f"1e{power}")))

    if value not in (0, nearest(dtype), -nearest(dtype)):
        wider = ', or `dtype="float64"`' if nearest("float64") == abs(value) else ""
        raise ValueError(
            f"`{name}` must be a number that arithmetic in {dtype} holds. Received: {value}. Pass "
            f"{np.copysign(nearest(dtype), value):g}{wider}."
        )


def check_top(top, num_classes):
    """`top` as an int in [1, num_classes - 1], or `None`."""
    if top is not None and check_int("top", top, 1) >= num_classes:
        raise ValueError(
            f"`top` must be at most {num_classes - 1}, one less than the {num_classes} classes. Received: {top}. "
            "Leave it out to keep whole rows."
        )
    return top if top is None else int(top)


def check_bool(name, value):
    """`value` as a bool; a string or a number is refused."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"`{name}` must be True or False. Received: {value!r:.100} of type {type(value).__name__}.")
    return bool(value)


def check_choice(name, value, options, kind=None):
    """`value` if it is one of the strings `options`; otherwise an error that lists the near ones.

    Args:
        name: the argument.
        value: what it was given.
        options: strings.
        kind: words for what the options are; `name` by default.
    """
    options = list(options)
    if isinstance(value, str) and value in options:
        return value
    near = difflib.get_close_matches(str(value), options, n=5, cutoff=0.5)
    hint = f"Did you mean {' or '.join(map(repr, near))}?" if near else f"Known: {', '.join(sorted(options))}."
    raise ValueError(f"Unknown {kind or name}: {value!r:.100}. {hint} Received as `{name}`.")


def check_instance(name, value, kind, cure=""):
    """`value` if it is an instance of the class `kind`."""
    if not isinstance(value, kind):
        expected = f"{kind.__module__.partition('.')[0]}'s {kind.__name__}"
        raise TypeError(f"`{name}` must be an instance of {expected}. Received: {value!r:.100}. {cure}".rstrip())
    return value


def check_callable(name, value, cure=""):
    """`value` if it can be called; a class is refused, for its instance was meant."""
    if isinstance(value, type) or not callable(value):
        raise TypeError(f"`{name}` must be callable, and no class. Received: {value!r:.100}. {cure}".rstrip())
    return value


def check_path(name, value):
    """`value` as a `pathlib.Path`."""
    if not isinstance(value, (str, os.PathLike)):
        raise TypeError(f"`{name}` must be a path. Received: {value!r:.100} of type {type(value).__name__}.")
    if not os.fspath(value):
        raise ValueError(f"`{name}` must be a path. Received an empty string. For the current folder pass '.'.")
    return pathlib.Path(value)


def check_class_names(class_names, num_classes=None):
    """`class_names` as a tuple of strings, `num_classes` of them where that is given."""
    if isinstance(class_names, np.ndarray):
        class_names = class_names.tolist()
    is_sequence = isinstance(class_names, Sequence) and not isinstance(class_names, str)
    if not is_sequence or not all(isinstance(name, str) for name in class_names):
        raise TypeError(
            f"`class_names` must be a sequence of strings, a name a class. Received: {class_names!r:.100}. "
            'Pass a list or tuple of them, such as ("0", "1").'
        )
    if len(class_names) < 2:
        raise ValueError(f"`class_names` must name at least 2 classes. Received: {class_names!r}.")
    if num_classes is not None and len(class_names) != num_classes:
        raise ValueError(f"`class_names` must name {num_classes} classes. Received: {len(class_names)} names.")
    return tuple(class_names)


def check_matrix(name, value, num_classes=None):
    """`value` as a finite float64 [num_classes, num_classes] array."""
    expected = f"[{num_classes}, {num_classes}]" if num_classes else "square, at least [2, 2]"
    matrix = as_numbers(name, value).astype(np.float64)
    wrong_size = matrix.shape[0] != num_classes if num_classes and matrix.ndim else False
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or matrix.shape[0] < 2 or wrong_size:
        raise ValueError(f"`{name}` must be {expected}: one row and one column a class. Received shape {matrix.shape}.")
    if not np.all(np.isfinite(matrix)):
        row, column = np.argwhere(~np.isfinite(matrix))[0]
        raise ValueError(f"`{name}` must be finite. Received: {matrix[row, column]} at [{row}, {column}].")
    return matrix


def check_transition(name, value, num_classes=None):
    """`value` as a float64 row-stochastic matrix, `value[i, j] = P(observed = j | clean = i)`."""
    matrix = check_matrix(name, value, num_classes)
    if matrix.min() < 0 or matrix.max() > 1 + _ROW_SUM_TOLERANCE:
        row, column = np.argwhere((matrix < 0) | (matrix > 1 + _ROW_SUM_TOLERANCE))[0]
        raise ValueError(
            f"`{name}` must hold probabilities, from 0 to 1. Received: {matrix[row, column]:g} at [{row}, {column}]."
        )
    sums = matrix.sum(axis=1)
    if np.abs(sums - 1).max() > _ROW_SUM_TOLERANCE:
        row = int(np.abs(sums - 1).argmax())
        transposed = np.abs(matrix.sum(axis=0) - 1).max() <= _ROW_SUM_TOLERANCE
        cure = "Its columns do: pass its transpose." if transposed else "Divide each row by its sum."
        raise ValueError(f"`{name}` must have rows that sum to 1. Received: row {row} sums to {sums[row]:g}. {cure}")
    return matrix


def warn_if_uninformative(name, matrix):
    """A warning where all rows of a matrix that maps labels are equal, to rounding."""
    if np.ptp(matrix, axis=0).max() < 1e-6:
        warnings.warn(
            f"`{name}` should have rows that differ. Received equal ones: nothing is left of the labels, and the "
            "network learns nothing about classes. Lower alpha, or the noise rate.",
            stacklevel=3,
        )


def warn_of_no_labels(name):
    """A warning for smoothing by 1."""
    warnings.warn(
        f"`{name}` should be below 1. Received: 1, at which nothing is left of the labels: the network learns to "
        "predict uniform probabilities.",
        stacklevel=3,
    )


def as_label_array(name, labels):
    """`labels` of any container as a NumPy array; objects become what a list of them becomes."""
    return _as_array(
        name, labels, "Give every example one class index, or every example a row of as many probabilities."
    )


def as_numbers(name, value):
    """`value` of any container as an array of real numbers, whose dtype stays: the gate of all that is computed with.

    NumPy would take a masked entry for what lies under the mask, a date for its number of seconds, and text for the
    number that it spells, and would leave out an imaginary part.
    """
    array = _as_array(name, value, "Give every row as many numbers.")
    if not np.can_cast(array.dtype, np.float64, "same_kind"):  # bfloat16 can be, too
        cure = {
            "c": "Take its real part or its modulus.",
            **dict.fromkeys("mM", "Divide differences of dates by a unit: `(x - x.min()) / np.timedelta64(1, 's')`."),
            **dict.fromkeys(
                "US", "Pass the numbers themselves; text that spells them becomes them by `.astype(float)`."
            ),
        }.get(array.dtype.kind, "Is something missing (`None`), or no number?")
        first = array.ravel()[:3].tolist()
        raise TypeError(f"`{name}` must hold real numbers. Received dtype {array.dtype}, first {first!r:.100}. {cure}")
    return array


def _as_array(name, value, cure):
    """`value` of any container as a NumPy array without missing entries; objects become what a list of them becomes."""
    parts = value if isinstance(value, (list, tuple)) else [value]
    masked = sum(int(np.ma.count_masked(part)) for part in parts if isinstance(part, np.ma.MaskedArray))
    if masked:
        raise ValueError(
            f"`{name}` must be complete. Received a masked array with {masked} masked entries. "
            "Leave those examples out: `x[~y.mask]` and `y.compressed()`."
        )
    try:
        array = np.asarray(value)
        return np.array(array.tolist()) if array.dtype == object else array
    except (TypeError, ValueError, RuntimeError) as error:  # RuntimeError: a PyTorch tensor that needs a gradient
        raise ValueError(
            f"`{name}` must become one array. Received a {type(value).__name__} that does not: {error}. {cure}"
        ) from error


def _label_cure(labels):
    """Advice that works for labels that are no integers."""
    numbers = labels.dtype.kind in "bf" and labels.size
    if labels.dtype.kind in "USTO":
        missing = [value for value in labels.ravel().tolist() if value is None or isinstance(value, float)]
        if missing:
            return f"Leave out the {len(missing)} examples without a label."
        return "Number the names: `class_names, labels = np.unique(labels, return_inverse=True)`."
    if numbers and not np.isfinite(labels).all():
        return "Leave out the examples whose label is NaN or infinite."
    if numbers and (labels == np.floor(labels)).all():
        return 'Pass `labels.astype("int32")`.'
    if numbers and labels.min() >= 0 and labels.max() <= 1:
        return "Make rows of probabilities of class 1: `np.stack([1 - labels, labels], axis=-1)`."
    return "Number the classes from 0, or pass a row of probabilities for each example."


def check_flags(name, flags):
    """`flags` of any container as an array of booleans."""
    flags = _as_array(name, flags, "Give every example True or False.")
    if flags.dtype != bool:
        raise TypeError(f"`{name}` must be booleans. Received dtype {flags.dtype}, first {flags.ravel()[:3].tolist()}.")
    return flags


def check_indices(name, labels):
    """`labels` of any container as an int array [n]."""
    labels = as_label_array(name, labels)
    if labels.dtype.kind not in "iu":
        raise TypeError(f"`{name}` must be integer class indices. Received dtype {labels.dtype}. {_label_cure(labels)}")
    if labels.ndim != 1:
        raise ValueError(f"`{name}` must have shape [n]. Received shape {labels.shape}.")
    return labels


def check_ids(name, ids):
    """`ids` of any container as an array of integers or strings: no floats, of which NaN are all alike."""
    ids = _as_array(name, ids, "Give every example one identity.")
    if ids.dtype.kind not in "iuUS":
        raise TypeError(
            f"`{name}` must be integers or strings, an identity for each example. Received dtype {ids.dtype}. Number "
            "the examples: `np.arange(n)`."
        )
    return ids


def check_labels(name, labels, num_classes, ignored=None):
    """`labels` as an int array [n] with values in [0, num_classes), or `ignored`, from any container."""
    labels = check_indices(name, labels)
    outside = (labels < 0) | (labels >= num_classes)
    if ignored is not None:
        outside &= labels != ignored
    if outside.any():
        position = int(np.argmax(outside))
        raise ValueError(
            f"`{name}` must lie in [0, {num_classes}). Received: {labels[position]} at position {position}. "
            + (
                "Leave out the examples without a label, or give the loss `ignore_class=-1`."
                if labels[position] == -1
                else "Do the labels start at 1, or is `num_classes` too small?"
            )
        )
    return labels


def check_features(name, features, takes_nan=lambda: False):
    """`features` as an array of examples, of finite numbers or of text; where `takes_nan()`, NaN may be among them."""
    array = np.asarray(features) if isinstance(features, np.ndarray) and features.dtype == object else None
    if array is not None and all(isinstance(one, (str, bytes)) for one in array.flat):
        return array
    array = _as_array(name, features, "Give every example as many features.")
    if array.dtype.kind not in "US":
        array = as_numbers(name, array)
    if not array.ndim:
        raise ValueError(f"`{name}` must hold examples. Received: {features!r:.100}, a single one.")
    if array.dtype.kind in "fV" and not np.isfinite(array).all():
        counted = np.where(np.isnan(array), np.zeros_like(array), array) if takes_nan() else array
        check_finite(name, counted, "example", "Remove such examples or impute them before training.")
    return array


def check_finite(name, array, where="row", cure=""):
    """Refuses NaN and infinity in an array of numbers, and says in which entry of its first axis they are."""
    if array.dtype.kind not in "fV" or np.isfinite(array).all():
        return
    place = f" in {where} {int(np.argwhere(~np.isfinite(array))[0][0])}" if array.ndim else ""
    raise ValueError(f"`{name}` must be finite. Received NaN or infinity{place}. {cure}".rstrip())


def check_unit_features(name, features):
    """`features` as an array of floats that all lie in [0, 1]."""
    features = check_features(name, features)
    if features.dtype.kind not in "fV":  # bfloat16 is of NumPy's kind V
        raise TypeError(
            f"`{name}` must be floating-point, in [0, 1]. Received dtype {features.dtype}. Divide images by 255."
        )
    if features.size and not (features.min() >= 0 and features.max() <= 1):
        raise ValueError(
            f"`{name}` must lie in [0, 1]. Received values from {features.min():g} to {features.max():g}. Divide "
            "images by 255, and put what normalises them into the model."
        )
    return features


def check_targets(name, targets, num_classes, ignored=None):
    """Refuses what is neither class indices `[n]` or `[n, 1]` nor distributions `[n, num_classes]`."""
    if targets.ndim == 2 and targets.shape[1] == num_classes:
        if targets.dtype.kind not in "biuf":
            raise TypeError(f"`{name}` must hold numbers. Received dtype {targets.dtype}. {_label_cure(targets)}")
        check_distributions(name, targets, cure="Divide each row by its sum, or pass class indices.")
    elif targets.ndim == 1 or (targets.ndim == 2 and targets.shape[1] == 1):
        check_labels(name, targets.reshape(-1), num_classes, ignored)
    else:
        raise ValueError(
            f"`{name}` must be class indices [n] or [n, 1], or distributions [n, {num_classes}]. Received shape "
            f"{targets.shape}. Is `num_classes` right?"
        )


def check_distributions(name, rows, cure=LOGITS_CURE):
    """`rows` as a float64 array `[n, k]`, n at least 1, of distributions: nothing negative, each row sums to 1."""
    return check_distribution_rows(name, rows, cure).astype(np.float64)


def check_distribution_rows(name, rows, cure=LOGITS_CURE):
    """`rows` as `check_distributions` gives them, but floats in their own dtype, and without a copy."""
    rows = as_numbers(name, rows)
    if rows.ndim != 2 or not rows.size:
        raise ValueError(f"`{name}` must have shape [n, num_classes], n at least 1. Received shape {rows.shape}.")
    for part in row_chunks(rows):
        sums = rows[part].sum(axis=1, dtype=np.float64)
        right = (np.abs(sums - 1) <= DISTRIBUTION_TOLERANCE) & (rows[part].min(axis=1) >= 0)  # false for NaN
        if not right.all():
            check_finite(name, rows, cure=cure)
            wrong = int(right.argmin())
            raise ValueError(
                f"`{name}` must be at least 0, with rows that sum to 1. Received: row {part.start + wrong} has the "
                f"minimum {rows[part][wrong].min():g} and the sum {sums[wrong]:g}. {cure}"
            )
    return rows if rows.dtype.kind == "f" else rows.astype(np.float64)


def row_chunks(rows):
    """Slices of the first axis of `rows`, each of about four million entries, so that no temporary array is large."""
    size = max(1, _CHUNK_ENTRIES // rows.shape[1])
    return [slice(start, min(start + size, len(rows))) for start in range(0, len(rows), size)]

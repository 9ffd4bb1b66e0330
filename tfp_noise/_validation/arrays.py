"""Checks of arrays of numbers in any container, and of features."""

import numpy as np

from tfp_noise._validation import wording

_ENCODE = "Encode categories: `pandas.get_dummies(table)`, or read the file by `datasets.from_csv`."
_DATES = "Make numbers of dates: `(column - column.min()) / pandas.Timedelta(days=1)`."
_NUMBERS_AS_OTHERS = "If all entries are numbers, kept as objects or text: `table.apply(pandas.to_numeric)`."


def as_numbers(name, value) -> np.ndarray:
    """`value` of any container as an array of real numbers that keeps its dtype. Every numeric argument passes here.

    NumPy alone would read the value under a mask, take a date for its number of seconds and text for the number that it
    spells, and drop an imaginary part.
    """
    array = as_array(name, value, "Give all rows the same number of values.")
    if not np.can_cast(array.dtype, np.float64, "same_kind"):  # True for bfloat16
        cure = {
            "c": "Take its real part or its modulus.",
            **dict.fromkeys("mM", "Divide differences of dates by a unit: `(x - x.min()) / np.timedelta64(1, 's')`."),
            **dict.fromkeys("US", "Convert text that spells numbers by `.astype(float)`."),
        }.get(array.dtype.kind, "Is a value missing (`None`), or an entry not a number?")
        first = array.ravel()[:3].tolist()
        raise TypeError(f"`{name}` must hold real numbers. Received dtype {array.dtype}, first {first!r:.100}. {cure}")
    return array


def as_array(name, value, cure) -> np.ndarray:
    """`value` of any container as a NumPy array without missing entries; an array of objects is converted like a list.

    Args:
        name: text, the argument's name in errors.
        value: array, tensor, list, or column of a table.
        cure: text, the advice for a list of rows with different lengths.
    """
    check_dense(name, value)
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
        received = wording.with_article(type(value).__name__)
        raise ValueError(
            f"`{name}` must be convertible to one array. Received {received} that is not: {error}. {cure}"
        ) from error


def check_dense(name, value):
    """Refuses a sparse matrix of SciPy, as scikit-learn makes some, of which NumPy makes one object."""
    if hasattr(value, "toarray"):
        raise TypeError(f"`{name}` must be a dense array. Received a sparse matrix. Pass `{name}.toarray()`.")


def check_finite(name, array, where="row", cure=""):
    """Refuses NaN and infinity in an array of numbers; the error says in which entry of its first axis they are."""
    if array.dtype.kind not in "fV" or np.isfinite(array).all():
        return
    place = f" in {where} {int(np.argwhere(~np.isfinite(array))[0][0])}" if array.ndim else ""
    raise ValueError(f"`{name}` must be finite. Received NaN or infinity{place}. {cure}".rstrip())


def check_features(name, features, takes_nan=lambda: False) -> np.ndarray:
    """`features` as an array of examples: finite numbers, or text.

    Args:
        name: text, the argument's name in errors.
        features: array, tensor, list, or table.
        takes_nan: function without arguments, called if a number is not finite: true if NaN is allowed.
    """
    array = np.asarray(features) if isinstance(features, np.ndarray) and features.dtype == object else None
    if array is not None and all(isinstance(one, (str, bytes)) for one in array.flat):
        return array
    array = as_array(name, features, "Give all examples the same number of features.")
    if array.dtype.kind not in "US":
        array = as_numbers(name, array)
    if not array.ndim:
        raise ValueError(f"`{name}` must be an array with one entry for each example. Received: {features!r:.100}.")
    if array.dtype.kind in "fV" and not np.isfinite(array).all():
        counted = np.where(np.isnan(array), np.zeros_like(array), array) if takes_nan() else array
        check_finite(name, counted, "example", "Remove such examples or impute them before training.")
    return array


def check_columns(name, table, encode=_ENCODE):
    """Refuses a pandas `DataFrame` without columns, or with columns of anything but numbers and bools.

    Args:
        name: text, the argument's name in errors.
        table: the data frame.
        encode: text, the cure for categories.
    """
    if not len(table.columns):
        raise ValueError(
            f"`{name}` must have a column of numbers for each feature. Received a data frame of shape {table.shape}. "
            "Has a selection left none? `table.select_dtypes('number')` has all that are numbers."
        )
    kinds = [(str(column), dtype, getattr(dtype, "kind", "O")) for column, dtype in table.dtypes.items()]
    others = [(column, dtype, kind) for column, dtype, kind in kinds if kind not in "biuf"]
    if others:
        listed = ", ".join(f"{column!r} ({dtype})" for column, dtype, _ in others[:5])
        listed += f" and {len(others) - 5} more" * (len(others) > 5)
        dates = [kind in "mM" for *_, kind in others]
        cures = [encode, _NUMBERS_AS_OTHERS] * (not all(dates)) + [_DATES] * any(dates)
        raise TypeError(f"`{name}` must be columns of numbers. Received others in {listed}. {' '.join(cures)}")


def check_unit_features(name, features) -> np.ndarray:
    """`features` as an array of floats that all lie in [0, 1]."""
    features = check_features(name, features)
    if features.dtype.kind not in "fV":  # bfloat16 is of NumPy's kind V
        raise TypeError(
            f"`{name}` must be floating-point, in [0, 1]. Received dtype {features.dtype}. Divide images by 255."
        )
    if features.size and not (features.min() >= 0 and features.max() <= 1):
        raise ValueError(
            f"`{name}` must lie in [0, 1]. Received values from {features.min():g} to {features.max():g}. Divide "
            "images by 255, and put further normalisation into the model."
        )
    return features


def check_one_order(arguments) -> None:
    """Refuses columns of pandas that have the same index in different orders, as if only some of them were shuffled.

    Everything is matched by position, so that each label would belong to another example.

    Args:
        arguments: dict from the name of an argument to its value, an array of examples or a nest of such arrays.
    """
    columns = [pair for name, value in arguments.items() for pair in _columns(name, value)]
    for name, column in columns[1:]:
        first, other = columns[0][0], columns[0][1].index
        own = column.index
        if len(own) == len(other) and not own.equals(other) and set(own) == set(other):
            sort = f"Pass `{name}.loc[{first}.index]`; or, if" if own.is_unique else "Sort one as the other; or, if"
            raise ValueError(
                f"`{name}` must be in the order of `{first}`. Received the same index in another order, and position "
                f"is what counts. {sort} positions are right, `{name}.to_numpy()`."
            )


def _columns(name, value):
    """Pairs of a name and a column or table of pandas, of all that are in a nest."""
    if hasattr(value, "iloc"):
        yield name, value
    elif isinstance(value, (dict, list, tuple)):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _columns(f"{name}[{key!r}]", part)

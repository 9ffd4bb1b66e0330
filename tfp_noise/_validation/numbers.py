"""Checks of single numbers: integers, seeds, batch sizes, bounded floats, booleans."""

import numpy as np

_MAX_FLOAT32 = float(np.finfo(np.float32).max)
_END_OF_INTEGERS = 2**31  # TensorFlow counts in int32
# Powers of ten that a dtype represents with all its digits, with room for products and quotients.
_LARGEST_POWERS = {"float32": 30, "float64": 290}


def check_int(name, value, minimum, cure=""):
    """`value` as a Python int of at least `minimum`, and below 2^31; `cure` ends errors."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        received = f"Received: {value!r:.100} of type {type(value).__name__}."
        raise TypeError(f"`{name}` must be an integer. {received} {cure}".rstrip())
    if value < minimum:
        raise ValueError(f"`{name}` must be at least {minimum}. Received: {value}. {cure}".rstrip())
    if value >= _END_OF_INTEGERS:
        raise ValueError(f"`{name}` must be below 2^31. Received: {value}.")
    return int(value)


def check_batch_size(value, replicas):
    """`value` as a Python int that is a multiple of the number of replicas."""
    value = check_int("batch_size", value, 1)
    if value % replicas:
        below = value - value % replicas
        near = " or ".join(str(size) for size in (below, below + replicas) if size)
        raise ValueError(f"`batch_size` must be a multiple of the {replicas} replicas. Received: {value}. Take {near}.")
    return value


def check_seed(value):
    """`value` as a Python int in [0, 2^31), the range of seeds that both NumPy and TensorFlow accept."""
    return check_int("seed", value, 0)


def check_number(
    name, value, minimum=-np.inf, maximum=np.inf, *, above=None, below=None, dtype=None, squared=False, cure=""
):
    """`value` as a Python float that float32 can represent, within the given bounds.

    Args:
        name: text, the argument's name in errors.
        value: the number to check.
        minimum: number, the smallest value allowed.
        maximum: number, the largest value allowed.
        above: number that `value` must exceed, or `None`.
        below: number that must exceed `value`, or `None`.
        dtype: "float32" or "float64": `value` must be 0, or a number that this dtype represents with all its digits.
        squared: bool, whether the square of `value` must be such a number, too.
        cure: text that ends errors.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        received = f"Received: {value!r:.100} of type {type(value).__name__}."
        raise TypeError(f"`{name}` must be a number. {received} {cure}".rstrip())
    bounds = [f"above {above:g}"] if above is not None else [f"at least {minimum:g}"] if minimum > -np.inf else []
    bounds += [f"below {below:g}"] if below is not None else [f"at most {maximum:g}"] if maximum < np.inf else []
    inside = minimum <= value <= maximum and (above is None or value > above) and (below is None or value < below)
    is_finite = abs(value) <= (_MAX_FLOAT32 if dtype is None else float(np.finfo(float).max))
    if not (is_finite and inside):
        raise ValueError(f"`{name}` must be {' and '.join(['finite', *bounds])}. Received: {value}. {cure}".rstrip())
    if dtype is not None:
        _check_representable(name, float(value), dtype, squared)
    return float(value)


def _check_representable(name, value, dtype, squared):
    """Refuses numbers that arithmetic in `dtype` would turn into 0, infinity, or a number with few digits."""

    def nearest(dtype):
        power = _LARGEST_POWERS[dtype] // (2 if squared else 1)
        return float(np.clip(abs(value), float(f"1e-{power}"), float(f"1e{power}")))

    if value not in (0, nearest(dtype), -nearest(dtype)):
        wider = ', or `dtype="float64"`' if nearest("float64") == abs(value) else ""
        raise ValueError(
            f"`{name}` must be a number that {dtype} represents with all its digits. Received: {value}. Pass "
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

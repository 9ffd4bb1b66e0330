"""Colours, frames, layout of panels and checks that all figures share."""

import itertools
from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from tfp_noise import _validation

# Okabe and Ito's colours, which colour-blind readers can tell apart. Grey replaces their yellow, too pale for lines.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C8C8C")
GREY = "#595959"
MAX_NUMBERED_CLASSES = 20  # up to this size, a single matrix has a number in each cell
_MAX_CELLS_IN_A_ROW = 12  # the same for a matrix in a figure of several panels
_MAX_COLUMNS = 4
_MAX_TICKS = 25


def colors():
    """Endless iterator over the palette."""
    return itertools.cycle(PALETTE)


def open_frame(axes, grid=False):
    """Removes the top and right sides of the frame, and adds a pale grid on request."""
    axes.spines[["top", "right"]].set_visible(False)
    if grid:
        axes.grid(alpha=0.3)


def square_panels(num_panels, size):
    """A figure and its `num_panels` axes of `size` inches, at most four per row."""
    columns = min(num_panels, _MAX_COLUMNS)
    rows = -(-num_panels // columns)
    figure = Figure(figsize=(0.6 + size * columns, 0.8 + size * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid[num_panels:]:
        axes.remove()
    return figure, grid[:num_panels]


def heat_map(axes, colored, written, class_names, norm):
    """Draws `colored` as a heat map, grey where it is masked, with the numbers of `written` in percent if they fit."""
    image = axes.imshow(colored, cmap="Blues", norm=norm)
    axes.set_facecolor("#E0E0E0")
    if len(class_names) <= _MAX_CELLS_IN_A_ROW:
        for (row, column), value in np.ndenumerate(written):
            dark = not np.ma.is_masked(colored[row, column]) and norm(colored[row, column]) > 0.65
            look = {"ha": "center", "va": "center", "fontsize": 8, "color": "white" if dark else "black"}
            axes.text(column, row, _percent(value), **look)
    name_columns(axes, class_names)
    name_rows(axes, class_names)
    return image


def _percent(fraction):
    """Text of a fraction in percent, with one decimal below 10, so that small numbers do not look like 0."""
    percent = 100 * fraction
    return f"{percent:.1f}" if 0.05 <= percent < 9.95 else f"{percent:.0f}"


def without_diagonal(matrix):
    """A copy of the matrix with its diagonal masked."""
    return np.ma.array(matrix, mask=np.eye(len(matrix), dtype=bool))


def name_rows(axes, class_names):
    """Names the rows of a matrix; of many classes only some, evenly spaced."""
    ticks, names = _thinned(class_names)
    axes.set_yticks(ticks, names)


def name_columns(axes, class_names):
    """Names the columns of a matrix; of many classes only some, and long names at an angle."""
    ticks, names = _thinned(class_names)
    tilt = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
    fits = max(map(len, names)) <= 2 + 20 / len(names)  # characters that one column has room for
    axes.set_xticks(ticks, names, **({} if fits else tilt))


def _thinned(class_names):
    ticks = np.arange(0, len(class_names), -(-len(class_names) // _MAX_TICKS))
    return ticks, [class_names[tick] for tick in ticks]


def check_some(name, value, what):
    """Refuses anything but a dict with at least one thing to draw."""
    if not isinstance(value, Mapping):
        raise TypeError(f"`{name}` must be a dict with each {what} under its name. Received: {type(value).__name__}.")
    if not value:
        raise ValueError(f"`{name}` must hold at least one {what}. Received an empty dict.")


def check_pair(name, value, what):
    """The value, which must be a tuple or list of two parts."""
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise ValueError(f"`{name}` must be a pair {what}. Received: {value!r:.100}.")
    return value


def check_floats(name, value, shape) -> np.ndarray:
    """Finite float64 array; `shape` gives for each axis its size, or a name if any size is allowed."""
    value = _validation.as_numbers(name, value).astype(np.float64)
    _validation.check_finite(name, value)
    if not value.size:
        raise ValueError(f"`{name}` must not be empty. Received shape {value.shape}.")
    fits = value.ndim == len(shape) and all(
        isinstance(wanted, str) or wanted == size for wanted, size in zip(shape, value.shape, strict=True)
    )
    if not fits:
        expected = ", ".join(map(str, shape))
        raise ValueError(f"`{name}` must have shape [{expected}]. Received shape {value.shape}.")
    return value


def check_label_pair(labels, observed, num_classes) -> tuple[np.ndarray, np.ndarray]:
    """True and observed labels as int arrays of the same length `[n]`."""
    labels = _validation.check_labels("labels", labels, num_classes)
    observed = _validation.check_labels("observed", observed, num_classes)
    if len(labels) != len(observed):
        raise ValueError(
            f"`labels` and `observed` must have the same length. Received: {len(labels)} and {len(observed)} labels."
        )
    return labels, observed

"""What the figures share: colours, frames, the layout of panels, checks."""

import itertools

import numpy as np
from matplotlib.figure import Figure

from tfp_noise import _validation

# Okabe and Ito's colours, which colour-blind readers can tell apart; grey stands for their yellow, too pale for lines.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C8C8C")
GREY = "#595959"
MAX_NUMBERED_CLASSES = 20  # of a matrix whose every entry stands in its cell
_MAX_CELLS_IN_A_ROW = 12  # with numbers in them, in a figure of several panels
_MAX_COLUMNS = 4
_MAX_TICKS = 25


def colors():
    """The palette, again and again."""
    return itertools.cycle(PALETTE)


def open_frame(axes, grid=False):
    """Takes the frame's top and right away, and adds a pale grid if asked."""
    axes.spines[["top", "right"]].set_visible(False)
    if grid:
        axes.grid(alpha=0.3)


def square_panels(num_panels, size):
    """A figure, and its `num_panels` axes of `size` inches, at most four in a row."""
    columns = min(num_panels, _MAX_COLUMNS)
    rows = -(-num_panels // columns)
    figure = Figure(figsize=(0.6 + size * columns, 0.8 + size * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid[num_panels:]:
        axes.remove()
    return figure, grid[:num_panels]


def heat_map(axes, colored, written, class_names, norm):
    """A matrix of classes as colours, grey where `colored` is masked, and `written` in percent where there is room."""
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


def _percent(share):
    """In percent, with a decimal below 10: what is small is not nothing."""
    percent = 100 * share
    return f"{percent:.1f}" if 0.05 <= percent < 9.95 else f"{percent:.0f}"


def without_diagonal(matrix):
    """`matrix` with its diagonal masked."""
    return np.ma.array(matrix, mask=np.eye(len(matrix), dtype=bool))


def name_rows(axes, class_names):
    """Names the rows of a matrix; of many classes some, evenly spaced."""
    ticks, names = _thinned(class_names)
    axes.set_yticks(ticks, names)


def name_columns(axes, class_names):
    """Names the columns of a matrix; of many classes some, and long names aslant."""
    ticks, names = _thinned(class_names)
    tilt = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
    fits = max(map(len, names)) <= 2 + 20 / len(names)  # characters with the width of one column
    axes.set_xticks(ticks, names, **({} if fits else tilt))


def _thinned(class_names):
    ticks = np.arange(0, len(class_names), -(-len(class_names) // _MAX_TICKS))
    return ticks, [class_names[tick] for tick in ticks]


def check_some(name, value, what):
    """Refuses what is no dict of things to draw, or an empty one."""
    if not isinstance(value, dict):
        raise TypeError(f"`{name}` must be a dict, each {what} under its name. Received: {type(value).__name__}.")
    if not value:
        raise ValueError(f"`{name}` must hold at least one {what}. Received an empty dict.")


def check_pair(name, value, what):
    """`value` if it has two parts."""
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise ValueError(f"`{name}` must be a pair {what}. Received: {value!r:.100}.")
    return value


def check_floats(name, value, shape):
    """`value` as a finite float64 array; `shape` gives each axis's size, or its name where any size will do."""
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


def check_label_pair(labels, observed, num_classes):
    """True and observed labels as int arrays of one length `[n]`."""
    labels = _validation.check_labels("labels", labels, num_classes)
    observed = _validation.check_labels("observed", observed, num_classes)
    if len(labels) != len(observed):
        raise ValueError(
            f"`labels` and `observed` must have one length. Received: {len(labels)} and {len(observed)} labels."
        )
    return labels, observed

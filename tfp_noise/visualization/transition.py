"""Figure of a transition matrix of label noise."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from tfp_noise import _validation
from tfp_noise.visualization import _style


def transition_matrix(transition: ArrayLike, class_names: Sequence[str], title: str | None = None) -> Figure:
    """Heat map of label noise, with one row per true label and one column per observed label.

    Up to 20 classes the cells contain the entries, with a plain 0 for what cannot happen. Of more than 25 classes only
    some are named, evenly spaced.

    Args:
        transition: float `[num_classes, num_classes]`, `transition[i, j] = P(observed = j | clean = i)`.
        class_names: sequence of strings, one name per class.
        title: text above the map.

    Returns:
        A `matplotlib.figure.Figure` with the map and its colour bar.

    Raises:
        TypeError: if names are not strings.
        ValueError: if rows do not sum to 1, or there is not one name per class.

    Example:
        >>> figure = transition_matrix([[0.9, 0.1], [0.0, 1.0]], ("cat", "dog"))
        >>> [text.get_text() for text in figure.axes[0].texts]
        ['0.90', '0.10', '0', '1.00']
    """
    transition = _validation.check_transition("transition", transition)
    num_classes = len(transition)
    names = _validation.check_class_names(class_names, num_classes)
    size = 3.0 + 0.42 * min(num_classes, _style.MAX_NUMBERED_CLASSES)
    figure = Figure(figsize=(size + 0.8, size), layout="compressed")
    axes = figure.subplots()
    image = axes.imshow(transition, cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(image, ax=axes, label="probability")
    if num_classes <= _style.MAX_NUMBERED_CLASSES:
        for (row, column), value in np.ndenumerate(transition):
            color = "white" if value > 0.65 else "black" if value > 0 else "#A0A0A0"
            text = f"{value:.2f}" if value > 0 else "0"
            axes.text(column, row, text, ha="center", va="center", fontsize=8, color=color)
    _style.name_rows(axes, names)
    _style.name_columns(axes, names)
    axes.set(xlabel="observed label", ylabel="clean label", title=title)
    return figure

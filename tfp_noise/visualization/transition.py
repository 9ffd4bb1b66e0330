"""Label noise as a matrix."""

import numpy as np
from matplotlib.figure import Figure

from tfp_noise import _validation
from tfp_noise.visualization import _style


def transition_matrix(transition, class_names, title=None):
    """A heat map of label noise: a row a clean label, a column an observed one.

    Up to 20 classes every entry stands in its cell, a plain 0 for what cannot happen; beyond 25 only some classes are
    named, evenly spaced.

    Args:
        transition: float `[num_classes, num_classes]`, `transition[i, j] = P(observed = j | clean = i)`.
        class_names: sequence of strings, a name per class.
        title: text above the map.

    Returns:
        A `matplotlib.figure.Figure`: the map and its colour bar.

    Raises:
        TypeError: names that are not strings.
        ValueError: rows that do not sum to 1, or names that are not one a class.

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

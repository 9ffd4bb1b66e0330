"""Figures of the class similarities that a loss has learned, in the end and over the epochs."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from tfp_noise import _class_rows, _validation
from tfp_noise.losses import TopRows
from tfp_noise.visualization import _style

_NUM_LINES = 5
_LEAST_SHOWN = 1e-4


def class_similarities(
    similarities: Mapping[str, ArrayLike | TopRows],
    class_names: Sequence[str],
    confusion: ArrayLike | None = None,
    title: str | None = None,
) -> Figure:
    """Heat maps of learned distributions over classes, one panel per method, beside the confusion matrix.

    The diagonal is grey, because it is large in soft labels and almost 0 in a learned Q. The colours show how the rest
    of a row is divided among the other classes: the square root of `rows[i, j] / (1 - rows[i, i])`, on one scale for
    all panels, so that methods can be compared with each other and with the mistakes. Up to 12 classes the cells also
    contain the entries themselves, in percent. Of more than 25 classes only some are named, evenly spaced.

    Args:
        similarities: a dict `{panel: rows}` with the `class_rows` of losses: float `[K, K]`, one row per label, or
            `losses.TopRows`, whose remainder is divided equally among the classes that are not kept.
        class_names: sequence of strings, one name per class.
        confusion: counts `[K, K]`, one row per true class and one column per predicted class, as in
            `sklearn.metrics.confusion_matrix`; drawn as fractions of the examples of each true class.
        title: text above the panels.

    Returns:
        A `matplotlib.figure.Figure` with one panel per entry of `similarities`, one for the confusion matrix if given,
        and the colour bar.

    Raises:
        TypeError: if `similarities` is not a dict or class names are not strings.
        ValueError: if there is no panel, rows are not distributions over the named classes, or the confusion matrix has
            another shape, negative entries, or a class without examples.

    Example:
        >>> rows = [[0.0, 0.9, 0.1], [0.8, 0.0, 0.2], [0.5, 0.5, 0.0]]
        >>> figure = class_similarities({"LLS": rows}, ("cat", "dog", "truck"))
        >>> [text.get_text() for text in figure.axes[0].texts][:3]
        ['0', '90', '10']

    References:
        "LLS: regulating neural network training via learnable label smoothing", Figures 3, 4 and 9.
    """
    _style.check_some("similarities", similarities, "method")
    names = _validation.check_class_names(class_names)
    maps = [
        (panel, _class_rows.check_rows(f"similarities[{panel!r}]", rows, len(names)).block(range(len(names))))
        for panel, rows in similarities.items()
    ]
    axis_labels = [("class", "label")] * len(maps)
    if confusion is not None:
        maps.append(("confusion", _check_confusion(confusion, len(names))))
        axis_labels.append(("predicted class", "true class"))
    fractions = [_fractions_of_others(matrix) for _, matrix in maps]
    norm = PowerNorm(0.5, 0, max(map(np.max, fractions)))
    figure, panels = _style.square_panels(len(maps), 2 + 0.25 * min(len(names), _style.MAX_NUMBERED_CLASSES))
    figure.set_layout_engine("compressed")
    for axes, (panel, matrix), colored, (columns, rows) in zip(panels, maps, fractions, axis_labels, strict=True):
        image = _style.heat_map(axes, colored, matrix, names, norm)
        axes.set(title=f"{panel}\nmean diagonal {np.trace(matrix) / len(matrix):.3f}", xlabel=columns, ylabel=rows)
    figure.colorbar(image, ax=list(panels), label="share of what other classes get", fraction=0.05, aspect=30)
    figure.suptitle(title)
    return figure


def similarity_evolution(
    epochs: ArrayLike,
    history: Sequence[ArrayLike | TopRows],
    class_names: Sequence[str],
    classes: ArrayLike,
    title: str | None = None,
) -> Figure:
    """Probabilities of learned rows over the epochs, one panel per label.

    A panel has a black dashed line for the label itself and one line for each of the five other classes that are most
    probable after the last epoch. The vertical axis is logarithmic and starts at 1e-4.

    Args:
        epochs: int `[m]`, such as `callbacks.ClassRowsHistory.epochs`.
        history: sequence with the `class_rows` of a loss after each of the m epochs, such as
            `callbacks.ClassRowsHistory.rows`.
        class_names: sequence of strings, one name per class.
        classes: int `[panels]`, the labels to show.
        title: text above the panels.

    Returns:
        A `matplotlib.figure.Figure` with one panel per entry of `classes`.

    Raises:
        TypeError: if `history` is not a sequence of rows, or labels are not integers.
        ValueError: if there is no epoch or no label, `epochs` and `history` differ in length, rows are not
            distributions over the named classes, or labels are out of range.

    Example:
        >>> rows = np.array([[0.1, 0.6, 0.3], [0.5, 0.1, 0.4], [0.2, 0.7, 0.1]])
        >>> figure = similarity_evolution([1, 2], [np.full([3, 3], 1 / 3), rows], ("cat", "dog", "truck"), [0])
        >>> [line.get_label() for line in figure.axes[0].lines]
        ['cat', 'dog', 'truck']
    """
    names = _validation.check_class_names(class_names)
    classes = _validation.check_labels("classes", classes, len(names))
    epochs = _style.check_floats("epochs", epochs, ("m",))
    if not isinstance(history, (list, tuple, np.ndarray)):
        raise TypeError(f"`history` must be a list of rows. Received: {history!r:.100}.")
    if len(history) != len(epochs) or not len(classes):
        raise ValueError(
            f"`history` must hold rows for each of {len(epochs)} epochs, and `classes` at least one label. Received: "
            f"rows for {len(history)}, and {len(classes)} labels."
        )
    rows = np.stack(
        [
            _class_rows.check_rows(f"history[{index}]", one, len(names)).block(range(len(names)))[classes]
            for index, one in enumerate(history)
        ]
    )
    figure, panels = _style.square_panels(len(classes), 3.4)
    for axes, label, lines in zip(panels, classes, np.moveaxis(rows, 1, 0), strict=True):
        others = [other for other in np.argsort(-lines[-1], kind="stable") if other != label][:_NUM_LINES]
        axes.plot(epochs, lines[:, label], color="black", linestyle="--", linewidth=1.4, label=names[label])
        for other, color in zip(others, _style.colors(), strict=False):
            axes.plot(epochs, lines[:, other], color=color, linewidth=1.8, label=names[other])
        axes.set(title=f"label: {names[label]}", xlabel="epoch", yscale="log", ylim=(_LEAST_SHOWN, 1.3))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
        axes.legend(frameon=False, fontsize=8)
        _style.open_frame(axes, grid=True)
        if axes.get_subplotspec().is_first_col():
            axes.set_ylabel("probability")
    figure.suptitle(title)
    return figure


def _fractions_of_others(matrix):
    """Rows with masked diagonal, divided by their off-diagonal sums; a row with nothing off the diagonal stays 0."""
    off = _style.without_diagonal(matrix)
    sums = off.sum(axis=1, keepdims=True)
    return off / np.where(sums > 0, sums, 1)


def _check_confusion(confusion, num_classes):
    confusion = _validation.check_matrix("confusion", confusion, num_classes)
    counts = confusion.sum(axis=1, keepdims=True)
    if confusion.min() < 0 or not counts.all():
        raise ValueError(
            "`confusion` must hold counts of at least 0, with examples of each true class. Received: the minimum "
            f"{confusion.min():g}, and {int(counts.min())} examples of class {int(counts.argmin())}."
        )
    return confusion / counts

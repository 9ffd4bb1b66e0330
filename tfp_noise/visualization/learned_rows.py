"""Which classes a loss has learned to find similar, and when."""

import numpy as np
from matplotlib.colors import PowerNorm
from matplotlib.ticker import MaxNLocator

from tfp_noise import _learned_rows, _validation
from tfp_noise.visualization import _style

_NUM_LINES = 5
_LEAST_SHOWN = 1e-4


def class_similarities(similarities, class_names, confusion=None, title=None):
    """Heat maps of learned distributions over classes, a panel a method, and beside them the confusion matrix.

    The diagonal, which soft labels have large and a learned Q nearly 0, is grey, and colours show how a row's
    probability is shared by the other classes: `rows[i, j] / (1 - rows[i, i])`, by the square root, on one scale for
    all panels. So methods compare with each other and with the mistakes. Up to 12 classes the entries themselves stand
    in their cells, in percent; beyond 25 only some classes are named, evenly spaced.

    Args:
        similarities: a dict `{panel: rows}`, rows as `loss.class_rows` gives them: float `[K, K]`, a row per label, or
            `losses.TopRows`, whose remainder is spread over the classes that are not kept.
        class_names: sequence of strings, a name per class.
        confusion: counts `[K, K]`, a row a true class, a column a predicted one, as `sklearn.metrics.confusion_matrix`
            gives them: drawn as shares of each class's examples.
        title: text above the panels.

    Returns:
        A `matplotlib.figure.Figure`: a panel for each entry of `similarities`, one for the confusion matrix if given,
        and the colour bar.

    Raises:
        TypeError, ValueError: no panel; rows that are no distributions over the named classes; a confusion matrix that
            does not fit, is negative, or has a class without examples.

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
        (panel, _learned_rows.to_matrix(_learned_rows.check_rows(f"similarities[{panel!r}]", rows, len(names))))
        for panel, rows in similarities.items()
    ]
    axis_labels = [("class", "label")] * len(maps)
    if confusion is not None:
        maps.append(("confusion", _check_confusion(confusion, len(names))))
        axis_labels.append(("predicted class", "true class"))
    shares = [_shares_of_others(matrix) for _, matrix in maps]
    norm = PowerNorm(0.5, 0, max(map(np.max, shares)))
    figure, panels = _style.square_panels(len(maps), 2 + 0.25 * min(len(names), _style.MAX_NUMBERED_CLASSES))
    figure.set_layout_engine("compressed")
    for axes, (panel, matrix), colored, (columns, rows) in zip(panels, maps, shares, axis_labels, strict=True):
        image = _style.heat_map(axes, colored, matrix, names, norm)
        axes.set(title=f"{panel}\nmean diagonal {np.trace(matrix) / len(matrix):.3f}", xlabel=columns, ylabel=rows)
    figure.colorbar(image, ax=list(panels), label="share of what other classes get", fraction=0.05, aspect=30)
    figure.suptitle(title)
    return figure


def similarity_evolution(epochs, history, class_names, classes, title=None):
    """How learned rows come about: the probabilities of a row by epoch, a panel a label.

    A line for the label itself (black, dashed) and one for each of the five other classes that are most probable in
    the end. The axis is logarithmic and ends at 1e-4, below which lines leave the panel.

    Args:
        epochs: int `[m]`, such as `callbacks.ClassRowsHistory.epochs`.
        history: a sequence of m rows as `loss.class_rows` gives them, such as `callbacks.ClassRowsHistory.rows`.
        class_names: sequence of strings, a name per class.
        classes: the labels to show, int.
        title: text above the panels.

    Returns:
        A `matplotlib.figure.Figure` with a panel for each of `classes`.

    Raises:
        TypeError, ValueError: no epoch, as many rows as epochs not; rows that are no distributions over the named
            classes; no label, or labels that are no classes.

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
            _learned_rows.to_matrix(_learned_rows.check_rows(f"history[{index}]", one, len(names)))[classes]
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


def _shares_of_others(matrix):
    """Each row without its diagonal, which is masked, divided by its sum; a row that is all diagonal stays 0."""
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

"""Figure of a score of many methods."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike

from tfp_noise.visualization import _style

_MAX_COLUMNS = 3


def scores_by_method(
    scores: Mapping[str, Mapping[str, Mapping[str, ArrayLike]]],
    label: str = "clean test accuracy, %",
    title: str | None = None,
    reference: tuple[str, str] | None = None,
) -> Figure:
    """Dots at the mean of a score, with one row per method, one panel per condition and one colour per kind of score.

    The bar of a dot is one standard deviation of a sample to either side (`ddof=1`); a dot of one seed has none.
    Methods are in the order in which they come first, from the top. Panels have axes of their own for the score,
    because conditions differ in what is within reach.

    Args:
        scores: a dict `{condition: {method: {kind of score: values}}}` with one value per seed, drawn in the unit
            given. A method may be missing under a condition.
        label: name and unit of the values.
        title: text above the panels.
        reference: a method and a kind of score, whose mean is a dashed line in each panel that has it.

    Returns:
        A `matplotlib.figure.Figure` with one panel per condition, and one line and one legend entry per kind of score.

    Raises:
        TypeError: if a dict is expected and something else is given.
        ValueError: if there is no condition, method or kind of score, values are not finite `[seeds]`, or `reference`
            is in no panel.

    Example:
        >>> accuracies = {"cross-entropy": {"last epoch": [70.0, 72.0]}, "GCE": {"last epoch": [90.0]}}
        >>> figure = scores_by_method({"40% noise": accuracies})
        >>> figure.axes[0].lines[0].get_xydata()[:, 0].tolist()
        [71.0, 90.0]
    """
    _style.check_some("scores", scores, "condition")
    for condition, by_method in scores.items():
        _style.check_some(f"scores[{condition!r}]", by_method, "method")
        for method, by_kind in by_method.items():
            _style.check_some(f"scores[{condition!r}][{method!r}]", by_kind, "kind of score")
    methods = list(dict.fromkeys(method for by_method in scores.values() for method in by_method))
    kinds = list(dict.fromkeys(kind for one in scores.values() for by_kind in one.values() for kind in by_kind))
    drawn = {(name, kind) for one in scores.values() for name, by_kind in one.items() for kind in by_kind}
    is_pair = isinstance(reference, tuple) and all(isinstance(part, str) for part in reference)
    if reference is not None and not (is_pair and reference in drawn):
        raise ValueError(f"`reference` must be a method and a kind of its scores. Received: {reference!r:.100}.")
    colors = dict(zip(kinds, _style.colors(), strict=False))
    columns = min(len(scores), _MAX_COLUMNS)
    rows = -(-len(scores) // columns)
    size = (2.2 + 2.9 * columns, 0.9 + rows * (0.9 + 0.17 * len(methods)))
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(rows, columns, sharey=True, squeeze=False).ravel()
    for axes, (condition, by_method) in zip(grid, scores.items(), strict=False):
        for kind, color in colors.items():
            _draw(axes, condition, {name: one[kind] for name, one in by_method.items() if kind in one}, methods, color)
        if reference and reference[1] in by_method.get(reference[0], {}):
            mean = np.mean(np.asarray(by_method[reference[0]][reference[1]], float))
            axes.axvline(float(mean), color=colors[reference[1]], linestyle="--", linewidth=0.8, zorder=0)
        axes.set(title=condition, xlabel=label)
        axes.tick_params(axis="y", labelsize=7)
        _style.open_frame(axes, grid=True)
    for axes in grid[len(scores) :]:
        axes.set_visible(False)
    grid[0].set_yticks(range(len(methods)), methods)
    grid[0].set_ylim(len(methods) - 0.5, -0.5)
    lines = [Line2D([], [], color=color, marker="o", linestyle="", label=kind) for kind, color in colors.items()]
    figure.legend(handles=lines, loc="outside lower center", ncols=min(len(lines), columns), frameon=False)
    figure.suptitle(title, wrap=True)  # one panel is narrower than a title may be
    return figure


def _draw(axes, condition, by_method, methods, color):
    """Means and standard deviations of one kind of score."""
    values = [
        _style.check_floats(f"scores[{condition!r}][{name!r}]", one, ("seeds",)) for name, one in by_method.items()
    ]
    spread = [np.std(one, ddof=1) if len(one) > 1 else np.nan for one in values]
    look = {"color": color, "linestyle": "", "marker": "o", "markersize": 3.5, "elinewidth": 1}
    axes.errorbar(list(map(np.mean, values)), [methods.index(name) for name in by_method], xerr=spread, **look)

"""Figures of lines that separate two classes of points in the plane."""

from collections.abc import Mapping

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from tfp_noise import _validation
from tfp_noise.visualization import _style


def linear_separators(
    points: ArrayLike,
    labels: ArrayLike,
    observed: ArrayLike,
    separators: Mapping[str, Mapping[str, tuple[ArrayLike, float]]],
    title: str | None = None,
) -> Figure:
    """Points of two classes, with rings around mislabelled ones, and lines `w x + b = 0`.

    The first line of a panel is the reference and is black. The others go from dark to light in the order given.

    Args:
        points: float `[n, 2]`.
        labels: int `[n]`, the true classes, 0 or 1.
        observed: int `[n]`, the labels used in training; points whose observed label is wrong have a ring.
        separators: a dict `{panel: {label: (w, b)}}` with `w` float `[2]` and `b` float.
        title: text above the panels.

    Returns:
        A `matplotlib.figure.Figure` with one panel per entry of `separators`.

    Raises:
        TypeError: if labels are not integers, or a dict is expected and something else is given.
        ValueError: if points or labels have other shapes or labels are not 0 or 1, if there is no panel or a panel has
            no line, or if `w` is zero or not finite `[2]`.

    Example:
        >>> points, labels = np.array([[-1.0, -1.0], [1.0, 1.0]]), np.array([0, 1])
        >>> figure = linear_separators(points, labels, labels, {"a": {"Bayes": ([1.0, 1.0], 0.0)}})
        >>> [line.get_label() for line in figure.axes[0].lines]
        ['Bayes']

    References:
        Lukasik et al., "Does label smoothing mitigate label noise?", 2020, Figure 5.
    """
    _validation.check_one_order({"points": points, "labels": labels, "observed": observed})
    labels, observed = _style.check_label_pair(labels, observed, 2)
    points = _style.check_floats("points", points, (len(labels), 2))
    _style.check_some("separators", separators, "panel")
    centre, reach = points.mean(axis=0), 1.15 * np.abs(points - points.mean(axis=0)).max()
    figure, panels = _style.square_panels(len(separators), size=4.2)
    for axes, (panel, lines) in zip(panels, separators.items(), strict=True):
        _style.check_some(f"separators[{panel!r}]", lines, "line")
        _scatter(axes, points, labels, observed)
        shades = matplotlib.colormaps["viridis"](np.linspace(0.1, 0.9, max(len(lines) - 1, 1)))
        for (label, line), color in zip(lines.items(), ["black", *shades], strict=False):
            name = f"separators[{panel!r}][{label!r}]"
            w, b = _style.check_pair(name, line, "(w, b)")
            ends = _ends(name, w, b, centre, 2 * reach)
            axes.plot(*ends.T, color=color, linewidth=1.8, label=label)
        axes.set(title=panel, aspect="equal")
        axes.set(xlim=centre[0] + reach * np.array([-1, 1]), ylim=centre[1] + reach * np.array([-1, 1]))
        axes.legend(handles=axes.lines, loc="best", fontsize="small")
        _style.open_frame(axes)
    figure.legend(handles=figure.axes[0].collections, loc="outside lower center", ncols=3, frameon=False)
    figure.suptitle(title)
    return figure


def _scatter(axes, points, labels, observed):
    for label, marker in enumerate("ov"):
        color = _style.PALETTE[label]
        look = {"color": color, "marker": marker, "alpha": 0.35, "linewidths": 0}
        axes.scatter(*points[labels == label].T, s=14, label=f"class {label}", **look)
    ring = {"facecolors": "none", "edgecolors": "black", "linewidths": 0.8}
    axes.scatter(*points[labels != observed].T, s=30, label="mislabelled", zorder=3, **ring)


def _ends(name, w, b, centre, length):
    """Two points of the line, `[2, 2]`, at distance `length` on both sides of the point nearest to `centre`."""
    w = _style.check_floats(f"{name} w", w, (2,))
    b = float(_style.check_floats(f"{name} b", b, ()))
    if not w.any():
        raise ValueError(
            f"`{name}` must have a `w` that is not zero. Received: w = {w.tolist()}, which defines no line."
        )
    unit = w / np.linalg.norm(w)
    nearest = centre - unit * (unit @ centre + b / np.linalg.norm(w))
    return nearest + length * np.array([[-1], [1]]) * np.array([-unit[1], unit[0]])

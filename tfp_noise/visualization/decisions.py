"""Figures of decision regions of classifiers of points in the plane."""

from collections.abc import Callable, Mapping

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike

from tfp_noise import _validation
from tfp_noise.visualization import _style

_FINENESS = 200  # points along a side of the square
_LOOKS = (("o", _style.PALETTE[0]), ("^", _style.PALETTE[1]))
# Paler than the colours of the points, so that the points are visible on them.
_PROBABILITY = LinearSegmentedColormap.from_list("classes", ["#6FB2DA", "white", "#EBA066"])


def decision_regions(
    points: ArrayLike,
    labels: ArrayLike,
    observed: ArrayLike,
    classifiers: Mapping[str, Callable[[np.ndarray], ArrayLike]],
    title: str | None = None,
) -> Figure:
    """Probability of class 1 over the plane, one panel per classifier, and training points by their observed label.

    The line marks the points where both classes are equally probable. Mislabelled points have a ring: a line that goes
    around such a point shows that the classifier fits a wrong label.

    Args:
        points: float `[n, 2]`.
        labels: int `[n]`, the true classes, 0 or 1.
        observed: int `[n]`, the labels used in training; they determine shape and colour of a point.
        classifiers: a dict `{method: predict}`, where `predict` maps float32 `[m, 2]` to probabilities `[m, 2]`, such
            as `functools.partial(model.predict, verbose=0)`.
        title: text above the panels.

    Returns:
        A `matplotlib.figure.Figure` with one panel per method, and the colour bar.

    Raises:
        TypeError: if labels are not integers, or a classifier is not callable.
        ValueError: if points or labels have other shapes or labels are not 0 or 1, if there is no method, or if a
            classifier returns anything but distributions over two classes.

    Example:
        >>> points, labels = np.array([[-1.0, 0.0], [1.0, 0.0]]), np.array([0, 1])
        >>> figure = decision_regions(points, labels, labels, {"right": lambda x: np.eye(2)[(x[:, 0] > 0).astype(int)]})
        >>> figure.axes[0].get_title()
        'right'

    References:
        Englesson, Mehrpanah, Azizpour. Logistic-Normal likelihoods for heteroscedastic label noise in classification.
        2023, Figure 3.
    """
    _validation.check_one_order({"points": points, "labels": labels, "observed": observed})
    labels, observed = _style.check_label_pair(labels, observed, 2)
    points = _style.check_floats("points", points, (len(labels), 2))
    _style.check_some("classifiers", classifiers, "method")
    low, high = points.min(axis=0), points.max(axis=0)
    margin = 0.12 * (high - low).max()
    sides = np.linspace(low - margin, high + margin, _FINENESS).T
    grid = np.stack(np.meshgrid(*sides), axis=-1).astype(np.float32)
    width, height = 4.2, 4.2 * np.ptp(sides[1]) / np.ptp(sides[0])
    figure = Figure(figsize=(1.6 + width * len(classifiers), 1.2 + height), layout="constrained")
    panels = figure.subplots(1, len(classifiers), sharey=True, squeeze=False)[0]
    for axes, (method, predict) in zip(panels, classifiers.items(), strict=True):
        image = axes.pcolormesh(
            *sides, _probability(method, predict, grid), vmin=0, vmax=1, cmap=_PROBABILITY, rasterized=True
        )
        axes.contour(*sides, image.get_array(), levels=[0.5], colors="black", linewidths=1.2)
        for label, (marker, color) in enumerate(_LOOKS):
            look = {"color": color, "marker": marker, "edgecolors": "white", "linewidths": 0.4}
            axes.scatter(*points[observed == label].T, s=16, **look)
        ring = {"facecolors": "none", "edgecolors": "black", "linewidths": 0.9}
        axes.scatter(*points[labels != observed].T, s=34, **ring)
        axes.set(title=method, aspect="equal")
    figure.colorbar(image, ax=list(panels), label="probability of class 1", ticks=[0, 0.5, 1])
    figure.legend(handles=_legend(), loc="outside lower center", ncols=4, frameon=False)
    figure.suptitle(title)
    return figure


def _probability(method, predict, grid):
    """Probability of class 1 at each point of the grid, float64 `[height, width]`."""
    name = f"classifiers[{method!r}]"
    _validation.check_callable(name, predict, "Pass `model.predict` of a model.")
    points = grid.reshape(-1, 2)
    probabilities = _validation.check_distributions(f"{name}(points)", predict(points))
    if probabilities.shape != points.shape:
        expected = f"[{len(points)}, 2], one distribution over two classes per point"
        raise ValueError(f"`{name}` must return shape {expected}. Received shape {probabilities.shape}.")
    return probabilities[:, 1].reshape(grid.shape[:2])


def _legend():
    handles = [
        Line2D([], [], color=color, marker=marker, linestyle="", label=f"labelled {label}")
        for label, (marker, color) in enumerate(_LOOKS)
    ]
    ring = {"marker": "o", "linestyle": "", "markerfacecolor": "none", "markeredgecolor": "black", "markersize": 8}
    return [*handles, Line2D([], [], label="mislabelled", **ring), Line2D([], [], color="black", label="boundary")]

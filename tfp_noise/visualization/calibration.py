"""Reliability diagrams: accuracy by confidence."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from tfp_noise import _validation, metrics
from tfp_noise.visualization import _style


def reliability_diagram(
    probabilities_by_method: Mapping[str, ArrayLike], labels: ArrayLike, num_bins: int = 15
) -> Figure:
    """Accuracy by confidence, one column per method, with the fraction of examples at each confidence below.

    Bars that end below the diagonal show predictions that are more confident than accurate. The bins are those of
    `metrics.reliability_curve`.

    Args:
        probabilities_by_method: a dict `{method: float [n, num_classes]}`.
        labels: int `[n]`, the true classes.
        num_bins: int >= 1.

    Returns:
        A `matplotlib.figure.Figure` with two axes per method: accuracy above, fraction of examples below.

    Raises:
        TypeError, ValueError: as `metrics.reliability_curve`; also if there is no method.

    Example:
        >>> probabilities = np.array([[0.9, 0.1], [0.9, 0.1]])
        >>> figure = reliability_diagram({"ours": probabilities}, np.array([0, 1]))
        >>> figure.axes[0].get_title().split()
        ['ours', 'ECE', '0.400']

    References:
        Guo, Pleiss, Sun, Weinberger. On calibration of modern neural networks. ICML 2017, Figure 1.
    """
    _style.check_some("probabilities_by_method", probabilities_by_method, "method")
    _validation.check_one_order({"labels": labels, "probabilities_by_method": probabilities_by_method})
    labels = _validation.check_indices("labels", labels)
    for method, probabilities in probabilities_by_method.items():
        name = f"probabilities_by_method[{method!r}]"
        _style.check_floats(name, _validation.check_distributions(name, probabilities), (len(labels), "num_classes"))
    curves = {
        method: metrics.reliability_curve(probabilities, labels, num_bins)
        for method, probabilities in probabilities_by_method.items()
    }
    columns = min(len(curves), 4)
    rows = -(-len(curves) // columns)
    figure = Figure(figsize=(0.6 + 2.8 * columns, 4.0 * rows), layout="constrained")
    grid = figure.add_gridspec(2 * rows, columns, height_ratios=[4, 1] * rows)
    bars = {"x": np.arange(num_bins) / num_bins, "width": 1 / num_bins, "align": "edge", "edgecolor": "white"}
    bars["linewidth"] = 7.5 / num_bins
    largest = max(curve.count.max() for curve in curves.values()) / len(labels)
    for index, (method, curve) in enumerate(curves.items()):
        row, column = divmod(index, columns)
        upper = figure.add_subplot(grid[2 * row, column])
        lower = figure.add_subplot(grid[2 * row + 1, column], sharex=upper)
        upper.bar(height=curve.accuracy, color=_style.PALETTE[0], **bars)
        upper.plot([0, 1], [0, 1], color=_style.PALETTE[1], linestyle="--", linewidth=1.5)
        lower.bar(height=curve.count / len(labels), color=_style.GREY, **bars)
        error = metrics.expected_calibration_error(probabilities_by_method[method], labels, num_bins)
        upper.set_title(f"{method}\nECE {error:.3f}", fontsize=11)
        upper.set(xlim=(0, 1), ylim=(0, 1))
        upper.tick_params(labelbottom=False)
        lower.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
        lower.set(xlabel="confidence", ylim=(0, 1.05 * largest))
        lower.yaxis.set_major_locator(MaxNLocator(2))
        lower.yaxis.set_major_formatter(lambda fraction, _: f"{100 * fraction:g}%")
        for axes in (upper, lower):
            _style.open_frame(axes)
        if column == 0:
            upper.set_ylabel("accuracy")
            lower.set_ylabel("examples")
    figure.align_ylabels()
    return figure

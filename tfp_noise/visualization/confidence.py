"""Figures of a network's confidence in the true and in the observed label."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from tfp_noise import _validation
from tfp_noise.visualization import _style

_NUM_BINS = 80


def logit_gaps(logits: ArrayLike, labels: ArrayLike) -> np.ndarray:
    """Difference between the logit of the label and the mean logit: `logits[i, labels[i]] - mean_k logits[i, k]`.

    Args:
        logits: float `[n, num_classes]`.
        labels: int `[n]`.

    Returns:
        float64 `[n]`, in units of logits.

    Raises:
        TypeError: if labels are not integers.
        ValueError: if logits are not finite `[n, num_classes]`, or labels are out of range or not as many as rows.

    Example:
        >>> logit_gaps([[3.0, 0.0, 0.0]], [0]).tolist()
        [2.0]

    References:
        Lukasik et al., "Does label smoothing mitigate label noise?", 2020, section 4.1, "Model confidence".
    """
    _validation.check_one_order({"logits": logits, "labels": labels})
    logits = _style.check_floats("logits", logits, ("n", "num_classes"))
    labels, _ = _style.check_label_pair(labels, labels, logits.shape[1])
    if len(labels) != len(logits):
        raise ValueError(f"`logits` must have one row per label, {len(labels)}. Received: {len(logits)} rows.")
    return logits[np.arange(len(labels)), labels] - logits.mean(axis=1)


def logit_gap_densities(
    logits: Mapping[str, ArrayLike], labels: ArrayLike, observed: ArrayLike, title: str | None = None
) -> Figure:
    """Densities of `logit_gaps` of true and observed labels, on all, mislabelled and correctly labelled examples.

    The densities are histograms with 80 bins, the same for all methods and panels; a kernel density estimate could
    smooth spikes away. On correctly labelled examples the true and the observed label are equal and share one panel.
    The sixth panel shows the maximum logit minus the mean logit on all examples.

    Args:
        logits: a dict `{method: float [n, num_classes]}`.
        labels: int `[n]`, the true classes.
        observed: int `[n]`, the labels that the network was trained with.
        title: text above the panels.

    Returns:
        A `matplotlib.figure.Figure` with two rows of three panels. Above: the true label on all, on mislabelled and on
        correctly labelled examples. Below: the observed label on all and on mislabelled examples, and the maximum.

    Raises:
        TypeError: if `logits` is not a dict, or labels are not integers.
        ValueError: as `logit_gaps`; also if there is no method, or no mislabelled or no correctly labelled example.

    Example:
        >>> logits = {"cross-entropy": np.eye(3)[[0, 1, 2]]}
        >>> figure = logit_gap_densities(logits, labels=np.array([0, 1, 1]), observed=np.array([0, 1, 2]))
        >>> [axes.get_title() for axes in figure.axes[-2:]]
        ['observed label, mislabelled', 'maximum, all examples']

    References:
        Lukasik et al., "Does label smoothing mitigate label noise?", 2020, Figures 3 and 7.
    """
    _style.check_some("logits", logits, "method")
    _validation.check_one_order({"labels": labels, "observed": observed, "logits": logits})
    labels = _validation.check_indices("labels", labels)
    for method, one in logits.items():
        _style.check_floats(f"logits[{method!r}]", one, (len(labels), "num_classes"))
    labels, observed = _style.check_label_pair(labels, observed, min(np.shape(one)[1] for one in logits.values()))
    mislabelled = labels != observed
    if mislabelled.all() or not mislabelled.any():
        raise ValueError(
            "`observed` must differ from `labels` for some examples and agree for others. Received: "
            f"{mislabelled.sum()} of {len(mislabelled)} differ. Are the labels from before and after the noise?"
        )
    gaps = {
        method: {
            "true label": logit_gaps(one, labels),
            "observed label": logit_gaps(one, observed),
            "maximum": logit_gaps(one, np.argmax(one, axis=1)),
        }
        for method, one in logits.items()
    }
    everything = np.ones_like(mislabelled)
    panels = [
        ("all examples", "true label", everything),
        ("mislabelled", "true label", mislabelled),
        ("correctly labelled", "true label", ~mislabelled),
        ("all examples", "observed label", everything),
        ("mislabelled", "observed label", mislabelled),
        ("all examples", "maximum", everything),
    ]
    edges = np.histogram_bin_edges(
        np.concatenate([gap for of_kind in gaps.values() for gap in of_kind.values()]), _NUM_BINS
    )
    figure = Figure(figsize=(10, 5.8), layout="constrained")
    grid = figure.subplots(2, 3, sharex=True).ravel()
    for axes, (part, kind, chosen) in zip(grid, panels, strict=True):
        for (method, of_kind), color in zip(gaps.items(), _style.colors(), strict=False):
            density, _ = np.histogram(of_kind[kind][chosen], bins=edges, density=True)
            axes.stairs(density, edges, color=color, linewidth=1.4, label=method)
        axes.set(title=f"{kind}, {part}", ylim=(0, None))
        axes.title.set_fontsize("medium")
        _style.open_frame(axes, grid=True)
    for axes in grid[::3]:
        axes.set_ylabel("density")
    grid[4].set_xlabel("logit minus mean logit")  # not the label of the figure, which the legend would cover
    handles, names = grid[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=len(names), frameon=False)
    figure.suptitle(title)
    return figure

"""How confident a network is in the true and in the observed label."""

import numpy as np
from matplotlib.figure import Figure

from tfp_noise import _validation
from tfp_noise.visualization import _style

_NUM_BINS = 80


def logit_gaps(logits, labels):
    """How far the label's logit stands above the mean logit: `logits[i, labels[i]] - mean_k logits[i, k]`.

    Args:
        logits: float `[n, num_classes]`.
        labels: int `[n]`.

    Returns:
        float64 `[n]`.

    Raises:
        TypeError, ValueError: logits that are not finite `[n, num_classes]`, or labels that do not fit them.

    Example:
        >>> logit_gaps([[3.0, 0.0, 0.0]], [0]).tolist()
        [2.0]

    References:
        Lukasik et al., "Does label smoothing mitigate label noise?", 2020, section 4.1, "Model confidence".
    """
    logits = _style.check_floats("logits", logits, ("n", "num_classes"))
    labels, _ = _style.check_label_pair(labels, labels, logits.shape[1])
    if len(labels) != len(logits):
        raise ValueError(f"`logits` must have one row a label, {len(labels)}. Received: {len(logits)} rows.")
    return logits[np.arange(len(labels)), labels] - logits.mean(axis=1)


def logit_gap_densities(logits, labels, observed, title=None):
    """Densities of `logit_gaps` of the true and of the observed label, on all, mislabelled and well labelled examples.

    Histograms of 80 bins, shared by all methods and panels, so that no bandwidth smooths a spike away. On correctly
    labelled examples the two labels are one: a single panel there, and in the other's place, on all examples, the
    maximum logit minus the mean logit.

    Args:
        logits: a dict `{method: float [n, num_classes]}`.
        labels: int `[n]`, the true classes.
        observed: int `[n]`, the labels that the network saw.
        title: text above the panels.

    Returns:
        A `matplotlib.figure.Figure` with six panels: all, mislabelled, correctly labelled, of the true label above, of
        the observed label below; the last, of the maximum.

    Raises:
        TypeError, ValueError: as `logit_gaps`; no method; no mislabelled or no correctly labelled example.

    Example:
        >>> logits = {"cross-entropy": np.eye(3)[[0, 1, 2]]}
        >>> figure = logit_gap_densities(logits, labels=np.array([0, 1, 1]), observed=np.array([0, 1, 2]))
        >>> [axes.get_title() for axes in figure.axes[-2:]]
        ['observed label, mislabelled', 'maximum, all examples']

    References:
        Lukasik et al., "Does label smoothing mitigate label noise?", 2020, Figures 3 and 7.
    """
    _style.check_some("logits", logits, "method")
    labels = _validation.check_indices("labels", labels)
    for method, one in logits.items():
        _style.check_floats(f"logits[{method!r}]", one, (len(labels), "num_classes"))
    labels, observed = _style.check_label_pair(labels, observed, min(np.shape(one)[1] for one in logits.values()))
    mislabelled = labels != observed
    if mislabelled.all() or not mislabelled.any():
        raise ValueError(
            f"`observed` must differ from `labels` for some examples and not for others. Received: {mislabelled.sum()} "
            f"of {len(mislabelled)} differ. Are the labels from before and after the noise?"
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
    edges = np.histogram_bin_edges(np.concatenate([gap for one in gaps.values() for gap in one.values()]), _NUM_BINS)
    figure = Figure(figsize=(10, 5.8), layout="constrained")
    grid = figure.subplots(2, 3, sharex=True).ravel()
    for axes, (part, kind, chosen) in zip(grid, panels, strict=True):
        for (method, one), color in zip(gaps.items(), _style.colors(), strict=False):
            density, _ = np.histogram(one[kind][chosen], bins=edges, density=True)
            axes.stairs(density, edges, color=color, linewidth=1.4, label=method)
        axes.set(title=f"{kind}, {part}", ylim=(0, None))
        axes.title.set_fontsize("medium")
        _style.open_frame(axes, grid=True)
    for axes in grid[::3]:
        axes.set_ylabel("density")
    grid[4].set_xlabel("logit minus mean logit")  # not the figure's: that would lie under the legend
    handles, names = grid[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=len(names), frameon=False)
    figure.suptitle(title)
    return figure

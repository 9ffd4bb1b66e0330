"""Figures of loss attenuation: the effect of the Logistic-Normal likelihood's covariance on the loss of an example."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from tfp_noise import _validation
from tfp_noise.visualization import _style

_NUM_BINS = 60


def loss_by_residual(min_scales: ArrayLike, residuals: ArrayLike | None = None, title: str | None = None) -> Figure:
    """Two-class Logistic-Normal loss by the residual `r = y - mu`, at the variance that minimises it.

    The loss `(r^2 / sigma^2 + log sigma^2) / 2`, without constants, has its minimum at `sigma^2 = r^2`, but the scale
    `c^2 + min_scale` is at least `min_scale`. So `sigma^2 = max(r^2, min_scale^2)`, and the label-dependent term is

        r^2 / sigma^2 = 1                       where |r| >= min_scale: attenuated
                      = r^2 / min_scale^2       below

    Where it is attenuated, the whole loss grows with `log |r|` instead of `r^2`.

    Args:
        min_scales: float `[lines]`, above 0: the paper's lambda, one line per value.
        residuals: float `[m]`; by default from -3 to 3.
        title: text above the panels.

    Returns:
        A `matplotlib.figure.Figure` with two panels: the label-dependent term, and the whole loss in nats.

    Raises:
        TypeError: if an argument is not an array of numbers.
        ValueError: if there is no `min_scale`, one of them is not above 0, or residuals are not finite `[m]`.

    Example:
        >>> figure = loss_by_residual([0.5], residuals=[0.25, 4.0])
        >>> figure.axes[0].lines[0].get_ydata().tolist()
        [0.25, 1.0]

    References:
        Englesson, Mehrpanah, Azizpour. Logistic-Normal likelihoods for heteroscedastic label noise in classification.
        2023, Figure 2 (the first panel), Eq. 21 to 23.
    """
    min_scales = _style.check_floats("min_scales", min_scales, ("lines",))
    residuals = np.linspace(-3, 3, 601) if residuals is None else _style.check_floats("residuals", residuals, ("m",))
    figure = Figure(figsize=(9.5, 4), layout="constrained")
    term, whole = figure.subplots(1, 2)
    for min_scale, color in zip(min_scales, _style.colors(), strict=False):
        _validation.check_number("min_scales", min_scale, above=0)
        variance = np.maximum(residuals**2, min_scale**2)
        look = {"color": color, "linewidth": 1.8, "label": rf"$\lambda$ = {min_scale:g}"}
        term.plot(residuals, residuals**2 / variance, **look)
        whole.plot(residuals, 0.5 * (residuals**2 / variance + np.log(variance)), **look)
    term.set(title="label-dependent term", ylabel=r"$r^2 / \sigma^2$")
    whole.set(title="whole loss, constants left out", ylabel=r"$(r^2 / \sigma^2 + \log \sigma^2) / 2$, nats")
    for axes in (term, whole):
        axes.set_xlabel(r"residual $r = y - \mu$, logits")
        _style.open_frame(axes, grid=True)
    figure.legend(handles=term.lines, loc="outside lower center", ncols=len(min_scales), frameon=False)
    figure.suptitle(title)
    return figure


def label_dependent_densities(
    terms: Mapping[str, ArrayLike], mislabelled: ArrayLike, title: str | None = None
) -> Figure:
    """Histograms of the label-dependent term of the loss, separately for correctly labelled and mislabelled examples.

    The bins have equal widths on a logarithmic axis and are the same in all panels. Bars are in percent of the
    examples of their kind, because there are fewer mislabelled ones. A term of 0 counts in the first bin.

    Args:
        terms: a dict `{panel: float [n]}` of terms of at least 0, such as results of `metrics.label_dependent_term`.
        mislabelled: bool `[n]`, true if the observed label is not the true one.
        title: text above the panels.

    Returns:
        A `matplotlib.figure.Figure` with one panel per entry of `terms`.

    Raises:
        TypeError: if `terms` is not a dict, or `mislabelled` is not bool `[n]`.
        ValueError: if there is no panel, terms are negative, not finite `[n]` or all 0, or there is no mislabelled or
            no correctly labelled example.

    Example:
        >>> figure = label_dependent_densities({"identity": [1.0, 10.0]}, mislabelled=np.array([False, True]))
        >>> [axes.get_title() for axes in figure.axes]
        ['identity']

    References:
        Englesson, Mehrpanah, Azizpour. Logistic-Normal likelihoods for heteroscedastic label noise in classification.
        2023, Figures 6 and 7.
    """
    _style.check_some("terms", terms, "panel")
    _validation.check_one_order({"mislabelled": mislabelled, "terms": terms})
    mislabelled = _validation.as_numbers("mislabelled", mislabelled)
    if mislabelled.dtype != bool or mislabelled.ndim != 1:
        raise TypeError(
            f"`mislabelled` must be bool [n]. Received dtype {mislabelled.dtype}, shape {mislabelled.shape}. Pass "
            "`labels != observed`."
        )
    kinds = {"correctly labelled": ~mislabelled, "mislabelled": mislabelled}
    if not all(chosen.any() for chosen in kinds.values()):
        raise ValueError(
            "`mislabelled` must be true for some examples and false for others. Received: true for "
            f"{mislabelled.sum()} of {len(mislabelled)}. Are the labels from before and after the noise?"
        )
    arrays = {panel: _check_terms(panel, one, len(mislabelled)) for panel, one in terms.items()}
    positive = np.concatenate([array[array > 0] for array in arrays.values()])
    if not positive.size:
        raise ValueError("`terms` must not all be 0, which a logarithmic axis cannot show. Received: zeros only.")
    edges = 10 ** np.histogram_bin_edges(np.log10(positive), _NUM_BINS)
    inner = 0.5 * (edges[1:] + edges[:-1])[[0, -1]]  # keeps zeros, and values moved by rounding, within the bins
    figure = Figure(figsize=(0.8 + 3.6 * len(terms), 3.8), layout="constrained")
    panels = figure.subplots(1, len(terms), sharex=True, sharey=True, squeeze=False)[0]
    for axes, (panel, array) in zip(panels, arrays.items(), strict=True):
        for (kind, chosen), color in zip(kinds.items(), _style.colors(), strict=False):
            count, _ = np.histogram(np.clip(array[chosen], *inner), bins=edges)
            percent = 100 * count / chosen.sum()
            axes.stairs(percent, edges, color=color, fill=True, alpha=0.35)
            axes.stairs(percent, edges, color=color, linewidth=1.4, label=kind)
        axes.set(title=panel, xscale="log", xlabel=r"$(y - \mu)^\top \Sigma^{-1} (y - \mu)$")
        _style.open_frame(axes, grid=True)
    panels[0].set_ylabel("share of these examples, %")
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=2, frameon=False)
    figure.suptitle(title)
    return figure


def _check_terms(panel, terms, num_examples):
    terms = _style.check_floats(f"terms[{panel!r}]", terms, (num_examples,))
    if terms.min() < 0:
        raise ValueError(f"`terms[{panel!r}]` must be at least 0. Received: {terms.min():g}. Are these logarithms?")
    return terms

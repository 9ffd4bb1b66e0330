"""Figures of smoothing and correction: loss by margin, and score by strength."""

from collections.abc import Mapping

import keras
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from tfp_noise import _validation
from tfp_noise.losses._checks import check_one_class
from tfp_noise.losses.base import NoisyLabelLoss
from tfp_noise.visualization import _style


def loss_by_margin(
    losses: Mapping[str, NoisyLabelLoss], margins: ArrayLike | None = None, title: str | None = None
) -> Figure:
    """Two-class losses of the positive label by the margin `m` of its logit: `loss(1, (0, m))`.

    Cross-entropy is `log(1 + exp(-m))` here. With smoothing it has a minimum at a finite margin. With backward
    correction it is negative for confident correct predictions. With forward correction it is bounded for confident
    wrong ones.

    Args:
        losses: a dict `{label: loss}` of losses of `tfp_noise.losses` with 2 classes and 2 outputs.
        margins: float `[m]`; by default from -6 to 6.
        title: text above the panel.

    Returns:
        A `matplotlib.figure.Figure` with one panel and one line per loss, in nats.

    Raises:
        TypeError: if `losses` is not a dict of losses of this library.
        ValueError: if there is no loss, a loss has not 2 classes and 2 outputs, or margins are not finite `[m]`.

    Example:
        >>> from tfp_noise import losses
        >>> cross_entropy = losses.CrossEntropy(2, dtype="float64")
        >>> figure = loss_by_margin({"cross-entropy": cross_entropy}, margins=[-100.0, 0.0])
        >>> figure.axes[0].lines[0].get_ydata().round(4).tolist()
        [100.0, 0.6931]

    References:
        Lukasik et al., "Does label smoothing mitigate label noise?", 2020, Figure 1.
    """
    _style.check_some("losses", losses, "loss")
    margins = np.linspace(-6, 6, 241) if margins is None else _style.check_floats("margins", margins, ("m",))
    for label, loss in losses.items():
        _check_binary(label, loss)
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    logits = np.stack([np.zeros_like(margins), margins], axis=1)
    positive = np.ones(len(margins), dtype=np.int32)
    for (label, loss), color in zip(losses.items(), _style.colors(), strict=False):
        values = keras.ops.convert_to_numpy(loss.call(positive, logits))
        axes.plot(margins, values, color=color, linewidth=1.8, label=label)
    axes.axhline(0, color=_style.GREY, linewidth=0.8, zorder=1)
    axes.set(xlabel="margin: positive logit minus negative logit", ylabel="loss of the positive label", title=title)
    axes.legend(frameon=False)
    _style.open_frame(axes, grid=True)
    return figure


def score_by_alpha(
    scores: Mapping[str, Mapping[float, ArrayLike]], ylabel: str = "clean test accuracy", title: str | None = None
) -> Figure:
    """Mean of a score over seeds by the strength alpha of each method, with a band of one standard deviation.

    The standard deviation is that of a sample (`ddof=1`); with one seed there is no band.

    Args:
        scores: a dict `{method: {alpha: values}}` with one value per seed, drawn in the unit given.
        ylabel: name and unit of the values.
        title: text above the panel.

    Returns:
        A `matplotlib.figure.Figure` with one panel, and one line and one band per method.

    Raises:
        TypeError: if a dict is expected and something else is given, or an alpha is not a number.
        ValueError: if there is no method, a method has no alpha, an alpha has no values, or values are not finite.

    Example:
        >>> figure = score_by_alpha({"LS": {0.0: [0.70, 0.72], 0.1: [0.75, 0.77]}, "FC": {0.1: [0.80]}})
        >>> figure.axes[0].lines[0].get_ydata().round(2).tolist()
        [0.71, 0.76]

    References:
        Lukasik et al., "Does label smoothing mitigate label noise?", 2020, Figures 2 and 6.
    """
    _style.check_some("scores", scores, "method")
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for (method, by_alpha), color in zip(scores.items(), _style.colors(), strict=False):
        _style.check_some(f"scores[{method!r}]", by_alpha, "alpha")
        alphas = sorted(_validation.check_number("alpha", alpha) for alpha in by_alpha)
        values = [_check_values(method, alpha, by_alpha[alpha]) for alpha in alphas]
        mean = np.array([np.mean(one) for one in values])
        spread = np.array([np.std(one, ddof=1) if len(one) > 1 else np.nan for one in values])
        axes.plot(alphas, mean, color=color, marker="o", markersize=4, linewidth=1.8, label=method)
        axes.fill_between(alphas, mean - spread, mean + spread, color=color, alpha=0.2, linewidth=0)
    axes.set(xlabel=r"$\alpha$", ylabel=ylabel, title=title)
    axes.legend(frameon=False)
    _style.open_frame(axes, grid=True)
    return figure


def _check_binary(label, loss):
    if not isinstance(loss, NoisyLabelLoss):
        raise TypeError(
            f"`losses` must hold losses of tfp_noise.losses. Received: {loss!r} of type {type(loss).__name__} for "
            f"{label!r}. Are keys and values exchanged, or is this a class instead of an instance?"
        )
    check_one_class("losses", loss)
    if (loss.num_classes, loss.num_outputs) != (2, 2):
        raise ValueError(
            f"`losses` must hold losses with 2 classes and 2 outputs. Received: {loss.num_classes} classes and "
            f"{loss.num_outputs} outputs for {label!r}. Build it with num_classes=2; more outputs have no margin."
        )


def _check_values(method, alpha, values):
    return _style.check_floats(f"scores[{method!r}][{alpha!r}]", values, ("seeds",))

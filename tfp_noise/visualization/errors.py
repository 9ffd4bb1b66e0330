"""Figures of errors over the epochs of training, and of a score by the update period of soft labels."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import ArrayLike

from tfp_noise import _validation
from tfp_noise.visualization import _style

_ERRORS = {
    "train_accuracy_observed": "training error, observed labels",
    "test_accuracy": "test error, clean labels",
    "train_accuracy_mislabelled": "error on wrong labels",
}


def errors_by_noise_rate(
    histories: Mapping[float, Mapping[str, Mapping[str, Sequence[float]]]],
    keys: Sequence[str] = ("train_accuracy_observed", "test_accuracy"),
    title: str | None = None,
) -> Figure:
    """Errors over the epochs, with one column per noise rate, one row per kind of error and one line per method.

    Args:
        histories: a dict `{rate: {method: history}}`. A rate is from 0 to 1. A history is a dict of lists with one
            value per epoch, under `epoch` and each of `keys`: accuracies from 0 to 1, drawn as `1 - accuracy`.
        keys: the rows of the figure. `train_accuracy_observed` is measured on training examples with their observed
            labels, `test_accuracy` on the clean test split, and `train_accuracy_mislabelled` on mislabelled training
            examples with their wrong labels, where a larger error means that less noise was memorised.
        title: text above the panels.

    Returns:
        A `matplotlib.figure.Figure` with one panel per rate and key.

    Raises:
        TypeError: if a dict is expected and something else is given, or a rate is not a number.
        ValueError: if there is no rate, method or key, a rate is out of range, a key is unknown or missing from a
            history, or values are not finite or not as many as epochs.

    Example:
        >>> history = {"epoch": [1, 2], "train_accuracy_observed": [0.5, 0.75], "test_accuracy": [0.25, 0.5]}
        >>> figure = errors_by_noise_rate({0.2: {"CE": history}, 0.4: {"CE": history}})
        >>> [axes.get_title() for axes in figure.axes]
        ['20% noise', '40% noise', '', '']
        >>> figure.axes[0].lines[0].get_ydata().tolist()
        [0.5, 0.25]

    References:
        Zhang et al., "Delving deep into label smoothing", 2021, Figures 4 and 5.
    """
    _style.check_some("histories", histories, "noise rate")
    for rate, by_method in histories.items():
        _validation.check_number("rate", rate, 0, 1)
        _style.check_some(f"histories[{rate!r}]", by_method, "method")
    if not isinstance(keys, (list, tuple)) or not keys:
        raise ValueError(f"`keys` must name at least one kind of error, in a list. Received: {keys!r:.100}.")
    for key in keys:
        _validation.check_choice("keys", key, _ERRORS, "kind of error")
    methods = list(dict.fromkeys(method for by_method in histories.values() for method in by_method))
    colors = dict(zip(methods, _style.colors(), strict=False))
    figure = Figure(figsize=(1.2 + 3.4 * len(histories), 1.2 + 2.6 * len(keys)), layout="constrained")
    grid = figure.subplots(len(keys), len(histories), sharex="col", sharey="row", squeeze=False)
    for column, (rate, by_method) in zip(grid.T, sorted(histories.items()), strict=True):
        for method, history in by_method.items():
            for axes, key in zip(column, keys, strict=True):
                epochs, accuracies = _curve(f"histories[{rate!r}][{method!r}]", history, key)
                axes.plot(epochs, 1 - accuracies, color=colors[method], linewidth=1.8, label=method)
        for axes in column:
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
            axes.yaxis.set_major_formatter(PercentFormatter(1.0))
            _style.open_frame(axes, grid=True)
        column[0].set_title(f"{rate:.0%} noise")
        column[-1].set_xlabel("epoch")
    for axes, key in zip(grid[:, 0], keys, strict=True):
        axes.set_ylabel(_ERRORS[key])
    lines = [Line2D([], [], color=color, linewidth=1.8, label=method) for method, color in colors.items()]
    figure.legend(handles=lines, loc="outside lower center", ncols=min(len(lines), 4), frameon=False)
    figure.suptitle(title)
    return figure


def score_by_update_period(
    scores: Mapping[int, ArrayLike],
    steps_per_epoch: int,
    ylabel: str = "clean test error, %",
    title: str | None = None,
) -> Figure:
    """Mean and standard deviation of a score over seeds, by the number of steps between updates of the soft labels.

    The standard deviation is that of a sample (`ddof=1`); a period with one seed has no error bar. A line marks the
    period of one epoch.

    Args:
        scores: a dict `{steps: values}` with one value per seed, drawn in the unit given.
        steps_per_epoch: int >= 1.
        ylabel: name and unit of the values.
        title: text above the panel.

    Returns:
        A `matplotlib.figure.Figure` with one panel and a logarithmic axis of steps.

    Raises:
        TypeError: if `scores` is not a dict, or a number of steps is not an integer.
        ValueError: if there is no period, a number of steps is below 1, or values are not finite `[seeds]`.

    Example:
        >>> figure = score_by_update_period({12: [25.0, 26.0], 384: [24.0]}, steps_per_epoch=384)
        >>> [float(y) for y in figure.axes[0].lines[0].get_ydata()]
        [25.5, 24.0]

    References:
        Zhang et al., "Delving deep into label smoothing", 2021, Figure 7b.
    """
    _style.check_some("scores", scores, "period")
    _validation.check_int("steps_per_epoch", steps_per_epoch, 1)
    periods = sorted(_validation.check_int("steps", steps, 1) for steps in scores)
    values = [_style.check_floats(f"scores[{steps!r}]", scores[steps], ("seeds",)) for steps in periods]
    spread = [np.std(one, ddof=1) if len(one) > 1 else np.nan for one in values]
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    axes.errorbar(periods, list(map(np.mean, values)), spread, color=_style.PALETTE[0], marker="o", capsize=3)
    axes.axvline(steps_per_epoch, color=_style.GREY, linestyle=":", label=f"one epoch, {steps_per_epoch} steps")
    axes.set_xscale("log", base=2)
    axes.set_xticks(periods, [str(steps) for steps in periods])
    axes.minorticks_off()
    axes.set(xlabel="update period, steps", ylabel=ylabel, title=title)
    axes.legend(frameon=False)
    _style.open_frame(axes, grid=True)
    return figure


def _curve(name, history, key):
    """Epochs and the values under `key`, float64 arrays of the same length."""
    missing = [one for one in ("epoch", key) if one not in history]
    if missing:
        raise ValueError(f"`{name}` must have the keys 'epoch' and {key!r}. Missing: {', '.join(missing)}.")
    epochs = _style.check_floats(f"{name}['epoch']", history["epoch"], ("epochs",))
    return epochs, _style.check_floats(f"{name}[{key!r}]", history[key], (len(epochs),))

"""Figures of accuracy over the epochs of training."""

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, PercentFormatter

from tfp_noise import _validation
from tfp_noise.visualization import _style

_TRAINING_LINES = {
    "train_accuracy_clean": ("correctly labelled", {"linestyle": "-", "linewidth": 1.8}),
    "train_accuracy_mislabelled": ("mislabelled: wrong label learned", {"linestyle": "--", "linewidth": 1.8}),
    "train_accuracy_mislabelled_true": ("mislabelled: true class predicted", {"linestyle": ":", "linewidth": 1.3}),
}
_MEMORISATION = ("train_accuracy_clean", "train_accuracy_mislabelled")
_HISTORY_KEYS = ("epoch", "test_accuracy", *_TRAINING_LINES)
_BAND = {"alpha": 0.15, "linewidth": 0}


def learning_curves(
    history: Mapping[Any, Any] | list[Mapping[str, Any]] | tuple[Mapping[str, Any], ...], title: str | None = None
) -> Figure:
    """Test accuracy, and training accuracy on correctly labelled and mislabelled examples, over the epochs.

    Lines of several runs, such as those of several seeds, are the means of those that were measured; the test accuracy
    has a band from the lowest run to the highest.

    Args:
        history: a dict of lists with one value per epoch under the keys `epoch`, `test_accuracy` (clean labels),
            `train_accuracy_clean`, `train_accuracy_mislabelled` and `train_accuracy_mislabelled_true`. The values are
            accuracies from 0 to 1, such as those of `metrics.split_accuracy`, or `None` where nothing was measured. Of
            several runs, a list of such dicts, measured at the same epochs. To compare methods, a dict
            `{method: history or list of histories}`, which is drawn with one colour per method.
        title: text above the panels.

    Returns:
        A `matplotlib.figure.Figure` with two panels.

    Raises:
        TypeError: if a history is neither a dict of lists of numbers nor a list of such dicts.
        ValueError: if there is no history, a key is missing, lists differ in length, or runs of a method in epochs.

    Example:
        >>> history = {key: [0.5, 0.75] for key in ("test_accuracy", "train_accuracy_clean")}
        >>> history |= {"train_accuracy_mislabelled": [0.0, 0.25], "train_accuracy_mislabelled_true": [0.5, 0.5]}
        >>> figure = learning_curves(history | {"epoch": [1, 2]}, title="two epochs")
        >>> [axes.get_title() for axes in figure.axes]
        ['Test accuracy', 'Training accuracy']

    References:
        Englesson, Mehrpanah, Azizpour. Logistic-Normal likelihoods for heteroscedastic label noise in classification.
        2023, Figure 4.
    """
    if isinstance(history, (list, tuple)):
        history = {None: history}
    _style.check_some("history", history, "history")
    histories = {None: history} if "epoch" in history else history
    histories = {method: _check_runs(method, one) for method, one in histories.items()}
    means = {m: {key: _over_runs(np.ma.mean, runs[key]) for key in runs} for m, runs in histories.items()}
    figure = Figure(figsize=(10, 4.8), layout="constrained")
    test, train = figure.subplots(1, 2)
    # After eight methods the colours repeat, with markers.
    looks = itertools.cycle(itertools.product(("", "o", "s"), _style.PALETTE))
    for (method, runs), (marker, color) in zip(histories.items(), looks, strict=False):
        curves = means[method]
        every = -(-len(curves["epoch"]) // 10)  # matplotlib fails on a fraction if nothing was measured
        look = {"color": color, "marker": marker, "markevery": every, "markersize": 4}
        test.plot(curves["epoch"], curves["test_accuracy"], linewidth=1.8, label=method, **look)
        if len(runs["epoch"]) > 1:
            band = [_over_runs(extreme, runs["test_accuracy"]) for extreme in (np.ma.min, np.ma.max)]
            test.fill_between(curves["epoch"], *band, color=color, **_BAND)
        for key, (_, line) in _TRAINING_LINES.items():
            train.plot(curves["epoch"], curves[key], **line, **look)
    for axes, name in ((test, "Test accuracy"), (train, "Training accuracy")):
        axes.set_title(name)
        axes.set_xlabel("epoch")
        _open_accuracy_frame(axes)
    train.set_ylim(-0.02, 1.02)
    kinds = _kinds(_TRAINING_LINES, means.values())
    if test.collections:
        kinds.append(Patch(color=_style.GREY, label="test accuracy: lowest to highest run", **_BAND))
    figure.legend(handles=kinds, loc="outside lower right", frameon=False)
    if None not in histories:
        figure.legend(handles=test.lines, loc="outside lower left", ncols=-(-len(histories) // 3), frameon=False)
    figure.suptitle(title)
    return figure


def training_by_noise_rate(
    histories: Mapping[str, Mapping[float, Mapping[str, Any]]], title: str | None = None
) -> Figure:
    """Test and training accuracy over the epochs, with one column per method and one line per noise rate.

    The upper panels show the test accuracy. In the lower panels, full lines show the training accuracy on correctly
    labelled examples, and dashed lines the agreement with the wrong labels of mislabelled ones: how much of the noise
    is memorised.

    Args:
        histories: a dict `{method: {rate: history}}` with rates from 0 to 1 and one history each, as in
            `learning_curves`.
        title: text above the panels.

    Returns:
        A `matplotlib.figure.Figure` with two panels per method.

    Raises:
        TypeError: as `learning_curves`; also if a rate is not a number.
        ValueError: as `learning_curves`; also if there is no method, a method has no rate, or a rate is out of range.

    Example:
        >>> keys = ("test_accuracy", *_TRAINING_LINES)
        >>> history = {"epoch": [1, 2], **{key: [0.5, 0.75] for key in keys}}
        >>> figure = training_by_noise_rate({"CE": {0.2: history, 0.4: history}})
        >>> [line.get_label() for line in figure.axes[0].lines]
        ['20% noise', '40% noise']

    References:
        Englesson, Mehrpanah, Azizpour. Logistic-Normal likelihoods for heteroscedastic label noise in classification.
        2023, Figure 4.
    """
    _style.check_some("histories", histories, "method")
    for method, by_rate in histories.items():
        _style.check_some(f"histories[{method!r}]", by_rate, "noise rate")
    rates = sorted({_validation.check_number("rate", rate, 0, 1) for by_rate in histories.values() for rate in by_rate})
    colors = dict(zip(rates, _style.colors(), strict=False))
    checked = {
        method: {rate: _check_history("histories", f"{method}, {rate:.0%} noise", one) for rate, one in by_rate.items()}
        for method, by_rate in histories.items()
    }
    figure = Figure(figsize=(0.8 + 3.8 * len(histories), 6.4), layout="constrained")
    grid = figure.subplots(2, len(histories), sharex="col", sharey="row", squeeze=False)
    for (test, train), (method, by_rate) in zip(grid.T, checked.items(), strict=True):
        for rate, curves in sorted(by_rate.items()):
            look = {"color": colors[rate]}
            test.plot(curves["epoch"], curves["test_accuracy"], linewidth=1.8, label=f"{rate:.0%} noise", **look)
            for key in _MEMORISATION:
                train.plot(curves["epoch"], curves[key], **_TRAINING_LINES[key][1], **look)
        test.set_title(method)
        train.set_xlabel("epoch")
        for axes in (test, train):
            _open_accuracy_frame(axes)
    train.set_ylim(-0.02, 1.02)
    grid[0, 0].set_ylabel("clean test accuracy")
    grid[1, 0].set_ylabel("training accuracy")
    lines = [Line2D([], [], color=color, linewidth=1.8, label=f"{rate:.0%} noise") for rate, color in colors.items()]
    kinds = _kinds(_MEMORISATION, [curves for by_rate in checked.values() for curves in by_rate.values()])
    figure.legend(handles=[*lines, *kinds], loc="outside lower center", ncols=4, frameon=False)
    figure.suptitle(title)
    return figure


def _open_accuracy_frame(axes):
    """Sets ticks at whole epochs on the horizontal axis, and in percent on the vertical axis."""
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    _style.open_frame(axes, grid=True)


def _kinds(keys, histories):
    """Legend handles that explain which line style stands for which kind of training examples, of those measured."""
    measured = [key for key in keys if any(np.isfinite(curves[key]).any() for curves in histories)]
    return [Line2D([], [], color=_style.GREY, label=_TRAINING_LINES[k][0], **_TRAINING_LINES[k][1]) for k in measured]


def _check_runs(method, runs):
    """Curves of one method's histories, float arrays `[runs, epochs]`."""
    if not isinstance(runs, (list, tuple)):
        runs = [runs]
    of = "" if method is None else f" of {method!r}"
    if not runs:
        raise ValueError(f"`history`{of} must hold at least one history. Received an empty {type(runs).__name__}.")
    name = "history" if len(runs) == 1 else "history[{}]"
    checked = [_check_history(name.format(number), method, one) for number, one in enumerate(runs)]
    first = checked[0]["epoch"]
    for number, one in enumerate(checked):
        if not np.array_equal(one["epoch"], first, equal_nan=True):
            raise ValueError(
                f"`history`{of} must have runs measured at the same epochs. Received {len(first)} epochs up to "
                f"{max(first, default=0):g} in run 0 and {len(one['epoch'])} up to {max(one['epoch'], default=0):g} in "
                f"run {number}."
            )
    return {key: np.stack([one[key] for one in checked]) for key in _HISTORY_KEYS}


def _over_runs(reduce, curves):
    """The mean, or the like, of what was measured of curves `[runs, epochs]`, with NaN where nothing was."""
    return np.ma.filled(reduce(np.ma.masked_invalid(curves), axis=0), np.nan)


def _check_history(argument, method, history):
    """Curves of one history as float arrays of the same length, with NaN for `None`."""
    of = "" if method is None else f" of {method!r}"
    if not isinstance(history, Mapping):
        raise TypeError(f"`{argument}`{of} must be a dict of lists. Received: {history!r:.100}.")
    missing = [key for key in _HISTORY_KEYS if key not in history]
    if missing:
        raise ValueError(
            f"`{argument}`{of} must have the keys {', '.join(_HISTORY_KEYS)}. Missing: {', '.join(missing)}."
        )
    lengths = {key: len(history[key]) for key in _HISTORY_KEYS}
    if len(set(lengths.values())) != 1:
        raise ValueError(
            f"`{argument}`{of} must have one value per epoch under every key. Received lengths: {lengths}."
        )
    return {key: _check_curve(f"{argument}{of} {key}", history[key]) for key in _HISTORY_KEYS}


def _check_curve(name, values):
    """Float array of the values, with NaN for `None`."""
    curve = _validation.as_numbers(name, [np.nan if value is None else value for value in values]).astype(np.float64)
    if curve.ndim != 1 or np.isinf(curve).any():
        raise ValueError(f"`{name}` must hold a finite number or `None` for each epoch. Received: {values!r:.100}.")
    return curve

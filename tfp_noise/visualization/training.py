"""Accuracy over the epochs of training."""

import itertools

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, PercentFormatter

from tfp_noise import _validation
from tfp_noise.visualization import _style

_TRAINING_LINES = {
    "train_accuracy_clean": ("correctly labelled", {"linestyle": "-", "linewidth": 1.8}),
    "train_accuracy_mislabelled": ("mislabelled: wrong label learned", {"linestyle": "--", "linewidth": 1.8}),
    "train_accuracy_mislabelled_true": ("mislabelled: true class predicted", {"linestyle": ":", "linewidth": 1.3}),
}
_LEARNED_BY_HEART = ("train_accuracy_clean", "train_accuracy_mislabelled")
_HISTORY_KEYS = ("epoch", "test_accuracy", *_TRAINING_LINES)


def learning_curves(history, title=None):
    """Test accuracy, and training accuracy on rightly and wrongly labelled examples, by epoch.

    Args:
        history: a dict of lists with one value an epoch, under the keys `epoch`, `test_accuracy` (clean labels) and
            `train_accuracy_clean`, `train_accuracy_mislabelled`, `train_accuracy_mislabelled_true`: accuracies from
            0 to 1 as `metrics.split_accuracy` gives them, `None` where there is nothing to measure. Or a dict
            `{method: history}`, to compare methods: a colour a method.
        title: text above the panels.

    Returns:
        A `matplotlib.figure.Figure` with two panels.

    Raises:
        ValueError: no history, one without a key it needs, or with lists that differ in length.

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
    _style.check_some("history", history, "history")
    histories = {None: history} if "epoch" in history else history
    figure = Figure(figsize=(10, 4.8), layout="constrained")
    test, train = figure.subplots(1, 2)
    # Past eight methods the colours come again, with markers.
    looks = itertools.cycle(itertools.product(("", "o", "s"), _style.PALETTE))
    for (method, one), (marker, color) in zip(histories.items(), looks, strict=False):
        curves = _check_history("history", method, one)
        every = -(-len(curves["epoch"]) // 10)  # a share, as 0.1, fails where nothing was measured
        look = {"color": color, "marker": marker, "markevery": every, "markersize": 4}
        test.plot(curves["epoch"], curves["test_accuracy"], linewidth=1.8, label=method, **look)
        for key, (_, line) in _TRAINING_LINES.items():
            train.plot(curves["epoch"], curves[key], **line, **look)
    for axes, name in ((test, "Test accuracy"), (train, "Training accuracy")):
        axes.set_title(name)
        axes.set_xlabel("epoch")
        _open_accuracy_frame(axes)
    train.set_ylim(-0.02, 1.02)
    figure.legend(handles=_kinds(_TRAINING_LINES), loc="outside lower right", frameon=False)
    if None not in histories:
        figure.legend(handles=test.lines, loc="outside lower left", ncols=-(-len(histories) // 3), frameon=False)
    figure.suptitle(title)
    return figure


def training_by_noise_rate(histories, title=None):
    """Test accuracy above, training accuracy below, by epoch: a column a method, a line a noise rate.

    Below, full lines are the correctly labelled examples and dashed ones the mislabelled, by their wrong label: how
    much of the noise is learned by heart.

    Args:
        histories: a dict `{method: {rate: history}}`, a rate from 0 to 1, a history as `learning_curves` takes it.
        title: text above the panels.

    Returns:
        A `matplotlib.figure.Figure` with two panels a method.

    Raises:
        TypeError, ValueError: no method, one without a rate, or a rate that is none; a history as in `learning_curves`.

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
    figure = Figure(figsize=(0.8 + 3.8 * len(histories), 6.4), layout="constrained")
    grid = figure.subplots(2, len(histories), sharex="col", sharey="row", squeeze=False)
    for (test, train), (method, by_rate) in zip(grid.T, histories.items(), strict=True):
        for rate, history in sorted(by_rate.items()):
            curves, look = _check_history("histories", f"{method}, {rate:.0%} noise", history), {"color": colors[rate]}
            test.plot(curves["epoch"], curves["test_accuracy"], linewidth=1.8, label=f"{rate:.0%} noise", **look)
            for key in _LEARNED_BY_HEART:
                train.plot(curves["epoch"], curves[key], **_TRAINING_LINES[key][1], **look)
        test.set_title(method)
        train.set_xlabel("epoch")
        for axes in (test, train):
            _open_accuracy_frame(axes)
    train.set_ylim(-0.02, 1.02)
    grid[0, 0].set_ylabel("clean test accuracy")
    grid[1, 0].set_ylabel("training accuracy")
    lines = [Line2D([], [], color=color, linewidth=1.8, label=f"{rate:.0%} noise") for rate, color in colors.items()]
    figure.legend(handles=[*lines, *_kinds(_LEARNED_BY_HEART)], loc="outside lower center", ncols=4, frameon=False)
    figure.suptitle(title)
    return figure


def _open_accuracy_frame(axes):
    """Whole epochs to the right, percent upwards."""
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    _style.open_frame(axes, grid=True)


def _kinds(keys):
    """Handles of a legend that say which line is which kind of training examples."""
    return [Line2D([], [], color=_style.GREY, label=_TRAINING_LINES[k][0], **_TRAINING_LINES[k][1]) for k in keys]


def _check_history(argument, method, history):
    """The curves of one history in `argument` as float arrays of one length, NaN where a value is `None`."""
    of = f" of {method!r}" if method else ""
    if not isinstance(history, dict):
        raise TypeError(f"`{argument}`{of} must be a dict of lists. Received: {history!r:.100}.")
    missing = [key for key in _HISTORY_KEYS if key not in history]
    if missing:
        raise ValueError(
            f"`{argument}`{of} must have the keys {', '.join(_HISTORY_KEYS)}. Missing: {', '.join(missing)}."
        )
    lengths = {key: len(history[key]) for key in _HISTORY_KEYS}
    if len(set(lengths.values())) != 1:
        raise ValueError(f"`{argument}`{of} must have one value an epoch under every key. Received lengths: {lengths}.")
    return {key: _check_curve(f"{argument}{of} {key}", history[key]) for key in _HISTORY_KEYS}


def _check_curve(name, values):
    """`values` as a float array, NaN where one is `None`."""
    curve = _validation.as_numbers(name, [np.nan if value is None else value for value in values]).astype(np.float64)
    if curve.ndim != 1 or np.isinf(curve).any():
        raise ValueError(f"`{name}` must hold a finite number or `None` for each epoch. Received: {values!r:.100}.")
    return curve

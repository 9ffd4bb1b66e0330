"""The figures: functions from numbers to a `matplotlib.figure.Figure`, without pyplot and its global state."""

import itertools

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, PercentFormatter

from tfp_noise import _validation, metrics

# Okabe and Ito's colours, which colour-blind readers can tell apart; grey stands for their yellow, too pale for lines.
_PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C8C8C")
_GREY = "#595959"
_TRAINING_LINES = {
    "train_accuracy_clean": ("correctly labelled", {"linestyle": "-", "linewidth": 1.8}),
    "train_accuracy_mislabelled": ("mislabelled: wrong label learned", {"linestyle": "--", "linewidth": 1.8}),
    "train_accuracy_mislabelled_true": ("mislabelled: true class predicted", {"linestyle": ":", "linewidth": 1.3}),
}
_HISTORY_KEYS = ("epoch", "test_accuracy", *_TRAINING_LINES)
_MAX_NUMBERED_CLASSES = 20
_MAX_TICKS = 25


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
    histories = {None: history} if "epoch" in history else history
    if not histories:
        raise ValueError("`history` must hold at least one history. Received an empty dict.")
    figure = Figure(figsize=(10, 4.8), layout="constrained")
    test, train = figure.subplots(1, 2)
    # Past eight methods the colours come again, with markers.
    looks = itertools.cycle(itertools.product(("", "o", "s"), _PALETTE))
    for (method, one), (marker, color) in zip(histories.items(), looks, strict=False):
        curves = _check_history(method, one)
        look = {"color": color, "marker": marker, "markevery": 0.1, "markersize": 4}
        test.plot(curves["epoch"], curves["test_accuracy"], linewidth=1.8, label=method, **look)
        for key, (_, line) in _TRAINING_LINES.items():
            train.plot(curves["epoch"], curves[key], **line, **look)
    for axes, name in ((test, "Test accuracy"), (train, "Training accuracy")):
        axes.set_title(name)
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    train.set_ylim(-0.02, 1.02)
    kinds = [Line2D([], [], color=_GREY, label=text, **line) for text, line in _TRAINING_LINES.values()]
    figure.legend(handles=kinds, loc="outside lower right", frameon=False)
    if None not in histories:
        figure.legend(handles=test.lines, loc="outside lower left", ncols=-(-len(histories) // 3), frameon=False)
    figure.suptitle(title)
    return figure


def reliability_diagram(probabilities_by_method, labels, num_bins=15):
    """Accuracy by confidence, a column of panels a method, with the share of examples at each confidence below.

    Bars under the diagonal: more confident than right. The bins are those of `metrics.reliability_curve`.

    Args:
        probabilities_by_method: a dict `{method: float [n, num_classes]}`.
        labels: int `[n]`, the clean classes.
        num_bins: int.

    Returns:
        A `matplotlib.figure.Figure`: two axes a method, accuracy above, the share of examples below.

    Raises:
        TypeError, ValueError: as `metrics.reliability_curve`; no method at all.

    Example:
        >>> probabilities = np.array([[0.9, 0.1], [0.9, 0.1]])
        >>> figure = reliability_diagram({"ours": probabilities}, np.array([0, 1]))
        >>> figure.axes[0].get_title().split()
        ['ours', 'ECE', '0.400']

    References:
        Guo, Pleiss, Sun, Weinberger. On calibration of modern neural networks. ICML 2017, Figure 1.
    """
    if not probabilities_by_method:
        raise ValueError("`probabilities_by_method` must hold at least one method. Received an empty dict.")
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
        upper.bar(height=curve.accuracy, color=_PALETTE[0], **bars)
        upper.plot([0, 1], [0, 1], color=_PALETTE[1], linestyle="--", linewidth=1.5)
        lower.bar(height=curve.count / len(labels), color=_GREY, **bars)
        error = metrics.expected_calibration_error(probabilities_by_method[method], labels, num_bins)
        upper.set_title(f"{method}\nECE {error:.3f}", fontsize=11)
        upper.set(xlim=(0, 1), ylim=(0, 1))
        upper.tick_params(labelbottom=False)
        lower.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
        lower.set(xlabel="confidence", ylim=(0, 1.05 * largest))
        lower.yaxis.set_major_locator(MaxNLocator(2))
        lower.yaxis.set_major_formatter(lambda share, _: f"{100 * share:g}%")
        for axes in (upper, lower):
            axes.spines[["top", "right"]].set_visible(False)
        if column == 0:
            upper.set_ylabel("accuracy")
            lower.set_ylabel("examples")
    figure.align_ylabels()
    return figure


def transition_matrix(transition, class_names, title=None):
    """A heat map of label noise: a row a clean label, a column an observed one.

    Up to 20 classes every entry stands in its cell, a plain 0 for what cannot happen; beyond 25 only some classes are
    named, evenly spaced.

    Args:
        transition: float `[num_classes, num_classes]`, `transition[i, j] = P(observed = j | clean = i)`.
        class_names: a name per class.
        title: text above the map.

    Returns:
        A `matplotlib.figure.Figure`: the map and its colour bar.

    Raises:
        ValueError: rows that do not sum to 1, or names that are not one a class.

    Example:
        >>> figure = transition_matrix([[0.9, 0.1], [0.0, 1.0]], ("cat", "dog"))
        >>> [text.get_text() for text in figure.axes[0].texts]
        ['0.90', '0.10', '0', '1.00']
    """
    transition = _validation.check_transition("transition", transition)
    num_classes = len(transition)
    if len(class_names) != num_classes:
        raise ValueError(f"`class_names` must name {num_classes} classes. Received: {len(class_names)} names.")
    size = 3.0 + 0.42 * min(num_classes, _MAX_NUMBERED_CLASSES)
    figure = Figure(figsize=(size + 0.8, size), layout="compressed")
    axes = figure.subplots()
    image = axes.imshow(transition, cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(image, ax=axes, label="probability")
    if num_classes <= _MAX_NUMBERED_CLASSES:
        for (row, column), value in np.ndenumerate(transition):
            color = "white" if value > 0.65 else "black" if value > 0 else "#A0A0A0"
            text = f"{value:.2f}" if value > 0 else "0"
            axes.text(column, row, text, ha="center", va="center", fontsize=8, color=color)
    ticks = np.arange(0, num_classes, -(-num_classes // _MAX_TICKS))
    names = [str(class_names[tick]) for tick in ticks]
    tilt = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
    fits = max(map(len, names)) <= 2 + 20 / len(names)  # characters with the width of one column
    axes.set_xticks(ticks, names, **({} if fits else tilt))
    axes.set_yticks(ticks, names)
    axes.set(xlabel="observed label", ylabel="clean label", title=title)
    return figure


def _check_history(method, history):
    """The curves of one history as float arrays of one length, NaN where a value is `None`."""
    of = f" of {method!r}" if method else ""
    missing = [key for key in _HISTORY_KEYS if key not in history]
    if missing:
        raise ValueError(f"`history`{of} must have the keys {', '.join(_HISTORY_KEYS)}. Missing: {', '.join(missing)}.")
    lengths = {key: len(history[key]) for key in _HISTORY_KEYS}
    if len(set(lengths.values())) != 1:
        raise ValueError(f"`history`{of} must have one value an epoch under every key. Received lengths: {lengths}.")
    return {key: np.array(history[key], dtype=np.float64) for key in _HISTORY_KEYS}

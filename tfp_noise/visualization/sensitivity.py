"""Figure of a score by temperature and `min_scale` of the Logistic-Normal loss."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from tfp_noise import _validation
from tfp_noise.visualization import _style


def score_by_temperature_and_min_scale(
    scores: Mapping[tuple[float, float], ArrayLike], label: str = "clean test accuracy, %", title: str | None = None
) -> Figure:
    r"""Heat map of a score's mean over seeds, with one column per temperature and one row per `min_scale`.

    A cell contains the mean and, for two or more seeds, the standard deviation of a sample (`ddof=1`). The cell of a
    missing setting is empty.

    Args:
        scores: a dict `{(temperature, min_scale): values}` with one value per seed, drawn in the unit given.
        label: name and unit of the values.
        title: text above the map.

    Returns:
        A `matplotlib.figure.Figure` with the map and its colour bar.

    Raises:
        TypeError: if `scores` is not a dict, or a temperature or `min_scale` is not a number.
        ValueError: if there is no setting, a key is not a pair, or values are not finite `[seeds]`.

    Example:
        >>> figure = score_by_temperature_and_min_scale({(0.1, 0.5): [80.0, 82.0], (1.0, 0.5): [90.0]})
        >>> [text.get_text() for text in figure.axes[0].texts]
        ['81.0\n± 1.4', '90.0']

    References:
        Englesson, Mehrpanah, Azizpour. Logistic-Normal likelihoods for heteroscedastic label noise in classification.
        2023, Figure 5.
    """
    _style.check_some("scores", scores, "setting")
    arrays = {}
    for setting, values in scores.items():
        temperature, min_scale = _style.check_pair("scores", setting, "(temperature, min_scale) in its keys")
        _validation.check_number("temperature", temperature)
        _validation.check_number("min_scale", min_scale)
        arrays[setting] = _style.check_floats(f"scores[{setting!r}]", values, ("seeds",))
    temperatures, min_scales = (sorted(set(values)) for values in zip(*arrays, strict=True))
    means = np.full((len(min_scales), len(temperatures)), np.nan)
    figure = Figure(figsize=(2.6 + 1.1 * len(temperatures), 1.4 + 0.9 * len(min_scales)), layout="compressed")
    axes = figure.subplots()
    places = {
        (min_scales.index(min_scale), temperatures.index(temperature)): values
        for (temperature, min_scale), values in arrays.items()
    }
    for place, array in places.items():
        means[place] = np.mean(array)
    image = axes.imshow(means, cmap="cividis", origin="lower", aspect="auto")
    middle = 0.5 * (np.nanmin(means) + np.nanmax(means))
    for (row, column), array in sorted(places.items()):
        spread = f"\n± {np.std(array, ddof=1):.1f}" if len(array) > 1 else ""
        color = "white" if means[row, column] < middle else "black"
        axes.text(column, row, f"{means[row, column]:.1f}{spread}", ha="center", va="center", color=color)
    axes.set_xticks(range(len(temperatures)), [f"{value:g}" for value in temperatures])
    axes.set_yticks(range(len(min_scales)), [f"{value:g}" for value in min_scales])
    axes.set(xlabel=r"temperature $\tau$", ylabel=r"min_scale $\lambda$", title=title)
    figure.colorbar(image, ax=axes, label=label)
    return figure

"""Figure of a Gaussian over logits and its image under the softmax, on the simplex of three classes."""

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike

from tfp_noise import _validation
from tfp_noise.visualization import _style

_CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, 0.75**0.5]])  # of classes 1, 2 and 3
# From white to a medium grey, so that samples and curves are visible on it.
_SHADES = LinearSegmentedColormap.from_list("density", ["white", "#8A8A8A"])
_DEVIATIONS = (1, 2, 3)
_FINENESS = 240  # steps along a side of the triangle
_DEPTH = 8.0  # nats below the largest log density that have a shade; three standard deviations are 4.5
_CLASS_LOOKS = tuple(zip(("o", "s", "^"), (_style.PALETTE[0], _style.PALETTE[1], _style.PALETTE[2]), strict=True))


def logits_and_simplex(
    loc: ArrayLike,
    scale: ArrayLike,
    temperature: float = 1.0,
    target_smoothing: float = 0.01,
    num_samples: int = 200,
    title: str | None = None,
) -> Figure:
    """A Gaussian over the two logits of three classes, beside its Logistic-Normal density on the simplex.

    The left panel shows `z ~ Normal(loc, scale scale')`, the right one `softmax([z_1, z_2, 0] / temperature)` with the
    density

        p(s) proportional to Normal(temperature * log(s[:2] / s[2]); loc, scale scale') / (s_1 s_2 s_3)

    Both panels contain

    - shades: the logarithm of the density relative to its largest value, which may lie in a corner;
    - curves: one, two and three standard deviations from `loc`;
    - the same samples;
    - the smoothed label of each class, which with `C = log(((1 - t) 3 + t) / t)` is at `temperature` times `[C, 0]`,
      `[0, C]` and `[-C, -C]`.

    Args:
        loc: float `[2]`.
        scale: float `[2, 2]`, not singular.
        temperature: float above 0.
        target_smoothing: float between 0 and 1: `t` above.
        num_samples: int, at least 1; the samples are the same in every call.
        title: text above the panels.

    Returns:
        A `matplotlib.figure.Figure` with a panel of logits, a panel of the simplex, and the colour bar.

    Raises:
        TypeError: if an argument is not a number or array of numbers.
        ValueError: if a number is out of range, an array has another shape, or `scale` is singular.

    Example:
        >>> figure = logits_and_simplex([0.0, 0.0], np.eye(2))
        >>> [axes.get_title() for axes in figure.axes[:2]]
        ['Gaussian over logits', 'Logistic-Normal on the simplex']

    References:
        Englesson, Mehrpanah, Azizpour. Logistic-Normal likelihoods for heteroscedastic label noise in classification.
        2023, Figure 1, Eq. 4, 10 and 25, 26 (targets).
    """
    loc, scale = _style.check_floats("loc", loc, (2,)), _style.check_floats("scale", scale, (2, 2))
    temperature = _validation.check_number("temperature", temperature, above=0)
    smoothing = _validation.check_number("target_smoothing", target_smoothing, above=0, below=1)
    if np.linalg.matrix_rank(scale) < 2:
        raise ValueError(f"`scale` must have an inverse. Received: {scale.tolist()}. Add a multiple of the identity.")
    rng = np.random.default_rng(0)
    samples = loc + rng.normal(size=(_validation.check_int("num_samples", num_samples, 1), 2)) @ scale.T
    angles = np.linspace(0, 2 * np.pi, 721)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1) @ scale.T
    curves = [loc + deviations * circle for deviations in _DEVIATIONS]
    smoothed = (1 - smoothing) * np.eye(3) + smoothing / 3
    targets = temperature * np.log(smoothed[:, :2] / smoothed[:, 2:])

    figure = Figure(figsize=(11, 5.2), layout="compressed")
    left, right = figure.subplots(1, 2)
    reach = 1.08 * max(np.abs(part).max() for part in (*curves, targets))
    logits = np.stack(np.meshgrid(*[np.linspace(-reach, reach, _FINENESS)] * 2), axis=-1)
    shades = {"levels": np.linspace(-_DEPTH, 0, 33), "cmap": _SHADES, "extend": "min"}
    image = left.contourf(*np.moveaxis(logits, -1, 0), _log_gaussian(logits, loc, scale), **shades)
    probabilities = _triangular_grid()
    log_density = np.full(len(probabilities), -np.inf)  # the limit on the boundary of the simplex
    inside = (probabilities > 0).all(axis=1)
    logits = temperature * np.log(probabilities[inside, :2] / probabilities[inside, 2:])
    log_density[inside] = _log_gaussian(logits, loc, scale) - np.log(probabilities[inside]).sum(axis=1)
    right.tricontourf(*(probabilities @ _CORNERS).T, np.maximum(log_density - log_density.max(), -2 * _DEPTH), **shades)
    for axes, place in ((left, lambda z: z), (right, lambda z: _simplex(z / temperature) @ _CORNERS)):
        axes.scatter(*place(samples).T, s=8, color=_style.PALETTE[4], linewidths=0, alpha=0.9)
        for curve in curves:
            axes.plot(*place(curve).T, color="black", linewidth=1)
        for target, (marker, color) in zip(targets, _CLASS_LOOKS, strict=True):
            axes.scatter(*place(target), s=70, marker=marker, color=color, edgecolors="white", zorder=4, clip_on=False)
    left.set(xlabel="first logit", ylabel="second logit", title="Gaussian over logits", aspect="equal")
    left.set(xlim=(-reach, reach), ylim=(-reach, reach))
    _style.open_frame(left)
    _draw_triangle(right)
    label = "log density below its largest value, nats"
    figure.colorbar(image, ax=[left, right], label=label, shrink=0.8, ticks=[-8, -6, -4, -2, 0])
    figure.legend(handles=_legend(), loc="outside lower center", ncols=5, frameon=False)
    figure.suptitle(title)
    return figure


def _log_gaussian(logits, loc, scale):
    """Log density of `Normal(loc, scale scale')` minus its largest value."""
    return -0.5 * np.sum(((logits - loc) @ np.linalg.inv(scale).T) ** 2, axis=-1)


def _simplex(logits):
    """`softmax([z_1, z_2, 0])`, `[..., 3]`."""
    exponents = np.concatenate([logits, np.zeros_like(logits[..., :1])], axis=-1)
    powers = np.exp(exponents - exponents.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def _triangular_grid():
    """Evenly spaced points of the simplex including its boundary, `[points, 3]`."""
    first, second = np.divmod(np.arange((_FINENESS + 1) ** 2), _FINENESS + 1)
    steps = np.stack([first, second, _FINENESS - first - second], axis=1)
    return steps[steps[:, 2] >= 0] / _FINENESS


def _draw_triangle(axes):
    axes.plot(*_CORNERS[[0, 1, 2, 0]].T, color=_style.GREY, linewidth=1, zorder=1)
    for number, (corner, (x, y)) in enumerate(zip(_CORNERS, [(-6, -6), (6, -6), (0, 8)], strict=True), 1):
        look = {"ha": ("right", "left", "center")[number - 1], "va": "bottom" if y > 0 else "top"}
        axes.annotate(f"class {number}", corner, (x, y), textcoords="offset points", **look)
    axes.set(title="Logistic-Normal on the simplex", aspect="equal", xlim=(-0.15, 1.15), ylim=(-0.1, 0.98))
    axes.set_axis_off()


def _legend():
    line = Line2D([], [], color="black", linewidth=1, label="1, 2, 3 standard deviations")
    sample = Line2D([], [], color=_style.PALETTE[4], marker="o", linestyle="", markersize=4, label="samples")
    look = {"linestyle": "", "markersize": 8, "markeredgecolor": "white"}
    targets = [
        Line2D([], [], color=color, marker=marker, label=f"label {number}", **look)
        for number, (marker, color) in enumerate(_CLASS_LOOKS, 1)
    ]
    return [line, sample, *targets]

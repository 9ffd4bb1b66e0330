"""Figures of classes in feature space: clusters of examples, and distances between classes."""

from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import ArrayLike
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

from tfp_noise import _validation, metrics
from tfp_noise.visualization import _style

_PERPLEXITY = 30  # scikit-learn's
_MAX_NAMED_COLORS = 20


def feature_clusters(
    features: Mapping[str, ArrayLike],
    labels: ArrayLike,
    class_names: Sequence[str],
    classes: ArrayLike | None = None,
    seed: int = 0,
    title: str | None = None,
) -> Figure:
    """t-SNE of features, one panel per method, above the distances between the class means.

    The upper panels show the examples, coloured by class. t-SNE keeps neighbours together, but distances between
    clusters and sizes of clusters mean little. The lower panels show `metrics.class_distances` in percent with a grey
    diagonal, on one scale for all methods. A legend explains the colours of up to 20 classes.

    Args:
        features: a dict `{method: float [n, size]}`, such as the inputs of the last layer, which
            `penultimate(model).predict` computes.
        labels: int `[n]`, the true classes.
        class_names: sequence of strings, one name per class.
        classes: int, at least two class indices; only examples of these classes are drawn. All classes by default.
        seed: int, seed of t-SNE; the same features and seed give the same figure on the same machine.
        title: text above the panels.

    Returns:
        A `matplotlib.figure.Figure` with two axes per method, and a colour bar.

    Raises:
        TypeError: if `features` is not a dict, class names are not strings, or labels or classes are not integers.
        ValueError: if there is no method, features are not finite `[n, size]`, labels or classes are out of range, or
            a class has no example.

    Example:
        >>> features = np.random.default_rng(0).normal(size=[20, 5])
        >>> figure = feature_clusters({"ours": features}, np.arange(20) % 2, ("cat", "dog"))
        >>> [axes.get_title() for axes in figure.axes[:2]]
        ['ours', '']

    References:
        Van der Maaten, Hinton. Visualizing data using t-SNE. JMLR 2008.
        "LLS: regulating neural network training via learnable label smoothing", Figures 5, 6 and 8.
        Zhang et al. Delving deep into label smoothing. 2021, Figure 3.
    """
    _style.check_some("features", features, "method")
    _validation.check_one_order({"labels": labels, "features": features})
    names = _validation.check_class_names(class_names)
    labels = _validation.check_labels("labels", labels, len(names))
    classes = np.arange(len(names)) if classes is None else _validation.check_labels("classes", classes, len(names))
    if len(set(classes)) != len(classes) or len(classes) < 2:
        raise ValueError(f"`classes` must be at least two different class indices. Received: {classes.tolist()}.")
    if not np.isin(classes, labels).all():
        missing = classes[~np.isin(classes, labels)][0]
        raise ValueError(f"`labels` must hold examples of each of `classes`. Received none of class {missing}.")
    seed = _validation.check_seed(seed)
    names = [names[one] for one in classes]
    chosen = np.isin(labels, classes)
    kept = np.argmax(labels[chosen, None] == classes, axis=1)
    clouds = {
        method: _style.check_floats(f"features[{method!r}]", one, (len(labels), "size"))[chosen]
        for method, one in features.items()
    }
    distances = [metrics.class_distances(cloud, kept) for cloud in clouds.values()]
    colored = [_style.without_diagonal(matrix) for matrix in distances]
    norm = Normalize(min(map(np.min, colored)), max(map(np.max, colored)))
    size = 2 + 0.25 * min(len(names), _style.MAX_NUMBERED_CLASSES)
    figure = Figure(figsize=(1.2 + size * len(clouds), 0.8 + 2 * size), layout="compressed")
    upper, lower = figure.subplots(2, len(clouds), squeeze=False)
    colors = _colors(len(names))
    for points, (method, cloud) in zip(upper, clouds.items(), strict=True):
        places = _embed(cloud, seed)
        for label, (name, color) in enumerate(zip(names, colors, strict=True)):
            points.scatter(*places[kept == label].T, s=6, alpha=0.7, color=color, linewidths=0, label=name)
        points.set(title=method, xticks=[], yticks=[], box_aspect=1, aspect="equal", adjustable="datalim")
    for axes, shown, matrix in zip(lower, colored, distances, strict=True):
        image = _style.heat_map(axes, shown, matrix, names, norm)
    figure.colorbar(image, ax=list(lower), label="share of a row's distances")
    if len(names) <= _MAX_NAMED_COLORS:
        handles, _ = upper[0].get_legend_handles_labels()
        figure.legend(
            handles=handles, loc="outside lower center", ncols=min(len(names), 5), markerscale=3, frameon=False
        )
    figure.suptitle(title)
    return figure


def _embed(features, seed):
    """t-SNE, `[n, 2]`, on one thread: several add in another order, and on a busy machine take nine times as long."""
    with threadpool_limits(1):
        perplexity = min(_PERPLEXITY, (len(features) - 1) / 3)
        return TSNE(random_state=seed, perplexity=perplexity).fit_transform(features)


def _colors(num_classes):
    """One colour per class, chosen to differ as much as that number of colours allows."""
    name = "tab10" if num_classes <= 10 else "tab20" if num_classes <= _MAX_NAMED_COLORS else "turbo"
    steps = np.arange(num_classes)
    return matplotlib.colormaps[name](steps if num_classes <= _MAX_NAMED_COLORS else steps / (num_classes - 1))

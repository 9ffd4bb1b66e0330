"""How tightly the examples of a class lie together, and which classes lie near each other."""

import matplotlib
import numpy as np
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

from tfp_noise import _validation, metrics
from tfp_noise.visualization import _style

_PERPLEXITY = 30  # scikit-learn's
_MAX_NAMED_COLORS = 20


def feature_clusters(features, labels, class_names, classes=None, seed=0, title=None):
    """t-SNE of features, a panel a method, and below each how far apart the class means are.

    Above, examples coloured by their class; near ones stay near, while distances between clusters and their sizes mean
    little. Below, `metrics.class_distances` in percent, the diagonal grey, on one scale for all methods, from the least
    to the largest. Up to 20 classes the legend says the colours.

    Args:
        features: a dict `{method: float [n, size]}`, such as the inputs of a last layer: `penultimate(model).predict`.
        labels: int `[n]`, the true classes.
        class_names: sequence of strings, a name per class.
        classes: at least two class indices, to draw examples of these alone; all classes by default.
        seed: int, t-SNE's; the same features and seed give the same figure on one machine.
        title: text above the panels.

    Returns:
        A `matplotlib.figure.Figure` with two axes a method, and a colour bar.

    Raises:
        TypeError, ValueError: no method; features that are not finite `[n, size]`; labels or classes that are none, or
            a class without an example.

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
    names = _validation.check_class_names(class_names)
    labels = _validation.check_labels("labels", labels, len(names))
    classes = np.arange(len(names)) if classes is None else _validation.check_labels("classes", classes, len(names))
    if len(set(classes)) != len(classes) or len(classes) < 2:
        raise ValueError(f"`classes` must be at least two different ones. Received: {classes.tolist()}.")
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
    """t-SNE, `[n, 2]`, on one thread: several sum in another order, and on a busy machine take nine times as long."""
    with threadpool_limits(1):
        perplexity = min(_PERPLEXITY, (len(features) - 1) / 3)
        return TSNE(random_state=seed, perplexity=perplexity).fit_transform(features)


def _colors(num_classes):
    """One colour a class, as far apart as so many can be."""
    name = "tab10" if num_classes <= 10 else "tab20" if num_classes <= _MAX_NAMED_COLORS else "turbo"
    steps = np.arange(num_classes)
    return matplotlib.colormaps[name](steps if num_classes <= _MAX_NAMED_COLORS else steps / (num_classes - 1))

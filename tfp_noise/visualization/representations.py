"""Where the examples lie before the last layer, and those of three classes on a plane."""

import keras
import numpy as np
from matplotlib.lines import Line2D

from tfp_noise import _validation
from tfp_noise.classifier import NoisyLabelClassifier
from tfp_noise.visualization import _style

_SMALLEST_SINE = 1e-6  # of the angle between two sides of the triangle of class vectors


def penultimate(model):
    """The network up to its last layer: a model whose `predict` gives the features that the last layer reads.

    Args:
        model: a `NoisyLabelClassifier`, or another `keras.Model`, whose network is Functional or Sequential, built, and
            ends in a `Dense`.

    Returns:
        A `keras.Model` from the same inputs to `[batch, size]`, which shares the weights.

    Raises:
        TypeError: something else than a Keras model.
        ValueError: a subclassed network, one that is not built, or that ends in another layer.

    Example:
        >>> network = keras.Sequential([keras.Input([4]), keras.layers.Dense(8), keras.layers.Dense(3)])
        >>> penultimate(network).predict(np.zeros([2, 4]), verbose=0).shape
        (2, 8)
    """
    if not isinstance(model, keras.Model):
        raise TypeError(f"`model` must be a Keras model. Received: {model!r}.")
    network = model.network if isinstance(model, NoisyLabelClassifier) else model
    if not (network.built and hasattr(network, "inputs")):
        raise ValueError(
            f"`model` must have a Functional or Sequential network that is built. Received: {type(network).__name__}, "
            f"{'built' if network.built else 'not built'}. Make a `keras.Model` from its inputs to the features."
        )
    last = network.layers[-1]
    if not isinstance(last, keras.layers.Dense):
        raise ValueError(f"`model` must end in a Dense layer. Received: a network that ends in {type(last).__name__}.")
    return keras.Model(network.inputs, last.input, name="penultimate")


def class_plane_projection(representations, labels, observed, classes, title=None):
    """Examples of three classes, projected on the plane through the classes' vectors; mislabelled ones in black.

    With `v0, v1, v2` the classes' columns of the last layer's kernel, the plane's axes are `e1`, along `v1 - v0`, and
    `e2`, along `v2 - v0` without its part along `e1`. An example stands at `(x e1, x e2)`, a class vector (a star) at
    `(v e1, v e2)`: the second class to the right of the first one, the third above both.

    Args:
        representations: a dict `{method: (features, class_vectors)}`: float `[n, size]`, the inputs of the last
            layer, and float `[size, num_classes]`, its kernel.
        labels: int `[n]`, the true classes: colours.
        observed: int `[n]`, the labels that the network saw; those that differ are black.
        classes: three class indices.
        title: text above the panels.

    Returns:
        A `matplotlib.figure.Figure` with a panel a method, all distances in it true to scale.

    Raises:
        TypeError, ValueError: no method; classes that are not three different ones, or without any example; class
            vectors on one line; shapes that do not fit.

    Example:
        >>> features, kernel = np.array([[2.0, 0.0, 5.0], [0.0, 2.0, 5.0], [0.0, 0.0, 5.0]]), np.eye(3)
        >>> figure = class_plane_projection({"ours": (features, kernel)}, np.arange(3), np.arange(3), (0, 1, 2))
        >>> figure.axes[0].get_title()
        'ours'

    References:
        Müller, Kornblith, Hinton. When does label smoothing help? 2019, section 2. Lukasik et al., "Does label
        smoothing mitigate label noise?", 2020, Figures 4, 8 and 9.
    """
    _style.check_some("representations", representations, "method")
    for method, pair in representations.items():
        _, vectors = _style.check_pair(f"representations[{method!r}]", pair, "(features, class_vectors)")
        _style.check_floats(f"representations[{method!r}] class_vectors", vectors, ("size", "num_classes"))
    num_classes = min(np.shape(class_vectors)[-1] for _, class_vectors in representations.values())
    labels, observed = _style.check_label_pair(labels, observed, num_classes)
    classes = _check_classes(classes, labels, num_classes)
    figure, panels = _style.square_panels(len(representations), size=3.2)
    for axes, (method, (features, class_vectors)) in zip(panels, representations.items(), strict=True):
        points, stars = _project(method, features, class_vectors, classes, len(labels))
        for index, (label, star) in enumerate(zip(classes, stars, strict=True)):
            chosen = (labels == label) & (observed == label)
            look = {"color": _style.PALETTE[index], "linewidths": 0}
            axes.scatter(*points[chosen].T, s=9, alpha=0.5, label=f"class {label}", **look)
            axes.scatter(*star, s=130, marker="*", zorder=4, color=_style.PALETTE[index], edgecolors="white")
        wrong = np.isin(labels, classes) & (labels != observed)
        axes.scatter(*points[wrong].T, s=9, color="black", alpha=0.7, linewidths=0, label="mislabelled", zorder=3)
        axes.set(title=method, aspect="equal", adjustable="datalim")
        axes.locator_params(nbins=5)
        _style.open_frame(axes, grid=True)
    handles, _ = figure.axes[0].get_legend_handles_labels()
    handles.append(Line2D([], [], color=_style.GREY, marker="*", linestyle="", markersize=5, label="class vector"))
    figure.legend(handles=handles, loc="outside lower center", ncols=5, markerscale=2, frameon=False)
    figure.suptitle(title)
    return figure


def _project(method, features, class_vectors, classes, num_examples):
    """Coordinates in the plane of the three classes: of the examples `[n, 2]` and of the class vectors `[3, 2]`."""
    features = _style.check_floats(f"representations[{method!r}] features", features, (num_examples, "size"))
    name = f"representations[{method!r}] class_vectors"
    class_vectors = _style.check_floats(name, class_vectors, (features.shape[1], "num_classes"))
    corners = class_vectors[:, classes].T
    right, up = corners[1] - corners[0], corners[2] - corners[0]
    longest = max(np.linalg.norm(right), np.linalg.norm(up))
    across = up - right * (right @ up) / max(right @ right, np.finfo(np.float64).tiny)
    if min(np.linalg.norm(right), np.linalg.norm(across)) <= _SMALLEST_SINE * longest:
        raise ValueError(
            f"`{name}` of the classes {classes} must span a plane. Received three points on one line. "
            "Is it the last layer's kernel, after training?"
        )
    basis = np.stack([right / np.linalg.norm(right), across / np.linalg.norm(across)], axis=1)
    return features @ basis, corners @ basis


def _check_classes(classes, labels, num_classes):
    classes = _validation.check_labels("classes", classes, num_classes).tolist()
    if len(classes) != 3 or len(set(classes)) != 3:
        raise ValueError(f"`classes` must be three different class indices. Received: {classes}.")
    missing = sorted(set(classes) - set(labels.tolist()))
    if missing:
        raise ValueError(f"`labels` must hold examples of each of `classes`. Received none of class {missing[0]}.")
    return classes

"""Features that the last layer reads, and figures of three classes in a plane of that space."""

from collections.abc import Mapping, Sequence

import keras
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike

from tfp_noise import _validation
from tfp_noise.classifier import NoisyLabelClassifier
from tfp_noise.visualization import _style

_SMALLEST_SINE = 1e-6  # of the angle between two sides of the triangle of class vectors


def penultimate(model: keras.Model) -> keras.Model:
    """The network without its last layer: a model whose `predict` returns the features that the last layer reads.

    Args:
        model: a `NoisyLabelClassifier` or another `keras.Model`, with a built Functional or Sequential network that
            ends in a `Dense` layer.

    Returns:
        A `keras.Model` from the same inputs to features `[batch, size]`, which shares the weights of `model`.

    Raises:
        TypeError: if `model` is not a Keras model.
        ValueError: if the network is subclassed, not built, or ends in another layer.

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
            f"{'built' if network.built else 'not built'}. Make a `keras.Model` from the inputs to the features."
        )
    last = network.layers[-1]
    if not isinstance(last, keras.layers.Dense):
        raise ValueError(f"`model` must end in a Dense layer. Received: a network that ends in {type(last).__name__}.")
    return keras.Model(network.inputs, last.input, name="penultimate")


def class_plane_projection(
    representations: Mapping[str, tuple[ArrayLike, ArrayLike]],
    labels: ArrayLike,
    observed: ArrayLike,
    classes: Sequence[int],
    title: str | None = None,
) -> Figure:
    """Examples of three classes, projected onto the plane through their class vectors, mislabelled ones in black.

    The class vectors `v0, v1, v2` are the columns of the last layer's kernel for the three classes. The axes of the
    plane are unit vectors: `e1` along `v1 - v0`, and `e2` along the part of `v2 - v0` that is orthogonal to `e1`.
    Features `x` are drawn at `(x e1, x e2)`, and a class vector `v` as a star at `(v e1, v e2)`, so that the second
    class is to the right of the first one and the third class is above both.

    Args:
        representations: a dict `{method: (features, class_vectors)}` with the inputs of the last layer, float
            `[n, size]`, and its kernel, float `[size, num_classes]`.
        labels: int `[n]`, the true classes, which determine the colours.
        observed: int `[n]`, the labels used in training; examples whose observed label is wrong are black.
        classes: three class indices.
        title: text above the panels.

    Returns:
        A `matplotlib.figure.Figure` with one panel per method, with the same scale on both axes.

    Raises:
        TypeError: if `representations` is not a dict, or labels or classes are not integers.
        ValueError: if there is no method, `classes` are not three different classes with examples, the class vectors
            lie on one line, or shapes do not fit.

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
    shown = {method: features for method, (features, _) in representations.items()}
    _validation.check_one_order({"labels": labels, "observed": observed, "representations": shown})
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
    """Coordinates in the plane of the examples, `[n, 2]`, and of the three class vectors, `[3, 2]`."""
    features = _style.check_floats(f"representations[{method!r}] features", features, (num_examples, "size"))
    name = f"representations[{method!r}] class_vectors"
    class_vectors = _style.check_floats(name, class_vectors, (features.shape[1], "num_classes"))
    corners = class_vectors[:, classes].T
    right, up = corners[1] - corners[0], corners[2] - corners[0]
    longest = max(np.linalg.norm(right), np.linalg.norm(up))
    across = up - right * (right @ up) / max(right @ right, np.finfo(np.float64).tiny)
    if min(np.linalg.norm(right), np.linalg.norm(across)) <= _SMALLEST_SINE * longest:
        raise ValueError(
            f"`{name}` of the classes {classes} must span a plane. Received: three points on one line. "
            "Is this the kernel of the last layer, after training?"
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

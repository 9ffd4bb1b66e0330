"""Figures of learned rows and of features: what is drawn is what was given, readable for few classes and for many."""

import keras
import numpy as np
import pytest
from matplotlib.colors import to_rgba

from tests.helpers.drawn_figures import assert_tidy, legend_texts
from tests.helpers.top_rows import spread, top_of
from tfp_noise import NoisyLabelClassifier, losses, metrics, visualization

ABC = ("a", "b", "c")
FASHION = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle-boot"]


def rows(size, seed=0, diagonal=0.0):
    off = np.random.default_rng(seed).dirichlet(np.ones(size - 1), size)
    square = np.full([size, size], diagonal)
    square[~np.eye(size, dtype=bool)] = (1 - diagonal) * off.ravel()
    return square


def confusion_of(size, seed=1):
    return np.random.default_rng(seed).multinomial(200, rows(size, 0, 0.8))


def off(matrix):
    """Rows divided by their off-diagonal sums, NaN on the diagonal."""
    matrix = np.array(matrix, float)
    np.fill_diagonal(matrix, np.nan)
    return matrix / np.nansum(matrix, axis=1, keepdims=True)


@pytest.mark.parametrize("size", [3, 10, 100])
@pytest.mark.daily("3", "10")
def test_class_similarities_draw_shares_of_other_classes(size, tmp_path):
    names = FASHION[:size] if size <= 10 else [f"class {index}" for index in range(size)]
    given = {"LLS": rows(size), "OLS": rows(size, 0, 0.9), "top": top_of(rows(size, 2), 2)}
    confusion = confusion_of(size)
    figure = visualization.class_similarities(given, names, confusion, title="all")
    *panels, bar = figure.axes
    squares = [given["LLS"], given["OLS"], spread(rows(size, 2), 2), confusion / 200]
    norms = {panel.images[0].norm for panel in panels}
    assert len(norms) == 1
    for axes, square in zip(panels, squares, strict=True):
        drawn = axes.images[0].get_array()
        np.testing.assert_array_equal(np.diag(np.ma.getmaskarray(drawn)), True)
        np.testing.assert_allclose(drawn.filled(np.nan), off(square), rtol=1e-9, atol=1e-12)
        assert axes.get_title().endswith(f"mean diagonal {np.trace(square) / size:.3f}")
        if size <= 10:
            assert len(axes.texts) == size**2
            for text in axes.texts:
                column, row = text.get_position()
                percent = 100 * square[row, column]
                assert float(text.get_text()) == pytest.approx(percent, abs=0.5001 if percent > 9.9 else 0.05001)
                assert len(text.get_text()) <= 3
        else:
            assert not axes.texts
        for ticks, labels in ((axes.get_xticks(), axes.get_xticklabels()), (axes.get_yticks(), axes.get_yticklabels())):
            assert [label.get_text() for label in labels] == [names[int(tick)] for tick in ticks]
            assert min(size, 11) <= len(ticks) <= 25
    # Rows with the same off-diagonal fractions have the same colours, whatever their diagonal is.
    np.testing.assert_allclose(panels[0].images[0].get_array(), panels[1].images[0].get_array(), rtol=1e-9)
    assert [axes.get_title().split("\n")[0] for axes in panels] == ["LLS", "OLS", "top", "confusion"]
    assert (panels[3].get_xlabel(), panels[3].get_ylabel()) == ("predicted class", "true class")
    assert bar.get_ylabel() == "share of what other classes get"
    assert figure.get_suptitle() == "all"
    assert_tidy(figure, tmp_path)


def test_numbers_can_be_read_on_dark_and_pale_cells():
    axes = visualization.class_similarities({"LLS": [[0, 1, 0], [0.5, 0, 0.5], [0, 1, 0]]}, ABC).axes[0]
    colors = {text.get_position(): to_rgba(text.get_color()) for text in axes.texts}
    assert colors[1, 0] == to_rgba("white")
    assert colors[2, 0] == colors[0, 0] == to_rgba("black")


@pytest.mark.thorough
def test_nine_rows_of_an_ablation(tmp_path):
    given = {f"row {index}": rows(10, index) for index in range(9)}
    figure = visualization.class_similarities(given, FASHION)
    assert len(figure.axes) == 10
    assert_tidy(figure, tmp_path)


def test_rows_that_are_not_learned_yet_and_labels_that_are_never_mistaken_are_pale():
    unlearned = rows(3)
    unlearned[1] = 0
    figure = visualization.class_similarities({"OLS": unlearned}, ABC, np.eye(3))
    first, second, _ = figure.axes
    np.testing.assert_array_equal(first.images[0].get_array()[1].filled(0), 0)
    np.testing.assert_array_equal(second.images[0].get_array().filled(0), 0)


def test_class_similarities_refuse_what_does_not_fit():
    draw = visualization.class_similarities
    for given, names, confusion, message in (
        ({}, ABC, None, "`similarities` must hold at least one method"),
        ({"a": 2 * rows(3)}, ABC, None, r"`similarities\['a'\]` must be at least 0, with rows that sum to 1"),
        ({"a": rows(3)}, (*ABC, "d"), None, r"`similarities\['a'\]` must be \[4, 4\].* Received shape \(3, 3\)"),
        ({"a": top_of(rows(3), 1)}, (*ABC, "d"), None, "must have rows for 4 classes. Received: 3 rows"),
        ({"a": rows(3)}, ABC, np.eye(4), r"`confusion` must be \[3, 3\]"),
        ({"a": rows(3)}, ABC, -np.eye(3), "`confusion` must hold counts of at least 0.* the minimum -1"),
        ({"a": rows(3)}, ABC, np.diag([1, 0, 1]), "and 0 examples of class 1"),
    ):
        with pytest.raises(ValueError, match=message):
            draw(given, names, confusion)
    with pytest.raises(TypeError, match="`similarities` must be a dict"):
        draw(rows(3), ABC)


def test_similarity_evolution_draws_the_label_and_the_likeliest_others(tmp_path):
    history = [rows(10, 0, diagonal) for diagonal in (0.1, 0.05, 0.01)]
    history[1] = top_of(history[1], 4)
    squares = [history[0], spread(rows(10, 0, 0.05), 4), history[2]]
    figure = visualization.similarity_evolution([2, 4, 6], history, FASHION, [6, 0], title="epochs")
    for axes, label in zip(figure.axes, (6, 0), strict=True):
        final = squares[-1][label].copy()
        final[label] = -1
        shown = [label, *np.argsort(-final)[:5]]
        assert [line.get_label() for line in axes.lines] == [FASHION[one] for one in shown]
        for line, one in zip(axes.lines, shown, strict=True):
            np.testing.assert_array_equal(line.get_xdata(), [2, 4, 6])
            np.testing.assert_allclose(line.get_ydata(), [square[label, one] for square in squares], rtol=1e-9)
        assert axes.get_title() == f"label: {FASHION[label]}"
        assert axes.get_yscale() == "log"
    assert_tidy(figure, tmp_path)


def test_similarity_evolution_begins_at_zeros(tmp_path):
    figure = visualization.similarity_evolution([1, 2], [np.zeros([3, 3]), rows(3)], ABC, [0])
    assert_tidy(figure, tmp_path)


def test_similarity_evolution_refuses_what_does_not_fit():
    draw = visualization.similarity_evolution
    for epochs, history, classes, message in (
        ([], [], [0], "`epochs` must not be empty"),
        ([1, 2], [rows(3)], [0], "rows for each of 2 epochs.* Received: rows for 1, and 1 labels"),
        ([1], [rows(3)], np.zeros(0, int), "Received: rows for 1, and 0 labels"),
        ([1], [rows(3)], [3], r"`classes` must lie in \[0, 3\)"),
        ([1], [rows(4)], [0], r"`history\[0\]` must be \[3, 3\]"),
    ):
        with pytest.raises(ValueError, match=message):
            draw(epochs, history, ABC, classes)


def clouds(num_classes=10, n=60, size=6, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % num_classes
    return 3 * rng.normal(size=(num_classes, size))[labels] + rng.normal(size=(n, size)), labels


@pytest.mark.parametrize("size", [10, 30])
def test_feature_clusters(size, tmp_path):
    names = FASHION if size == 10 else [f"class {index}" for index in range(size)]
    features, labels = clouds(size)
    given = {"cross-entropy": features, "label smoothing": features[:, :4]}
    figure = visualization.feature_clusters(given, labels, names, title="penultimate")
    *panels, bar = figure.axes
    distances = [metrics.class_distances(one, labels) for one in given.values()]
    for above, below, matrix in zip(panels[:2], panels[2:], distances, strict=True):
        points = [np.asarray(one.get_offsets()) for one in above.collections]
        assert [len(one) for one in points] == [np.sum(labels == label) for label in range(size)]
        # The classes are far apart, so that t-SNE keeps an example near others of its class.
        places, owner = np.concatenate(points), np.repeat(np.arange(size), [len(one) for one in points])
        apart = np.linalg.norm(places[:, None] - places[None], axis=-1) + 1e9 * np.eye(len(places))
        if size == 10:
            assert np.mean(owner[apart.argmin(axis=1)] == owner) > 0.8
        drawn = below.images[0].get_array()
        np.testing.assert_array_equal(np.diag(np.ma.getmaskarray(drawn)), True)
        np.testing.assert_allclose(drawn.filled(0), matrix, atol=1e-12)
    assert [axes.get_title() for axes in panels[:2]] == list(given)
    assert len({tuple(one.get_facecolor()[0]) for one in panels[0].collections}) == size
    assert legend_texts(figure) == ([FASHION] if size == 10 else [])
    norm = panels[2].images[0].norm
    entries = np.concatenate([matrix[~np.eye(size, dtype=bool)] for matrix in distances])
    assert (norm.vmin, norm.vmax) == pytest.approx((entries.min(), entries.max()))
    assert norm is panels[3].images[0].norm
    assert bar.get_ylabel() == "share of a row's distances"
    assert_tidy(figure, tmp_path)


def test_feature_clusters_of_three_classes_are_reproducible():
    features, labels = clouds()
    draw = visualization.feature_clusters
    figures = [draw({"a": features}, labels, FASHION, classes=[5, 3, 6], seed=seed) for seed in (1, 1)]
    first, second = (np.concatenate([one.get_offsets() for one in f.axes[0].collections]) for f in figures)
    np.testing.assert_array_equal(first, second)
    assert legend_texts(figures[0]) == [["Sandal", "Dress", "Shirt"]]
    chosen = np.isin(labels, [5, 3, 6])
    renamed = np.select([labels == 5, labels == 3], [0, 1], 2)[chosen]
    drawn = figures[0].axes[1].images[0].get_array().filled(0)
    np.testing.assert_allclose(drawn, metrics.class_distances(features[chosen], renamed), atol=1e-12)


def test_feature_clusters_refuse_what_does_not_fit():
    features, labels = clouds()
    draw = visualization.feature_clusters
    for given, classes, message in (
        ({}, None, "`features` must hold at least one method"),
        ({"a": features[1:]}, None, r"`features\['a'\]` must have shape \[60, size\]"),
        ({"a": features}, [0], r"`classes` must be at least two different class indices.* Received: \[0\]"),
        ({"a": features}, [0, 0], "at least two different class indices"),
        ({"a": features}, [0, 10], r"`classes` must lie in \[0, 10\)"),
    ):
        with pytest.raises(ValueError, match=message):
            draw(given, labels, FASHION, classes)
    with pytest.raises(
        ValueError, match=r"`labels` must hold examples of each of `classes`\. Received none of class 10"
    ):
        draw({"a": features}, labels, [*FASHION, "more"])


def test_penultimate_features_are_what_the_last_layer_reads():
    network = keras.Sequential(
        [keras.Input([3]), keras.layers.Dense(4, "relu"), keras.layers.Dropout(0.5), keras.layers.Dense(6)]
    )
    x = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")
    for model in (NoisyLabelClassifier(network, losses.LabelSmoothing(6)), network):
        features = visualization.penultimate(model).predict(x, verbose=0)
        kernel, bias = network.layers[0].get_weights()
        np.testing.assert_allclose(features, np.maximum(x @ kernel + bias, 0), rtol=1e-5, atol=1e-6)


def test_penultimate_refuses_networks_without_such_features():
    class Subclassed(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(2)

        def call(self, x):
            return self.dense(x)

    with pytest.raises(TypeError, match=r"`model` must be a Keras model\. Received: 3"):
        visualization.penultimate(3)
    with pytest.raises(ValueError, match=r"that is built\. Received: Sequential, not built"):
        visualization.penultimate(keras.Sequential([keras.layers.Dense(2)]))
    subclassed = Subclassed()
    subclassed(np.zeros([1, 3]))
    with pytest.raises(ValueError, match=r"Functional or Sequential network .* Received: Subclassed, built"):
        visualization.penultimate(subclassed)
    with pytest.raises(ValueError, match=r"must end in a Dense layer\. Received: .* ends in Softmax"):
        visualization.penultimate(keras.Sequential([keras.Input([3]), keras.layers.Dense(2), keras.layers.Softmax()]))

"""Figures: their structure, that what is drawn is what was given, and that no text lies over other text."""

import doctest
import importlib
import pkgutil

import numpy as np
import pytest
from matplotlib.figure import Figure

from tests.helpers.drawn_figures import assert_tidy, legend_texts
from tfp_noise import losses, metrics, visualization

KEYS = ("train_accuracy_clean", "train_accuracy_mislabelled", "train_accuracy_mislabelled_true")


def history(seed, epochs=12):
    rng = np.random.default_rng(seed)
    return {"epoch": list(range(1, epochs + 1))} | {key: list(rng.random(epochs)) for key in ("test_accuracy", *KEYS)}


def predictions(sharpness, n=400, num_classes=5):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, num_classes, n)
    weights = np.exp(sharpness * (rng.normal(size=(n, num_classes)) + 2 * np.eye(num_classes)[labels]))
    return weights / weights.sum(axis=1, keepdims=True), labels


def test_learning_curves_of_one_method(tmp_path):
    given = history(0)
    figure = visualization.learning_curves(given, title="one")
    assert isinstance(figure, Figure)
    test, train = figure.axes
    np.testing.assert_array_equal(test.lines[0].get_xydata(), np.transpose([given["epoch"], given["test_accuracy"]]))
    assert [line.get_linestyle() for line in train.lines] == ["-", "--", ":"]
    for line, key in zip(train.lines, KEYS, strict=True):
        np.testing.assert_array_equal(line.get_xydata(), np.transpose([given["epoch"], given[key]]))
    assert figure.get_suptitle() == "one"
    assert legend_texts(figure) == [
        ["correctly labelled", "mislabelled: wrong label learned", "mislabelled: true class predicted"]
    ]
    assert_tidy(figure, tmp_path)


def test_learning_curves_explain_only_what_was_measured():
    noisy = history(0)
    clean = noisy | dict.fromkeys(KEYS[1:], [None] * len(noisy["epoch"]))
    assert legend_texts(visualization.learning_curves(clean)) == [["correctly labelled"]]
    by_rate = visualization.training_by_noise_rate({"CE": {0.0: clean}})
    assert legend_texts(by_rate) == [["0% noise", "correctly labelled"]]
    kinds, _ = legend_texts(visualization.learning_curves({"a": clean, "b": noisy}))
    assert len(kinds) == len(KEYS)


def test_learning_curves_compare_methods_by_colour(tmp_path):
    given = {
        name: history(seed) for seed, name in enumerate(["cross-entropy", "forward correction", "logistic-normal"])
    }
    figure = visualization.learning_curves(given)
    test, train = figure.axes
    assert legend_texts(figure)[1] == list(given)
    colors = [line.get_color() for line in test.lines]
    assert len(set(colors)) == 3
    assert [line.get_color() for line in train.lines] == [color for color in colors for _ in KEYS]
    for index, one in enumerate(given.values()):
        np.testing.assert_array_equal(test.lines[index].get_ydata(), one["test_accuracy"])
        np.testing.assert_array_equal(train.lines[3 * index + 1].get_ydata(), one["train_accuracy_mislabelled"])
    assert_tidy(figure, tmp_path)


@pytest.mark.parametrize("name", [None, "LN"])
def test_learning_curves_of_several_runs_are_their_means_with_a_band(name, tmp_path):
    runs = [history(seed) for seed in range(3)]
    figure = visualization.learning_curves(runs if name is None else {name: runs, "CE": history(3)})
    test, train = figure.axes
    every = {key: np.array([run[key] for run in runs]) for key in ("test_accuracy", *KEYS)}
    np.testing.assert_allclose(test.lines[0].get_ydata(), every["test_accuracy"].sum(axis=0) / 3)
    for line, key in zip(train.lines, KEYS, strict=False):
        np.testing.assert_allclose(line.get_ydata(), every[key].sum(axis=0) / 3)
    (band,) = test.collections
    corners = band.get_paths()[0].vertices
    for epoch, lowest, highest in zip(range(1, 13), *np.sort(every["test_accuracy"], axis=0)[[0, 2]], strict=True):
        assert {lowest, highest} <= set(corners[corners[:, 0] == epoch, 1])
    assert legend_texts(figure)[0][-1] == "test accuracy: lowest to highest run"
    assert_tidy(figure, tmp_path)


def test_learning_curves_are_means_of_the_runs_that_were_measured():
    gaps = {"test_accuracy": [None, 0.5], KEYS[0]: [0.5, 0.5], KEYS[1]: [None, None], KEYS[2]: [None, None]}
    runs = {"epoch": [1, 2]} | gaps, {"epoch": [1, 2], **{key: [0.75, 1.0] for key in gaps}}
    test, train = visualization.learning_curves(runs).axes
    assert test.lines[0].get_ydata().tolist() == [0.75, 0.75]
    assert [line.get_ydata().tolist() for line in train.lines] == [[0.625, 0.75], [0.75, 1.0], [0.75, 1.0]]
    assert set(test.collections[0].get_paths()[0].vertices[:, 1]) == {0.75, 0.5, 1.0}


def test_learning_curves_refuse_runs_by_their_number():
    found = "Received 12 epochs up to 12 in run 0 and 11 up to 11 in run 1"
    with pytest.raises(ValueError, match=rf"`history` of 'LN' must have runs measured at the same epochs\. {found}"):
        visualization.learning_curves({"LN": [history(0), history(1, epochs=11)]})
    with pytest.raises(ValueError, match=r"`history` of 'LN' must hold at least one history. Received an empty list"):
        visualization.learning_curves({"LN": []})
    with pytest.raises(TypeError, match=r"`history\[1\]` of 0 must be a dict of lists\. Received: 3\."):
        visualization.learning_curves({0: [history(0), 3]})


def test_learning_curves_tell_many_methods_apart():
    figure = visualization.learning_curves({f"method {index}": history(index) for index in range(20)})
    looks = {(line.get_color(), line.get_marker()) for line in figure.axes[0].lines}
    assert len(looks) == 20


def test_learning_curves_leave_gaps_where_nothing_was_measured(tmp_path):
    given = history(0) | {"train_accuracy_mislabelled": [None] * 12, "train_accuracy_mislabelled_true": [None] * 12}
    figure = visualization.learning_curves(given)
    assert np.isnan(figure.axes[1].lines[1].get_ydata()).all()
    assert_tidy(figure, tmp_path)
    many = visualization.learning_curves({f"method {index}": given for index in range(9)})
    assert many.axes[1].lines[-1].get_marker() == "o"
    many.savefig(tmp_path / "many.png")


def test_learning_curves_refuse_incomplete_histories():
    with pytest.raises(ValueError, match=r"`history` of 'b' must have the keys .* Missing: test_accuracy"):
        visualization.learning_curves(
            {"a": history(0), "b": {k: v for k, v in history(0).items() if k != "test_accuracy"}}
        )
    with pytest.raises(ValueError, match=r"one value per epoch .*'test_accuracy': 1"):
        visualization.learning_curves(history(0) | {"test_accuracy": [0.5]})
    with pytest.raises(ValueError, match="at least one history"):
        visualization.learning_curves({})


@pytest.mark.parametrize("num_methods", [1, 5])
def test_reliability_diagram_draws_the_curve(num_methods, tmp_path):
    labels = predictions(1)[1]
    by_method = {f"method {index}": predictions(0.5 + index)[0] for index in range(num_methods)}
    figure = visualization.reliability_diagram(by_method, labels, num_bins=10)
    assert len(figure.axes) == 2 * num_methods
    for index, (method, probabilities) in enumerate(by_method.items()):
        upper, lower = figure.axes[2 * index : 2 * index + 2]
        curve = metrics.reliability_curve(probabilities, labels, 10)
        np.testing.assert_allclose([bar.get_height() for bar in upper.patches], curve.accuracy)
        np.testing.assert_allclose([bar.get_x() for bar in upper.patches], np.arange(10) / 10)
        np.testing.assert_allclose([bar.get_height() for bar in lower.patches], curve.count / len(labels))
        np.testing.assert_array_equal(upper.lines[0].get_xydata(), [[0, 0], [1, 1]])
        error = metrics.expected_calibration_error(probabilities, labels, 10)
        assert upper.get_title() == f"{method}\nECE {error:.3f}"
        assert lower.get_xlabel() == "confidence"
        assert lower.get_ylim()[1] >= curve.count.max() / len(labels)
    assert figure.axes[0].get_ylabel() == "accuracy"
    assert_tidy(figure, tmp_path)


def test_reliability_diagram_refuses_nothing():
    with pytest.raises(ValueError, match="`probabilities_by_method` must hold at least one"):
        visualization.reliability_diagram({}, np.array([0]))


@pytest.mark.parametrize("num_classes", [2, 20, 21, 100])
def test_transition_matrix(num_classes, tmp_path):
    transition = 0.6 * np.eye(num_classes) + 0.4 * np.roll(np.eye(num_classes), 1, axis=1)
    names = [f"class {index}" for index in range(num_classes)]
    figure = visualization.transition_matrix(transition, names, title="pair flip")
    axes, colour_bar = figure.axes
    np.testing.assert_array_equal(axes.images[0].get_array(), transition)
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_title()) == ("observed label", "clean label", "pair flip")
    assert colour_bar.get_ylabel() == "probability"
    assert len(axes.texts) == (num_classes**2 if num_classes <= 20 else 0)
    for text in axes.texts:
        column, row = text.get_position()
        assert float(text.get_text()) == pytest.approx(transition[row, column], abs=0.005)
    for ticks, labels in ((axes.get_xticks(), axes.get_xticklabels()), (axes.get_yticks(), axes.get_yticklabels())):
        assert [label.get_text() for label in labels] == [names[int(tick)] for tick in ticks]
        assert min(num_classes, 11) <= len(ticks) <= 25
    assert_tidy(figure, tmp_path)


def test_transition_matrix_keeps_short_names_upright():
    upright = visualization.transition_matrix(np.eye(10), tuple("0123456789")).axes[0]
    tilted = visualization.transition_matrix(np.eye(10), ["automobile"] * 10).axes[0]
    assert upright.get_xticklabels()[0].get_rotation() == 0
    assert tilted.get_xticklabels()[0].get_rotation() == 45


def test_transition_matrix_refuses_what_is_none():
    with pytest.raises(ValueError, match="`transition` must have rows that sum to 1"):
        visualization.transition_matrix([[0.5, 0.4], [0, 1]], ["a", "b"])
    with pytest.raises(ValueError, match=r"`class_names` must name 2 classes. Received: 3"):
        visualization.transition_matrix(np.eye(2), ["a", "b", "c"])


@pytest.mark.parametrize("names", ["ab", range(2), ["a", 1], None, 2, {"a", "b"}])
def test_class_names_are_strings(names):
    message = r"`class_names` must be a sequence of strings.* Received: .* Pass a list or tuple of them"
    for draw in (
        lambda: visualization.transition_matrix(np.eye(2), names),
        lambda: visualization.class_similarities({"a": np.eye(2)}, names),
        lambda: visualization.similarity_evolution([1], [np.eye(2)], names, [0]),
        lambda: visualization.feature_clusters({"a": np.eye(2)}, np.arange(2), names),
    ):
        with pytest.raises(TypeError, match=message):
            draw()


def test_class_names_may_be_an_array():
    """Class names read from a NumPy file are an array."""
    axes = visualization.transition_matrix(np.eye(2), np.array(["cat", "dog"])).axes[0]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["cat", "dog"]


@pytest.mark.parametrize(
    ("draw", "error", "message"),
    [
        (
            lambda: visualization.score_by_alpha([1]),
            TypeError,
            "`scores` must be a dict with each method under its name",
        ),
        (lambda: visualization.score_by_alpha({"a": {"0.1": [1.0]}}), TypeError, "`alpha` must be a number"),
        (
            lambda: visualization.class_plane_projection({"a": np.eye(3)}, [0], [0], (0, 1, 2)),
            ValueError,
            r"`representations\['a'\]` must be a pair \(features, class_vectors\)",
        ),
        (
            lambda: visualization.linear_separators(np.eye(2), [0, 1], [0, 1], {"a": {"b": (1, 0, 0)}}),
            ValueError,
            r"must be a pair \(w, b\). Received: \(1, 0, 0\)",
        ),
        (
            lambda: visualization.linear_separators(np.zeros((0, 2)), np.zeros(0, int), np.zeros(0, int), {}),
            ValueError,
            "`points` must not be empty",
        ),
    ],
)
def test_wrong_containers_are_named(draw, error, message):
    with pytest.raises(error, match=message):
        draw()


def test_pyplot_is_not_touched():
    from matplotlib import pyplot

    before = pyplot.get_fignums()
    visualization.learning_curves(history(0))
    visualization.transition_matrix(np.eye(2), ["a", "b"])
    visualization.reliability_diagram({"a": np.eye(2)}, np.array([0, 1]))
    visualization.loss_by_margin({"a": losses.LabelSmoothing(2)})
    visualization.score_by_alpha({"a": {0.0: [0.5]}})
    visualization.logit_gap_densities({"a": np.eye(2)}, np.array([0, 1]), np.array([0, 0]))
    visualization.class_plane_projection({"a": (np.eye(3), np.eye(3))}, np.arange(3), np.arange(3), (0, 1, 2))
    visualization.linear_separators(np.eye(2), np.arange(2), np.arange(2), {"a": {"b": ([1, 0], 0)}})
    visualization.logits_and_simplex([0.0, 0.0], np.eye(2))
    visualization.loss_by_residual([0.5])
    visualization.label_dependent_densities({"a": [1.0, 2.0]}, np.array([True, False]))
    visualization.decision_regions(np.eye(2), np.arange(2), np.arange(2), {"a": lambda x: np.full([len(x), 2], 0.5)})
    visualization.training_by_noise_rate({"a": {0.2: history(0)}})
    visualization.score_by_temperature_and_min_scale({(1.0, 0.5): [0.5]})
    visualization.class_similarities({"a": np.eye(2)}, ("a", "b"))
    visualization.similarity_evolution([1], [np.eye(2)], ("a", "b"), [0])
    visualization.feature_clusters({"a": np.random.default_rng(0).normal(size=(8, 2))}, np.arange(8) % 2, ("a", "b"))
    assert pyplot.get_fignums() == before


def test_examples_in_docstrings():
    for module in pkgutil.iter_modules(visualization.__path__, f"{visualization.__name__}."):
        result = doctest.testmod(importlib.import_module(module.name))
        assert result.failed == 0
        assert result.attempted > 1 or module.name.endswith("._style")

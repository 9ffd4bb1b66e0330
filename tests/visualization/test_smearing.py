"""Figures of smearing and correction: what is drawn is what was given, against closed forms and plain loops."""

import numpy as np
import pytest

from tests.helpers.drawn_figures import assert_tidy, legend_texts
from tfp_noise import losses, noise, visualization

LOSSES = {
    "cross-entropy": losses.LabelSmoothing(2, 0.0, dtype="float64"),
    "label smoothing": losses.LabelSmoothing(2, 0.4, dtype="float64"),
    "backward correction": losses.BackwardCorrection(2, noise.symmetric(2, 0.4), dtype="float64"),
    "forward correction": losses.ForwardCorrection(2, noise.symmetric(2, 0.4), dtype="float64"),
}


def test_loss_by_margin_draws_the_closed_forms(tmp_path):
    margins = np.linspace(-6, 6, 25)
    figure = visualization.loss_by_margin(LOSSES, margins, title="two classes")
    positive, negative = np.logaddexp(0, -margins), np.logaddexp(0, margins)  # the loss of either label
    expected = {
        "cross-entropy": positive,
        "label smoothing": 0.8 * positive + 0.2 * negative,
        "backward correction": (0.8 * positive - 0.2 * negative) / 0.6,
        "forward correction": -np.log(0.8 * np.exp(-positive) + 0.2 * np.exp(-negative)),
    }
    (axes,) = figure.axes
    lines = {line.get_label(): line for line in axes.lines}
    for label, values in expected.items():
        np.testing.assert_array_equal(lines[label].get_xdata(), margins)
        np.testing.assert_allclose(lines[label].get_ydata(), values, rtol=1e-9, atol=1e-12)
    assert [text.get_text() for text in axes.get_legend().get_texts()] == list(expected)
    assert axes.get_title() == "two classes"
    assert_tidy(figure, tmp_path)


def test_loss_by_margin_goes_from_minus_to_plus_six():
    line = visualization.loss_by_margin(LOSSES).axes[0].lines[0]
    assert (line.get_xdata()[0], line.get_xdata()[-1]) == (-6, 6)


def test_loss_by_margin_refuses_what_has_no_margin():
    with pytest.raises(ValueError, match="`losses` must hold at least one loss"):
        visualization.loss_by_margin({})
    with pytest.raises(TypeError, match=r"must hold losses of tfp_noise.losses.*'LS'"):
        visualization.loss_by_margin({"LS": losses.LabelSmoothing})
    with pytest.raises(ValueError, match="3 classes and 3 outputs for 'LS'"):
        visualization.loss_by_margin({"LS": losses.LabelSmoothing(3)})
    with pytest.raises(ValueError, match=r"2 classes and .* outputs for 'LN'"):
        visualization.loss_by_margin({"LN": losses.LogisticNormal(2)})
    with pytest.raises(ValueError, match=r"`margins` must have shape \[m\]"):
        visualization.loss_by_margin(LOSSES, [[0.0]])
    with pytest.raises(ValueError, match="`margins` must be finite"):
        visualization.loss_by_margin(LOSSES, [0.0, np.nan])


def test_score_by_alpha_draws_means_and_bands(tmp_path):
    scores = {"LS": {0.2: [0.6, 0.8, 0.7], 0.0: [0.5, 0.7], 0.4: [0.65]}, "FC": {0.0: [0.6], 0.2: [0.9]}}
    figure = visualization.score_by_alpha(scores, ylabel="accuracy", title="digits")
    (axes,) = figure.axes
    smoothing, forward = axes.lines
    np.testing.assert_allclose(smoothing.get_xydata(), [[0, 0.6], [0.2, 0.7], [0.4, 0.65]])
    np.testing.assert_allclose(forward.get_xydata(), [[0, 0.6], [0.2, 0.9]])
    band = np.concatenate([path.vertices for path in axes.collections[0].get_paths()])
    # Sample standard deviations of two and three values, by hand.
    corners = {(0.0, 0.6 - 0.02**0.5), (0.0, 0.6 + 0.02**0.5), (0.2, 0.6), (0.2, 0.8)}
    assert {tuple(corner) for corner in band.round(9)} == {tuple(np.round(corner, 9)) for corner in corners}
    assert not axes.collections[1].get_paths()
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["LS", "FC"]
    assert axes.get_ylabel() == "accuracy"
    assert_tidy(figure, tmp_path)


def test_score_by_alpha_refuses_gaps():
    for scores, message in (
        ({}, "`scores` must hold at least one method"),
        ({"LS": {}}, r"`scores\['LS'\]` must hold at least one alpha"),
        ({"LS": {0.1: []}}, r"`scores\['LS'\]\[0.1\]` must not be empty"),
        ({"LS": {0.1: 0.5}}, r"`scores\['LS'\]\[0.1\]` must have shape \[seeds\]"),
        ({"LS": {0.1: [np.nan]}}, "must be finite"),
    ):
        with pytest.raises(ValueError, match=message):
            visualization.score_by_alpha(scores)


def logits_and_labels(n=300, num_classes=4):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, num_classes, n)
    observed = np.where(rng.random(n) < 0.3, (labels + 1) % num_classes, labels)
    return rng.normal(size=(n, num_classes)) + 3 * np.eye(num_classes)[labels], labels, observed


def gap(row, label):
    return row[label] - sum(row) / len(row)


def test_logit_gaps_against_a_loop():
    logits, labels, _ = logits_and_labels()
    expected = [gap(row, label) for row, label in zip(logits.tolist(), labels.tolist(), strict=True)]
    np.testing.assert_allclose(visualization.logit_gaps(logits, labels), expected, rtol=1e-12)
    np.testing.assert_allclose(visualization.logit_gaps(logits + 7, labels), expected, rtol=1e-9)


def test_logit_gap_densities_draw_histograms_of_the_parts(tmp_path):
    logits, labels, observed = logits_and_labels()
    given = {"cross-entropy": logits, "label smoothing": logits / 2}
    figure = visualization.logit_gap_densities(given, labels, observed, title="noise")
    wrong = labels != observed
    every = np.ones_like(wrong)
    highest = logits.argmax(axis=1)
    panels = [
        (labels, every),
        (labels, wrong),
        (labels, ~wrong),
        (observed, every),
        (observed, wrong),
        (highest, every),
    ]
    assert [axes.get_title() for axes in figure.axes] == [
        *(f"true label, {part}" for part in ("all examples", "mislabelled", "correctly labelled")),
        *(f"observed label, {part}" for part in ("all examples", "mislabelled")),
        "maximum, all examples",
    ]
    shared = figure.axes[0].patches[0].get_data().edges
    for axes, (kind, part) in zip(figure.axes, panels, strict=True):
        for stairs, one in zip(axes.patches, given.values(), strict=True):
            gaps = [gap(row, label) for row, label in zip(one[part].tolist(), kind[part].tolist(), strict=True)]
            density, edges, _ = stairs.get_data()
            np.testing.assert_array_equal(edges, shared)
            assert density @ np.diff(edges) == pytest.approx(1)
            middle = edges[40]
            below = density[:40] @ np.diff(edges[:41])
            assert below == pytest.approx(np.mean([value < middle for value in gaps]), abs=1e-9)
    assert legend_texts(figure) == [["cross-entropy", "label smoothing"]]
    assert_tidy(figure, tmp_path)


def test_logit_gap_densities_refuse_what_does_not_fit():
    logits, labels, observed = logits_and_labels()
    with pytest.raises(ValueError, match="`logits` must hold at least one method"):
        visualization.logit_gap_densities({}, labels, observed)
    with pytest.raises(ValueError, match=r"`observed` must differ from `labels` for some .* Received: 0 of 300"):
        visualization.logit_gap_densities({"a": logits}, labels, labels)
    with pytest.raises(ValueError, match=r"`logits` must have one row per label, 299\. Received: 300"):
        visualization.logit_gaps(logits, labels[1:])
    with pytest.raises(ValueError, match=r"`labels` and `observed` must have the same length\. Received: 300 and 299"):
        visualization.logit_gap_densities({"a": logits}, labels, observed[1:])
    with pytest.raises(ValueError, match=r"`logits\['a'\]` must have shape \[300, num_classes\]"):
        visualization.logit_gap_densities({"a": 1.0}, labels, observed)
    with pytest.raises(ValueError, match=r"`logits` must have shape \[n, num_classes\]"):
        visualization.logit_gaps(logits[0], labels)
    with pytest.raises(ValueError, match=r"must lie in \[0, 4\)"):
        visualization.logit_gaps(logits, labels + 1)


def representations(size=6, num_classes=5, n=200):
    rng = np.random.default_rng(1)
    labels = rng.integers(0, num_classes, n)
    observed = np.where(rng.random(n) < 0.2, (labels + 1) % num_classes, labels)
    return rng.normal(size=(n, size)), rng.normal(size=(size, num_classes)), labels, observed


def test_class_plane_projection_keeps_distances_in_the_plane(tmp_path):
    features, class_vectors, labels, observed = representations()
    classes = (4, 0, 2)
    figure = visualization.class_plane_projection(
        {"ours": (features, class_vectors), "half": (features / 2, class_vectors)}, labels, observed, classes
    )
    # Orthogonal projector onto the plane, by its closed form instead of a basis.
    sides = (class_vectors[:, [0, 2]] - class_vectors[:, [4]]).T
    projector = sides.T @ np.linalg.inv(sides @ sides.T) @ sides
    for axes, scale in zip(figure.axes, (1, 0.5), strict=True):
        drawn = [np.asarray(one.get_offsets()) for one in axes.collections]
        groups, stars, wrong = drawn[0:6:2], np.concatenate(drawn[1:6:2]), drawn[6]
        members = [(labels == label) & (observed == label) for label in classes]
        members.append(np.isin(labels, classes) & (labels != observed))
        assert sum(map(len, groups)) + len(wrong) == np.isin(labels, classes).sum()
        points = np.concatenate([*groups, wrong, stars])
        corners = class_vectors[:, list(classes)].T
        originals = np.concatenate([*(scale * features[one] for one in members), corners]) @ projector
        distances = [np.linalg.norm(one[:, None] - one[None], axis=-1) for one in (points, originals)]
        np.testing.assert_allclose(*distances, atol=1e-9)
        between = np.linalg.norm(corners[:, None] - corners[None], axis=-1)
        np.testing.assert_allclose(np.linalg.norm(stars[:, None] - stars[None], axis=-1), between, atol=1e-9)
        assert stars[1, 0] > stars[0, 0]
        assert stars[1, 1] == pytest.approx(stars[0, 1])
        assert stars[2, 1] > stars[0, 1]
        assert axes.collections[6].get_facecolor()[0, :3].tolist() == [0, 0, 0]
        assert axes.get_aspect() == 1
    assert [axes.get_title() for axes in figure.axes] == ["ours", "half"]
    assert legend_texts(figure) == [["class 4", "class 0", "class 2", "mislabelled", "class vector"]]
    assert_tidy(figure, tmp_path)


def test_class_plane_projection_fills_rows():
    features, class_vectors, labels, observed = representations()
    given = {f"method {index}": (features, class_vectors) for index in range(5)}
    assert len(visualization.class_plane_projection(given, labels, observed, (0, 1, 2)).axes) == 5


def test_class_plane_projection_refuses_what_spans_no_plane():
    features, class_vectors, labels, observed = representations()
    draw = visualization.class_plane_projection
    for classes in ((0, 1), (0, 1, 1), (0, 1, 2, 3)):
        with pytest.raises(ValueError, match="`classes` must be three different class indices"):
            draw({"a": (features, class_vectors)}, labels, observed, classes)
    with pytest.raises(ValueError, match=r"`classes` must lie in \[0, 5\)"):
        draw({"a": (features, class_vectors)}, labels, observed, (0, 1, 5))
    for third in (2 * class_vectors[:, 1] - class_vectors[:, 0], class_vectors[:, 0]):
        collinear = class_vectors.copy()
        collinear[:, 2] = third
        for classes in ((0, 1, 2), (0, 2, 1)):
            with pytest.raises(ValueError, match=r"\['a'\] class_vectors` of the classes .* must span a plane"):
                draw({"a": (features, collinear)}, labels, observed, classes)
    with pytest.raises(ValueError, match=r"class_vectors` must have shape \[6, num_classes\]. Received shape \(5, 6\)"):
        draw({"a": (features, class_vectors.T)}, labels, observed, (0, 1, 2))
    with pytest.raises(ValueError, match=r"features` must have shape \[200, size\]"):
        draw({"a": (features[1:], class_vectors)}, labels, observed, (0, 1, 2))
    with pytest.raises(ValueError, match="Received none of class 3"):
        draw({"a": (features, class_vectors)}, np.where(labels == 3, 0, labels), observed, (1, 2, 3))


def test_linear_separators_draw_the_lines_and_mark_the_flipped(tmp_path):
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 2
    points = rng.normal(size=(60, 2)) + 3 * labels[:, None]
    observed = np.where(np.arange(60) < 6, 1, labels)
    lines = {"Bayes": ([1.0, 1.0], -3.0), "steep": ([2.0, 0.0], 1.0), "flat": (np.array([0.0, -0.1]), 0.2)}
    figure = visualization.linear_separators(points, labels, observed, {"a": lines, "b": {"Bayes": lines["Bayes"]}})
    first, second = figure.axes
    assert [line.get_label() for line in first.lines] == list(lines)
    for line, (w, b) in zip(first.lines, lines.values(), strict=True):
        ends = line.get_xydata()
        np.testing.assert_allclose(ends @ w + b, 0, atol=1e-12)
        assert np.linalg.norm(ends[1] - ends[0]) > np.hypot(np.ptp(first.get_xlim()), np.ptp(first.get_ylim()))
    assert first.lines[0].get_color() == second.lines[0].get_color() == "black"
    assert len({tuple(np.ravel(line.get_color())) for line in first.lines[1:]}) == 2
    for drawn, chosen in zip(first.collections, (labels == 0, labels == 1, labels != observed), strict=True):
        np.testing.assert_array_equal(drawn.get_offsets(), points[chosen])
    assert (points.min() > first.get_xlim()[0]) & (points.max() < first.get_xlim()[1])
    assert legend_texts(figure) == [["class 0", "class 1", "mislabelled"]]
    assert_tidy(figure, tmp_path)


def test_linear_separators_refuse_what_is_no_line():
    points, labels = np.eye(2), np.arange(2)
    for separators, message in (
        ({}, "`separators` must hold at least one panel"),
        ({"a": {}}, r"`separators\['a'\]` must hold at least one line"),
        ({"a": {"b": ([0.0, 0.0], 1.0)}}, r"`separators\['a'\]\['b'\]` must have a `w` that is not zero"),
        ({"a": {"b": ([1.0, 0.0, 0.0], 1.0)}}, r"w` must have shape \[2\]. Received shape \(3,\)"),
        ({"a": {"b": ([1.0, np.inf], 1.0)}}, "w` must be finite"),
        ({"a": {"b": ([1.0, 0.0], [1.0])}}, r"b` must have shape \[\]"),
    ):
        with pytest.raises(ValueError, match=message):
            visualization.linear_separators(points, labels, labels, separators)
    with pytest.raises(ValueError, match=r"`points` must have shape \[2, 2\]"):
        visualization.linear_separators(np.eye(3), labels, labels, {"a": {"b": ([1.0, 0.0], 0.0)}})

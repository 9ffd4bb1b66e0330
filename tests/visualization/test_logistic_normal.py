"""Figures of the Logistic-Normal likelihood: what is drawn, against the distribution, the loss, and plain loops."""

import keras
import numpy as np
import pytest
from scipy import linalg, stats

from tests.helpers.drawn_figures import assert_tidy, legend_texts
from tfp_noise import distributions, losses, metrics, visualization

LOC, SCALE = np.array([0.3, -0.2]), np.array([[0.7, 0.5], [-0.1, 0.5]])
TEMPERATURE = 1.5


def to_shares(places):
    """Points of the drawn triangle as distributions over three classes: `x = s_2 + s_3 / 2`, `y = s_3 sqrt(3) / 2`."""
    third = places[:, 1] / np.sqrt(0.75)
    second = places[:, 0] - third / 2
    return np.stack([1 - second - third, second, third], axis=1)


def assert_bands(contours, log_density):
    """The log density on the outlines of a shade lies between the two levels of the shade."""
    levels = contours.levels
    assert len(contours.get_paths()) == len(levels)  # includes the region below the lowest level
    checked = 0
    for low, high, path in zip(levels, levels[1:], contours.get_paths()[1:], strict=False):
        values = log_density(path.vertices)
        assert values.min() > low - 0.1
        assert values.max() < high + 0.1
        checked += len(values)
    assert checked > 1000


@pytest.mark.thorough
def test_logits_and_simplex_shade_the_two_densities(tmp_path):
    figure = visualization.logits_and_simplex(LOC, SCALE, TEMPERATURE, target_smoothing=0.2, title="three classes")
    left, right, bar = figure.axes
    gaussian = stats.multivariate_normal(LOC, SCALE @ SCALE.T)
    assert_bands(left.collections[0], lambda z: gaussian.logpdf(z) - gaussian.logpdf(LOC))
    symmetric = linalg.sqrtm(SCALE @ SCALE.T)  # a scale with the same covariance, in the form of the distribution
    factor = np.linalg.cholesky(symmetric - 0.1 * np.eye(2))
    simplex = distributions.LogisticNormal(LOC, 0.1, factor, temperature=TEMPERATURE)
    grid = np.stack(np.meshgrid(*[np.linspace(0.002, 0.996, 300)] * 2), axis=-1).reshape(-1, 2)
    grid = np.column_stack([grid, 1 - grid.sum(axis=1)])
    highest = simplex.log_prob(grid[grid[:, 2] > 0]).numpy().max()

    def log_density(places):
        return simplex.log_prob(np.maximum(to_shares(places), 1e-12)).numpy() - highest

    assert_bands(right.collections[0], log_density)
    assert bar.get_ylabel() == "log density below its largest value, nats"
    assert figure.get_suptitle() == "three classes"
    assert legend_texts(figure) == [["1, 2, 3 standard deviations", "samples", "label 1", "label 2", "label 3"]]
    assert_tidy(figure, tmp_path)


def test_logits_and_simplex_show_the_same_points_twice():
    figure = visualization.logits_and_simplex(LOC, SCALE, TEMPERATURE, target_smoothing=0.2, num_samples=50)
    left, right, _ = figure.axes

    def mapped(logits):
        return np.array([[np.exp(a / TEMPERATURE), np.exp(b / TEMPERATURE), 1.0] for a, b in logits])

    pairs = [
        (a.get_offsets(), b.get_offsets()) for a, b in zip(left.collections[1:], right.collections[1:], strict=True)
    ]
    pairs += [(a.get_xydata(), b.get_xydata()) for a, b in zip(left.lines, right.lines[:3], strict=True)]
    assert [len(a) for a, _ in pairs[:4]] == [50, 1, 1, 1]
    for logits, places in pairs:
        expected = mapped(logits)
        np.testing.assert_allclose(to_shares(places), expected / expected.sum(axis=1, keepdims=True), atol=1e-12)
    for deviations, line in enumerate(left.lines, 1):
        off = np.linalg.solve(SCALE @ SCALE.T, (line.get_xydata() - LOC).T).T
        np.testing.assert_allclose(np.sum(off * (line.get_xydata() - LOC), axis=1), deviations**2, rtol=1e-9)
    samples = np.asarray(pairs[0][0])
    assert np.abs(samples.mean(axis=0) - LOC).max() < 4 * SCALE.max() / np.sqrt(50)
    peak = TEMPERATURE * np.log((0.8 * 3 + 0.2) / 0.2)
    targets = np.concatenate([a for a, _ in pairs[1:4]])
    np.testing.assert_allclose(targets, [[peak, 0], [0, peak], [-peak, -peak]], atol=1e-12)
    for (x, y), corner in zip((b[0] for _, b in pairs[1:4]), [[0, 0], [1, 0], [0.5, 0.75**0.5]], strict=True):
        assert np.hypot(x - corner[0], y - corner[1]) < 0.2


def test_logits_and_simplex_refuse():
    for arguments, message in (
        (([0.0], np.eye(2)), r"`loc` must have shape \[2\]"),
        (([0.0, 0.0], np.eye(3)), r"`scale` must have shape \[2, 2\]"),
        (([0.0, 0.0], [[1.0, 1.0], [1.0, 1.0]]), "`scale` must have an inverse"),
        (([0.0, 0.0], np.eye(2), 0.0), "`temperature` must be finite and above 0"),
        (([0.0, 0.0], np.eye(2), 1.0, 1.0), "`target_smoothing` must be finite and above 0 and below 1"),
        (([0.0, 0.0], np.eye(2), 1.0, 0.1, 0), "`num_samples` must be at least 1"),
    ):
        with pytest.raises(ValueError, match=message):
            visualization.logits_and_simplex(*arguments)


def test_loss_by_residual_is_the_least_that_the_loss_reaches(tmp_path):
    residuals = np.array([-3.0, -1.0, -0.4, 0.0, 0.05, 0.3, 0.5, 0.7, 2.0])
    min_scales = [0.1, 0.5, 1.0]
    figure = visualization.loss_by_residual(min_scales, residuals, title="attenuation")
    term, whole = figure.axes
    factors = np.linspace(0, 2, 2001)  # c, for the scale c^2 + min_scale
    for index, min_scale in enumerate(min_scales):
        loss = losses.LogisticNormal(2, min_scale=min_scale, dummy_class=False, dtype="float64")
        target = np.log((0.99 + 0.005) / 0.005)
        outputs = np.stack(np.meshgrid(target - residuals, factors, indexing="ij"), axis=-1).reshape(-1, 2)
        labels = np.zeros(len(outputs), dtype=np.int32)
        values = keras.ops.convert_to_numpy(loss.call(labels, outputs)).reshape(len(residuals), -1)
        # At the target, c = 0 is the optimum, and the loss is log(min_scale) plus constants.
        expected = values.min(axis=1) - values[3, 0] + np.log(min_scale)
        np.testing.assert_allclose(whole.lines[index].get_ydata(), expected, atol=1e-5)
        terms = metrics.label_dependent_term(loss, labels, outputs).reshape(len(residuals), -1)
        expected = terms[np.arange(len(residuals)), values.argmin(axis=1)]
        np.testing.assert_allclose(term.lines[index].get_ydata(), expected, atol=5e-3)
        np.testing.assert_array_equal(term.lines[index].get_xdata(), residuals)
    assert legend_texts(figure) == [[rf"$\lambda$ = {min_scale:g}" for min_scale in min_scales]]
    assert_tidy(figure, tmp_path)
    line = visualization.loss_by_residual([1.0]).axes[1].lines[0]
    assert (line.get_xdata()[0], line.get_xdata()[-1]) == (-3, 3)


def test_loss_by_residual_refuses():
    for arguments, message in (
        (([],), "`min_scales` must not be empty"),
        ((0.5,), r"`min_scales` must have shape \[lines\]"),
        (([0.5, 0.0],), "`min_scales` must be finite and above 0"),
        (([0.5], [np.inf]), "`residuals` must be finite"),
    ):
        with pytest.raises(ValueError, match=message):
            visualization.loss_by_residual(*arguments)


def test_label_dependent_densities_count_each_kind(tmp_path):
    rng = np.random.default_rng(0)
    wrong = rng.random(500) < 0.3
    terms = {"identity": rng.lognormal(1 + 2 * wrong), "learned": rng.lognormal(0, 0.1, 500)}
    terms["identity"][:3] = 0
    figure = visualization.label_dependent_densities(terms, wrong, title="digits")
    edges = figure.axes[0].patches[0].get_data().edges
    np.testing.assert_allclose(np.diff(np.log(edges)), np.log(edges[1] / edges[0]))
    assert edges[-1] == pytest.approx(max(one.max() for one in terms.values()))
    for axes, (panel, one) in zip(figure.axes, terms.items(), strict=True):
        assert axes.get_title() == panel
        assert axes.get_xscale() == "log"
        for stairs, part in zip(axes.patches[1::2], (one[~wrong], one[wrong]), strict=True):
            share, own_edges, _ = stairs.get_data()
            np.testing.assert_array_equal(own_edges, edges)
            assert share.sum() == pytest.approx(100)
            for upto in (1, 20, 40):
                expected = np.mean([value < edges[upto] for value in part.tolist()])
                assert share[:upto].sum() == pytest.approx(100 * expected)
    assert legend_texts(figure) == [["correctly labelled", "mislabelled"]]
    assert_tidy(figure, tmp_path)


def test_label_dependent_densities_refuse():
    wrong = np.array([True, False])
    for terms, mislabelled, message in (
        ({}, wrong, "`terms` must hold at least one panel"),
        ({"a": [1.0]}, wrong, r"`terms\['a'\]` must have shape \[2\]"),
        ({"a": [1.0, -1.0]}, wrong, r"`terms\['a'\]` must be at least 0. Received: -1"),
        ({"a": [0.0, 0.0]}, wrong, "`terms` must not all be 0"),
        ({"a": [1.0, 1.0]}, np.array([True, True]), "must be true for some examples .* Received: true for 2 of 2"),
    ):
        with pytest.raises(ValueError, match=message):
            visualization.label_dependent_densities(terms, mislabelled)
    with pytest.raises(TypeError, match=r"`mislabelled` must be bool \[n\]. Received dtype int64"):
        visualization.label_dependent_densities({"a": [1.0, 1.0]}, np.array([0, 1]))


def points(n=60):
    rng = np.random.default_rng(0)
    labels = np.arange(n) % 2
    observed = np.where(np.arange(n) < 8, 1 - labels, labels)
    return rng.normal(size=(n, 2)) * [2.0, 0.5] + labels[:, None], labels, observed


def test_decision_regions_draw_what_the_classifiers_give(tmp_path):
    given, labels, observed = points()
    seen = []

    def slanted(x):
        seen.append(x)
        p = 1 / (1 + np.exp(-(x[:, 0].astype(float) - 2 * x[:, 1] + 0.3)))
        return np.stack([1 - p, p], axis=1)

    figure = visualization.decision_regions(
        given, labels, observed, {"slanted": slanted, "sure": lambda x: np.tile([0.0, 1.0], (len(x), 1))}, title="plane"
    )
    first, second, bar = figure.axes
    image, line, *groups, rings = first.collections
    assert seen[0].dtype == np.float32
    assert (seen[0].min(axis=0) < given.min(axis=0)).all()
    assert (seen[0].max(axis=0) > given.max(axis=0)).all()
    np.testing.assert_allclose(np.ravel(image.get_array()), slanted(seen[0])[:, 1], rtol=1e-12)
    corners = image.get_coordinates()
    centres = (corners[1:, 1:] + corners[:-1, :-1]) / 2
    np.testing.assert_allclose(centres.reshape(-1, 2), seen[0], atol=1e-5)
    x, y = line.get_paths()[0].vertices.T
    np.testing.assert_allclose(x - 2 * y + 0.3, 0, atol=1e-2)
    for group, label in zip(groups, (0, 1), strict=True):
        np.testing.assert_array_equal(group.get_offsets(), given[observed == label])
    np.testing.assert_array_equal(rings.get_offsets(), given[:8])
    assert (np.asarray(second.collections[0].get_array()) == 1).all()
    assert [axes.get_title() for axes in (first, second)] == ["slanted", "sure"]
    assert bar.get_ylabel() == "probability of class 1"
    assert legend_texts(figure) == [["labelled 0", "labelled 1", "mislabelled", "boundary"]]
    assert_tidy(figure, tmp_path)


def test_decision_regions_refuse():
    given, labels, observed = points()
    for classifiers, error, message in (
        ({}, ValueError, "`classifiers` must hold at least one method"),
        ({"a": np.eye(2)}, TypeError, r"`classifiers\['a'\]` must be callable(?s:.*)Pass `model.predict`"),
        ({"a": lambda x: x}, ValueError, r"`classifiers\['a'\]\(points\)` must be at least 0"),
        ({"a": lambda x: np.ones([len(x), 1])}, ValueError, r"`classifiers\['a'\]` must return shape \[40000, 2\]"),
    ):
        with pytest.raises(error, match=message):
            visualization.decision_regions(given, labels, observed, classifiers)
    with pytest.raises(ValueError, match=r"`points` must have shape \[60, 2\]"):
        visualization.decision_regions(np.zeros([60, 3]), labels, observed, {"a": lambda x: x})
    with pytest.raises(ValueError, match=r"`observed` must lie in \[0, 2\)"):
        visualization.decision_regions(given, labels, observed + 1, {"a": lambda x: x})


def history(seed, epochs=12):
    keys = ("test_accuracy", "train_accuracy_clean", "train_accuracy_mislabelled", "train_accuracy_mislabelled_true")
    rng = np.random.default_rng(seed)
    return {"epoch": list(range(1, epochs + 1))} | {key: rng.random(epochs).tolist() for key in keys}


def test_training_by_noise_rate(tmp_path):
    given = {"Het": {0.4: history(0), 0.2: history(1)}, "LN": {0.2: history(2), 0.8: history(3, epochs=20)}}
    figure = visualization.training_by_noise_rate(given, title="CIFAR-10")
    assert [axes.get_title() for axes in figure.axes] == ["Het", "LN", "", ""]
    assert [axes.get_ylabel() for axes in figure.axes] == ["clean test accuracy", "", "training accuracy", ""]
    colors = {}
    for (test, train), by_rate in zip(np.reshape(figure.axes, (2, 2)).T, given.values(), strict=True):
        for index, (rate, one) in enumerate(sorted(by_rate.items())):
            lines = [test.lines[index], *train.lines[2 * index : 2 * index + 2]]
            keys = ("test_accuracy", "train_accuracy_clean", "train_accuracy_mislabelled")
            for line, key, style in zip(lines, keys, ("-", "-", "--"), strict=True):
                np.testing.assert_array_equal(line.get_xydata(), np.transpose([one["epoch"], one[key]]))
                assert line.get_linestyle() == style
                assert line.get_color() == colors.setdefault(rate, line.get_color())
        assert len(test.lines) == 2
        assert len(train.lines) == 4
    assert len(set(colors.values())) == 3
    assert legend_texts(figure) == [
        ["20% noise", "40% noise", "80% noise", "correctly labelled", "mislabelled: wrong label learned"]
    ]
    assert_tidy(figure, tmp_path)


def test_training_by_noise_rate_refuses():
    incomplete = {key: value for key, value in history(0).items() if key != "epoch"}
    for histories, error, message in (
        ({}, ValueError, "`histories` must hold at least one method"),
        ({"LN": {}}, ValueError, r"`histories\['LN'\]` must hold at least one noise rate"),
        ({"LN": {"20%": history(0)}}, TypeError, "`rate` must be a number"),
        ({"LN": {20: history(0)}}, ValueError, "`rate` must be finite and at least 0 and at most 1"),
        ({"LN": {0.2: incomplete}}, ValueError, "`histories` of 'LN, 20% noise' must have the keys .* Missing: epoch"),
    ):
        with pytest.raises(error, match=message):
            visualization.training_by_noise_rate(histories)


def test_score_by_temperature_and_min_scale(tmp_path):
    scores = {(1.0, 0.1): [80.0, 82.0, 87.0], (0.1, 0.5): [60.0], (1.0, 0.5): [90.04, 90.06]}
    figure = visualization.score_by_temperature_and_min_scale(scores, label="accuracy", title="digits")
    axes, bar = figure.axes
    drawn = np.ma.filled(axes.images[0].get_array(), np.nan)
    np.testing.assert_allclose(drawn, [[np.nan, 83.0], [60.0, 90.05]])
    assert axes.images[0].origin == "lower"
    assert [text.get_text() for text in axes.get_xticklabels()] == ["0.1", "1"]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["0.1", "0.5"]
    texts = {text.get_position(): text.get_text() for text in axes.texts}
    assert texts == {(1, 0): "83.0\n± 3.6", (0, 1): "60.0", (1, 1): "90.1\n± 0.0"}  # sqrt((9 + 1 + 16) / 2) = 3.6
    assert bar.get_ylabel() == "accuracy"
    assert_tidy(figure, tmp_path)


def test_score_by_temperature_and_min_scale_refuses():
    for scores, error, message in (
        ({}, ValueError, "`scores` must hold at least one setting"),
        ({0.1: [1.0]}, ValueError, r"`scores` must be a pair \(temperature, min_scale\)"),
        ({(0.1, "x"): [1.0]}, TypeError, "`min_scale` must be a number"),
        ({(0.1, 0.5): []}, ValueError, r"`scores\[\(0.1, 0.5\)\]` must not be empty"),
        ({(0.1, 0.5): [np.nan]}, ValueError, "must be finite"),
    ):
        with pytest.raises(error, match=message):
            visualization.score_by_temperature_and_min_scale(scores)

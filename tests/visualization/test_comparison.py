"""Figure of a score of many methods: dots at means, bars of one deviation, and refusals."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from tests.helpers.drawn_figures import assert_tidy, legend_texts
from tfp_noise import visualization


def test_scores_by_method(tmp_path):
    scores = {
        "symmetric 40 %": {"CE": {"last": [70.0, 74.0], "best": [90.0, 90.0]}, "GCE": {"last": [95.0], "best": [95.5]}},
        "asymmetric 40 %": {"GCE": {"last": [60.0, 61.0, 65.0]}},
    }
    figure = visualization.scores_by_method(scores, title="digits")
    one, other = figure.axes
    assert [axes.get_title() for axes in figure.axes] == list(scores)
    np.testing.assert_allclose(one.lines[0].get_xydata(), [[72, 0], [95, 1]])
    np.testing.assert_allclose(one.lines[1].get_xydata(), [[90, 0], [95.5, 1]])
    np.testing.assert_allclose(other.lines[0].get_xydata(), [[62, 1]])
    lengths = [np.ptp(segment[:, 0]) / 2 for segment in one.collections[0].get_segments() if segment.size]
    np.testing.assert_allclose(lengths, [np.sqrt(8)])  # of the two seeds; GCE has one
    assert [text.get_text() for text in one.get_yticklabels()] == ["CE", "GCE"]
    assert one.get_ylim() == (1.5, -0.5)  # the first method on top
    assert legend_texts(figure) == [["last", "best"]]
    assert_tidy(figure, tmp_path)


def test_a_line_is_at_the_mean_of_the_reference_in_every_panel_that_has_it():
    scores = {"a": {"CE": {"last": [70.0, 74.0]}, "GCE": {"last": [95.0]}}, "b": {"GCE": {"last": [60.0]}}}
    one, other = visualization.scores_by_method(scores, reference=("CE", "last")).axes
    np.testing.assert_allclose(one.lines[-1].get_xdata(), [72, 72])
    assert len(one.lines) == len(other.lines) + 1
    with pytest.raises(ValueError, match=r"`reference` must be .* Received: \('CE', 'best'\)"):
        visualization.scores_by_method(scores, reference=("CE", "best"))


def test_a_long_title_of_one_panel_is_within_the_figure():
    figure = visualization.scores_by_method({"a": {"CE": {"last": [70.0]}}}, title="a title of many words " * 5)
    FigureCanvasAgg(figure).draw()
    (title,) = figure.texts
    box = title.get_window_extent()
    assert 0 <= box.x0 < box.x1 <= figure.bbox.x1


def test_panels_fill_rows_of_three():
    figure = visualization.scores_by_method({str(n): {"CE": {"last": [n]}} for n in range(4)})
    assert [axes.get_visible() for axes in figure.axes] == [True] * 4 + [False] * 2


@pytest.mark.parametrize(
    ("scores", "error", "message"),
    [
        ({}, ValueError, "`scores` must hold at least one condition"),
        ({"a": {}}, ValueError, r"`scores\['a'\]` must hold at least one method"),
        ({"a": {"CE": {}}}, ValueError, r"`scores\['a'\]\['CE'\]` must hold at least one kind of score"),
        ({"a": {"CE": [1.0]}}, TypeError, r"`scores\['a'\]\['CE'\]` must be a dict with each kind of score"),
        ({"a": {"CE": {"last": []}}}, ValueError, r"`scores\['a'\]\['CE'\]` must not be empty"),
        ({"a": {"CE": {"last": [np.nan]}}}, ValueError, "finite"),
    ],
)
def test_scores_refuse(scores, error, message):
    with pytest.raises(error, match=message):
        visualization.scores_by_method(scores)

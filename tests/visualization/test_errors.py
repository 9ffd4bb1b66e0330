"""Figures of errors: what is drawn is what was given."""

import numpy as np
import pytest

from tests.helpers.drawn_figures import assert_tidy, legend_texts
from tfp_noise import visualization

KEYS = ("train_accuracy_observed", "test_accuracy", "train_accuracy_mislabelled")


def history(seed, epochs=9):
    rng = np.random.default_rng(seed)
    return {"epoch": list(range(1, epochs + 1))} | {key: list(rng.random(epochs)) for key in KEYS}


def test_errors_by_noise_rate(tmp_path):
    given = {rate: {m: history(i + round(10 * rate)) for i, m in enumerate(("CE", "OLS"))} for rate in (0.4, 0.2, 0.6)}
    figure = visualization.errors_by_noise_rate(given, keys=KEYS, title="digits")
    grid = np.reshape(figure.axes, [3, 3])
    assert [axes.get_title() for axes in grid[0]] == ["20% noise", "40% noise", "60% noise"]
    for row, key in zip(grid, KEYS, strict=True):
        for axes, rate in zip(row, (0.2, 0.4, 0.6), strict=True):
            for line, (method, one) in zip(axes.lines, given[rate].items(), strict=True):
                assert line.get_label() == method
                np.testing.assert_allclose(line.get_xydata(), np.transpose([one["epoch"], 1 - np.array(one[key])]))
    colors = {line.get_label(): line.get_color() for line in grid[0, 0].lines}
    assert len(set(colors.values())) == 2
    assert all(line.get_color() == colors[line.get_label()] for axes in figure.axes for line in axes.lines)
    assert legend_texts(figure) == [["CE", "OLS"]]
    assert figure.get_suptitle() == "digits"
    assert_tidy(figure, tmp_path)


def test_methods_keep_their_colours_where_one_is_missing(tmp_path):
    figure = visualization.errors_by_noise_rate({0.2: {"OLS": history(0)}, 0.4: {"CE": history(1), "OLS": history(2)}})
    left, right = figure.axes[:2]
    assert left.lines[0].get_color() == right.lines[1].get_color()
    assert_tidy(figure, tmp_path)


@pytest.mark.parametrize(
    ("histories", "keys", "message"),
    [
        ({}, KEYS, "`histories` must hold at least one noise rate"),
        ({0.2: {}}, KEYS, r"`histories\[0.2\]` must hold at least one method"),
        ({20: {"CE": history(0)}}, KEYS, "`rate` must be finite and at least 0 and at most 1. Received: 20"),
        ({0.2: {"CE": history(0)}}, (), "`keys` must name at least one kind of error"),
        ({0.2: {"CE": history(0)}}, ("test_acuracy",), "Unknown kind of error: 'test_acuracy'. Did you mean 'test_acc"),
        ({0.2: {"CE": {"epoch": [1]}}}, KEYS, r"`histories\[0.2\]\['CE'\]` must have the keys .* Missing: train_acc"),
        ({0.2: {"CE": history(0) | {"epoch": [1]}}}, KEYS, r"must have shape \[1\]. Received shape \(9,\)"),
        ({0.2: {"CE": history(0) | {"test_accuracy": [np.nan] * 9}}}, KEYS, "must be finite"),
    ],
)
def test_errors_refuses(histories, keys, message):
    with pytest.raises(ValueError, match=message):
        visualization.errors_by_noise_rate(histories, keys)


def test_score_by_update_period(tmp_path):
    scores = {384: [24.0, 26.0, 25.0], 12: [25.0], 3072: [30.0, 34.0]}
    figure = visualization.score_by_update_period(scores, 384, title="CIFAR-100")
    (axes,) = figure.axes
    line = axes.lines[0]
    np.testing.assert_allclose(line.get_xydata(), [[12, 25], [384, 25], [3072, 32]])
    (bars,) = axes.collections
    lengths = [np.ptp(segment[:, 1]) / 2 for segment in bars.get_segments() if segment.size]
    np.testing.assert_allclose(lengths, [1, np.sqrt(8)])
    assert axes.get_xscale() == "log"
    assert [text.get_text() for text in axes.get_xticklabels()] == ["12", "384", "3072"]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["one epoch, 384 steps"]
    assert_tidy(figure, tmp_path)


@pytest.mark.parametrize(
    ("scores", "steps", "error", "message"),
    [
        ({}, 384, ValueError, "`scores` must hold at least one period"),
        ({0: [1.0]}, 384, ValueError, "`steps` must be at least 1. Received: 0"),
        ({"epoch": [1.0]}, 384, TypeError, "`steps` must be an integer. Received: 'epoch'"),
        ({12: []}, 384, ValueError, r"`scores\[12\]` must not be empty"),
        ({12: [np.inf]}, 384, ValueError, "must be finite"),
        ({12: [1.0]}, 0, ValueError, "`steps_per_epoch` must be at least 1"),
    ],
)
def test_periods_refuse(scores, steps, error, message):
    with pytest.raises(error, match=message):
        visualization.score_by_update_period(scores, steps)

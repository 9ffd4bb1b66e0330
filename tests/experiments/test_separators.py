"""The two-dimensional problem: optima against Newton's method, closed forms, and the paper's claim in numbers."""

import json

import numpy as np
import pytest

from experiments.papers.label_smoothing import separators
from tests.helpers.processes import run_script

SEEDS = (1, 2, 3)
RATE = 0.05


def newton(points, observed, alpha, penalties):
    """Smoothed logistic regression by damped Newton steps; `penalties [3]` weigh the squares of `(w_1, w_2, b)`."""
    features = np.column_stack([points, np.ones(len(points))])
    targets = np.where(observed == 1, 1 - alpha / 2, alpha / 2)

    def value(weights):
        scores = features @ weights
        return np.mean(np.logaddexp(0, scores) - targets * scores) + penalties @ weights**2

    weights = np.zeros(3)
    for _ in range(100):
        positive = 1 / (1 + np.exp(-features @ weights))
        gradient = features.T @ (positive - targets) / len(targets) + 2 * penalties * weights
        curvature = positive * (1 - positive) / len(targets)
        step = np.linalg.solve(features.T @ (curvature[:, None] * features) + 2 * np.diag(penalties), gradient)
        while value(weights - step) > value(weights) and np.abs(step).max() > 1e-12:
            step /= 2
        weights -= step
    assert np.abs(gradient).max() < 1e-12
    return weights


def crossing(w, b):
    """Distance from the origin at which the line crosses the axis of the class means."""
    return -np.sqrt(2) * b / (w[0] + w[1])


@pytest.fixture(scope="module")
def measured():
    """Per seed the measured rows of both panels: arrays `[seed, setting]` of angles, offsets and crossings.

    By Newton's method, which finds in a moment the optima that `fit` finds.
    """

    def fit(points, observed, alpha, l2):
        *w, b = newton(points, observed, alpha, np.full(3, l2))
        return np.array(w), b

    panels = {"alpha": [], "l2": []}
    for seed in SEEDS:
        points, _, observed = separators.problem(1000, RATE, seed)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(separators, "fit", fit)
            _, rows = separators.measure(points, observed)
        numbers = np.array([[row["angle"], row["offset"], crossing(row["w"], row["b"])] for row in rows])
        panels["alpha"].append(numbers[: len(separators.ALPHAS)])
        panels["l2"].append(numbers[len(separators.ALPHAS) :])
    return {panel: np.moveaxis(numbers, -1, 0) for panel, numbers in panels.items()}


def test_problem():
    points, labels, observed = separators.problem(4000, RATE, seed=1)
    assert points.shape == (4000, 2)
    for label, mean in ((0, -1), (1, 1)):
        np.testing.assert_allclose(points[labels == label].mean(axis=0), mean, atol=4 * 0.1 / np.sqrt(2000))
        np.testing.assert_allclose(np.cov(points[labels == label].T), 0.01 * np.eye(2), atol=0.001)
    np.testing.assert_array_equal(np.bincount(labels), [2000, 2000])
    assert np.count_nonzero(observed[labels == 0]) == 100
    assert (observed[labels == 1] == 1).all()
    again, other = separators.problem(4000, RATE, seed=1), separators.problem(4000, RATE, seed=2)
    for first, second in zip((points, labels, observed), again, strict=True):
        np.testing.assert_array_equal(first, second)
    assert not np.array_equal(points, other[0])
    assert not np.array_equal(observed, other[2])


@pytest.mark.parametrize(("alpha", "l2"), [(0.0, 0.0), (0.2, 0.0), (0.6, 0.0), (0.0, 0.001), (0.0, 1.0), (0.3, 0.01)])
@pytest.mark.thorough
def test_fit_is_the_optimum_that_newton_finds(alpha, l2):
    points, _, observed = separators.problem(1000, RATE, seed=3)
    w, b = separators.fit(points, observed, alpha, l2)
    np.testing.assert_allclose([*w, b], newton(points, observed, alpha, np.full(3, l2)), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("alpha", [0.1, 0.4, 0.8])
def test_fit_of_two_points_gives_the_log_odds_of_the_smoothed_labels(alpha):
    labels = np.repeat([0, 1], 100)
    observed = np.where(np.arange(200) < 5, 1, labels)  # 5 % of the negatives
    w, b = separators.fit(2.0 * labels[:, None] - np.ones(2), observed, alpha)
    positive, negative = 1 - alpha / 2, RATE * (1 - alpha / 2) + (1 - RATE) * alpha / 2
    assert w.sum() + b == pytest.approx(np.log(positive / (1 - positive)), abs=1e-7)
    assert -w.sum() + b == pytest.approx(np.log(negative / (1 - negative)), abs=1e-7)


def test_fit_refuses_a_problem_without_an_optimum():
    points, labels, _ = separators.problem(200, RATE, seed=0)
    with pytest.raises(ValueError, match="`observed` must not be parted by a line"):
        separators.fit(points, labels)
    for bounded in ({"alpha": 0.1}, {"l2": 0.01}):
        angle, offset = separators.angle_and_offset(*separators.fit(points, labels, **bounded))
        assert abs(angle) < 10
        assert abs(offset) < 0.1


def test_fit_says_when_it_does_not_converge(monkeypatch):
    points, _, observed = separators.problem(200, RATE, seed=0)
    monkeypatch.setattr(separators, "_TOLERANCE", -1.0)
    with pytest.raises(RuntimeError, match=r"No optimum found in \d+ iterations"):
        separators.fit(points, observed, alpha=0.1)


@pytest.mark.parametrize("turn", [-100.0, -30.0, 0.0, 75.0])
def test_angle_and_offset_of_a_turned_and_shifted_line(turn):
    direction = np.radians(45 + turn)
    unit = np.array([np.cos(direction), np.sin(direction)])
    on_line = -0.7 * unit
    found = separators.angle_and_offset(3 * unit, -3 * unit @ on_line)
    np.testing.assert_allclose(found, [turn, -0.7], atol=1e-12)


def test_smoothing_moves_the_line_back(measured):
    angle, offset, axis = np.abs(measured["alpha"])
    assert (measured["alpha"][1] < 0).all()  # towards the negatives
    assert (np.diff(offset) < 0).all()
    assert (np.diff(axis) < 0).all()
    assert (offset[:, 0] > 0.25).all()
    assert (offset[:, -1] < 0.1).all()
    assert (angle[:, -1] < angle[:, 0] / 2).all()
    assert (angle[:, -1] > 2).all()  # which examples were flipped still shows


def test_shrinkage_moves_the_line_back(measured):
    angle, offset, axis = np.abs(measured["l2"])
    assert (measured["l2"][1] < 0).all()
    # Not so for the offset of every seed: a line tilted far enough passes nearer to the origin than one less tilted.
    assert (np.diff(axis) < 0).all()
    assert (np.diff(offset[:, 1:]) < 0).all()
    assert (offset[:, -1] < 0.05).all()
    assert (angle[:, -1] < 0.5).all()


def test_noise_tilts_the_line_at_random(measured):
    tilt = measured["alpha"][0][:, 0]
    assert tilt.min() < -5
    assert tilt.max() > 5


def test_line_ends_near_and_not_at_the_origin(measured):
    """The closed forms of narrow classes: the flipped fraction decides what remains."""
    log_odds = lambda p: np.log(p / (1 - p))  # noqa: E731
    for index, alpha in list(enumerate(separators.ALPHAS))[1:]:
        positive = log_odds(1 - alpha / 2)
        negative = log_odds(RATE * (1 - alpha / 2) + (1 - RATE) * alpha / 2)
        expected = -np.sqrt(2) * (positive + negative) / (positive - negative)
        assert measured["alpha"][2][:, index].mean() == pytest.approx(expected, rel=0.15)
    points, _, observed = separators.problem(1000, RATE, seed=0)
    limit = -np.sqrt(2) * RATE / (1 - RATE)
    assert crossing(*separators.fit(points, observed, alpha=0.999)) == pytest.approx(limit, rel=0.2)
    assert crossing(*separators.fit(points, observed, l2=100.0)) == pytest.approx(limit / 2, rel=0.02)


def test_penalty_without_the_bias_would_drive_the_line_out_of_the_data():
    points, _, observed = separators.problem(1000, RATE, seed=0)
    lines = [newton(points, observed, 0.0, np.array([l2, l2, 0.0])) for l2 in (10.0, 100.0)]
    assert lines[1][2] == pytest.approx(np.log(0.525 / 0.475), rel=0.01)
    assert -np.sqrt(2) > crossing(lines[0][:2], lines[0][2]) > crossing(lines[1][:2], lines[1][2])


@pytest.mark.thorough
def test_script(tmp_path):
    flags = [f"--workdir={tmp_path}", "--num_examples=400"]
    done = run_script("experiments.papers.label_smoothing.separators", *flags)
    assert done.returncode == 0, done.stderr
    assert "angle, degrees" in done.stdout
    assert (tmp_path / "figure5.png").read_bytes().startswith(b"\x89PNG")
    result = json.loads((tmp_path / "figure5.json").read_text())
    assert result["settings"] == {"num_examples": 400, "flip_rate": 0.05, "seed": 0}
    points, _, observed = separators.problem(400, 0.05, 0)
    last = result["separators"][-1]
    assert (last["alpha"], last["l2"]) == (0.0, separators.PENALTIES[-1])
    expected = newton(points, observed, 0.0, np.full(3, last["l2"]))
    np.testing.assert_allclose([*last["w"], last["b"]], expected, rtol=1e-6)
    assert (last["angle"], last["offset"]) == separators.angle_and_offset(last["w"], last["b"])

"""Random runs made again: which are drawn, and when they are off. Nothing is trained here."""

import collections
import re
import types

import numpy as np
import pytest
from scipy import stats

from experiments import papers, verify
from tests.helpers.small_experiments import result_of

NAMES = [f"LS/alpha/laptop-digits/symmetric20/{method}" for method in ("CE", "LS0.1", "LS0.2", "FC0.1", "FC-Patrini")]
ACCURACIES = (0.80, 0.82, 0.83, 0.84, 0.81, 0.83)


def stored(name, accuracies=ACCURACIES, seconds=10.0):
    found = []
    for seed, accuracy in enumerate(accuracies):
        result = result_of(papers.find(name).with_seed(seed))
        scores = {**result["scores"], "test_accuracy": accuracy}
        found.append({**result, "scores": scores, "made_by": {"seconds": seconds}})
    return found


@pytest.fixture
def runs():
    return [result for name in NAMES for result in stored(name)]


def test_short_runs_of_laptop_scale_with_six_seeds_are_drawn(runs):
    assert verify.candidates(runs).keys() == set(NAMES)
    others = [
        *stored("LN/table1/mnist/none/CE"),
        *stored("LS/alpha/laptop-fashion_mnist/symmetric20/CE", seconds=100.0),
        *stored("LS/table2/laptop-digits/symmetric20/CE", ACCURACIES[:5]),
        *stored("LS/table2/laptop-digits/symmetric20/LS0.1", np.linspace(0.7, 0.9, 6)),  # 0.5 would agree with them
        *stored("OLS/table7/laptop-digits/symmetric_other40/CE"),  # ties went by class index
    ]
    assert verify.candidates([*runs, *others]).keys() == set(NAMES)
    slow = [result for name in NAMES for result in stored(name, seconds=50.0)]
    assert verify.candidates(slow).keys() == set(NAMES[:-1]), "Patrini's builds on another run: 100 s"


def test_the_number_decides_the_draw(runs):
    groups, drawn = verify.candidates(runs), collections.Counter()
    for pick in range(1, 200):
        found = [(one["settings"]["name"], one["settings"]["seed"]) for one in verify.chosen(groups, pick)]
        again = [(one["settings"]["name"], one["settings"]["seed"]) for one in verify.chosen(groups, pick)]
        assert found == again
        assert len({name for name, _ in found}) == 3
        drawn.update(found)
    assert len(drawn) == len(ACCURACIES) * len(NAMES)
    with pytest.raises(ValueError, match=r"`workdir` must have 3 short experiments.*Received: 2"):
        verify.chosen(dict(list(groups.items())[:2]), 1)


def checked(accuracies, again):
    """The first of the stored runs, made again."""
    group = stored(NAMES[0], accuracies)
    (now,) = stored(NAMES[0], [again])
    return verify.check(group[0], group, now)


def test_a_run_agrees_within_the_interval_of_one_more_seed():
    others = ACCURACIES[1:]
    mean, spread = np.mean(others), np.std(others, ddof=1)
    reach = stats.t.ppf(0.995, 4) * spread * np.sqrt(6 / 5)
    for inside, outside in ((mean - 0.999 * reach, mean - 1.001 * reach), (mean + 0.999 * reach, mean + 1.001 * reach)):
        assert checked(ACCURACIES, inside).verdict == "within the seeds' spread"
        assert checked(ACCURACIES, outside).verdict == "OFF"
    assert checked(ACCURACIES, ACCURACIES[0]).verdict == "equal"


def test_an_edited_accuracy_is_off():
    """It has no part in the interval that it is held to."""
    edited = (0.6, *ACCURACIES[1:])
    assert checked(edited, ACCURACIES[0]).verdict == "OFF"
    group = stored(NAMES[0], edited)
    assert verify.candidates([*group, *stored(NAMES[1])]).keys() == {NAMES[0], NAMES[1]}, "it may be drawn"


def test_seeds_that_agree_leave_half_a_point():
    assert checked([0.9] * 6, 0.8951).verdict == "within the seeds' spread"
    assert checked([0.9] * 6, 0.8949).verdict == "OFF"


@pytest.mark.parametrize("accuracy", [0.82, 0.1])
def test_a_run_that_is_off_ends_with_an_error(runs, accuracy, monkeypatch, capsys):
    made = []

    def run(experiment, workdir):
        del workdir
        made.append((experiment.name, experiment.seed))
        (result,) = stored(experiment.name, [accuracy])
        return result

    monkeypatch.setattr(verify, "run", run)
    monkeypatch.setattr(verify.missing, "load", lambda workdir: dict(enumerate(runs)))
    monkeypatch.setattr(verify.flags, "FLAGS", types.SimpleNamespace(workdir="w", pick=3))
    if accuracy == 0.1:
        with pytest.raises(SystemExit, match=r"^The stored or the new accuracy of 3 of 3 runs .*: LS/alpha.* --pick"):
            verify.main()
    else:
        verify.main()
    drawn = verify.chosen(verify.candidates(runs), 3)
    assert made == [(one["settings"]["name"], one["settings"]["seed"]) for one in drawn]
    said = capsys.readouterr().out
    assert "--pick=3" in said
    assert len(re.findall("OFF", said)) == (3 if accuracy == 0.1 else 0)

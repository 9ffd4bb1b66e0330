"""A data set without its suspects, or with their suggested labels: every case of flags, and what is refused."""

import dataclasses
import itertools
import warnings

import numpy as np
import pytest

from tfp_noise import datasets, suspects

GIVEN, SUGGESTED, TRUE = [0, 1, 1, 0], [1, 0, 2, 0], [1, 1, 2, 0]
NAMES = ("cat", "dog", "eel")
VOTES = np.eye(3, dtype=int)[GIVEN]
FLAGS = list(itertools.product([False, True], repeat=4))


def record(flags, labels=GIVEN, num_classes=3):
    return suspects.Suspects(labels, SUGGESTED[: len(labels)], np.ones(len(labels)), flags, np.eye(num_classes))


def made(labels=TRUE, observed=GIVEN, votes=VOTES):
    train = datasets.Examples(np.arange(8.0).reshape(4, 2), labels, ["a", "b", "c", "d"], observed, votes)
    other = datasets.Examples(np.zeros([2, 2]), [2, 0], [8, 9], [1, 1])
    return datasets.Dataset("made up", train, other, other, NAMES, np.eye(3))


# Data sets by what is known about their training labels; the given ones are the same.
KNOWN = {
    "given and true": made(),
    "given": made(labels=None),
    "taken for true": made(labels=GIVEN, observed=None),
    "not voted on": made(votes=None),
}


@pytest.fixture(params=KNOWN)
def data(request):
    return KNOWN[request.param]


def assert_equal(actual, expected):
    for field in dataclasses.fields(datasets.Examples):
        np.testing.assert_array_equal(getattr(actual, field.name), getattr(expected, field.name), err_msg=field.name)


def assert_only_train_is_another(actual, data):
    assert (actual.validation, actual.test, actual.class_names) == (data.validation, data.test, data.class_names)
    assert actual.transition is None


@pytest.mark.filterwarnings("ignore:`suspects` should leave examples of every class")
@pytest.mark.parametrize("flags", FLAGS[:-1], ids=str)
def test_without_suspects_are_the_examples_that_are_none(flags, data):
    clean = data.without(record(flags))
    assert_equal(clean.train, data.train.take([at for at in range(4) if not flags[at]]))
    assert_only_train_is_another(clean, data)


@pytest.mark.parametrize("flags", FLAGS, ids=str)
def test_relabelled_suspects_have_the_suggested_class_and_nothing_else_changes(flags, data):
    clean = data.relabelled(record(flags))
    observed = np.array([SUGGESTED[at] if flags[at] else GIVEN[at] for at in range(4)])
    assert_equal(clean.train, dataclasses.replace(data.train, observed=observed))
    assert clean.train.training_labels.dtype == np.int32
    assert_only_train_is_another(clean, data)


def test_relabelled_by_the_truth_is_a_data_set_without_wrong_labels():
    data = KNOWN["given and true"]
    wrong = data.train.mislabelled
    found = suspects.Suspects(GIVEN, TRUE, 1.0 - wrong, wrong, np.eye(3))
    assert (data.effective_rate, data.relabelled(found).effective_rate, data.without(found).effective_rate) == (
        0.5,
        0,
        0,
    )


@pytest.mark.parametrize("flags", FLAGS[:-1], ids=str)
def test_a_class_that_is_lost_is_named(flags):
    left = {given for given, flag in zip(GIVEN, flags, strict=True) if not flag}
    lost = [NAMES[one] for one in (0, 1) if one not in left]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        KNOWN["given"].without(record(flags))
    expected = ", ".join(map(repr, lost))
    assert [f"all examples given as {expected} are suspects" in str(one.message) for one in caught] == [True] * bool(
        lost
    )


def test_nothing_left_is_refused():
    with pytest.raises(ValueError, match=r"`suspects` must leave some examples\. Received: all 4 are suspects"):
        KNOWN["given"].without(record([True] * 4))


CURE = r"Rank that split alone, in its order: `suspects.rank\(probabilities, data.train.training_labels\)`"
BAD = {
    "shorter": (record([False] * 3, GIVEN[:3]), ValueError, f"of the 4 training examples. Received: 3 ex.* {CURE}"),
    "with validation": (
        suspects.Suspects([*GIVEN, 1, 1], [*GIVEN, 1, 1], np.ones(6), [False] * 6, np.eye(3)),
        ValueError,
        f"of the 4 training examples. Received: 6 examples. {CURE}",
    ),
    "shuffled": (
        record([False] * 4, GIVEN[::-1][1:] + [0]),
        ValueError,
        f"in their order. Received: 2 other labels, the first at position 0: 'dog' where the .* has 'cat'. {CURE}",
    ),
    "of the true labels": (record([False] * 4, TRUE), ValueError, "Received: 2 other labels, the first at position 0"),
    "of other classes": (
        record([False] * 4, num_classes=4),
        ValueError,
        r"of the 3 classes of the data set. Received: 4 classes. Rank by predictions .* class, \[4, 3\]",
    ),
    "flags": (np.zeros(4, bool), TypeError, "`suspects` must be an instance of tfp_noise's Suspects"),
}


@pytest.mark.parametrize("act", ["without", "relabelled"])
@pytest.mark.parametrize(("wrong", "error", "message"), BAD.values(), ids=BAD)
def test_suspects_of_something_else_are_told(wrong, error, message, act):
    with pytest.raises(error, match=message):
        getattr(KNOWN["given and true"], act)(wrong)


def test_the_same_suspects_do_not_act_twice():
    data, found = KNOWN["given"], record([True, False, False, False])
    for clean, told in ((data.without(found), "of the 3 training examples"), (data.relabelled(found), "1 other label")):
        for act in (clean.without, clean.relabelled):
            with pytest.raises(ValueError, match=told):
                act(found)

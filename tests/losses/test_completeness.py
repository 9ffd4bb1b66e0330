"""Every loss is in every place where it belongs, and none of its arguments is forgotten on the way to a file."""

import copy
import importlib
import inspect
import pkgutil
import re

import numpy as np
import pytest

from experiments import bench
from tests.helpers import round_trips
from tests.helpers.further_settings import FURTHER_SETTINGS, OF_SEVERAL_LABELS
from tests.helpers.losses_under_test import LOSSES_UNDER_TEST
from tfp_noise import losses

EXPORTED = [getattr(losses, name) for name in losses.__all__]
CLASSES = {
    cls.__name__: cls
    for cls in EXPORTED
    if inspect.isclass(cls) and issubclass(cls, losses.NoisyLabelLoss) and cls is not losses.NoisyLabelLoss
}
BUILDS = {name: case.build for name, case in LOSSES_UNDER_TEST.items()} | FURTHER_SETTINGS | OF_SEVERAL_LABELS
# Of arguments that Keras's base class, or ours, takes of every loss: other values than the defaults.
COMMON = {"name": "mine", "reduction": "sum", "dtype": "float64", "ignore_class": -1}
# Classes that are no loss by themselves, and why.
NOT_EXPORTED = {
    "LearnedTargets": "the base of the losses that learn their soft labels",
    "LossWithMemory": "the base of the losses that remember each example",
    "StatefulLoss": "the base of the losses that keep something between steps",
}
# Classes without a case of their own, and why.
NO_ORACLE = {"MultiLabel": "tests/losses/test_multi_label.py runs it over the cases of all other losses"}
# Arguments that have their default in every case, and why.
ALWAYS_DEFAULT = {
    ("BoundedForwardCorrection", "ignore_class"): "refused, because the mean of the whole batch decides",
    ("PairwiseConfusion", "ignore_class"): "refused, because a loss of pairs needs the whole batch",
}


def built(name):
    """A case with all common arguments that it takes."""
    try:
        return BUILDS[name](4, **COMMON)
    except ValueError:  # of a whole batch: it refuses to ignore examples
        return BUILDS[name](4, **{**COMMON, "ignore_class": None})


BUILT = {name: built(name) for name in BUILDS}


def cases_of(cls):
    return [name for name, loss in BUILT.items() if type(loss) is cls]


def test_every_loss_that_a_file_defines_is_exported():
    modules = [one.name for one in pkgutil.walk_packages(losses.__path__, f"{losses.__name__}.")]
    defined = {
        name: cls
        for module in modules
        for name, cls in inspect.getmembers(importlib.import_module(module), inspect.isclass)
        if cls.__module__ == module and issubclass(cls, losses.NoisyLabelLoss)
    }
    missing = defined.keys() - {"NoisyLabelLoss", *NOT_EXPORTED, *CLASSES}
    assert not missing, f"export {missing} in tfp_noise/losses/__init__.py"


def test_every_loss_has_a_case_with_an_oracle():
    tried = {type(BUILT[name]).__name__ for name in LOSSES_UNDER_TEST}
    missing = set(CLASSES) - tried - set(NO_ORACLE)
    assert not missing, f"give {missing} a `Case` in tests/helpers/losses_under_test.py"


def test_every_loss_has_a_row_in_the_bench():
    measured = {type(build(4)).__name__ for build in bench.rows(4).values()}
    missing = set(CLASSES) - measured
    assert not missing, f"give {missing} a row in experiments/bench.py"


def test_every_loss_is_listed_with_its_paper():
    summaries = {one.name: one for one in losses.available()}
    assert set(summaries) == set(CLASSES)
    for name, one in summaries.items():
        assert one.summary.endswith("."), f"the first line of {name}'s docstring must be one sentence"
        assert one.paper, f"{name} must say its `paper`: a class attribute"
        references = inspect.cleandoc(CLASSES[name].__doc__).partition("References:")[2]
        missing = [word for word in re.findall(r"[A-Z]\w+|\d{4}", one.paper) if word not in references]
        assert not missing, f"`paper` of {name} names what its References do not"


@pytest.mark.parametrize("name", CLASSES)
def test_what_a_loss_needs_is_said(name):
    summary = next(one for one in losses.available() if one.name == name)
    loss = BUILT[cases_of(CLASSES[name])[0]]
    required = [key for key, default in round_trips.arguments(type(loss)).items() if default is inspect.Parameter.empty]
    assert ("matrix" in summary.needs) == any(isinstance(getattr(loss, key), np.ndarray) for key in required)
    assert ("NoisyLabelClassifier" in summary.needs) == (loss.needs_classifier is not None)
    assert ("num_outputs" in summary.needs) == (loss.num_outputs != loss.num_classes)


@pytest.mark.parametrize("name", CLASSES)
def test_every_argument_has_another_value_than_its_default_in_some_case(name):
    cls = CLASSES[name]
    never = {
        argument
        for argument, default in round_trips.arguments(cls).items()
        if all(round_trips.same(getattr(BUILT[case], argument), default) for case in cases_of(cls))
    }
    assert never == {argument for class_name, argument in ALWAYS_DEFAULT if class_name == name}


@pytest.mark.parametrize("name", BUILDS)
def test_no_argument_is_lost(name):
    assert not round_trips.lost(built(name), round_trips.ALL)


def without(cls, key):
    """A function that gives the configuration of a loss less one key."""
    whole = cls.get_config
    return lambda self: {name: value for name, value in whole(self).items() if name != key}


@pytest.mark.parametrize("name", BUILDS)
def test_a_key_that_is_dropped_from_a_configuration_is_missed(name, monkeypatch):
    """The test before this one can fail, for each key of each case."""
    loss = BUILT[name]
    for key in loss.get_config():
        with monkeypatch.context() as patch:
            patch.setattr(type(loss), "get_config", without(type(loss), key))
            assert f"`{key}` is not in `get_config()`" in round_trips.lost(loss, {})


@pytest.mark.parametrize("name", CLASSES)
def test_a_key_that_is_dropped_from_a_configuration_changes_a_copy(name, monkeypatch):
    """In some case of each class, for each key and each way but a file's, without a look at the keys."""
    cls = CLASSES[name]
    for key in BUILT[cases_of(cls)[0]].get_config():
        if (name, key) in ALWAYS_DEFAULT:
            continue
        with monkeypatch.context() as patch:
            patch.setattr(cls, "get_config", without(cls, key))
            for way, made in round_trips.WITHOUT_FILE.items():
                changes = (round_trips.changed(BUILT[case], {way: made}) for case in cases_of(cls))
                assert any(any(f"`{key}`" in line or "raises" in line for line in lines) for lines in changes), key


def test_a_copy_has_a_state_of_its_own():
    loss = losses.OnlineLabelSmoothing(3)
    assert copy.deepcopy(loss).state() is not loss.state()


def test_exceptions_are_of_what_there_is():
    assert set(NO_ORACLE) <= set(CLASSES)
    for name, argument in ALWAYS_DEFAULT:
        assert argument in round_trips.arguments(CLASSES[name])

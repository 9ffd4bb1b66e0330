"""Nonsense for every argument of every public callable: an error names the argument, or the case is listed."""

import functools
import inspect
import re
import warnings

import numpy as np
import pytest

from tests.helpers.nonsense_under_test import (
    ACCEPTED,
    ALSO_NAMED,
    HANDED_ON,
    LEFT_OUT,
    METHODS,
    NEED_FILES,
    NO_SUCH_PLACE,
    NONSENSE,
    RIGHT,
)
from tests.helpers.public_names import public_callables
from tfp_noise.visualization import simplex

CALLABLES = public_callables()
NAMES = [*RIGHT, *METHODS]
SLOW = ("MetaWeightNet", "DepthDistillation", "attacks.projected_gradient", "attacks.fast_gradient_sign")
SOURCES = ("datasets.load", "datasets.stream", "datasets.class_names", "distribute.strategy")  # their `name` is read


@pytest.fixture(autouse=True)
def _coarse_figures(monkeypatch):
    monkeypatch.setattr(simplex, "_FINENESS", 12)


def call_of(name):
    """A public callable, and arguments that are right."""
    return METHODS[name]() if name in METHODS else (CALLABLES[name], RIGHT[name]())


def arguments_of(name):
    """The arguments that are checked here, each with its default."""
    parameters = inspect.signature(call_of(name)[0]).parameters.values()
    return {
        one.name: one.default
        for one in parameters
        if one.kind is not one.VAR_KEYWORD and (one.name not in HANDED_ON or (one.name == "name" and name in SOURCES))
    }


def is_default(value, default):
    return value is default or (type(value) is type(default) and isinstance(value, (int, float)) and value == default)


def inside(value, nonsense):
    """`value` with nonsense instead of its first entry."""
    if isinstance(value, dict):
        first = next(iter(value))
        return {**value, first: inside(value[first], nonsense)}
    if isinstance(value, (list, tuple)):
        return type(value)([inside(value[0], nonsense), *value[1:]])
    return nonsense


def outcome(name, argument, value):
    """`None` if the value is accepted, "" if an error names the argument, else the text of the error."""
    function, right = call_of(name)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            function(**{**right, argument: value})
    except (TypeError, ValueError, OSError) as error:
        names = "|".join([argument, *ALSO_NAMED.get(argument, ())])
        no_file = isinstance(error, OSError) and isinstance(value, str) and value in NO_SUCH_PLACE
        return "" if no_file or re.search(rf"`({names})\b", str(error)) else repr(error)
    except Exception as error:  # of a kind that nobody expects of a wrong argument
        return repr(error)


@functools.cache
def outcomes(name, prefix=""):
    """`{(argument, nonsense): outcome}` of one callable."""
    said = {}
    for argument, default in arguments_of(name).items():
        right = call_of(name)[1].get(argument)
        if prefix and not isinstance(right, (dict, list, tuple)):
            continue
        for key, nonsense in NONSENSE.items():
            if prefix or not is_default(nonsense, default):
                said[argument, key] = outcome(name, argument, inside(right, nonsense) if prefix else nonsense)
    return said


def rows_that_accept(name, argument, key, prefix):
    """The entries of `ACCEPTED` that apply to this call."""
    called = {f"{prefix}{argument}", f"{prefix}{name.rpartition('.')[2]}.{argument}"}
    called.add(f"{prefix}{name}.{argument}")
    return {
        (why, who, key) for why, rows in ACCEPTED.items() for who, keys in rows.items() if who in called and key in keys
    }


def faults(name, prefix=""):
    """The faults of one callable, one in each line."""
    found = []
    for (argument, key), said in outcomes(name, prefix).items():
        if said is None and not rows_that_accept(name, argument, key, prefix):
            found.append(f"{name}({argument}={prefix}{key}) is accepted")
        if said:
            found.append(f"{name}({argument}={prefix}{key}): {said:.200}")
    return found


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.daily(*(name for name in NAMES if name not in SLOW))
def test_nonsense_is_refused_by_the_name_of_the_argument(name):
    assert not faults(name)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.thorough
def test_nonsense_among_what_is_right_is_refused(name):
    assert not faults(name, prefix="inside ")


@pytest.mark.thorough
def test_all_that_is_listed_as_accepted_is():
    listed = {(why, who, key) for why, rows in ACCEPTED.items() for who, keys in rows.items() for key in keys}
    for prefix in ("", "inside "):
        for name in NAMES:
            for (argument, key), said in outcomes(name, prefix).items():
                if said is None:
                    listed -= rows_that_accept(name, argument, key, prefix)
    assert not listed


def test_every_public_callable_has_a_row():
    assert set(RIGHT) | set(LEFT_OUT) == set(CALLABLES)
    assert not set(RIGHT) & set(LEFT_OUT)


@pytest.mark.parametrize("name", [name for name in RIGHT if name not in NEED_FILES])
def test_what_is_right_is_accepted(name):
    """Otherwise an error could be due to another argument."""
    function, right = call_of(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        function(**right)


# Containers that nonsense comes in: a list, a tuple, an array of objects, a dict.
WRAPPED = {
    "[{}]": lambda value: [value],
    "({},)": lambda value: (value,),
    "objects of {}": lambda value: np.array([value, None], object),
    "'a': {}": lambda value: {"a": value},
}


@pytest.mark.torture
@pytest.mark.parametrize("wrapped", WRAPPED)
@pytest.mark.parametrize("name", NAMES)
def test_nonsense_in_containers_never_fails_deep_inside(name, wrapped):
    wrong = []
    for argument in arguments_of(name):
        for key, nonsense in NONSENSE.items():
            said = outcome(name, argument, WRAPPED[wrapped](nonsense))
            if said:
                wrong.append(f"{name}({argument}={wrapped.replace('{}', key)}): {said:.200}")
    assert not wrong

"""Checks of objects and text: choices, instances, callables, paths, class names."""

import collections
import difflib
import os
import pathlib
from collections.abc import Sequence

import numpy as np


def check_choice(name, value, options, kind=None):
    """`value` if it is one of the strings `options`; otherwise an error that lists similar ones.

    Args:
        name: text, the argument's name in errors.
        value: the value to check.
        options: strings.
        kind: text that says in errors what the options are; `name` by default.
    """
    options = list(options)
    if isinstance(value, str) and value in options:
        return value
    near = difflib.get_close_matches(str(value), options, n=5, cutoff=0.5)
    hint = f"Did you mean {' or '.join(map(repr, near))}?" if near else f"Known: {', '.join(sorted(options))}."
    raise ValueError(f"Unknown {kind or name}: {value!r:.100}. {hint} Received as `{name}`.")


def check_instance(name, value, kind, cure=""):
    """`value` if it is an instance of the class `kind`."""
    if not isinstance(value, kind):
        expected = f"{kind.__module__.partition('.')[0]}'s {kind.__name__}"
        raise TypeError(f"`{name}` must be an instance of {expected}. Received: {value!r:.100}. {cure}".rstrip())
    return value


def check_callable(name, value, cure=""):
    """`value` if it can be called; a class is refused because an instance of it was meant."""
    if isinstance(value, type) or not callable(value):
        raise TypeError(f"`{name}` must be callable, and not a class. Received: {value!r:.100}. {cure}".rstrip())
    return value


def check_path(name, value) -> pathlib.Path:
    """`value` as a `pathlib.Path`, which would make a local folder "gs:" of an address such as "gs://bucket"."""
    text = check_location(name, value)
    if "://" in text:
        raise ValueError(
            f"`{name}` must be a path on this machine. Received: {text!r:.100}, an address. Pass a local path, such as "
            "the folder under which that storage is mounted."
        )
    return pathlib.Path(text)


def check_location(name, value) -> str:
    """`value`, a path or an address such as "gs://bucket/logs", as text."""
    if not isinstance(value, (str, os.PathLike)):
        raise TypeError(f"`{name}` must be a path. Received: {value!r:.100} of type {type(value).__name__}.")
    if not os.fspath(value):
        raise ValueError(f"`{name}` must be a path. Received an empty string. For the current folder pass '.'.")
    return os.fspath(value)


def check_class_names(class_names, num_classes=None, once=False):
    """`class_names` as a tuple of at least two strings, `num_classes` of them where that is given.

    Args:
        class_names: sequence of strings.
        num_classes: int, or `None` for any number.
        once: bool, refuse a name of two classes, by which nobody can tell them apart.
    """
    if isinstance(class_names, np.ndarray):
        class_names = class_names.tolist()
    is_sequence = isinstance(class_names, Sequence) and not isinstance(class_names, str)
    if not is_sequence or not all(isinstance(name, str) for name in class_names):
        raise TypeError(
            f"`class_names` must be a sequence of strings, one for each class. Received: {class_names!r:.100}. "
            'Pass a list or tuple of them, such as ("0", "1").'
        )
    if len(class_names) < 2:
        raise ValueError(f"`class_names` must name at least 2 classes. Received: {class_names!r}.")
    if num_classes is not None and len(class_names) != num_classes:
        raise ValueError(f"`class_names` must name {num_classes} classes. Received: {len(class_names)} names.")
    twice = sorted(name for name, count in collections.Counter(class_names).items() if count > 1)
    if once and twice:
        raise ValueError(
            f"`class_names` must name every class once. Received: {', '.join(map(repr, twice[:10]))} more than once. "
            "Leave the others out; or, if these are several classes, tell them apart, such as by "
            '`[f"{name} {index}" for index, name in enumerate(class_names)]`.'
        )
    return tuple(class_names)

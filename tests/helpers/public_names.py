"""Enumeration of the package's public names, by its lists of them."""

import inspect
import types

import tfp_noise


def public_callables(module=tfp_noise, prefix=""):
    """`{dotted name: callable}` for every name in an `__all__`, from the package down."""
    found = {}
    for name in module.__all__:
        value = getattr(module, name)
        inner = isinstance(value, types.ModuleType)
        found |= public_callables(value, f"{prefix}{name}.") if inner else {f"{prefix}{name}": value}
    return {name: value for name, value in found.items() if callable(value)}


def public_methods(cls):
    """`{name: function}` for the public methods of a class that its base classes, ours or others', do not declare."""
    inherited = {name for base in cls.__mro__[1:] for name in vars(base)}
    own = {name: value for name, value in vars(cls).items() if not name.startswith("_") and name not in inherited}
    functions = {name: getattr(value, "__func__", value) for name, value in own.items()}  # of class and static methods
    return {name: function for name, function in functions.items() if inspect.isfunction(function)}

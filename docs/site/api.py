"""Pages of the public names, one a module, from the lists `__all__` and the docstrings."""

import inspect
import types

import tfp_noise
from tfp_noise import losses

_MEMBERS = (types.FunctionType, classmethod, staticmethod, property)  # not what scikit-learn adds to its estimators


def modules(module=tfp_noise):
    """Return the public modules by name, those within a module after it.

    Args:
        module: where to begin.
    """
    found = {module.__name__: module}
    for name in module.__all__:
        if isinstance(inner := getattr(module, name), types.ModuleType):
            found |= modules(inner)
    return found


def names(module):
    """Return the public names of a module that are no modules, as a dict from a dotted name to its value."""
    found = {f"{module.__name__}.{name}": getattr(module, name) for name in module.__all__}
    return {name: value for name, value in found.items() if not isinstance(value, types.ModuleType)}


def public():
    """Return all public names, as a dict from a dotted name to its value."""
    return {name: value for module in modules().values() for name, value in names(module).items()}


def with_own_page():
    """Return the dotted names that have a page of their own: the losses, and the classifiers over the first one."""
    base = tfp_noise.NoisyLabelClassifier
    classifiers = [
        name
        for name, one in names(tfp_noise).items()
        if inspect.isclass(one) and issubclass(one, base) and one is not base
    ]
    return [*(f"tfp_noise.losses.{one.name}" for one in losses.available()), *classifiers]


def pages():
    """Return the pages, `{path: Markdown}`, without the index of them."""
    return {f"api/{name}.md": _page(name, module) for name, module in modules().items()}


def directive(name, value):
    """Return the block of Markdown that has the docstring of a public name.

    Args:
        name: the dotted name.
        value: what it names.
    """
    kind = "class" if inspect.isclass(value) else "function" if callable(value) else "data"
    option = "   :no-value:\n" if kind == "data" else ""
    if kind == "class" and (members := _members(value)):
        option = f"   :members: {', '.join(members)}\n"
    return f"```{{eval-rst}}\n.. auto{kind}:: {name}\n{option}```\n"


def _page(name, module):
    own = with_own_page()
    rows = "".join(f"| {{py:obj}}`~{one}` | {_first_line(value)} |\n" for one, value in names(module).items())
    inner = [other for other in modules() if other.rpartition(".")[0] == name]
    text = f"# `{name}`\n\n{inspect.getdoc(module)}\n\n"
    text += f"| name | what it is |\n| --- | --- |\n{rows}\n" if rows else ""
    text += "".join(f"- [`{other}`]({other}.md)\n" for other in inner) + "\n"
    return text + "\n".join(directive(one, value) for one, value in names(module).items() if one not in own)


def _members(cls):
    """The documented methods and properties that a class adds to those of its base classes."""
    inherited = {name for base in cls.__mro__[1:] for name in vars(base)}
    own = [name for name in vars(cls) if not name.startswith("_") and name not in inherited]
    return [name for name in own if isinstance(vars(cls)[name], _MEMBERS)]


def _first_line(value):
    line = (inspect.getdoc(value) or "").partition("\n")[0] if callable(value) else f"`{type(value).__name__}`"
    return line.replace("|", "\\|")

"""Docstrings, complete by enumeration: first lines of every module, sections and annotations of every public name."""

import ast
import inspect
import pathlib
import re

import pytest

from tests.helpers.public_names import public_callables, public_methods

ROOT = pathlib.Path(__file__).parents[1]
TOPS = ("tfp_noise", "models", "examples", "experiments", "docs", "tests")
FILES = sorted(path for top in TOPS for path in (ROOT / top).rglob("*.py"))
# Words that begin a riddle, not the name of a thing or of an action.
OPENERS = "As|For|How|Of|That|Those|What|Where|Whether|Which|Who|Whom|Whose|Why"

CALLABLES = {
    **public_callables(),
    **{
        f"{name}.{method}": function
        for name, cls in public_callables().items()
        if inspect.isclass(cls)
        for method, function in public_methods(cls).items()
    },
}
# Callables that take anything that a type checker lets through, and fail in no way of their own.
RAISE_NOTHING = {
    **dict.fromkeys(
        ["estimation.TrustedCheck", "losses.LossSummary", "metrics.RankCorrelation", "metrics.ReliabilityCurve"],
        "a record that a function returns",
    ),
    "datasets.clothing1m.Clothing1M": "a record of what `datasets.clothing1m.load` has read",
    **dict.fromkeys(["search.SearchResult", "search.Trial"], "a record that a function returns"),
    "pipeline.Batches": "a record of what `pipeline.batches` made",
}
# Callables whose example is that of their class, or needs files, devices or minutes.
WITHOUT_EXAMPLE = {
    **dict.fromkeys(
        ["estimation.TrustedCheck", "metrics.RankCorrelation", "metrics.ReliabilityCurve"],
        "the function that returns it has one",
    ),
    "datasets.cifar10h.load": "needs the published file",
    "datasets.class_names": "needs a prepared data set",
    "datasets.clothing1m.Clothing1M": "needs the published folder",
    "datasets.clothing1m.balanced_stream": "needs the published folder",
    "datasets.clothing1m.load": "needs the published folder",
    "datasets.clothing1m.stream": "needs the published folder",
    "datasets.stream": "needs a prepared data set",
}


def docstrings(path):
    """`{place: first line}` of a file's docstrings."""
    tree = ast.parse(path.read_text())
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef)
    nodes = [node for node in ast.walk(tree) if isinstance(node, kinds) and ast.get_docstring(node)]
    places = [f"{getattr(node, 'name', 'module')}, line {getattr(node, 'lineno', 1)}" for node in nodes]
    return {place: ast.get_docstring(node).partition("\n")[0] for place, node in zip(places, nodes, strict=True)}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_first_lines_say_what_a_thing_is_or_does(path):
    riddles = {place: line for place, line in docstrings(path).items() if re.match(rf"({OPENERS})\b", line)}
    assert not riddles


def parameters(function):
    found = inspect.signature(function).parameters.values()
    return [one.name for one in found if one.name not in ("self", "cls")]


def section(doc, name):
    """The lines of a section of a docstring, or `None`."""
    found = re.search(rf"^{name}:\n((?:    .*\n|\n)*)", doc + "\n", re.M)
    return found and found[1]


@pytest.mark.parametrize("name", CALLABLES)
def test_public_docstrings_are_complete(name):
    function = CALLABLES[name]
    is_class, is_method = (
        inspect.isclass(function),
        "." in name and inspect.isclass(CALLABLES.get(name.rpartition(".")[0])),
    )
    doc, names = inspect.getdoc(function) or "", parameters(function)
    missing = [one for one in names if not re.search(rf"^    \*{{0,2}}{one}:", section(doc, "Args") or "", re.M)]
    returned = None if is_class else inspect.signature(function).return_annotation
    if returned not in (None, "None") and not section(doc, "Returns"):  # text, where annotations are not evaluated
        missing.append("Returns")
    if names and not section(doc, "Raises") and name not in RAISE_NOTHING:
        missing.append("Raises")
    if not is_method and ">>>" not in (section(doc, "Example") or "") and name not in WITHOUT_EXAMPLE:
        missing.append("Example")
    assert not missing


@pytest.mark.parametrize("name", CALLABLES)
def test_public_signatures_are_annotated(name):
    signature = inspect.signature(CALLABLES[name])
    missing = [
        one.name
        for one in signature.parameters.values()
        if one.name not in ("self", "cls") and one.annotation is one.empty
    ]
    if signature.return_annotation is signature.empty and not inspect.isclass(CALLABLES[name]):
        missing.append("return")
    assert not missing


def test_exceptions_are_needed():
    """Whoever completes a docstring takes its name off the lists."""
    for names, part in ((RAISE_NOTHING, "Raises"), (WITHOUT_EXAMPLE, "Example")):
        assert not [name for name in names if section(inspect.getdoc(CALLABLES[name]), part)]

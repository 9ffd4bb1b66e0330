"""The site's pages by enumeration, its programs, and the check of its links. `make docs` builds the whole of it."""

import importlib.util
import inspect
import re

import numpy as np
import pytest

import tfp_noise
from docs.site import api, docstrings, gallery, links, navigation, programs, sources
from docs.site.formulas import FORMULAS
from tests.helpers.classifiers_under_test import CLASSIFIERS_UNDER_TEST
from tests.helpers.public_names import public_callables
from tfp_noise import losses

LOSSES = [one.name for one in losses.available()]
METHODS = {name: getattr(losses, name, None) or getattr(tfp_noise, name) for name in (*LOSSES, *CLASSIFIERS_UNDER_TEST)}


def program(name):
    return programs.of_loss(name) if name in LOSSES else programs.of_classifier(name)


def test_every_method_has_a_page_of_its_own():
    named = {name.rpartition(".")[2] for name in api.with_own_page()}
    assert named == set(METHODS)


def test_every_loss_has_a_formula():
    assert set(FORMULAS) == set(LOSSES)
    assert all(text.count("{") == text.count("}") for text in FORMULAS.values())


def test_every_public_name_is_documented_once():
    """On the page of its module, or on that of a method."""
    pages = "".join(api.pages().values())
    on_modules = re.findall(r"^\.\. auto(?:class|function|data):: (\S+)$", pages, re.MULTILINE)
    documented = [*on_modules, *api.with_own_page()]
    assert len(documented) == len(set(documented))
    assert {f"tfp_noise.{name}" for name in public_callables()} <= set(documented)
    assert set(documented) == set(api.public())


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.daily("ForwardCorrection", "CoTeaching")
def test_programs_of_methods_run(name):
    names = {}
    exec(re.sub(r"\b(warm_up|backbone_epochs)=\d+", r"\1=1", program(name).replace("epochs=30", "epochs=2")), names)
    assert isinstance(names["model"] if name in CLASSIFIERS_UNDER_TEST else names["loss"], METHODS[name])
    assert np.isfinite(list(names["scores"].values())).all()


@pytest.mark.parametrize("name", METHODS)
def test_programs_differ_in_the_method_alone(name):
    text = program(name)
    compile(text, name, "exec")
    assert re.search(rf"^\w+ = (?:losses\.)?{name}\(", text, re.MULTILINE)


def test_every_hand_written_page_is_in_one_group():
    pages = [name for name in sources.pages() if not name.startswith("results/")]
    placed = [name for names in navigation.groups(pages).values() for name in names]
    assert sorted([*placed, "index"]) == sorted(name.removesuffix(".md") for name in pages)


def test_every_figure_has_the_command_that_draws_it():
    modules = {gallery.command(name.removeprefix("results/")).split()[2] for name in sources.figures()}
    assert all(importlib.util.find_spec(module) for module in modules)
    with pytest.raises(ValueError, match="must have one line for results/LN/new"):
        gallery.command("LN/new.png")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('<a href="other.html#there">x</a><a href="https://example.org/none">x</a><img src="data:,">', None),
        ('<a href="none.html">x</a>', "none.html"),
        ('<a href="other.html#gone">x</a>', "other.html#gone"),
        ('<a href="#gone">x</a>', "#gone"),
        ('<img src="https://example.org/x.png">', "loads https://example.org/x.png"),
        ('<script src="//example.org/x.js"></script>', "loads //example.org/x.js"),
    ],
)
def test_dead_links_and_what_is_loaded_from_elsewhere_are_found(text, fault, tmp_path):
    (tmp_path / "other.html").write_text('<p id="there">x</p>')
    (tmp_path / "page.html").write_text(text)
    pages, _, faults = links.check(tmp_path)
    assert pages == 2
    assert [one.rpartition(": ")[2] for one in faults] == ([fault] if fault else [])


def test_docstrings_become_restructured_text():
    """Literal blocks, tables and code of Markdown; an example stays as it is."""

    def documented():
        """The value `x`:

            x = `y`

        | a | b |
        |---|---|
        | `c` | d |

        Args:
            x: see `y`.

        Example:
            >>> "`"
            '`'
        """

    lines = docstrings.converted(inspect.getdoc(documented).split("\n"))
    assert lines[:5] == ["The value ``x``:", "", ".. code-block:: text", "", "    x = `y`"]
    assert lines[6:13] == [
        ".. list-table::",
        "   :header-rows: 1",
        "",
        "   * - a",
        "     - b",
        "   * - ``c``",
        "     - d",
    ]
    assert lines[-5:] == ["    x: see ``y``.", "", "Example:", '    >>> "`"', "    '`'"]


def test_links_lead_to_the_pages_of_the_site():
    pages = sources.pages()
    assert "README.md" not in pages
    assert "](../gallery/LN.md)" in pages["docs/experiments.md"]  # a folder of figures in the repository
    assert all(text.lstrip().startswith("# ") for text in pages.values())
    assert "CITATION.cff" in sources.linked_files(pages)

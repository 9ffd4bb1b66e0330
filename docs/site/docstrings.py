"""Extension of Sphinx that makes reStructuredText of docstrings, whose text has the marks of Markdown.

In the text before the sections of a docstring (Args, Returns, ...), an indented block is literal and `|` draws a table;
everywhere a single backtick marks code.
"""

import re

_SECTION = re.compile(r"[A-Z][a-z]+:$")
_LAST_UNDERSCORE = re.compile(r"^( {4}\w+)_:", re.M)  # of an attribute, which would be a link
_CODE = re.compile(r"(?<![`:\\])`([^`]+)`(?!`)")
# A literal block; the lines of an example, up to the next empty one.
_LITERAL = re.compile(r"(^\.\. code-block:: text\n\n(?: {4}.*\n?|\n)+|^ *>>> .*\n?(?:.*\S.*\n?)*)", re.M)
_BEFORE_NAPOLEON = 400


def converted(lines):
    """Return the lines of a docstring as reStructuredText.

    Args:
        lines: list of text.

    Example:
        >>> converted(["The value `x`:", "", "    x = 1"])
        ['The value ``x``:', '', '.. code-block:: text', '', '    x = 1']
    """
    sections = next((i for i, line in enumerate(lines) if _SECTION.match(line)), len(lines))
    found, inside = [], False
    for before, line in zip(["", *lines], lines[:sections], strict=False):
        starts = not before.strip() and bool(line.strip())
        if starts and line.startswith("    ") and not inside:
            found += [".. code-block:: text", ""]
            inside = True
        elif line.strip() and not line.startswith("    "):
            inside = False
        found.append(line)
    of_sections = _LAST_UNDERSCORE.sub(r"\1\\_:", "\n".join(lines[sections:])).split("\n")
    return _code_marked("\n".join(_tables(found) + of_sections)).split("\n")


def _code_marked(text):
    """`text` with two backticks around its code, except in literal blocks and in examples."""
    blocks = _LITERAL.split(text)
    return "".join(block if i % 2 else _CODE.sub(r"``\1``", block) for i, block in enumerate(blocks))


def _tables(lines):
    """Lines with Markdown tables as those of reStructuredText."""
    found, rows = [], []
    for line in [*lines, ""]:
        if line.startswith("|"):
            rows.append([cell.strip() for cell in line.strip("| ").split("|")])
            continue
        if rows:
            found += [".. list-table::", "   :header-rows: 1", ""]
            for row in [rows[0], *rows[2:]]:
                found += [f"   {'*' if not i else ' '} - {cell}" for i, cell in enumerate(row)]
            found += [""]
            rows = []
        found.append(line)
    return found[:-1]


def _on_docstring(app, kind, name, obj, options, lines):  # noqa: ARG001
    lines[:] = converted(list(lines))


def setup(app):
    """Register the conversion.

    Args:
        app: the application of Sphinx.

    Returns:
        What Sphinx wants to know of an extension, a dict.
    """
    app.connect("autodoc-process-docstring", _on_docstring, priority=_BEFORE_NAPOLEON)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

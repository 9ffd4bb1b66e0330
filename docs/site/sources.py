"""Pages of the repository as the site has them: the README is the first page, and every page has a title."""

import functools
import pathlib
import posixpath
import re

from examples import _building

ROOT = pathlib.Path(__file__).parents[2]
FIGURES = (".png",)
_TOP = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")
_LINK = re.compile(r"(?<=\]\()(?!https?:|#)([^)\s#]+)")


def pages():
    """Return the hand-written pages and those of results, `{path: Markdown}`, paths from the root."""
    paths = [ROOT / name for name in _TOP] + sorted(ROOT.glob("docs/*.md")) + sorted(ROOT.glob("results/**/*.md"))
    names = [path.relative_to(ROOT).as_posix() for path in paths]
    return {_renamed(name): _linked(name, _titled(name)) for name in names}


def figures():
    """Return the paths of the committed figures, from the root."""
    return [path.relative_to(ROOT).as_posix() for path in sorted(ROOT.glob("results/**/*.png"))]


@functools.cache
def examples():
    """Return the files of the examples, `{path on the site: path}`; those that `make examples` has run have outputs."""
    folder = ROOT / "build" / "examples"
    _building.pages(folder, run=False)
    return {f"examples/{path.relative_to(folder).as_posix()}": path for path in folder.rglob("*") if path.is_file()}


def linked_files(found):
    """Return the paths of other files that pages link to, such as a licence.

    Args:
        found: pages, as `pages` returns them.
    """
    targets = {
        posixpath.normpath(posixpath.join(posixpath.dirname(name), target)).lstrip("/")
        for name, text in found.items()
        for target in _LINK.findall(text)
    }
    return sorted(target for target in targets if (ROOT / target).is_file() and not target.endswith((".md", ".png")))


def _renamed(name):
    return "index.md" if name == "README.md" else name


def _titled(name):
    """A page with its path as the title if it has none."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return text if text.lstrip().startswith("# ") else f"# `{name}`\n\n{text}"


def _linked(name, text):
    """`text` with its links to the README, to the examples, and to folders of results, which lead to their figures."""
    folder = posixpath.dirname(name)

    def changed(found):
        target = posixpath.normpath(posixpath.join(folder, found[1]))
        if target == "README.md":
            return posixpath.relpath("index.md", folder or ".")
        if target == "examples":
            return posixpath.relpath("examples/README.md", folder or ".")
        if target.startswith("results/") and (ROOT / target).is_dir():
            return posixpath.relpath(f"gallery/{target.removeprefix('results/')}.md", folder or ".")
        return found[1]

    return _LINK.sub(changed, text)

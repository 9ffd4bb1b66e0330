"""All pages of the site: the repository's, and those that are made."""

from docs.site import api, gallery, methods, navigation, pictures, reproduce, sources

_ON_ONE_LINE = "\u00a0±\u00a0"  # mean and deviation, which narrow columns would part


def pages():
    """Return `{path: Markdown}` of the whole site."""
    found = {**sources.pages(), **api.pages(), **methods.pages(), **gallery.pages(), **reproduce.pages()}
    found["api/index.md"] = "# API\n\n" + navigation.tree([f"api/{name}" for name in api.modules()], hidden=False)
    found |= {
        name: path.read_text(encoding="utf-8") for name, path in sources.examples().items() if name.endswith(".md")
    }
    _add_tree(found, "results/README.md")
    _add_tree(found, "examples/README.md")
    trees = [navigation.tree(names, group) for group, names in navigation.groups(found).items()]
    found["index.md"] += "\n" + "\n".join(trees)
    return found


def _add_tree(found, index):
    """Lists below the index of a folder all other pages of it, for the side bar."""
    folder = index.partition("/")[0]
    names = [name.removesuffix(".md") for name in found if name.startswith(f"{folder}/") and name != index]
    if index in found:
        found[index] += "\n" + navigation.tree(sorted(names))


def write(folder):
    """Write pages, figures, linked files and built examples.

    Args:
        folder: `pathlib.Path`.

    Returns:
        The pages, `{path: Markdown}`.
    """
    written = pages()
    found = {name: text.replace(" ± ", _ON_ONE_LINE).encode() for name, text in written.items()}
    for name in (*sources.figures(), *sources.linked_files(written)):
        found[name] = (sources.ROOT / name).read_bytes()
    found |= {name: path.read_bytes() for name, path in sources.examples().items() if not name.endswith(".md")}
    for name, content in (found | pictures.files()).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return written

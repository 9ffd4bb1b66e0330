"""All pages of the site: the repository's, and those that are made."""

import shutil

from docs.site import api, navigation, sources


def pages():
    """Return `{path: Markdown}` of the whole site."""
    found = {**sources.pages(), **api.pages()}
    found["api/index.md"] = "# API\n\n" + navigation.tree([f"api/{name}" for name in api.modules()], hidden=False)
    trees = [navigation.tree(names, group) for group, names in navigation.groups(found).items()]
    found["index.md"] += "\n" + "\n".join(trees)
    return found


def write(folder):
    """Write pages, figures and linked files.

    Args:
        folder: `pathlib.Path`, emptied before.

    Returns:
        The pages, `{path: Markdown}`.
    """
    shutil.rmtree(folder, ignore_errors=True)
    found = pages()
    for name, text in found.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for name in (*sources.figures(), *sources.linked_files(found)):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(sources.ROOT / name, path)
    return found

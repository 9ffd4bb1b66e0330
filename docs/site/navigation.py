"""Groups of the site's pages, in the order in which the side bar shows them."""

# Hand-written pages by group; one that is not here is in `FURTHER`.
GROUPS = {
    "Start": ["docs/start"],
    "Find wrong labels": ["docs/find_wrong_labels", "docs/several_labels", "docs/positions"],
    "Choose a loss": ["docs/choose_a_loss", "methods/index", "methods/losses", "methods/classifiers"],
    "Noise and transitions": ["docs/noise_and_transitions", "docs/data"],
    "Models": [
        "docs/keras",
        "docs/training_loops",
        "docs/learned_targets",
        "docs/training_otherwise",
        "docs/serving",
        "docs/export",
        "docs/scikit_learn",
        "docs/tensorboard",
        "docs/many_devices",
        "docs/when_the_plug_is_pulled",
        "docs/tensorflow_probability",
    ],
    "Reproduce the papers": ["reproduce/index", "gallery/index", "docs/experiments", "docs/papers", "results/README"],
    "Examples": ["examples/README"],
    "Extend": ["CONTRIBUTING", "ARCHITECTURE", "docs/conventions", "CHANGELOG"],
    "API": ["api/index"],
}
FURTHER = "Models"


def groups(pages):
    """Return the pages of each group, `{group: names without suffix}`, those that exist.

    Args:
        pages: the paths of all pages, with suffix.
    """
    there = {page.removesuffix(".md") for page in pages}
    known = {name for names in GROUPS.values() for name in names}
    found = {group: [name for name in names if name in there] for group, names in GROUPS.items()}
    found[FURTHER] += sorted(name for name in there - known if name.startswith("docs/"))
    return {group: names for group, names in found.items() if names}


def tree(names, caption="", hidden=True):
    """Return a table of contents as Markdown.

    Args:
        names: pages from the root of the site, without suffix.
        caption: text of the side bar above them.
        hidden: True if only the side bar shows it.
    """
    options = (f":caption: {caption}\n" if caption else "") + (":hidden:\n" if hidden else "")
    return "```{toctree}\n" + options + ":maxdepth: 1\n\n" + "".join(f"/{name}\n" for name in names) + "```\n"

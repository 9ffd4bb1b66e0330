"""Pages of the methods: one a loss and one a classifier, and the page on how to choose among them."""

import functools
import inspect
import json
import pathlib

import tfp_noise
from docs.site import api, navigation, numbers, pictures, programs
from docs.site.formulas import FORMULAS
from docs.site.sources import ROOT
from experiments.comparison import page as comparison
from experiments.comparison import table
from experiments.decision import table as decision
from experiments.evaluation.summaries import markdown_table
from tfp_noise import losses

_CURVES = "learning_curves.png"
_MOST_CURVES = 2
_CHOOSE = """\
# Losses: what was measured

No loss leads under all noise. This page has what was measured, made from the committed results; each loss has a page
with its formula, a program, its picture and its numbers. For your own data, `tfp_noise.search.choose_loss` chooses by
held-out given labels, which need no true ones.

## By the kind of noise

Accuracy on clean test labels at the end of training, and the mean difference to cross-entropy over data sets, in
points.

"""


def loss_pages():
    """Return the page of each loss, `{path: Markdown}`."""
    return {f"methods/{one.name}.md": _loss_page(one) for one in losses.available()}


def classifier_pages():
    """Return the page of each classifier that trains otherwise, `{path: Markdown}`."""
    names = [name.rpartition(".")[2] for name in api.with_own_page() if not name.startswith("tfp_noise.losses.")]
    return {f"methods/{name}.md": _classifier_page(name) for name in names}


def pages():
    """Return all pages on methods, `{path: Markdown}`."""
    of_losses, of_classifiers = loss_pages(), classifier_pages()
    return {
        **of_losses,
        **of_classifiers,
        "methods/index.md": _choose(),
        "methods/losses.md": "# The losses\n\n" + _costs() + _tree(of_losses),
        "methods/classifiers.md": "# Methods that are more than a loss\n\n"
        + _classifiers(of_classifiers)
        + _tree(of_classifiers),
    }


def _tree(found):
    return "\n" + navigation.tree([path.removesuffix(".md") for path in found])


def _loss_page(one):
    needs = f"It needs {one.needs}.\n\n" if one.needs else ""
    text = f"# `{one.name}`\n\n{one.summary}\n\n{needs}Source: {one.paper}.\n\n"
    text += f"## Formula\n\n{_formula(one.name)}\n\nThe symbols are explained under [Reference](#reference).\n\n"
    text += f"## Program\n\n```python\n{programs.of_loss(one.name)}```\n\n"
    text += f"## Picture\n\n![Loss and pull of {one.name} by margin](pictures/{one.name}.svg)\n\n{pictures.CAPTION}\n\n"
    text += _measured(one.name)
    text += f"## Cost\n\n{cost}" if (cost := numbers.cost(one.name)) else ""
    return f"{text}\n## Reference\n\n{api.directive(f'tfp_noise.losses.{one.name}', getattr(losses, one.name))}"


def _formula(name):
    """The formula of a loss, and on lines of their own the definitions that follow it."""
    return "\n\nwith\n\n".join(f"$$\n{part.strip().rstrip(',')}\n$$" for part in FORMULAS[name].split(r"\qquad"))


def _classifier_page(name):
    cls = getattr(tfp_noise, name)
    text = f"# `{name}`\n\n{inspect.getdoc(cls).partition(chr(10))[0]}\n\n"
    text += f"## Program\n\n```python\n{programs.of_classifier(name)}```\n\n{_measured(name)}"
    return f"{text}\n## Reference\n\n{api.directive(f'tfp_noise.{name}', cls)}"


def _measured(name):
    text = f"## Measured\n\n{numbers.measured(name)}\n"
    for folder, label in _curves().get(name, [])[:_MOST_CURVES]:
        text += f"![Learning curves of {folder}](/{folder}/{_CURVES})\n\n"
        text += f"Learning curves of `{folder.removeprefix('results/')}`, in which this method is `{label}`.\n\n"
    return text


@functools.cache
def _curves():
    """`{loss: [(folder with learning curves, the paper's name of the loss)]}`, those of most methods at 40 % first."""
    found, figures = {}, sorted(ROOT.glob(f"results/**/{_CURVES}"))
    figures.sort(key=lambda path: ("40" not in path.parent.name, -len(list(path.parent.glob("*/seed0.json")))))
    for path in figures:
        for run in sorted(path.parent.glob("*/seed0.json")):
            method = json.loads(run.read_text(encoding="utf-8"))["settings"]["method"]
            folder = path.parent.relative_to(ROOT).as_posix()
            found.setdefault(method["loss"], {}).setdefault(folder, method["label"])
    return {name: list(folders.items()) for name, folders in found.items()}


def _choose():
    text = _CHOOSE + _with_links(decision.summary(ROOT / "results" / "decision"))
    text += "\n[Every loss, and trainings that are stopped early](/results/decision.md).\n"
    for folder in sorted(path for path in (ROOT / "results" / "compare").iterdir() if path.is_dir()):
        text += f"\n## Methods compared on {folder.name}\n\n"
        text += _with_links(comparison.choice(numbers.runs(folder.name)[0]))
        text += (
            f"\n[All numbers](/results/compare/{folder.name}.md)\n\n![Accuracies](/results/compare/{folder.name}.png)\n"
        )
    return text


def _with_links(text):
    """`text` with the names of methods as links to their pages."""
    for path in (*(one.name for one in losses.available()), *programs.CLASSIFIERS):
        text = text.replace(f"`{path}`", f"[`{path}`]({path}.md)")
    return text


def _costs():
    head = ["loss", "what it is", "needs", "cost of a step, digits"]
    rows = []
    for one in losses.available():
        cost = [row[-1] for row in numbers.compared(one.name)][:1] if one.name in table.METHODS else []
        rows.append([f"[`{one.name}`]({one.name}.md)", one.summary.replace("|", "\\|"), one.needs, *(cost or ["–"])])
    return markdown_table([head, *rows]) + "\nThe cost is a training step's time divided by cross-entropy's.\n"


def _classifiers(found):
    rows = []
    for path in found:
        name = pathlib.PurePosixPath(path).stem
        line = inspect.getdoc(getattr(tfp_noise, name)).partition("\n")[0].replace("|", "\\|")
        cost = [row[-1] for row in numbers.compared(name)][:1] if name in table.METHODS else []
        rows.append([f"[`{name}`]({name}.md)", line, *(cost or ["–"])])
    head = ["classifier", "what it is", "cost of a step, digits"]
    return markdown_table([head, *rows]) + "\nThe cost is a training step's time divided by cross-entropy's.\n"

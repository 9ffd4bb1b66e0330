"""The papers' figures that are made of committed runs alone, drawn again: the same pictures as the committed ones?"""

import functools
import pathlib
import re
import types

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import image

from experiments import results
from experiments.papers.label_smoothing import figures as label_smoothing
from experiments.papers.learnable_label_smoothing import figures as learnable
from experiments.papers.logistic_normal import figures as logistic_normal
from experiments.papers.online_label_smoothing import figures as online

RESULTS = pathlib.Path(__file__).parents[2] / "results"
NOT_OF_RUNS_ALONE = r"LN/figure[36]/.*|LS/alpha/.*/figure[34]|LLS/figure[468]/.*|LS/figure5/figure5"
DEFAULTS = {"label": "laptop-digits", "seed": 0, "workdir": RESULTS, "data_dir": None}
SMOOTHED = ("digits/symmetric20", "digits/symmetric40", "fashion_mnist/symmetric20", "fashion_mnist_10k/symmetric20")


def _drawn_by():
    """A function that draws it for each path below results, without the suffix."""
    methods = {"LN": ["Het-tau-Sigma_full", "LN"], "OLS": ["CE", "LS", "OLS"]}
    numbers = {"LN": (logistic_normal, "1245"), "OLS": (online, ("4", "5", "7a", "7b")), "LLS": (learnable, "79")}
    found = {}
    for paper, (module, chosen) in numbers.items():
        args = types.SimpleNamespace(**DEFAULTS, methods=methods.get(paper))
        for number in chosen:
            name = f"{paper}/figure{number}" + (
                "" if (paper, number) in [("LN", "1"), ("LN", "2")] else "/laptop-digits"
            )
            found[name] = functools.partial(_one, module._FIGURES[number], args, name.partition("/")[2])
    for group in SMOOTHED:
        under = f"LS/alpha/laptop-{group}"
        args = types.SimpleNamespace(**DEFAULTS, under=under, methods=["CE", "LS0.2", "FC0.2", "BC0.2"])
        students = {"figure6": "6"} if group == SMOOTHED[0] else {}
        for name, number in {"figure1": "1", "figure2": "2", "table4": "2", **students}.items():
            found[f"{under}/{name}"] = functools.partial(_one, label_smoothing._FIGURES[number], args, name)
    return found


def _one(draw, args, name):
    return draw(args)[name]


DRAWN_BY = _drawn_by()


def test_every_committed_figure_of_a_paper_is_drawn_here_or_needs_more():
    committed = {
        str(path.relative_to(RESULTS).with_suffix(""))
        for paper in ("LN", "LS", "OLS", "LLS")
        for path in (RESULTS / paper).rglob("*.png")
        if path.stem not in ("learning_curves", "reliability", "transition")
    }
    assert {name for name in committed if not re.fullmatch(NOT_OF_RUNS_ALONE, name)} == DRAWN_BY.keys()


@pytest.fixture(scope="module", autouse=True)
def read_once():
    """The runs are read once for all figures."""
    found = results.load(RESULTS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(results, "load", lambda workdir: found)
        yield


@pytest.mark.parametrize("name", DRAWN_BY)
def test_the_committed_figure_is_that_of_the_committed_runs(name, tmp_path):
    committed, again = RESULTS / f"{name}.png", tmp_path / "again.png"
    if f"version{mpl.__version__}," not in committed.read_bytes()[:400].decode("latin-1"):
        pytest.skip("drawn by another version of Matplotlib, which sets other pixels")
    results.write_figure(again, DRAWN_BY[name]())
    np.testing.assert_array_equal(image.imread(again), image.imread(committed), "`make results` draws it anew")

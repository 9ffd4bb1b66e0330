"""Pages and notebooks of scripts in cells: what is printed and drawn, how long it took, and what is refused."""

import os

import nbformat
import pytest

from examples import _building

EXAMPLE = r"""# %% [markdown]
# # Halves
#
# Is a half
# of two one?
#
# Let us see.

# %% tags=["parameters"]
number = 2

# %%
# %matplotlib inline
from matplotlib.figure import Figure

print("a half:", end=" ", flush=True)
print("WARNING:tensorflow:of a log\nInstructions for updating:\nnone")
print(number / 2)
figure = Figure()
figure.subplots()
figure
"""
WARNING = EXAMPLE + "import warnings\n\nwarnings.warn('of two halves')\n"

pytestmark = pytest.mark.thorough  # each starts a Jupyter kernel


@pytest.fixture
def build(tmp_path, monkeypatch):
    """Builds a folder of one example from its source."""
    monkeypatch.setattr(_building, "FOLDER", tmp_path / "examples")
    _building.FOLDER.mkdir()

    def build_it(source, run=True):
        (_building.FOLDER / "halves.py").write_text(source)
        return _building.pages(tmp_path / "built", run)

    return build_it


def test_a_page_has_text_code_output_and_figure(build, tmp_path):
    (draft,) = build(EXAMPLE, run=False)
    assert draft.seconds is None
    text = (tmp_path / "built" / "halves.md").read_text()
    assert "print(" in text
    assert "time: not run" in text
    assert "a half: 1.0" not in text
    (page,) = build(EXAMPLE)
    built = tmp_path / "built"
    assert (page.name, page.title, page.question) == ("halves", "Halves", "Is a half of two one?")
    assert 0 < page.seconds < 100
    text = (built / "halves.md").read_text()
    assert text.startswith(f"# Halves\n\n*[Script](halves.py), [notebook](halves.ipynb); time: {page.seconds:.0f} s.*")
    assert "a half: 1.0\n" in text  # without the log in between
    (figure,) = (built / "halves_files").glob("*.png")
    assert f"](halves_files/{figure.name})" in text
    assert (built / "halves.py").read_text() == EXAMPLE
    assert "| [Halves](halves.md) | Is a half of two one? | " in (built / "README.md").read_text()
    notebook = nbformat.read(built / "halves.ipynb", 4)
    nbformat.validate(notebook)
    assert notebook.cells[-1].outputs[0].text == "a half: 1.0\n"

    made = os.stat(built / "halves.ipynb").st_mtime_ns
    assert build(EXAMPLE) == build(EXAMPLE, run=False) == [page]  # as it was built
    assert os.stat(built / "halves.ipynb").st_mtime_ns == made
    (other,) = build(EXAMPLE.replace("number = 2", "number = 4"))
    assert other.seconds != page.seconds
    assert "a half: 2.0\n" in (built / "halves.md").read_text()


def test_an_example_that_warns_is_refused(build, tmp_path):
    with pytest.raises(RuntimeError, match=r"'halves' must run without a warning. Received: .*UserWarning: of two"):
        build(WARNING)
    assert not (tmp_path / "built" / "halves.ipynb").exists()

"""Every example runs on small data and finds what it shows; where data are not there, it says what to do."""

import pathlib
import re
import sys

import numpy as np
import pytest

from examples import _building

# Parameters of a quick run.
SMALL = {
    "distillation": {"epochs": 3},
    "fine_tuning": {"epochs": 3},
    "images_in_folders": {"epochs": 8, "folds": 2, "num_digits": 400},
    "large_data_streamed": {"epochs": 2, "num_files": 2, "size": 256},
    "several_annotators": {"epochs": 4},
    "table_with_categories": {"epochs": 3, "folds": 2},
    "text_as_token_ids": {"epochs": 6, "topics": ["linalg", "optimize", "special", "stats"]},
    "two_workers": {"epochs": 2},
}
# Checks of the names that an example leaves, and of what it has printed.
LEFT = {
    "distillation": lambda names, printed: printed.count("test images right") == 3 and loads("student.keras"),
    "fine_tuning": lambda names, printed: printed.count("test images right") == 6,
    "images_in_folders": lambda names, printed: found_wrong_labels(names) and loads("images.keras"),
    "large_data_streamed": lambda names, printed: (
        max(names["differences"]) == 0 and "interrupted: begins with epoch 2 of 2" in printed
    ),
    "several_annotators": lambda names, printed: (
        found_wrong_labels(names)
        and names["table"].differs.idxmax() == names["table"].wrong.idxmax() == "Dan"
        and tuple(*names["pairs"].value_counts().head(1).index) == (1, 7)
    ),
    "table_with_categories": lambda names, printed: found_wrong_labels(names),
    "text_as_token_ids": lambda names, printed: found_wrong_labels(names) and loads("topics.keras"),
    "two_workers": lambda names, printed: len({line.partition(": ")[2] for line in printed.splitlines()[:2]}) == 1,
}


def found_wrong_labels(names):
    flagged, wrong = names["found"].is_suspect, names["wrong"]
    return np.mean(flagged[wrong]) > 0.5 and np.mean(wrong[flagged]) > 0.5


def loads(file):
    return pathlib.Path(file).stat().st_size > 0


def run(name, **parameters):
    """The names that an example leaves, run in the folder that is current."""
    names = {"__name__": name}
    pathlib.Path("example.py").write_text(_building.program(name, **parameters))
    exec(compile(pathlib.Path("example.py").read_text(), "example.py", "exec"), names)
    return names


def test_every_example_is_run():
    assert list(SMALL) == list(LEFT) == _building.names()


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.daily("table_with_categories")
def test_examples_run(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names = run(name, **SMALL[name])
    assert LEFT[name](names, capsys.readouterr().out)


@pytest.mark.parametrize("name", SMALL)
def test_examples_are_short_and_say_what_can_go_wrong(name):
    source = _building.program(name)
    assert source.count("\n") < 155
    assert source.startswith("# %% [markdown]\n# # ")
    assert "# ## What can go wrong\n" in source
    assert "# ## Next\n" in source


@pytest.mark.parametrize("name", SMALL)
def test_links_lead_to_pages_and_their_headings(name):
    links = re.findall(r"\]\(([^)\s]+)\)", _building.program(name))
    assert links
    for target in links:
        file, _, anchor = target.partition("#")
        page = _building.FOLDER / file
        if page.parent == _building.FOLDER:
            assert page.stem in SMALL
            continue
        headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
        assert not anchor or anchor in [re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings]


def test_parameters_are_those_of_the_first_cell():
    assert "\nepochs = 40\ntemperature = 2.0\nepochs = 3\n\n# %%\n" in _building.program("distillation", epochs=3)
    with pytest.raises(ValueError, match=r"parameters of the example 'distillation' .* Received: \['clean'\]"):
        _building.program("distillation", clean=None)


def test_a_table_that_is_not_installed_is_named_with_its_cure(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "palmerpenguins", None)
    with pytest.raises(ImportError, match="pip install palmerpenguins"):
        run("table_with_categories")


def test_a_folder_that_is_not_there_is_not_replaced_by_digits(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"`path` must be a folder of images. Received: 'photos'"):
        run("images_in_folders", folder="photos")
    assert not pathlib.Path("digits").exists()

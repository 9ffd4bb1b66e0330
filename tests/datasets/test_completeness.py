"""Every data set that `load` knows has one place in the registry, is documented, and is loaded by some test."""

import inspect
import pathlib
import re

from tests.datasets.test_human import COLUMNS
from tests.helpers import tiny_raw
from tfp_noise import datasets
from tfp_noise.datasets import embedded, folders, human, published

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "data.md"
LOADED_IN_TESTS = {
    "test_datasets, all of them": embedded.LOADERS,
    "test_prepare": tiny_raw.WRITERS,
    "test_folders, all of them": folders.NAMES,
    "test_human": [*COLUMNS, "cifar100n"],
}


def first_column(text, header):
    """Names in backquotes in the first column of a table; one that begins with a colon goes on the one before it."""
    found = []
    for row in inspect.cleandoc(text).partition(header)[2].splitlines()[2:]:
        if not row.startswith("|"):
            break
        for name in re.findall("`([^`]+)`", row.split("|")[1]):
            found.append(found[-1].partition(":")[0] + name if name.startswith(":") else name)
    return found


def test_every_data_set_has_one_place_in_the_registry():
    parts = embedded.LOADERS, published.NAMES, folders.NAMES, human.ANNOTATIONS
    assert sorted(datasets.names()) == sorted(name for part in parts for name in part)


def test_every_data_set_is_documented():
    tables = {
        "the docstring of `datasets.load`": first_column(datasets.load.__doc__, "| name | features | source |"),
        "docs/data.md": first_column(PAGE.read_text(encoding="utf-8"), "| name | where from |"),
    }
    for place, names in tables.items():
        missing = set(datasets.names()) - set(names)
        assert not missing, f"add {missing} to the table in {place}"
        assert sorted(names) == sorted(datasets.names())


def test_every_data_set_is_loaded_by_a_test():
    missing = set(datasets.names()) - {name for names in LOADED_IN_TESTS.values() for name in names}
    assert not missing, f"load {missing} in a test, and say in which in `LOADED_IN_TESTS`"

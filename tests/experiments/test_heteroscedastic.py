"""Measurement of the heteroscedastic loss: a small one, and that the committed table is that of the results."""

import pathlib

from experiments.heteroscedastic import measure, table

RESULTS = pathlib.Path(__file__).parents[2] / "results" / "heteroscedastic"


def test_table_is_that_of_the_results():
    assert (RESULTS / "table.md").read_text(encoding="utf-8") == table.table(RESULTS)


def test_more_points_have_smaller_errors(monkeypatch):
    monkeypatch.setattr(measure, "REFERENCE", 20_000)
    monkeypatch.setattr(measure, "SIZES", {3: (4, 5)})
    monkeypatch.setattr(measure, "METHODS", {"few": {"train_points": 4}, "many": {"train_points": 1024}})
    found = measure.errors(3, 1, 1.0)
    assert 0.5 < found["loss"] < 3
    for name in found["few"]:
        assert found["many"][name] < 0.3 * found["few"][name]

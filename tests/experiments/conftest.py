"""Fixtures of several tests of figures."""

import pytest

from experiments import results


@pytest.fixture
def finished(monkeypatch):
    """A list that stands for the finished runs of every folder."""
    runs = []
    monkeypatch.setattr(results, "load", lambda workdir: dict(enumerate(runs)))
    return runs

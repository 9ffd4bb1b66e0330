"""Losses over seeds: what is measured stays, and what is missing is measured and written."""

import types

from experiments import results
from experiments.evaluation import losses_by_seed


def test_only_what_is_missing_is_measured(tmp_path, monkeypatch):
    args = types.SimpleNamespace(losses=["a", "b"], seeds=["0", "3"], results=str(tmp_path))
    monkeypatch.setattr(losses_by_seed, "flags", types.SimpleNamespace(FLAGS=args))
    results.write_json(tmp_path / "noisy-3.json", {"a": {"score": 0.5}})
    losses_by_seed.measure(lambda seed: 10 * seed, lambda *given: {"given": given}, "noisy-")
    found = [results.read_measured(tmp_path / f"noisy-{seed}.json") for seed in (0, 3)]
    assert found == [
        {"a": {"given": ["a", 0, 0]}, "b": {"given": ["b", 0, 0]}},
        {"a": {"score": 0.5}, "b": {"given": ["b", 30, 3]}},
    ]

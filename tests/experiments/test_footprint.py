"""Cost and memory of each method: sizes that can be counted, and reasons in place of numbers."""

from experiments.comparison import footprint, methods
from experiments.comparison.compared_method import ComparedMethod
from experiments.comparison.training import Trainer
from tfp_noise import losses


def test_what_is_remembered_of_each_example_is_counted(monkeypatch):
    """Steps are timed as in the tests of their costs; here they are not taken."""

    def refuse(case):
        raise ValueError(f"`num_classes` must be small. Received: {case.data.num_classes}.\nTake fewer.")

    monkeypatch.setitem(methods.METHODS, "Refused", ComparedMethod(losses.CrossEntropy, refuse))
    monkeypatch.setattr(Trainer, "period", lambda *_: lambda: None)
    names = ["EarlyLearning", "Refused"]
    found = footprint.measured(names, num_classes=8, examples=256, batch=8, rounds=1)
    ratio, mebibytes = found["EarlyLearning"]
    assert ratio > 0
    assert mebibytes == 256 * (8 * 4 + 8) / 2**20
    assert found["Refused"] == "ValueError: `num_classes` must be small. Received: 8."
    lines = footprint.page(names, {10: {"EarlyLearning": (1.204, 1.907), "Refused": (1.0, 0.0)}, 8: found}).splitlines()
    assert lines[-4] == "| method | cost, K = 10 | memory, MiB, K = 10 | cost, K = 8 | memory, MiB, K = 8 |"
    assert lines[-2].startswith("| `EarlyLearning` | 1.20 | 1.9 | ")
    assert lines[-1] == f"| `Refused` | 1.00 | 0.0 | {found['Refused']} | – |"

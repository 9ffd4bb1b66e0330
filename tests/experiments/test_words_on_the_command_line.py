"""Words that are no flags end every script before it does anything."""

import pathlib
import runpy
import sys

import pytest
from absl import flags

import experiments

ROOT = pathlib.Path(experiments.__file__).parent.parent
# Programs of words, which `experiments.frameworks.measure` starts; one of them in an environment without absl.
STARTED_BY_ANOTHER = {"experiments.frameworks.of_keras", "experiments.frameworks.pytorch.of_torch"}
SCRIPTS = sorted(
    {
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in pathlib.Path(experiments.__file__).parent.rglob("*.py")
        if '__name__ == "__main__"' in path.read_text(encoding="utf-8")
    }
    - STARTED_BY_ANOTHER
)
REQUIRED = {
    "experiments.run": ["--experiment=none"],
    "experiments.search": ["--experiment=none"],
    "experiments.sweep": ["--under=none"],
}


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.filterwarnings("ignore:.*found in sys.modules:RuntimeWarning")
def test_a_word_is_refused(script, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [script, *REQUIRED.get(script, []), "runs"])
    before = set(flags.FLAGS)
    parsed = flags.FLAGS.is_parsed()
    try:
        with pytest.raises(SystemExit, match=r"must be a flag, --NAME=VALUE\. Received: runs"):
            runpy.run_module(script, run_name="__main__")
    finally:
        for name in set(flags.FLAGS) - before:
            delattr(flags.FLAGS, name)
        if not parsed:
            flags.FLAGS.unparse_flags()
    assert not list(tmp_path.iterdir())

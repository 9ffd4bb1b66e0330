"""Newest releases of the packages that setup.py bounds, each tried in place of the tested version.

    python -m experiments.versions
    python -m experiments.versions --packages=keras,numpy --pre

A release is put into a folder of its own, without its requirements, and found before the tested version while a part
of the tests runs. Everything else stays as it was tested, so that what breaks is due to that release. The overridden
hooks of Keras's trainer are in `tfp_noise/classifier.py` and `tfp_noise/_training/replication.py`.
"""

import importlib.metadata
import os
import pathlib
import re
import subprocess
import sys
import tempfile

from absl import flags
from packaging.requirements import Requirement
from packaging.version import Version
from rich import box
from rich.table import Table

from experiments.console import terminal

ROOT = pathlib.Path(__file__).parents[1]
# Tests of what bounds protect: hooks of Keras, TFP's bijectors, TFDS's download manager, KerasTuner's oracles, locks.
TESTS = (
    "tests/classifier/test_classifier.py",
    "tests/training/test_replicas.py",
    "tests/distributions/test_logistic_normal.py",
    "tests/datasets/test_prepare.py",
    "tests/search/test_choose_loss.py",
    "tests/saving/test_backup.py",
)
_FAILURES_SHOWN = 3

_PACKAGES = flags.DEFINE_list("packages", None, "Packages to try; by default those with an upper bound.")
_PRE = flags.DEFINE_bool("pre", False, "Try releases before the final one, too.")


def bounded():
    """`{package: requirement}` for those of this package, its extras included, that have an upper bound."""
    found = {}
    for text in importlib.metadata.requires("tfp-noise"):
        one = Requirement(text)
        if any(part.operator == "<" for part in one.specifier):
            found[one.name] = one
    return found


def install(package, folder, pre=False):
    """Puts the newest release into a folder, and returns its version.

    Raises:
        RuntimeError: if there is no release for this Python.
    """
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", folder, package]
    done = subprocess.run(command + ["--pre"] * pre, text=True, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1])
    (found,) = importlib.metadata.distributions(path=[folder])
    return found.version


def broken(folder):
    """Lines of the tests that fail with the packages of a folder, none if all pass."""
    paths = os.pathsep.join([str(folder), str(ROOT)])
    environment = os.environ | {"PYTHONPATH": paths}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--tb=no", *TESTS]
    done = subprocess.run(command, cwd=ROOT, env=environment, text=True, capture_output=True, check=False)
    if not done.returncode:
        return []
    lines = re.findall(r"^(?:FAILED|ERROR) (.*)$", done.stdout, re.M)
    return lines or (done.stdout + done.stderr).strip().splitlines()[-1:]


def outcome(package, bound, pre):
    """The cells of a table's row: bound, tested version, tried version, what breaks."""
    tested = importlib.metadata.version(package)
    with tempfile.TemporaryDirectory() as folder:
        try:
            newest = install(package, folder, pre)
        except RuntimeError as error:
            return bound, tested, "", str(error)
        if Version(newest) == Version(tested):
            return bound, tested, newest, "the tested one is the newest"
        lines = broken(folder)
    shown = "\n".join(lines[:_FAILURES_SHOWN])
    return bound, tested, newest, f"breaks: {len(lines)}\n{shown}" if lines else "nothing breaks"


def main():
    """Prints a row for each package."""
    requirements = bounded()
    console = terminal.console()
    table = Table("package", "bound", "tested", "tried", "with it", box=box.SIMPLE)
    for package in _PACKAGES.value or requirements:
        bound = str(requirements[package].specifier) if package in requirements else ""
        cells = outcome(package, bound, _PRE.value)
        console.print(f"{package}: {cells[2]} {cells[3]}")
        table.add_row(package, *cells)
    console.print(table)


if __name__ == "__main__":
    terminal.start(main)

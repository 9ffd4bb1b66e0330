"""Modules that an import brings along, and names that the package knows before they are imported."""

import pathlib
import re
import subprocess
import sys

import pytest

import tfp_noise
from tests.backends.test_other_backends import REFUSED

PROGRAM = "import sys; {statement}; print(*({candidates} & set(sys.modules)))"


def loaded(statement, candidates, backend):
    """The candidates that a new process has imported after a statement, the warnings being errors."""
    program = PROGRAM.format(statement=statement, candidates=candidates)
    environment = {"KERAS_BACKEND": backend, "PATH": "", "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": ":".join(sys.path)}
    found = subprocess.run([sys.executable, "-c", program], env=environment, text=True, capture_output=True, check=True)
    return set(found.stdout.split())


@pytest.mark.thorough
def test_tensorflow_probability_is_loaded_when_it_is_asked_for():
    candidates = {"tensorflow_probability", "tf_keras", "tensorflow_datasets"}
    assert not loaded("import tfp_noise; from tfp_noise import losses", candidates, "tensorflow")


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_losses_of_another_backend_do_without_tensorflow(backend):
    pytest.importorskip(backend)
    assert not loaded("import tfp_noise; from tfp_noise import losses; losses.CrossEntropy(3)", {"tensorflow"}, backend)


def test_names_are_listed_and_found_before_they_are_imported():
    assert set(tfp_noise.__all__) <= set(dir(tfp_noise))
    assert all(getattr(tfp_noise, name) is not None for name in tfp_noise.__all__)
    with pytest.raises(AttributeError, match="module 'tfp_noise' has no attribute 'loses'"):
        tfp_noise.loses  # noqa: B018


def test_the_page_names_all_that_other_backends_refuse():
    page = (pathlib.Path(__file__).parents[2] / "docs" / "training_loops.md").read_text()
    rows = [row for row in re.findall(r"^\|(.*)\|$", page, re.M) if row.split("|")[2].strip() == "no"]
    named = {name for row in rows for name in re.findall(r"`([\w.]+)`", row.split("|")[0])}
    assert named - {"min_scale", "pipeline", "distribute"} == {*REFUSED, "distributions.LogisticNormal"}

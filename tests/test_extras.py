"""A light install: what needs matplotlib, TensorFlow Datasets or the like says so, and nothing else imports them."""

import json
import pathlib
import re
import runpy
import subprocess
import sys

import keras
import numpy as np
import pytest
import setuptools

import tfp_noise
from tfp_noise import NoisyLabelClassifier, _extras, callbacks, datasets, suspects
from tfp_noise.datasets import prepare
from tfp_noise.search.walk import walk

ROOT = pathlib.Path(__file__).parents[1]
PROGRAM = """
import importlib, json, pkgutil, sys
sys.modules.update(dict.fromkeys({blocked}, None))
import tfp_noise
failed = {{}}
for module in pkgutil.walk_packages(tfp_noise.__path__, "tfp_noise."):
    if not module.name.endswith("__main__"):
        try:
            importlib.import_module(module.name)
        except ImportError as error:
            failed[module.name] = str(error)
print(json.dumps(failed))
"""
FOUND = suspects.Suspects([0, 1], [1, 1], [0.25, 1.0], [True, False], [[0, 0], [1, 1]])


@pytest.fixture(scope="module")
def settings():
    """Arguments that setup.py gives setuptools."""
    given = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(setuptools, "setup", given.update)
        patch.chdir(ROOT)
        runpy.run_path("setup.py")
    return given


def names(requirements):
    return {re.match(r"[\w-]+", one)[0].replace("-", "_") for one in requirements}


def test_no_extra_is_required(settings):
    extras = settings["extras_require"]
    for package, source in _extras.SOURCES.items():
        assert package not in names(settings["install_requires"])
        if extra := re.fullmatch(r"'tfp-noise\[(\w+)\]'", source):
            assert package in names(extras[extra[1]])
    users = {"data", "figures", "experiments", "search", "onnx"}
    assert set(extras["all"]) == {one for extra in users for one in extras[extra]}
    assert set(extras["dev"]) > set(extras["all"])


@pytest.mark.thorough
def test_every_module_but_figures_is_imported_without_them():
    program = PROGRAM.format(blocked=[*_extras.SOURCES, "tensorboard"])
    command = [sys.executable, "-W", "ignore", "-c", program]
    found = json.loads(subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=True).stdout)
    assert {name for name in found if not name.startswith("tfp_noise.visualization")} == set()
    assert "Install it by `pip install 'tfp-noise[figures]'`" in found["tfp_noise.visualization"]


def small_classifier():
    return NoisyLabelClassifier(
        keras.Sequential([keras.Input([2]), keras.layers.Dense(2)]), tfp_noise.losses.CrossEntropy(2)
    )


@pytest.mark.parametrize(
    ("package", "user", "call"),
    [
        ("matplotlib", "`Suspects.figure`", lambda: FOUND.figure(np.zeros([2, 8, 8]))),
        ("matplotlib", "`ClassRowsHistory", lambda: callbacks.ClassRowsHistory(log_dir="logs")),
        ("pandas", "`Suspects.to_frame`", FOUND.to_frame),
        ("tensorflow_datasets", "The data set 'mnist'", lambda: datasets.load("mnist")),
        ("tensorflow_datasets", "The default of `data_dir`", lambda: datasets.load("cifar10n:worst")),
        ("tensorflow_datasets", "`datasets.stream`", lambda: datasets.stream("mnist", "train")),
        ("tensorflow_datasets", "The data set 'mnist'", lambda: datasets.class_names("mnist")),
        ("tensorflow_datasets", "`tfp_noise.datasets.prepare`", lambda: prepare.prepare("mnist", "nowhere", "there")),
        ("keras_tuner", "`search.choose_loss`", lambda: walk({"a": {}}, None, None)),
        ("tf2onnx", "An export to ONNX", lambda: small_classifier().export("m.onnx", format="onnx")),
    ],
    ids=lambda one: one if isinstance(one, str) and one.isidentifier() else "",
)
def test_whatever_needs_a_package_says_how_to_install_it(package, user, call, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    message = f"{user}.* needs the package `{package}`, which is not installed. Install it by `pip install .+`"
    with pytest.raises(ImportError, match=message):
        call()


def test_an_error_inside_of_a_package_is_its_own(monkeypatch, tmp_path):
    (tmp_path / "tf2onnx.py").write_text("import no_such_module")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "tf2onnx", raising=False)
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        _extras.load("tf2onnx", "An export to ONNX")

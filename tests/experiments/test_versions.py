"""The command that tries newer releases: which packages, and what it says of each."""

import importlib.metadata
import pathlib

import pytest

from experiments import versions


def test_packages_are_those_with_an_upper_bound():
    found = versions.bounded()
    assert {"keras", "numpy", "tensorflow", "tensorflow-probability"} <= set(found)
    assert "scipy" not in found
    assert all(pathlib.Path(versions.ROOT, file).exists() for file in versions.TESTS)


def test_what_breaks_is_named(monkeypatch, tmp_path):
    file = tmp_path / "test_release.py"
    file.write_text("import release\n\ndef test_sum():\n    assert release.total == 3\n\ndef test_more():\n    pass\n")
    monkeypatch.setattr(versions, "TESTS", (str(file),))
    for name, total in (("right", 3), ("wrong", 4)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "release.py").write_text(f"total = {total}")
    assert versions.broken(tmp_path / "right") == []
    (line,) = versions.broken(tmp_path / "wrong")
    assert "test_release.py::test_sum" in line
    (line,) = versions.broken(tmp_path / "nowhere")
    assert "test_release.py" in line


def test_rows(monkeypatch):
    tested = importlib.metadata.version("keras")
    monkeypatch.setattr(versions, "broken", lambda folder: ["a", "b", "c", "d"])
    monkeypatch.setattr(versions, "install", lambda package, folder, pre: tested)
    assert versions.outcome("keras", "<9", False) == ("<9", tested, tested, "the tested one is the newest")
    monkeypatch.setattr(versions, "install", lambda package, folder, pre: "99.0")
    assert versions.outcome("keras", "<9", False) == ("<9", tested, "99.0", "breaks: 4\na\nb\nc")
    monkeypatch.setattr(versions, "broken", lambda folder: [])
    assert versions.outcome("keras", "<9", False)[-1] == "nothing breaks"


def test_a_package_without_a_release_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(RuntimeError, match="No matching distribution found for keras"):
        versions.install("keras", str(tmp_path))

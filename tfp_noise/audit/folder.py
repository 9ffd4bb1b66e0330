"""Output folder of an audit: its settings, its finished parts, and its lock."""

import json
import pathlib
import shutil
from typing import Any

from tfp_noise._saving import file_locks
from tfp_noise._saving.atomic_files import atomic_write, delete_leftovers
from tfp_noise._saving.json_files import differences, read_object, write_object

REPORT, SUSPECTS, SUMMARY, MODEL = "report.html", "suspects.csv", "summary.json", "model.keras"
_UNFINISHED = "unfinished"


class OutputFolder:
    """The folder of one audit. A `with` block keeps other processes out of it.

    `summary.json` is written last, so that an audit is finished if it is there. Until then the folder `unfinished`
    keeps the facts of the audit, its features and folds, and the losses compared so far.

    Args:
        path: the folder; made if it is not there.
        facts: data and settings, numbers and text by name.

    Raises:
        ValueError: if the folder holds results of another audit, or something else, or another process uses it.
    """

    def __init__(self, path: pathlib.Path, facts: dict[str, Any]):
        self._path, self._facts = path, json.loads(json.dumps(facts))

    def __enter__(self) -> "OutputFolder":
        path = self._path
        if path.exists() and not path.is_dir():
            raise ValueError(f"`--out` must be a folder. Received: {str(path)!r}, which is a file. Choose another.")
        self._check_content()
        self._lock = file_locks.take(path / ".lock")
        if self._lock is None:
            raise ValueError(f"`--out` is in use by another process. Received: {str(path)!r}. Wait, or choose another.")
        if self.is_finished:
            shutil.rmtree(self._unfinished, ignore_errors=True)  # of a process that was killed while it finished
        else:
            if self.stored("facts") != self._facts:  # another audit's, which ended before any training did
                shutil.rmtree(self._unfinished, ignore_errors=True)
            self._unfinished.mkdir(exist_ok=True)
            delete_leftovers(path, r"(report\.html|suspects\.csv|summary\.json|model\.keras)")
            self.store("facts", self._facts)
        return self

    def __exit__(self, *_: object) -> None:
        file_locks.free(self._lock)

    @property
    def is_finished(self) -> bool:
        """True if all files of the audit are there."""
        return self.file(SUMMARY).exists()

    @property
    def features(self) -> pathlib.Path:
        """The folder of the features that a backbone made."""
        return self._unfinished / "features"

    @property
    def folds(self) -> pathlib.Path:
        """The folder of the predictions of each fold."""
        return self._unfinished / "folds"

    def file(self, name: str) -> pathlib.Path:
        """The path of a file in the folder."""
        return self._path / name

    def write_text(self, name: str, text: str) -> None:
        """Writes a file atomically."""
        atomic_write(self.file(name), lambda path: path.write_text(text, encoding="utf-8"))

    def stored(self, name: str) -> Any:
        """A part of an unfinished audit, `None` if it is not there."""
        path = self._unfinished / f"{name}.json"
        return _read(path) if path.exists() else None

    def store(self, name: str, value: Any) -> None:
        """Keeps a part of an unfinished audit."""
        write_object(self._unfinished / f"{name}.json", value)

    def finish(self, summary: dict[str, Any]) -> None:
        """Writes the summary, and deletes what only an unfinished audit needs."""
        self.write_text(SUMMARY, json.dumps({**summary, "facts": self._facts}, indent=1, ensure_ascii=False) + "\n")
        shutil.rmtree(self._unfinished)

    @property
    def _unfinished(self):
        return self._path / _UNFINISHED

    @property
    def _has_results(self):
        return any(self.folds.glob("fold_*.npz")) or self.stored("comparison") is not None

    def _check_content(self):
        found = _read(self.file(SUMMARY)).get("facts") if self.is_finished else self.stored("facts")
        if found is None:
            others = [one.name for one in self._path.glob("[!.]*") if one.name != _UNFINISHED]
            if others:
                raise ValueError(
                    f"`--out` must be a new folder, or that of the same audit. Received: {str(self._path)!r}, which "
                    f"holds other things, such as {others[0]!r}. Choose another --out."
                )
            return
        changed = [f"{name}: there {there}, now {now}" for name, there, now in differences(found, self._facts)]
        if changed and (self.is_finished or self._has_results):
            raise ValueError(
                f"`--out` must be a new folder, or that of the same audit. Received: {str(self._path)!r}, which holds "
                f"another one ({'; '.join(changed)}). Choose another --out, or delete that folder."
            )


def _read(path):
    return read_object(path, "`--out` must hold whole files.", "Delete the folder, or choose another --out.")

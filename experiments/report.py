"""Finished runs: one JSON each, and the table and figures made from them.

`python -m experiments.report --workdir=DIR` makes `DIR/table.md` and the figures anew from the finished runs under
DIR. Beside each JSON lie the test predictions (`.npz`), which some figures need.
"""

import importlib.metadata
import io
import json
import os
import pathlib
import platform
import shlex
import subprocess
import sys

import numpy as np
from absl import flags
from rich import box
from rich.table import Table

from experiments import terminal
from tfp_noise import visualization

_PACKAGES = ["tensorflow", "keras", "tensorflow-probability", "numpy"]


def _path(experiment, workdir):
    return pathlib.Path(workdir) / experiment.name / f"seed{experiment.seed}.json"


def find(experiment, workdir):
    """The finished result of `experiment` under `workdir`, or `None`.

    Raises:
        ValueError: if a result of other settings is in its place.
    """
    path = _path(experiment, workdir)
    if not path.exists():
        return None
    result = _read(path)
    wanted = json.loads(json.dumps(experiment.settings()))
    differing = [key for key, value in wanted.items() if result["settings"].get(key) != value]
    if differing:
        changes = "; ".join(f"{key}: {result['settings'].get(key)!r} there, {wanted[key]!r} now" for key in differing)
        raise ValueError(f"`workdir` holds {path}, a result of other settings ({changes}). Give another `workdir`.")
    return result


def prepare(experiment, workdir):
    """Makes the folder of a result and writes to it once: better an error now than after the training."""
    path = _path(experiment, workdir)
    path.parent.mkdir(parents=True, exist_ok=True)
    _write_whole(path.with_suffix(".try"), b"")
    path.with_suffix(".try").unlink()


def write(experiment, workdir, scores, curves, resolved, probabilities, data, made_by):
    """Stores a finished run: its predictions, and last, as the mark that it is finished, its JSON.

    Returns:
        The result: a dict of plain JSON.
    """
    result = {
        "settings": experiment.settings(),
        "resolved": resolved,
        "scores": scores,
        "curves": curves,
        "made_by": made_by,
    }
    path = _path(experiment, workdir)
    arrays = {"transition": data.transition, "class_names": data.class_names, "test_labels": data.test.labels}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, test_probabilities=probabilities, **arrays)
    _write_whole(path.with_suffix(".npz"), buffer.getvalue())
    _write_whole(path, (json.dumps(result, indent=1, default=float) + "\n").encode())
    return result


def _write_whole(path, content):
    """Writes all of `content` or nothing: an interruption leaves no half-written file under the final name."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def made_by():
    """Command, commit, versions and machine: asked for when a run starts, for the checkout may change meanwhile."""

    def git(*arguments):
        folder = pathlib.Path(__file__).parent.parent
        return subprocess.run(
            ["git", *arguments], cwd=folder, capture_output=True, text=True, check=False
        ).stdout.strip()

    changed = " with uncommitted changes" if git("status", "--porcelain", "--", ".", ":!results") else ""
    return {
        "command": f"python -m experiments.{pathlib.Path(sys.argv[0]).stem} {shlex.join(sys.argv[1:])}".rstrip(),
        "commit": (git("rev-parse", "HEAD") or "unknown") + changed,
        "versions": {"python": platform.python_version()} | {p: importlib.metadata.version(p) for p in _PACKAGES},
        "machine": f"{platform.machine()}, {os.cpu_count()} CPU cores",
    }


def _read(path):
    try:
        return json.loads(path.read_text())
    except ValueError as error:
        raise ValueError(f"{path} is not a result: {error}. Delete it and run the experiment again.") from error


def _paths(folder):
    """The finished runs under `folder`, but for smoke runs: they prove nothing about a method."""
    folder = pathlib.Path(folder)
    paths = sorted(path for path in folder.rglob("seed*.json") if "smoke" not in path.relative_to(folder).parts)
    if not paths:
        raise FileNotFoundError(f"No finished run under {folder}: expected files seed*.json. Run an experiment first.")
    return paths


def load(folder):
    """All finished results under `folder`, in the order of their names and seeds.

    Raises:
        FileNotFoundError: if there is none.
    """
    results = [_read(path) for path in _paths(folder)]
    return sorted(results, key=lambda result: (result["settings"]["name"], result["settings"]["seed"]))


_HEADINGS = [
    "data",
    "network",
    "epochs",
    "noise",
    "method",
    "seeds",
    "paper",
    "test",
    "NLL",
    "Brier",
    "ECE 15",
    "ECE 100",
]
_HEADINGS += ["train", "clean part", "noisy: true", "noisy: fit"]
_FIRST_FIGURE = 6
LEGEND = (
    "Accuracies in percent. test: on clean test labels. ECE: calibration error, 15 and 100 bins. train: on training "
    "examples by their true class: all, those labelled correctly (clean part), mislabelled (noisy: true); "
    "noisy: fit, mislabelled ones by their wrong label."
)


def rows(results):
    """The table's rows as text: one an experiment, its seeds as mean ± standard deviation, accuracies in percent."""
    groups = {}
    for result in results:
        groups.setdefault(result["settings"]["name"], []).append(result)
    return [_row(group) for group in groups.values()]


def _noise(settings):
    kind, rate = settings["noise"]["kind"], settings["noise"]["rate"]
    return f"{kind.replace('_', ' ')} {rate:.0%}" if rate else kind


def _row(group):
    settings, scores = group[0]["settings"], [result["scores"] for result in group]
    published = settings["published"]

    def mean(values, scale=1.0, digits=3):
        values = [scale * value for value in values if value is not None]
        if not values:
            return "–"
        spread = f" ± {np.std(values, ddof=1):.{digits}f}" if len(values) > 1 else ""
        return f"{np.mean(values):.{digits}f}{spread}"

    keys = ["test_negative_log_likelihood", "test_brier_score", "test_ece_15_bins", "test_ece_100_bins"]
    parts = ["accuracy", "accuracy_clean", "accuracy_mislabelled_true", "accuracy_mislabelled"]
    return [
        settings["dataset"],
        settings["model"],
        str(settings["epochs"]),
        _noise(settings),
        settings["method"]["label"],
        str(len(group)),
        f"{published[0]:.2f} ± {published[1]:.2f}" if published else "–",
        mean([s["test_accuracy"] for s in scores], 100, 2),
        *(mean([s[key] for s in scores]) for key in keys),
        *(mean([s["train"][part] for s in scores], 100, 1) for part in parts),
    ]


def markdown(results):
    """The table as Markdown."""
    lines = [_HEADINGS, ["---"] * len(_HEADINGS), *rows(results)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines) + f"\n{LEGEND}\n"


def table(results, title=None):
    """The table for a terminal; columns that say the same in every row of several are left out."""
    lines = rows(results)
    shown = Table(title=title, caption=LEGEND, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    columns = [i for i, values in enumerate(zip(*lines, strict=True)) if len(lines) == 1 or len(set(values)) > 1]
    for i in columns:
        shown.add_column(_HEADINGS[i], justify="left" if i < _FIRST_FIGURE else "right", no_wrap=i < _FIRST_FIGURE)
    for line in lines:
        shown.add_row(*(line[i] for i in columns))
    return shown


def refresh(folder):
    """Makes `folder/table.md` and the figures of every group of methods under `folder` anew.

    Raises:
        FileNotFoundError: if no finished run is there.
    """
    folder, paths = pathlib.Path(folder), _paths(folder)
    _write_whole(folder / "table.md", markdown(load(folder)).encode())
    for group in sorted({path.parent.parent for path in paths}):
        _draw(group)


def _draw(group):
    """Figures that compare the methods of one group, first seed of each."""
    firsts = {path.parent.name: path for path in sorted(group.glob("*/seed*.json"), reverse=True)}
    results = {method: _read(path) for method, path in sorted(firsts.items())}
    settings = next(iter(results.values()))["settings"]
    title = f"{settings['dataset']}, {_noise(settings)}"
    figures = {"learning_curves": visualization.learning_curves({m: r["curves"] for m, r in results.items()}, title)}
    arrays = {m: np.load(p.with_suffix(".npz")) for m, p in sorted(firsts.items()) if p.with_suffix(".npz").exists()}
    if arrays:
        one = next(iter(arrays.values()))
        probabilities = {method: array["test_probabilities"] for method, array in arrays.items()}
        figures["reliability"] = visualization.reliability_diagram(probabilities, one["test_labels"])
        figures["transition"] = visualization.transition_matrix(one["transition"], one["class_names"], title)
    for name, figure in figures.items():
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=120)
        _write_whole(group / f"{name}.png", buffer.getvalue())


def main():
    """Makes the table and figures of a folder anew, and prints the table."""
    folder = flags.FLAGS.workdir
    refresh(folder)
    terminal.console().print(table(load(folder)))


if __name__ == "__main__":
    flags.DEFINE_string("workdir", "results", "Folder of finished runs.")
    terminal.start(main)

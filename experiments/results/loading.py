"""Finished runs of a folder, told apart from files that are none."""

import dataclasses
import pathlib
import re
from typing import Any, NamedTuple

from absl import logging

from experiments.results import files
from experiments.results.places import changes_of


class Survey(NamedTuple):
    """Files of a folder that are named like results.

    Args:
        runs: a dict `{path of the JSON: result}`, in the order of names and seeds.
        left_out: a dict `{path: reason}` of files that were torn, changed, put in another place, or are of other
            settings than the experiment of their name.
    """

    runs: dict[pathlib.Path, dict[str, Any]]
    left_out: dict[pathlib.Path, str]

    @property
    def without_digest(self):
        """Number of runs from the time before results had a digest, of which nobody can tell whether they changed."""
        return sum("digest" not in result for result in self.runs.values())


def is_smoke(name):
    """Return whether a name is that of a smoke run: one of two epochs, to see whether it runs."""
    return "smoke" in pathlib.PurePath(name).parts


def survey(folder, declared=None):
    """Return the `Survey` of a folder. Smoke runs, which prove nothing about a method, are not in it.

    Args:
        folder: a path.
        declared: a dict from name to `Experiment`, whose settings results of that name must have; `None` for any
            settings. Another `dtype_policy`, which is a flag of `experiments.run`, is no other setting.
    """
    folder = pathlib.Path(folder)
    runs, left_out, places = {}, {}, {}
    for path in folder.rglob("seed*.json"):
        if not re.fullmatch(r"seed\d+\.json", path.name) or is_smoke(path.relative_to(folder)):
            continue
        try:
            result = files.read_result(path)
            _check_place(path, result["settings"], places, folder)
            _check_settings(path, result["settings"], declared or {})
        except ValueError as error:
            left_out[path] = str(error)
        else:
            runs[path] = result
    return Survey(dict(sorted(runs.items(), key=_name_and_seed)), left_out)


def load(folder):
    """Return all finished results under a folder.

    Args:
        folder: a path.

    Returns:
        A dict as in `Survey.runs`.

    Raises:
        FileNotFoundError: if there is none.
        ValueError: if a file is no result, or lies where another belongs, as in a copied folder.
    """
    found = survey(folder)
    for reason in found.left_out.values():
        raise ValueError(reason)
    if not found.runs:
        raise FileNotFoundError(f"No finished run under {folder}: expected files seed*.json. Run an experiment first.")
    return found.runs


def load_sound(folder, declared):
    """Return the finished results under a folder that tables may be made of; others are named in a warning each.

    Args:
        folder: as in `load`.
        declared: as in `survey`.

    Returns:
        A dict as in `Survey.runs`; an empty one without any.
    """
    found = survey(folder, declared)
    for reason in found.left_out.values():
        logging.warning("Left out of tables and figures: %s", reason)
    return found.runs


def _name_and_seed(item):
    settings = item[1]["settings"]
    return settings["name"], settings["seed"]


def _check_place(path, settings, places, folder):
    belongs = pathlib.Path(settings["name"]) / f"seed{settings['seed']}.json"
    if path.resolve().parts[-len(belongs.parts) :] != belongs.parts:
        raise ValueError(f"{path} holds the result that belongs in {belongs}. Move it there, or delete it.")
    if belongs in places:
        raise ValueError(f"{path} and {places[belongs]} are one run. Take one of them out of {folder}.")
    places[belongs] = path


def _check_settings(path, settings, declared):
    if settings["name"] in declared:
        experiment = declared[settings["name"]].with_seed(settings["seed"])
        if "dtype_policy" in settings:
            experiment = dataclasses.replace(experiment, dtype_policy=settings["dtype_policy"])
        if changes := changes_of(settings, experiment):
            raise ValueError(
                f"{path} holds a result of other settings than {settings['name']} has ({changes}). Move it out of the "
                "folder, and run the experiment again."
            )

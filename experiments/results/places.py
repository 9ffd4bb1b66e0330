"""The place of a run in a folder of results, and the comparison of its settings with those that lie there."""

import json
import pathlib


def path_of(experiment, workdir):
    """Return the path of the JSON of a run, finished or not."""
    return pathlib.Path(workdir) / experiment.name / f"seed{experiment.seed}.json"


def lock_path(experiment, workdir):
    """Return the path of the file that a process holds while it is at work on a run."""
    return path_of(experiment, workdir).with_suffix(".lock")


def changes_of(settings, experiment):
    """Return the differences between stored settings and those of an experiment as text, empty without any.

    Args:
        settings: a dict, as `Experiment.settings` returns it, read from JSON.
        experiment: an `Experiment`.
    """
    there, wanted = _leaves(settings), _leaves(json.loads(json.dumps(experiment.settings())))
    pairs = {key: (there.get(key, "nothing"), wanted.get(key, "nothing")) for key in {**wanted, **there}}
    return "; ".join(f"{key}: {old!r} there, {new!r} now" for key, (old, new) in pairs.items() if old != new)


def _leaves(settings, prefix=""):
    """The settings that a run depends on, under dotted keys; it does not depend on the published number."""
    leaves = {}
    for key, value in settings.items():
        if isinstance(value, dict) and value:
            leaves |= _leaves(value, f"{prefix}{key}.")
        elif key != "published":
            leaves[prefix + key] = value
    return leaves

"""Finished runs in a folder: one JSON each, which is the mark that the run is finished.

Beside it lie the test predictions (`.npz`) and the trained model (`.keras`), from which figures are drawn and on which
later runs build. Every file is written whole or not at all. A run that is not finished has a folder of backups there.
"""

from experiments.results.backups import drop_backup, start
from experiments.results.files import json_text, read_measured, read_predictions, write_figure, write_json, write_text
from experiments.results.loading import Survey, is_smoke, load, load_sound, survey
from experiments.results.provenance import made_by
from experiments.results.store import assemble, find, find_model, write

__all__ = [
    "Survey",
    "assemble",
    "drop_backup",
    "find",
    "find_model",
    "is_smoke",
    "json_text",
    "load",
    "load_sound",
    "made_by",
    "read_measured",
    "read_predictions",
    "start",
    "survey",
    "write",
    "write_figure",
    "write_json",
    "write_text",
]

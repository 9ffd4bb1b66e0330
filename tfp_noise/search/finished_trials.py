"""File with the accuracy of each finished trial, which an interrupted search goes on from."""

import json
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from tfp_noise._saving.atomic_files import delete_leftovers
from tfp_noise._saving.json_files import differences, read_object, write_object
from tfp_noise._saving.model_digest import model_digest
from tfp_noise._training.training_facts import described

_EXPECTED = "`workdir` must be of the same search, or empty."
_CURE = "Delete the file, or pass another folder."
_FEW = 8  # examples, by whose outputs models are compared


class FinishedTrials:
    """A file of accuracies by loss and arguments, for one set of data and settings.

    Args:
        folder: a `pathlib.Path`, made if it is not there.
        data: `Dataset`.
        settings: dict of numbers, by argument.

    Raises:
        ValueError: if `folder` is a file or belongs to a search with other data or settings.
    """

    def __init__(self, folder: pathlib.Path, data: Any, settings: Mapping[str, int]):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise ValueError(f"`workdir` must be a folder. Received: {folder}, which is a file.") from error
        delete_leftovers(folder, r"search\.json")
        self._path = folder / "search.json"
        self._few = tf.constant(data.validation.inputs[:_FEW])
        parts = {"train": data.train, "validation": data.validation}
        described_data = {
            f"data.{name}": described((part.features, part.training_labels)) for name, part in parts.items()
        }
        facts = {**described_data, **settings}
        self._stored: dict[str, Any] = {"facts": facts, "trials": {}}
        if self._path.exists():
            self._stored = {**self._stored, **read_object(self._path, _EXPECTED, _CURE)}
            changed = differences(self._stored["facts"], facts)
            if changed:
                said = "; ".join(f"`{name}`: stored {there}, received {now}" for name, there, now in changed)
                raise ValueError(f"{_EXPECTED} Received: {self._path}, of other arguments. {said}. {_CURE}")

    def find(
        self, name: str, arguments: Mapping[str, Any], model: Any, measure: Callable[[], float | None]
    ) -> float | None:
        """The stored accuracy of a trial, or that of `measure()`, which is stored.

        Args:
            name: of the loss.
            arguments: of the loss.
            model: the model before training.
            measure: function that trains it and returns the accuracy, `None` if training diverged.

        Raises:
            ValueError: if the stored trial had another network or optimizer.
        """
        texts = {
            key: value if isinstance(value, (int, float, str, type(None))) else described(value)
            for key, value in arguments.items()
        }
        key, digest = f"{name} {json.dumps(texts)}", model_digest(model, model(self._few, training=False))
        trials = self._stored["trials"]
        if key not in trials:
            trials[key] = {"accuracy": measure(), "build": digest}
            write_object(self._path, self._stored)
        elif trials[key]["build"] != digest:
            raise ValueError(f"{_EXPECTED} Received: {self._path}, where `build` made another model for {key}. {_CURE}")
        return trials[key]["accuracy"]

"""JSON files of one object each, which an interrupted process goes on from."""

import json
import pathlib
from typing import Any

from tfp_noise._saving.atomic_files import atomic_write


def write_object(path: pathlib.Path, value: dict[str, Any]) -> None:
    """Writes a dict as JSON, atomically."""
    text = json.dumps(value, indent=1)
    atomic_write(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def read_object(path: pathlib.Path, expected: str, cure: str) -> dict[str, Any]:
    """The dict in a JSON file.

    Args:
        path: the file.
        expected: sentence for errors that names the argument and what its files must be.
        cure: sentence for errors that says what to do with a damaged file.

    Raises:
        ValueError: if the file holds anything but one JSON object.
    """
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (TypeError, ValueError) as error:  # TypeError: JSON of something else, such as a number
        raise ValueError(f"{expected} Received: {path}, damaged: {error}. {cure}") from error


def differences(stored: dict[str, Any], received: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    """Name, stored value and received value of each entry that is not the same in both dicts."""
    pairs = {name: (stored.get(name), received.get(name)) for name in {**stored, **received}}
    return [(name, there, now) for name, (there, now) in pairs.items() if there != now]

"""Files of runs, written whole or not at all, and read with their content checked."""

import hashlib
import json

from tfp_noise import _validation
from tfp_noise._saving import packed_arrays
from tfp_noise._saving.atomic_files import atomic_write

_NUMBER = (int, float)
_CURVES = ("epoch", "test_accuracy", "train_accuracy_clean", "train_accuracy_mislabelled")
# What tables and figures read of every run; a result may hold more.
_RESULT = {
    "settings": {
        "name": str,
        "seed": int,
        "dataset": str,
        "model": str,
        "epochs": int,
        "noise": {"kind": str, "rate": _NUMBER},
        "method": {"label": str},
        "published": (list, type(None)),
    },
    "scores": {"test_accuracy": _NUMBER, "train": dict},
    "curves": dict.fromkeys((*_CURVES, "train_accuracy_mislabelled_true"), list),
}


def json_text(value, indent=""):
    """Return a value as JSON, each named value on its own line, and each list of numbers or words on one.

    Args:
        value: plain data; what JSON does not know, as the numbers of NumPy, becomes a float.
        indent: text before each further line.
    """
    inner = f"{indent} "
    if isinstance(value, dict) and value:
        lines = [f"{json.dumps(str(key))}: {json_text(one, inner)}" for key, one in value.items()]
        return "{\n" + ",\n".join(f"{inner}{line}" for line in lines) + f"\n{indent}}}"
    if isinstance(value, (list, tuple)) and any(isinstance(one, (dict, list, tuple)) for one in value):
        return "[\n" + ",\n".join(f"{inner}{json_text(one, inner)}" for one in value) + f"\n{indent}]"
    return json.dumps(value, default=float)


def digest(result):
    """Return the SHA-256 of a result without its own entry `digest`, hexadecimal: a changed file has another one.

    Args:
        result: a dict, in memory or read from its file.
    """
    text = json_text({key: value for key, value in result.items() if key != "digest"})
    return hashlib.sha256(text.encode()).hexdigest()


def write_json(path, value):
    """Store a value as a file of `json_text`.

    Args:
        path: a `pathlib.Path`.
        value: as in `json_text`.
    """
    write_text(path, json_text(value) + "\n")


def write_text(path, text):
    """Store text as a file, in a folder that is made if it is not there.

    Args:
        path: a `pathlib.Path`.
        text: what the file is to hold.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(path, lambda file: file.write_text(text))


def write_figure(path, figure):
    """Store a `matplotlib.figure.Figure` as PNG."""
    atomic_write(path, lambda file: figure.savefig(file, format="png", dpi=120))


def read_result(path):
    """Return the dict in the JSON of a finished run.

    Args:
        path: a `pathlib.Path`.

    Raises:
        ValueError: if it is not the JSON of one; the message names the file and the cure.
    """
    found = read_json(path, "a result", "Delete it and run the experiment again.")
    wrong = _difference(found, _RESULT) or _wrong_numbers(found) or _wrong_digest(found)
    if wrong:
        raise ValueError(f"{path} is not a result: {wrong}. Delete it and run the experiment again.")
    return found


def read_json(path, what, cure):
    """Return the dict in a file of JSON.

    Args:
        path: a `pathlib.Path`.
        what: text for the error, what the file should be.
        cure: text for the error, what to do.

    Raises:
        ValueError: if it is no such file.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not {what}: {error}. {cure}") from error
    if not isinstance(found, dict):
        kind = _validation.with_article(type(found).__name__)
        raise ValueError(f"{path} is not {what}: it holds {kind}, not named values. {cure}")
    return found


def read_measured(path):
    """Return the dict in a JSON file of measurements, to which more are to be added; an empty one without a file.

    Args:
        path: a `pathlib.Path`.

    Raises:
        ValueError: if it is no such file.
    """
    return read_json(path, "a file of measurements", "Delete it and measure again.") if path.exists() else {}


def read_predictions(path):
    """Return the test predictions of a finished run, and the labels that they are compared with.

    Args:
        path: a `pathlib.Path` of the `.npz` file.

    Returns:
        A dict: `test_probabilities` `[n, K]`, `test_labels` `[n]`, `class_names`, and, where it is known, `transition`
        `[K, K]`.

    Raises:
        ValueError: if it is no such file.
    """
    try:
        arrays = packed_arrays.read_npz(path)
        names = _validation.check_class_names(arrays["class_names"].tolist())
        rows = _validation.check_distributions("test_probabilities", arrays["test_probabilities"])
        _validation.check_labels("test_labels", arrays["test_labels"], len(names))
        if "transition" in arrays:
            _validation.check_transition("transition", arrays["transition"], len(names))
        if rows.shape != (len(arrays["test_labels"]), len(names)):
            raise ValueError(f"`test_probabilities` has the shape {rows.shape}")
    except FileNotFoundError:
        raise
    except Exception as error:  # a damaged archive can raise anything
        raise ValueError(
            f"{path} does not hold the predictions of a run: {type(error).__name__}: {error}. Delete it, and figures "
            "are made without it; for another one delete the result beside it, too, and run the experiment again."
        ) from error
    return arrays


def _difference(found, shape, place=""):
    """The first value that is missing or of another type than in `shape`, as text; `None` if there is none."""
    for key, kind in shape.items():
        value, name = found.get(key), f"{place}{key}"
        expected = dict if isinstance(kind, dict) else kind
        if key not in found or not isinstance(value, expected) or isinstance(value, bool):
            return f"its `{name}` is {f'{value!r:.50}' if key in found else 'missing'}"
        if isinstance(kind, dict) and (inner := _difference(value, kind, f"{name}.")):
            return inner
    return None


def _wrong_numbers(result):
    """The first of the lists and scores that does not hold numbers, as text; `None` if there is none."""
    published, curves = result["settings"]["published"], result["curves"]
    if published is not None:
        mean, spread = published if len(published) == 2 else (None, None)
        if not _is_number(mean) or not (spread is None or (_is_number(spread) and spread > 0)):
            return f"its `settings.published` is {published!r:.50}"
    if not isinstance(result.get("resolved", {}), dict):
        return "its `resolved` holds no named values"
    scores = {f"scores.{key}": value for key, value in result["scores"].items()}
    nested = {f"scores.{key}": result["scores"].get(key, {}) for key in ("train", "ensembles")}
    lists = {name: list(value.values()) if isinstance(value, dict) else value for name, value in nested.items()}
    lists |= {name: [value] for name, value in scores.items() if name not in nested}
    for name, values in {**lists, **{f"curves.{key}": values for key, values in curves.items()}}.items():
        if not isinstance(values, list) or not all(value is None or _is_number(value) for value in values):
            return f"its `{name}` holds what is no number"
    if len({len(values) for values in curves.values()}) > 1:
        return "its `curves` differ in length"
    return None


def _wrong_digest(result):
    """The digest of a result that was changed after the run, as text; `None` if it fits, or if there is none."""
    changed = "digest" in result and result["digest"] != digest(result)
    return "its content was changed after the run, and its `digest` is that of another content" if changed else None


def _is_number(value):
    return isinstance(value, _NUMBER) and not isinstance(value, bool)

"""Every reader of a file, with damaged ones: it returns what was written, or raises an error with file and cure."""

import gzip
import json
import re
import tarfile
import warnings

import keras
import numpy as np
import pytest

from experiments import report, results
from experiments.results import files as result_files
from experiments.results import loading
from experiments.run import run_all
from tests.helpers import tiny_raw
from tests.helpers.small_experiments import SMALL, result_of
from tests.saving.test_backup import classifier, fit, values
from tfp_noise import datasets, distribute
from tfp_noise._saving import atomic_files
from tfp_noise.callbacks import BackupAndRestore
from tfp_noise.datasets import cifar10h, clothing1m, human, prepare, raw_files
from tfp_noise.datasets.base import Examples
from tfp_noise.losses import TopRows
from tfp_noise.similarities import ClassSimilarities

RNG = np.random.default_rng(0)
CURE = re.compile(r"[Dd]elete|again|another copy|earlier checkpoint|interrupted|[Pp]ass another")
NAMES = tuple("abcd")
ROWS = RNG.dirichlet(np.ones(4), 4)


def similarities(folder, rows=ROWS):
    path = folder / "q.npz"
    ClassSimilarities(rows, NAMES).save(path)
    return path, lambda: np.asarray(ClassSimilarities.load(path).matrix)


def top_similarities(folder):
    indices, kept = np.array([[1, 2], [0, 2], [0, 3], [0, 1]]), np.full([4, 2], 0.25, np.float32)
    return similarities(folder, TopRows(indices, kept, np.full(4, 0.5, np.float32)))


def stored(folder):
    path = folder / SMALL.name / "seed0.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result_of(SMALL), indent=1))
    return path


def found_result(folder):
    path = stored(folder)
    return path, lambda: results.find(SMALL, folder)


def reported_result(folder):
    path = stored(folder)

    def read():
        (found,) = results.load(folder).values()
        report.table([found])
        report.markdown([found])
        report.compare({"FC": [(path, found)]})
        return found

    return path, read


def predictions(folder):
    path = stored(folder).with_suffix(".npz")
    labels = RNG.integers(4, size=6)
    arrays = {"test_labels": labels, "transition": np.eye(4), "class_names": NAMES}
    atomic_files.atomic_write(path, lambda file: np.savez_compressed(file, test_probabilities=ROWS[labels], **arrays))
    read = result_files.read_predictions
    return path, lambda: [read(path)[name] for name in ("test_probabilities", "test_labels", "transition")]


def stored_model(folder):
    path, model = stored(folder).with_suffix(".keras"), classifier()
    model.save(path)
    return path, lambda: results.find_model(SMALL, folder).get_weights()


def backup_settings(folder):
    results.start(SMALL, folder, resume=True, strategy=distribute.strategy())
    path = folder / SMALL.name / "seed0.backup" / "settings.json"
    whole = json.loads(path.read_text())

    def read():
        results.start(SMALL, folder, resume=True, strategy=distribute.strategy())
        return whole

    return path, read


def backup(folder):
    fit(classifier(), 1, BackupAndRestore(folder, delete_checkpoint=False))
    (path,) = folder.iterdir()
    return path, lambda: BackupAndRestore(folder).epoch


def weights(folder, name="model.weights.h5", save=None):
    path, model = folder / name, classifier()
    fit(model, 1)
    (save or type(model).save_weights)(model, path)
    expected = values(model)

    def read():
        for variable in [*model.variables, *model.optimizer.variables]:
            variable.assign(keras.ops.zeros_like(variable))
        model.load_weights(path)
        assert len(values(model)) == len(expected)
        return values(model)

    return path, read


def weights_of_an_archive(folder):
    return weights(folder, "model.keras", lambda model, path: model.save(path))


def weights_without_a_checksum(folder):
    return weights(folder, save=keras.Model.save_weights)


def human_labels(folder):
    path = folder / "CIFAR-10_human.pt"
    keys = ("clean_label", *(f"random_label{i}" for i in (1, 2, 3)), "aggre_label", "worse_label")
    tiny_raw.write_labels(path, {key: RNG.integers(10, size=20) for key in keys})
    return path, lambda: list(human.read_labels(path).values())


def human_shares(folder):
    path = folder / "cifar_n" / cifar10h.FILE
    path.parent.mkdir()
    np.save(path, np.eye(10)[np.arange(20) % 10])
    examples = Examples(np.zeros([20, 1]), np.arange(20) % 10, np.arange(20))
    return path, lambda: cifar10h.load(examples, folder)


def clothing(folder, name):
    keys = [f"images/0/{i}.jpg" for i in range(14)]
    for key in keys:
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        (folder / key).touch()
    for file in clothing1m._KEYS.values():
        (folder / file).write_text("\n".join(keys))
    for file in clothing1m._LABELS.values():
        (folder / file).write_text("\n".join(f"{key} {i}" for i, key in enumerate(keys)))
    (folder / clothing1m._CLASS_NAMES).write_text("\n".join(f"class {i}" for i in range(14)))
    return folder / name, lambda: clothing1m.load(folder).class_names


def clothing_names(folder):
    return clothing(folder, "category_names_eng.txt")


def clothing_labels(folder):
    return clothing(folder, "noisy_label_kv.txt")


def clothing_keys(folder):
    return clothing(folder, "clean_val_key_list.txt")


def staged(folder, name, pack):
    """A raw file in its archive, unpacked as in `prepare`."""
    raw = folder / "raw"
    raw.mkdir()
    content = "\n".join(f"class {i}" for i in range(10)).encode()
    file = raw_files.RawFile("names.txt", name, size=len(content), lines=10)
    pack(raw / name, content)

    def read():
        directory = folder / f"staged{len(list(folder.iterdir()))}"
        directory.mkdir()
        raw_files.stage(raw, [file], directory)
        return (directory / "names.txt").read_bytes()

    return raw / name, read


def packed_file(folder):
    return staged(folder, "names.txt.gz", lambda path, content: path.write_bytes(gzip.compress(content)))


def packed_folder(folder):
    def pack(path, content):
        (folder / "names.txt").write_bytes(content)
        with tarfile.open(path, "w:gz") as tar:
            tar.add(folder / "names.txt", "names.txt")

    return staged(folder, "names.tar.gz", pack)


def label_list(folder):
    return staged(folder, "names.txt", lambda path, content: path.write_bytes(content))


# Whether there is a checksum, without which a flipped bit may make another number, or another name.
READERS = {
    similarities: True,
    top_similarities: True,
    found_result: False,
    reported_result: False,
    predictions: True,
    stored_model: True,
    backup_settings: False,
    backup: True,
    weights: True,
    weights_of_an_archive: True,
    weights_without_a_checksum: False,
    human_labels: True,
    human_shares: False,
    clothing_names: False,
    clothing_labels: False,
    clothing_keys: False,
    packed_file: True,
    packed_folder: True,
    label_list: False,
}
WRONG_JSON = ["{}", "null", "[]", "[1]", '"text"', "1", "[" * 100_000, '{"settings": null}', '{"settings": {}}', "NaN"]


def damaged(whole, flips):
    """A file's content, truncated, extended, overwritten, or with flipped bits."""
    yield "empty", b""
    for share in (0.01, 0.3, 0.7, 0.99):
        yield f"cut at {share}", whole[: int(share * len(whole))]
    for _ in range(flips):
        position, bit = RNG.integers(len(whole)), RNG.integers(8)
        content = bytearray(whole)
        content[position] ^= 1 << bit
        yield f"bit {bit} of byte {position}", bytes(content)
    for count in (len(whole), 7, 3000):
        yield f"{count} random bytes", RNG.bytes(count)
    for text in WRONG_JSON:
        yield text[:20], text.encode()


def read_or_refuse(path, read, contents):
    """`(what, result, error)` for each content that the file is given; the error is text, or `None`."""
    whole = path.read_bytes()
    for what, content in contents:
        path.write_bytes(content)
        found, error = None, None
        try:
            with warnings.catch_warnings(action="ignore"):
                found = read()
        except (ValueError, OSError) as refusal:
            error = str(refusal)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(whole)
        yield what, found, error


@pytest.mark.parametrize("flips", [15, pytest.param(1000, marks=pytest.mark.torture)])
@pytest.mark.parametrize("make", READERS)
def test_a_damaged_file_is_read_as_it_was_or_refused_by_name_and_with_a_cure(make, flips, tmp_path):
    path, read = make(tmp_path)
    expected, refused = read(), 0
    name = path.parent.name if make is backup_settings else path.name  # settings are deleted with what they are of
    for what, found, error in read_or_refuse(path, read, damaged(path.read_bytes(), flips)):
        if error is not None:
            refused += 1
            assert name in error, f"{what}: {error}"
            assert CURE.search(error), f"{what}: {error}"
        elif READERS[make]:
            keras.tree.map_structure(np.testing.assert_array_equal, found, expected)
    assert refused >= 8


def changed(whole, place=()):
    """Copies of a tree of dicts in each of which one value is missing or of another kind."""
    for key, value in whole.items():
        for other in (None, {}, [], ["a"], "a", True, {"a": "a"}, [None, 0.0], -1):
            yield f"{key} is {other!r}", {**whole, key: other}
        yield f"{key} is missing", {name: kept for name, kept in whole.items() if name != key}
        if isinstance(value, dict):
            for what, inner in changed(value):
                yield f"{key}.{what}", {**whole, key: inner}


def test_a_result_with_any_value_of_another_kind_makes_a_table_or_is_refused(tmp_path):
    path, read = reported_result(tmp_path)
    contents = [(what, json.dumps(other).encode()) for what, other in changed(result_of(SMALL))]
    errors = [(what, error) for what, _, error in read_or_refuse(path, read, contents)]
    refused = [(what, error) for what, error in errors if error is not None]
    assert len(refused) > 100
    for what, error in refused:
        assert "seed0.json" in error, f"{what}: {error}"
        assert CURE.search(error), f"{what}: {error}"


def test_only_a_number_makes_a_result_and_a_sweep_names_a_damaged_one_and_goes_on(tmp_path, monkeypatch):
    stored(tmp_path)
    notes = tmp_path / SMALL.name / "seed_notes.json"
    notes.write_text("[1, 2]")
    assert len(results.load(tmp_path)) == 1
    damaged_one = tmp_path / "small" / "none" / "CE" / "seed0.json"
    damaged_one.parent.mkdir(parents=True)
    damaged_one.write_text("{}")
    said = []
    monkeypatch.setattr(loading.logging, "warning", lambda text, *arguments: said.append(text % arguments))
    run_all([SMALL], tmp_path)
    (line,) = said
    assert f"{damaged_one} is not a result: its `settings` is missing. Delete it" in line
    assert (tmp_path / "table.md").read_text() == report.markdown([result_of(SMALL)])
    assert json.loads((tmp_path / SMALL.name / "seed0.json").read_text()) == result_of(SMALL)


@pytest.mark.torture
def test_a_damaged_prepared_data_set_is_named(tmp_path, monkeypatch):
    raw = tmp_path / "raw"
    raw.mkdir()
    tiny_raw.publish(monkeypatch, "mnist", raw)
    folder, _ = prepare.prepare("mnist", raw, tmp_path)
    for path in sorted(folder.iterdir()):
        contents = [case for case in damaged(path.read_bytes(), 3) if "random" not in case[0]][1:8:2]
        for what, found, error in read_or_refuse(path, lambda: datasets.load("mnist", tmp_path), contents):
            if error is None:
                assert len(found.test) == tiny_raw.TEST, f"{path.name}, {what}"
            else:
                assert str(tmp_path / "mnist") in error, f"{path.name}, {what}: {error}"
                assert CURE.search(error), f"{path.name}, {what}: {error}"

"""The record of a ranking: order, table, dict, pictures, bad input."""

import csv
import functools
import json

import numpy as np
import pandas
import pytest

from tfp_noise import suspects

GIVEN, SUGGESTED = np.array([0, 1, 2, 0, 1]), np.array([1, 1, 0, 0, 2])
SCORE, FLAG = np.array([0.4, 0.9, 0.1, 0.8, 0.4]), np.array([True, False, True, False, True])
JOINT = np.array([[1.0, 0.5, 1.0], [0.5, 1.0, 0.0], [0.5, 0.5, 0.0]])
RIGHT = {"labels": GIVEN, "suggested": SUGGESTED, "score": SCORE, "is_suspect": FLAG, "joint": JOINT}
IMAGES = np.random.default_rng(0).uniform(size=(5, 6, 4))


def record():
    return suspects.Suspects(**RIGHT)


def test_order_is_by_score_and_of_equal_scores_by_position():
    np.testing.assert_array_equal(record().order, [2, 0, 4, 3, 1])


def test_counts_are_those_off_the_diagonal():
    assert record().estimated_count == 3
    np.testing.assert_allclose(record().count_by_label, [1.0, 1.0, 1.0])
    assert len(record()) == 5


def test_table_reads_back(tmp_path):
    path = tmp_path / "suspects.csv"
    record().to_csv(path, ids=["a", "b", 'c,"d"', "e", "ä"], class_names=("cat", "dog, wet", "eel"))
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == ['c,"d"', "a", "ä", "e", "b"]
    assert [row["given"] for row in rows] == ["eel", "cat", "dog, wet", "cat", "dog, wet"]
    assert [row["suggested"] for row in rows] == ["cat", "dog, wet", "eel", "cat", "dog, wet"]
    assert [float(row["score"]) for row in rows] == [0.1, 0.4, 0.4, 0.8, 0.9]
    assert [row["is_suspect"] for row in rows] == ["True", "True", "True", "False", "False"]
    assert list(tmp_path.iterdir()) == [path]


def test_table_has_positions_and_indices_by_default(tmp_path):
    record().to_csv(tmp_path / "suspects.csv")
    lines = (tmp_path / "suspects.csv").read_text().splitlines()
    assert lines[:2] == ["id,given,suggested,score,is_suspect", "2,2,0,0.1,True"]


def test_a_missing_folder_is_named(tmp_path):
    folder = tmp_path / "reports" / "new"
    with pytest.raises(FileNotFoundError, match=rf"must exist\. Received: '{folder}', .* `os.makedirs\('{folder}'\)`"):
        record().to_csv(folder / "suspects.csv")


def test_dict_is_json():
    read = json.loads(json.dumps(record().to_dict()))
    assert read["order"] == [2, 0, 4, 3, 1]
    assert read["estimated_count"] == 3
    assert read["joint"] == JOINT.tolist()
    assert [read[name] for name in ("labels", "suggested", "score", "is_suspect")] == [
        one.tolist() for one in (GIVEN, SUGGESTED, SCORE, FLAG)
    ]


@pytest.mark.parametrize(
    "images",
    [IMAGES, IMAGES[..., None], np.stack([IMAGES] * 3, axis=-1), (255 * IMAGES).astype("uint8")],
    ids=["grey", "one channel", "colours", "bytes"],
)
def test_pictures_are_those_of_the_suspects(images):
    figure = record().figure(images, class_names=("cat", "dog", "eel"), title="Look")
    assert [axes.get_title() for axes in figure.axes] == ["eel → cat?", "cat → dog?", "dog → eel?"]
    assert figure.get_suptitle() == "Look"
    for axes, position in zip(figure.axes, [2, 0, 4], strict=True):
        (shown,) = axes.get_images()
        np.testing.assert_array_equal(shown.get_array(), np.squeeze(images[position]))
    if images.ndim == 3:
        assert shown.get_clim() == ((0, 255) if images.dtype == np.uint8 else (0, 1))


def test_so_many_pictures_are_drawn_as_are_asked_for():
    assert len(record().figure(IMAGES, count=2).axes) == 2
    with pytest.raises(ValueError, match="`count` must be at least 1"):
        record().figure(IMAGES, count=0)


def test_no_suspect_is_no_picture():
    none = suspects.Suspects(**{**RIGHT, "is_suspect": np.zeros(5, bool)})
    with pytest.raises(ValueError, match="`is_suspect` must be true for at least one example"):
        none.figure(IMAGES)


@pytest.mark.parametrize("images", [IMAGES[:4], IMAGES[:, 0], np.stack([IMAGES] * 2, axis=-1)])
def test_pictures_that_do_not_fit_are_told(images):
    with pytest.raises(ValueError, match=r"`images` must have shape \[5, height, width\]"):
        record().figure(images)


BAD = {
    "a label": ({"labels": [0, 1, 2, 0, 3]}, ValueError, r"`labels` must lie in \[0, 3\)"),
    "a suggestion": ({"suggested": [0, 1, 2, 0, -1]}, ValueError, r"`suggested` must lie in \[0, 3\)"),
    "too few": ({"suggested": [0, 1]}, ValueError, r"`suggested` must have shape \[5\]"),
    "too many scores": ({"score": np.ones(6)}, ValueError, r"`score` must have shape \[5\]"),
    "scores beyond 1": ({"score": 2 * SCORE}, ValueError, r"`score` must lie in \[0, 1\]. Received: 0.2 to 1.8"),
    "NaN": ({"score": np.full(5, np.nan)}, ValueError, "`score` must be finite"),
    "numbers for flags": ({"is_suspect": [0, 1, 0, 0, 1]}, TypeError, "`is_suspect` must be booleans"),
    "negative counts": ({"joint": -JOINT}, ValueError, "`joint` must hold numbers of examples, at least 0"),
    "no square": ({"joint": JOINT[:2]}, ValueError, "`joint` must be square"),
}


@pytest.mark.parametrize(("changed", "error", "message"), BAD.values(), ids=BAD)
def test_arrays_that_do_not_fit_are_told(changed, error, message):
    with pytest.raises(error, match=message):
        suspects.Suspects(**{**RIGHT, **changed})


def test_ids_and_names_that_do_not_fit_are_told(tmp_path):
    path = tmp_path / "suspects.csv"
    with pytest.raises(ValueError, match=r"`ids` must have shape \[5\]"):
        record().to_csv(path, ids=[1, 2])
    with pytest.raises(ValueError, match="`class_names` must name 3 classes"):
        record().to_csv(path, class_names=["a", "b"])
    for ids, message in ((list("abcba"), "'a' for 2 examples"), ([1, 2, 3, 3, 3], "3 for 3 examples")):
        with pytest.raises(ValueError, match=rf"`ids` must identify each example\. Received: {message}\. Leave `ids`"):
            record().to_csv(path, ids=ids)
    twice = ["crane", "cat", "crane"]
    for write in (functools.partial(record().to_csv, path), record().to_frame):
        with pytest.raises(ValueError, match=r"`class_names` must name every class once. Received: 'crane'") as refused:
            write(class_names=twice)
    apart = eval(str(refused.value).split("`")[-2], {"class_names": twice})  # the cure
    assert record().to_frame(class_names=apart).given.tolist()[:3] == ["crane 0", "cat 1", "crane 2"]
    assert not list(tmp_path.iterdir())


def test_a_frame_has_the_rows_of_the_table_of_features():
    table = pandas.DataFrame({"age": range(5)}, index=["v", "w", "x", "y", "z"])
    frame = record().to_frame(index=table.index, class_names=["cat", "dog", "eel"])
    assert frame.index.equals(table.index)
    assert frame.columns.tolist() == ["given", "suggested", "score", "is_suspect"]
    assert frame.given.tolist() == ["cat", "dog", "eel", "cat", "dog"]
    assert frame.loc["x"].tolist() == ["eel", "cat", 0.1, True]
    assert table[frame.is_suspect].age.tolist() == [0, 2, 4]
    assert record().to_frame().suggested.tolist() == SUGGESTED.tolist()
    with pytest.raises(ValueError, match=r"`index` must have shape \[5\], a value an example\. Received: \(4,\)"):
        record().to_frame(index=range(4))

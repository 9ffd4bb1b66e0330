"""A user's CSV file as a data set: numbers, categories, missing cells, and everything that is refused."""

import csv
import re
import statistics

import numpy as np
import pytest

from tfp_noise import datasets

N = 40
WEIGHTS = [0.5 + i for i in range(N)]
COLOURS = ["red", "grey", "black"] * 13 + ["red"]
SPECIES = ["cat", "dog"] * 20


@pytest.fixture
def write(tmp_path):
    """`write(columns)` -> the path of a CSV file of them."""

    def write(columns, delimiter=",", name="pets.csv", **arguments):
        path = tmp_path / name
        with open(path, "w", newline="", **{"encoding": "utf-8"} | arguments) as stream:
            rows = csv.writer(stream, delimiter=delimiter)
            rows.writerow(columns)
            rows.writerows(zip(*columns.values(), strict=True))
        return path

    return write


def table(**columns):
    return {"weight": WEIGHTS, "colour": COLOURS, "species": SPECIES} | columns


def without(value, *positions, values):
    return [value if i in positions else one for i, one in enumerate(values)]


def rows(data):
    """`{row: (features, name of the given label)}` of training and validation examples."""
    parts = [(split.ids, split.features, split.observed) for split in (data.train, data.validation)]
    return {
        int(i): (row.tolist(), data.class_names[label]) for part in parts for i, row, label in zip(*part, strict=True)
    }


def test_numbers_stay_and_categories_are_one_hot(write):
    data = datasets.from_csv(write(table()), "species", validation_share=0.2)
    assert (data.name, data.class_names) == ("pets", ("cat", "dog"))
    assert data.feature_names == ("weight", "colour=black", "colour=grey", "colour=red")
    expected = {
        i: ([WEIGHTS[i], *(float(COLOURS[i] == c) for c in ("black", "grey", "red"))], SPECIES[i]) for i in range(N)
    }
    assert rows(data) == expected
    assert (len(data.train), len(data.validation), len(data.test)) == (32, 8, 0)
    assert (data.train.labels, data.train.features.dtype, data.train.ids.dtype) == (None, "float32", "int64")


def test_columns_are_chosen_in_their_order(write):
    data = datasets.from_csv(write(table()), "species", ["colour"])
    assert data.feature_names == ("colour=black", "colour=grey", "colour=red")
    data = datasets.from_csv(write(table()), label="colour", features=("species", "weight"))
    assert data.feature_names == ("species=cat", "species=dog", "weight")


@pytest.mark.parametrize(
    "arguments",
    [{"delimiter": ";"}, {"delimiter": "\t"}, {"encoding": "utf-8-sig"}],
    ids=["semicolon", "tab", "byte order mark"],
)
def test_dialects(write, arguments):
    columns = {"wéight": WEIGHTS, "colour": ["a, b\nc", 'the "d"', 'the "d"', 'the "d"'] * 10, "species": SPECIES}
    data = datasets.from_csv(write(columns, **arguments), "species")
    assert data.feature_names == ("wéight", "colour=a, b\nc", 'colour=the "d"')


def test_spaces_around_features_and_empty_lines_mean_nothing(tmp_path):
    path = tmp_path / "adult.csv"
    path.write_text("age,work,income\n\n" + "39, State ,<=50K\n 50 ,Private,>50K\n\n 39,State,>50K\n" * 10)
    data = datasets.from_csv(path, "income", validation_share=0)
    assert data.feature_names == ("age", "work=Private", "work=State")
    assert data.train.features[:2].tolist() == [[39, 0, 1], [50, 1, 0]]
    assert data.class_names == ("<=50K", ">50K")


def test_labels_written_as_integers_are_sorted_by_number(write):
    data = datasets.from_csv(write(table(species=[10, 2, 7, 2] * 10)), "species")
    assert data.class_names == ("2", "7", "10")
    data = datasets.from_csv(write(table(species=["01", "11", "2", "10"] * 10)), "species")
    assert data.class_names == ("01", "10", "11", "2")  # "01" is text


@pytest.mark.parametrize("other", ["1.0", "01", "+1", "1e0"])
def test_labels_that_are_one_number_are_one_class_or_listed(write, other):
    path = write(table(species=["1", "2", other, "cat"] * 10))
    with pytest.raises(
        ValueError, match=rf"names that are one number: '1' \(10 times\) and '{re.escape(other)}' .* such as '1'; if"
    ):
        datasets.from_csv(path, "species")
    names = ("1", "2", other, "cat")
    assert datasets.from_csv(path, "species", class_names=names).class_names == names


def test_labels_that_only_look_like_one_number_are_several_classes(write):
    data = datasets.from_csv(write(table(species=["1_0", "10", "inf", "infinity"] * 10)), "species")
    assert len(data.class_names) == 4


def test_class_names_are_the_labels_or_what_integers_number(write):
    path = write(table(species=[1, 0] * 20))
    assert datasets.from_csv(path, "species", class_names=["1", "0"]).class_names == ("1", "0")
    assert rows(datasets.from_csv(path, "species", class_names=["1", "0"]))[0][1] == "1"
    assert rows(datasets.from_csv(path, "species", class_names=["cat", "dog"]))[0][1] == "dog"


PANDAS = [
    "#N/A",
    "#N/A N/A",
    "#NA",
    "-1.#IND",
    "-1.#QNAN",
    "-NaN",
    "-nan",
    "1.#IND",
    "1.#QNAN",
    "<NA>",
    "N/A",
    "NA",
    "NULL",
]
PANDAS += ["NaN", "None", "n/a", "nan", "null"]  # `pandas._libs.parsers.STR_NA_VALUES`, without the empty text


@pytest.mark.parametrize("cell", ["", "?", " ", *PANDAS, "Null", "NAN", "<na>"])
def test_missing_cells_are_counted_by_column(write, cell):
    columns = table(weight=without(cell, 2, 3, values=WEIGHTS), colour=without(cell, 0, values=COLOURS))
    with pytest.raises(
        ValueError,
        match=r"`features` must be complete.* cells in 'weight' \(2\), 'colour' \(1\) of 40 rows of 'pets.csv'",
    ):
        datasets.from_csv(write(columns), "species")
    assert datasets.from_csv(write(columns | {"colour": COLOURS}), "species", ["colour"]).input_shape == (3,)
    with pytest.raises(ValueError, match=r"`label` must be a column without missing cells\. Received: 2 of 40"):
        datasets.from_csv(write(table(species=without(cell, 2, 3, values=SPECIES))), "species")


@pytest.mark.parametrize(
    ("cells", "end"),
    [(["", " "], ""), (["NA", ""], "If 'NA' names a category, .*"), (["?", "NA"], "If '\\?' or 'NA' names .*")],
)
def test_only_the_marks_that_were_found_may_be_categories(write, cells, end):
    columns = table(weight=without(cells[0], 2, values=WEIGHTS), colour=without(cells[1], 0, values=COLOURS))
    with pytest.raises(ValueError, match=rf"list the other columns in `features`\. ?{end}\.?$"):
        datasets.from_csv(write(columns), "species")


def test_commas_are_decimal_points_where_semicolons_delimit(write):
    columns = table(weight=[str(weight).replace(".", ",") for weight in WEIGHTS])
    data = datasets.from_csv(write(columns, ";"), "species", ["weight"])
    assert {i: row for i, (row, _) in rows(data).items()} == {i: [weight] for i, weight in enumerate(WEIGHTS)}


def test_spaces_around_names_of_columns_are_not_part_of_them(write):
    columns = {f" {name} ": column for name, column in table().items()}
    assert datasets.from_csv(write(columns), "species").feature_names[0] == "weight"


def test_columns_of_very_many_categories_are_refused(write):
    columns = {"city": [f"city {i // 2}" for i in range(2002)], "species": ["cat", "dog"] * 1001}
    with pytest.raises(ValueError, match=r"column 'city' .* 1001 different texts in 2002 rows"):
        datasets.from_csv(write(columns), "species")


def test_none_is_a_category(write):
    data = datasets.from_csv(write(table(colour=["none", "red", "red"] * 13 + ["red"])), "species")
    assert data.feature_names == ("weight", "colour=none", "colour=red")


def test_a_few_cells_that_make_categories_of_numbers_are_warned_of(write):
    ages = [str(20 + i % 15) for i in range(N)]
    path = write(table(age=without("unknown", 3, 9, values=ages)))
    with pytest.warns(
        UserWarning,
        match="column 'age' of 'pets.csv', taken for 16 categories, where all of 40 cells but 2 .* are 'unknown'\\.",
    ):
        datasets.from_csv(path, "species")
    path = write(table(age=without("", 3, 9, values=ages)))  # the cure
    assert "age" in datasets.from_csv(path, "species", impute=True).feature_names
    sizes = without("XL", *range(0, N, 8), values=ages)  # 5 of 40, more than one of ten
    assert "size=XL" in datasets.from_csv(write(table(size=sizes)), "species").feature_names


ROW_NUMBERS = {
    "index of pandas": ("", range(N), "column '' of 'pets.csv', which has no name"),
    "index of pandas, read back": ("Unnamed: 0", range(N), "column 'Unnamed: 0' of 'pets.csv', which has no name"),
    "ids with gaps": (
        "row",
        [7 * i + i % 3 for i in range(N)],
        "column 'row' .* holds integers that rise from row to row",
    ),
    "falling": ("row", range(N, 0, -1), "column 'row' .* holds integers that fall"),
    "floats": ("row", [float(i) for i in range(N)], "column 'row' .* holds integers that rise"),
    "shuffled": ("row", [7 * i % N for i in range(N)], "column 'row' .* holds each integer from 0 to 39 once"),
}


@pytest.mark.parametrize(("name", "values", "message"), ROW_NUMBERS.values(), ids=ROW_NUMBERS)
def test_row_numbers_are_features_only_if_they_are_listed(write, name, values, message):
    path = write({name: values} | table())
    with pytest.raises(ValueError, match=f"the {message}.* columns in `features`, 'weight', 'colour'.*list '{name}'"):
        datasets.from_csv(path, "species")
    assert datasets.from_csv(path, "species", ["weight", "colour"]).feature_names[0] == "weight"
    assert datasets.from_csv(path, "species", [name, "weight"]).feature_names == (name, "weight")


def test_row_numbers_and_free_text_are_refused_together(write):
    path = write({"row": range(N), "name": [f"name {i}" for i in range(N)]} | table())
    with pytest.raises(
        ValueError, match=r"the column 'row' .*; the column 'name' .* in `features`, 'weight', 'colour';"
    ):
        datasets.from_csv(path, "species")


@pytest.mark.parametrize("values", [["kitten", "puppy"] * 20, [0, 1] * 20, ["0", "1.0", "0.0", "1"] * 10])
def test_columns_with_a_value_for_each_class_are_warned_of(write, values):
    path = write(table(code=values))
    with pytest.warns(UserWarning, match="the column 'code' of 'pets.csv', with one .* `features`, 'weight', 'colour'"):
        datasets.from_csv(path, "species")
    datasets.from_csv(path, "species", ["weight", "colour"])


def test_missing_cells_are_filled_if_asked(write):
    columns = table(weight=without("", 2, 3, values=WEIGHTS), colour=without("NA", 1, 4, values=COLOURS))
    data = datasets.from_csv(write(columns), "species", impute=True)
    found = rows(data)
    median = statistics.median(weight for i, weight in enumerate(WEIGHTS) if i not in (2, 3))
    assert [found[2][0][0], found[3][0][0]] == [median, median]
    assert data.feature_names == ("weight", "colour=black", "colour=grey", "colour=red")
    assert [found[i][0][1:] for i in (1, 4)] == [[0, 0, 1]] * 2  # 14 are red, 11 grey, 13 black
    np.testing.assert_array_equal([found[i][0][0] for i in range(4, N)], WEIGHTS[4:])


REFUSED = {
    "label not there": (table(), {"label": "specie"}, "column of 'pets.csv': 'specie'. Did you mean 'species'"),
    "no label near": (table(), {"label": "y"}, "'y'. Known: colour, species, weight. Received as `label`"),
    "feature not there": (table(), {"features": ["color"]}, "'color'. Did you mean 'colour'.* Received as `features`"),
    "label among features": (table(), {"features": ["species"]}, "`features` must be one or more columns other than"),
    "no feature": (table(), {"features": []}, "`features` must be one or more .* there are 'weight', 'colour' beside"),
    "feature twice": (table(), {"features": ["weight", "weight"]}, "`features` must be .* each once"),
    "missing label": (
        table(species=without("NA", 3, 5, values=SPECIES)),
        {},
        "`label` must be .*: 2 of 40 missing in 'species' of 'pets.csv', the first 'NA' in row 3. .* another name",
    ),
    "nothing in a column": (table(colour=[""] * N), {"impute": True}, "'colour' of 'pets.csv', where all 40 cells are"),
    "free text": (
        table(colour=[f"text {i}" for i in range(N)]),
        {},
        "column 'colour' .* 40 different texts in 40 rows",
    ),
    "a mistyped number": (
        table(weight=without("1,5", 7, values=WEIGHTS)),
        {},
        "column 'weight' .* such as '1,5'. List",
    ),
    "two free texts": (
        table(colour=[f"text {i}" for i in range(N)], name=[f"name {i}" for i in range(N)]),
        {},
        "'colour' of 'pets.csv', which has .*; the column 'name' of .* columns in `features`, 'weight'; or",
    ),
    "no feature at all": ({"species": SPECIES}, {}, "there are none beside 'species'"),
    "infinity": (table(weight=without("-inf", 7, values=WEIGHTS)), {}, "-inf in the column 'weight' of 'pets.csv'"),
    "too large": (table(weight=without("1e39", 7, values=WEIGHTS)), {}, r"1e\+39 in the column 'weight'"),
    "one class": (table(species=["cat"] * N), {}, "`label` must be of two classes or more"),
    "class of one": (table(species=["cow", "dog", "dog", *SPECIES[3:]]), {}, "one example of 'cow'"),
    "case and spaces": (table(species=["cat", "Cat ", "cat", "cat"] * 10), {}, r"'cat' \(30 times\) and 'Cat ' \(10"),
    "a continuous target": (table(species=WEIGHTS), {}, "`label` .* 40 different labels of 40 .* continuous target"),
    "unknown class": (table(), {"class_names": ["cat", "cow"]}, "Unknown class: 'dog'. .* Received as `label`"),
}


@pytest.mark.parametrize(("columns", "arguments", "message"), REFUSED.values(), ids=REFUSED)
def test_refused_tables(write, columns, arguments, message):
    with pytest.raises(ValueError, match=message):
        datasets.from_csv(write(columns), **{"label": "species"} | arguments)


def test_features_are_a_list(write):
    with pytest.raises(TypeError, match=r'`features` must be a list of columns, such as \["age"\]. Received: \'weight'):
        datasets.from_csv(write(table()), "species", "weight")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "must have a header line and examples. Received: 0 lines\\."),
        (b"a,b\n", "must have a header line and examples. Received: 1 line\\."),
        (b"a,a,b\n1,2,3\n", "must name each column once, .* Received: 'a' more than once. Is there a header"),
        (b"a,b\n1,2\n1,2,3\n4\n", "must have 2 cells a line, .* Received: 3 in line 3, one of 2 such lines"),
        (b"a,b\n\xff\xfe,2\n", "must be a CSV file in UTF-8. .*'utf-8' codec"),
        (b'a,b\n"1,2\n', "must be a CSV file in UTF-8. .*unexpected end of data"),
    ],
)
def test_refused_files(tmp_path, content, message):
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"bad\.csv' {message}"):
        datasets.from_csv(path, "b")


def test_a_file_that_is_not_there(tmp_path):
    for path in (tmp_path, tmp_path / "no.csv"):
        with pytest.raises(FileNotFoundError, match=r"must be a CSV file\. Received: no file of this name"):
            datasets.from_csv(path, "b")

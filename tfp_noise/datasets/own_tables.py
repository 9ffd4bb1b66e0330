"""A user's own table as a data set: numbers and categories from a CSV file."""

import os
from collections.abc import Sequence

import numpy as np
from sklearn.impute import SimpleImputer

from tfp_noise import _validation
from tfp_noise.datasets import column_checks, csv_columns, own_arrays, own_labels
from tfp_noise.datasets.dataset import Dataset


def from_csv(
    path: str | os.PathLike[str],
    label: str,
    features: Sequence[str] | None = None,
    *,
    impute: bool = False,
    class_names: Sequence[str] | None = None,
    validation_share: float = 0.1,
    seed: int = 0,
) -> Dataset:
    r"""Makes a data set of a CSV file, whose labels may be wrong.

    A column whose cells are all numbers is one feature, as it stands: put `keras.layers.Normalization` into the network
    where ranges differ. Any other column is one-hot encoded, a feature for each of its values, sorted; `feature_names`
    of the data set keep these, such as "colour=red". Of text with more values than half the examples nothing can be
    learned, so that it is refused, and so is text with more than 1000 values, because its features would fill the
    memory. Columns that seem to number the rows are refused unless `features` lists them: in a table that is sorted by
    class they tell the given label. In a file that is delimited by semicolons, commas are decimal points.

    Args:
        path: a CSV file in UTF-8 with a header line; delimited by commas, semicolons, tabs or bars.
        label: the column of the given labels.
        features: the columns to learn from; `None` for all others, none of which may have no name, or hold integers
            that rise or fall from row to row, or each integer of a range once.
        impute: fill missing cells: with the median of a column of numbers, with the most frequent value of another.
        class_names: all classes in their order; `None` for those that occur, sorted, by number where they are integers.
        validation_share: float in [0, 1), the fraction of the examples that is held out, with the classes in the
            proportions of the given labels.
        seed: int in [0, 2^31), which decides what is held out.

    Returns:
        A `Dataset` with the name of the file. `observed` holds the given labels, `labels` is `None`, `ids` are the
        positions of the rows, from 0 on, and features are float32 `[n, d]`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: no CSV file; a column that is not there; missing cells, for which '', '?', 'None' and, in any case,
            what pandas reads so, such as 'NA', '#N/A', 'NaN' and 'NULL', are taken; text that is no category; row
            numbers; labels that `from_arrays` refuses.
        TypeError: columns that are not named by strings.

    Warns:
        UserWarning: if a column has one value for each class, such as its code, so that it tells the given label; or if
            nine cells of ten are numbers in a column that is one-hot encoded because of the others.

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp(), "pets.csv")
        >>> rows = "4.1,red,cat\n9.8,grey,dog\n3.9,grey,cat\n9.5,red,dog\n" * 5
        >>> _ = path.write_text("weight,colour,species\n" + rows)
        >>> data = from_csv(path, label="species")
        >>> data.class_names, data.feature_names, len(data.train), len(data.validation)
        (('cat', 'dog'), ('weight', 'colour=grey', 'colour=red'), 18, 2)
    """
    file = _validation.check_path("path", path).expanduser()
    impute = _validation.check_bool("impute", impute)
    columns = csv_columns.read(file)
    label = _validation.check_choice("label", label, columns, f"column of {file.name!r}")
    classes, given = own_labels.find(
        "label", csv_columns.labels("label", file, label, columns[label], class_names), class_names
    )
    chosen = _check_chosen(features, label, columns, file)
    table = {name: np.array([cell.strip() for cell in columns[name]], object) for name in chosen}
    missing = {name: np.array([csv_columns.is_missing(cell) for cell in cells]) for name, cells in table.items()}
    comma = csv_columns.delimiter(file) == ";"
    filled = {name: cells[~missing[name]] for name, cells in table.items()}
    numbers = {name: csv_columns.numbers(cells, comma) for name, cells in filled.items()}
    column_checks.check_kinds(file, filled, numbers, comma, are_listed=features is not None)
    column_checks.warn_of_odd_cells(file, filled, numbers, comma)
    column_checks.check_missing(file, {name: cells[missing[name]] for name, cells in table.items()}, len(given), impute)
    column_checks.warn_of_copies(file, filled, numbers, {name: given[~missing[name]] for name in chosen})
    encoded = [_encode(file, name, table[name], missing[name], numbers[name]) for name in chosen]
    return own_arrays.make(
        file.stem,
        np.concatenate([values for values, _ in encoded], axis=1),
        given,
        classes,
        feature_names=tuple(name for _, names in encoded for name in names),
        validation_share=validation_share,
        seed=seed,
    )


def _check_chosen(features, label, columns, path):
    if features is None:
        chosen = [name for name in columns if name != label]
    elif isinstance(features, str) or not isinstance(features, Sequence):
        raise TypeError(
            f'`features` must be a list of columns, such as ["age"]. Received: {features!r:.100}. Leave it out for all '
            "columns but `label`."
        )
    else:
        chosen = [_validation.check_choice("features", name, columns, f"column of {path.name!r}") for name in features]
    if not chosen or label in chosen or len(set(chosen)) < len(chosen):
        others = ", ".join(repr(name) for name in columns if name != label) or "none"
        raise ValueError(
            f"`features` must be one or more columns other than `label`, each once. Received: {chosen!r:.200}. Of "
            f"{path.name!r} there are {others} beside {label!r}."
        )
    return chosen


def _encode(path, name, column, missing, numbers):
    """A column as float32 `[n, width]`, and the names of its features."""
    if numbers is None:
        return _one_hot(name, column, missing)
    if not np.abs(numbers).max() <= np.finfo(np.float32).max:
        raise ValueError(
            f"`features` must be numbers that float32 holds. Received: {numbers[np.abs(numbers).argmax()]:g} in the "
            f"column {name!r} of {path.name!r}. Correct it, or list the other columns in `features`."
        )
    values = np.full([len(column), 1], np.nan)
    values[~missing, 0] = numbers
    return SimpleImputer(strategy="median").fit_transform(values).astype(np.float32), [name]


def _one_hot(name, column, missing):
    if missing.any():
        column = np.where(missing, None, column)
        column = SimpleImputer(missing_values=None, strategy="most_frequent").fit_transform(column[:, None])[:, 0]
    categories, indices = np.unique(column.astype(str), return_inverse=True)
    return np.eye(len(categories), dtype=np.float32)[indices], [f"{name}={one}" for one in categories]

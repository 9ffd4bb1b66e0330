"""Tables of pandas and arrays of objects as features: numbers and bools train like an array, others are refused."""

import decimal

import keras
import numpy as np
import pytest

from tfp_noise import NoisyLabelClassifier, cross_predict, losses

pd = pytest.importorskip("pandas")

N = 12
LABELS = np.arange(N) % 3
SIZES = np.random.default_rng(0).normal(size=N).astype("float32")
COUNTS = np.arange(N) % 4
INDEX = np.arange(N)[::-1]
TABLES = {
    "floats and bools": (SIZES, SIZES > 0),
    "bools": (SIZES < 1, SIZES > 0),
    "nullable integers": (pd.array(COUNTS, "Int64"), pd.array(COUNTS, "Int64")),
    "nullable of both kinds": (pd.array(COUNTS, "Int64"), pd.array(SIZES > 0, "boolean")),
    "nullable beside floats": (SIZES, pd.array(COUNTS, "Int64")),
    "integers and floats": (COUNTS, SIZES),
}


def compiled(width=2):
    keras.utils.set_random_seed(0)
    network = keras.Sequential([keras.Input([width]), keras.layers.Dense(3)])
    model = NoisyLabelClassifier(network, losses.CrossEntropy(3))
    model.compile(keras.optimizers.Adam(0.1), run_eagerly=True)
    return model


def results(x):
    """The losses of a training on features, of its validation and of an evaluation, and predictions."""
    model = compiled(width=np.shape(x)[-1] if np.ndim(x) > 1 else 1)
    fitted = model.fit(x, LABELS, batch_size=5, validation_data=(x, LABELS), shuffle=False, verbose=0).history
    numbers = *fitted["loss"], *fitted["val_loss"], model.evaluate(x, LABELS, verbose=0)
    return np.array([*numbers, *model.predict(x, verbose=0).ravel()])


def of_array(*columns):
    return results(np.stack([np.asarray(column, "float32") for column in columns], axis=1))


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.daily("floats and bools", "nullable of both kinds")
def test_tables_of_numbers_and_bools_train_like_an_array(name):
    columns = TABLES[name]
    table = pd.DataFrame(dict(zip("ab", columns, strict=True)), index=INDEX)
    assert results(table) == pytest.approx(of_array(*columns), rel=1e-5)


@pytest.mark.parametrize("dtype", ["Int64", "float32", "object"])
@pytest.mark.daily("Int64")
def test_a_column_of_numbers_trains_like_an_array_of_one_column(dtype):
    assert results(pd.Series(COUNTS, index=INDEX).astype(dtype)) == pytest.approx(of_array(COUNTS), rel=1e-5)


def test_an_array_of_objects_that_are_numbers_trains_like_one_of_numbers():
    mixed = np.array([[size, bool(size > 0)] for size in SIZES.tolist()], dtype=object)
    assert results(mixed) == pytest.approx(of_array(SIZES, SIZES > 0), rel=1e-5)


def test_cross_prediction_of_a_table_with_bools():
    table = pd.DataFrame({"size": SIZES, "is_large": SIZES > 0}, index=INDEX)
    array = np.stack([SIZES, SIZES > 0], axis=1)
    own, other = (cross_predict(compiled, x, LABELS, folds=2, epochs=1, verbose=0) for x in (table, array))
    np.testing.assert_allclose(own, other, rtol=1e-5)


def fit(table):
    compiled().fit(table, LABELS, verbose=0)


ACTS = {
    "fit": fit,
    "predict": lambda table: compiled().predict(table, verbose=0),
    "evaluate": lambda table: compiled().evaluate(table, LABELS, verbose=0),
}


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize(
    ("column", "cure", "width"),
    [
        (pd.Categorical(["red", "blue"] * (N // 2)), "pandas.get_dummies(table)", 3),
        (["red", "blue"] * (N // 2), "pandas.get_dummies(table)", 3),
        (pd.Series(COUNTS).astype(object), "table.apply(pandas.to_numeric)", 2),
        (pd.Series(COUNTS).astype(str), "table.apply(pandas.to_numeric)", 2),
        (pd.Series([*map(decimal.Decimal, range(N))]), "table.apply(pandas.to_numeric)", 2),
    ],
    ids=["categories", "text", "numbers as objects", "numbers as text", "decimals"],
)
def test_columns_of_others_are_refused_with_a_cure_that_works(act, column, cure, width):
    table = pd.DataFrame({"size": SIZES, "colour": column})
    with pytest.raises(TypeError, match=r"`x` must be columns of numbers. Received others in 'colour' \(") as refused:
        ACTS[act](table)
    assert f"`{cure}`" in str(refused.value)
    cured = eval(cure, {"pandas": pd, "table": table})
    assert compiled(width).predict(cured, verbose=0).shape == (N, 3)


def test_dates_and_frames_without_columns_are_refused_with_a_cure_that_works():
    table = pd.DataFrame({"size": SIZES, "day": pd.date_range("2020-01-01", periods=N)})
    with pytest.raises(TypeError, match=r"others in 'day' \(datetime64\[.s\]\)\. Make numbers of dates") as refused:
        fit(table)
    column, cure = table["day"], "(column - column.min()) / pandas.Timedelta(days=1)"
    assert f"`{cure}`" in str(refused.value)
    assert "categories" not in str(refused.value)
    fit(table.assign(day=eval(cure, {"pandas": pd, "column": column})))
    with pytest.raises(ValueError, match=r"`x` must have a column .*\. Received a data frame of shape \(12, 0\)\. Has"):
        fit(table[[]])
    many = pd.DataFrame({f"c{i}": ["red", "blue"] * (N // 2) for i in range(300)})
    with pytest.raises(TypeError, match=r"'c4' \(\w+\) and 295 more\. Encode"):
        fit(many.assign(size=SIZES))


@pytest.mark.parametrize("dtype", ["Int64", "float64"])
def test_missing_numbers_are_refused(dtype):
    table = pd.DataFrame({"a": pd.Series([None, *COUNTS[1:]], dtype=dtype), "b": SIZES})
    with pytest.raises(ValueError, match=r"`x` must be finite. Received NaN or infinity in example 0"):
        fit(table)

"""The classifier of scikit-learn: scikit-learn's own checks, names as labels, cross-validation, pipelines, searches."""

import functools
import pickle
import re

import keras
import numpy as np
import pandas
import pytest
from sklearn import base, compose, exceptions, model_selection, pipeline, preprocessing
from sklearn.utils.estimator_checks import check_estimator

from tfp_noise import NoisyLabelClassifier, losses, wrappers

# Three groups of examples that any classifier tells apart. "owl" is the first label, but the last class.
GROUPS = np.arange(36) % 3
FEATURES = np.random.default_rng(0).normal(size=(36, 3)) + 6 * np.eye(3)[GROUPS]
NAMES = np.array(["owl", "cat", "emu"])[GROUPS]
# Checks of scikit-learn that the classifier does not pass, each with its reason.
EXEMPT = {
    "check_sample_weight_equivalence_on_dense_data": "an example of weight 2 and two of weight 1 make other batches, "
    "whose sums in float32 agree to 5e-5 only",
}


@pytest.fixture(autouse=True)
def _without_traces(monkeypatch):
    """Steps that run eagerly, because a trace costs more than these few."""
    eager = functools.partialmethod(NoisyLabelClassifier.compile, run_eagerly=True)
    monkeypatch.setattr(NoisyLabelClassifier, "compile", eager)


def network(input_shape, num_outputs):
    return keras.Sequential([keras.Input(input_shape), keras.layers.Flatten(), keras.layers.Dense(num_outputs)])


def classifier(loss=losses.CrossEntropy, **settings):
    settings = {"optimizer": keras.optimizers.Adam(0.3), "epochs": 3, "batch_size": 6, "random_state": 0, **settings}
    return wrappers.SKLearnClassifier(network, loss, **settings)


@pytest.mark.torture
def test_checks_of_scikit_learn():
    results = check_estimator(classifier(batch_size=32), expected_failed_checks=EXEMPT, on_fail=None, on_skip=None)
    statuses = {one["check_name"]: one["status"] for one in results if one["status"] not in ("passed", "skipped")}
    assert statuses == dict.fromkeys(EXEMPT, "xfail"), {
        one["check_name"]: one["exception"] for one in results if one["status"] == "failed"
    }
    assert sum(one["status"] == "passed" for one in results) > 40


def test_labels_are_names_and_probabilities_are_in_their_order():
    trained = classifier().fit(FEATURES, NAMES)
    assert trained.classes_.tolist() == ["cat", "emu", "owl"]
    probabilities = trained.predict_proba(FEATURES)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(trained.classes_[probabilities.argmax(axis=1)], trained.predict(FEATURES))
    assert trained.score(FEATURES, NAMES) == 1
    assert trained.history_["loss"][-1] < trained.history_["loss"][0]
    np.testing.assert_allclose(trained.model_.deployable().predict(FEATURES, verbose=0), probabilities, atol=1e-6)


def test_probabilities_are_those_of_the_classifier_trained_by_hand():
    """Also for a loss with more outputs than classes, and with weights."""
    weights = np.arange(36) / 35
    estimator = classifier(losses.LogisticNormal, epochs=2, batch_size=6, random_state=np.random.RandomState(3))
    found = estimator.fit(FEATURES, NAMES, sample_weight=weights).predict_proba(FEATURES)
    keras.utils.set_random_seed(int(np.random.RandomState(3).randint(np.iinfo(np.int32).max)))
    loss = losses.LogisticNormal(3)
    model = NoisyLabelClassifier(network([3], loss.num_outputs), loss)
    model.compile(keras.optimizers.Adam(0.3))
    indices = np.array([{"cat": 0, "emu": 1, "owl": 2}[name] for name in NAMES])
    model.fit(FEATURES, indices, epochs=2, batch_size=6, sample_weight=weights, verbose=0)
    np.testing.assert_allclose(found, model.predict(FEATURES, verbose=0), rtol=1e-5)


@pytest.mark.thorough
def test_cross_validation_predicts_out_of_sample():
    given = NAMES.copy()
    given[0] = "emu"
    predicted = model_selection.cross_val_predict(classifier(), FEATURES, given, cv=2, method="predict_proba")
    assert predicted.shape == (36, 3)
    names = np.array(["cat", "emu", "owl"])[predicted.argmax(axis=1)]
    assert names[0] == "owl"  # the true label, because the model that predicts it has not seen the given one
    assert np.mean(names == NAMES) > 0.9


@pytest.mark.thorough
def test_frames_pass_a_pipeline_and_a_search_compares_losses():
    table = pandas.DataFrame(FEATURES, columns=["a", "b", "c"], index=range(100, 136))
    labels = pandas.Series(NAMES, index=table.index)
    steps = pipeline.make_pipeline(preprocessing.StandardScaler(), classifier())
    flat = functools.partial(losses.ConfidencePenalty, beta=100.0)  # predicts the uniform distribution
    choices = {"sklearnclassifier__loss": [flat, losses.CrossEntropy]}
    search = model_selection.GridSearchCV(steps, choices, cv=2, error_score="raise").fit(table, labels)
    assert search.best_params_["sklearnclassifier__loss"] is losses.CrossEntropy
    assert search.best_estimator_[-1].loss is losses.CrossEntropy
    assert search.predict(table.iloc[:3]).tolist() == ["owl", "cat", "emu"]
    plain = classifier(epochs=1).fit(table, labels)
    assert plain.feature_names_in_.tolist() == ["a", "b", "c"]
    with pytest.raises(ValueError, match="feature names should match"):
        plain.predict(table.rename(columns={"a": "d"}))


REMEMBERING = {one.name for one in losses.available() if getattr(losses, one.name).needs_ids}


@pytest.mark.parametrize("name", sorted(REMEMBERING))
@pytest.mark.daily("PENCIL")
def test_a_loss_that_remembers_examples_is_made_for_those_of_each_training(name):
    """Folds of 12, 12 and 12 of 36 examples train with 24, and the best one with all of them."""
    loss = getattr(losses, name)
    loss = functools.partial(loss, backbone_epochs=1) if name == "PENCIL" else loss
    search = model_selection.GridSearchCV(classifier(loss), {"epochs": [2]}, cv=3, error_score="raise")
    search.fit(FEATURES, NAMES)
    assert search.best_estimator_.model_.loss.num_examples == 36
    assert base.clone(search.best_estimator_).fit(FEATURES[:20], NAMES[:20]).model_.loss.num_examples == 20


def test_clones_are_untrained_and_optimizers_are_not_shared():
    trained = classifier(epochs=1).fit(FEATURES, NAMES)
    with pytest.raises(exceptions.NotFittedError):
        base.clone(trained).predict(FEATURES)
    assert base.clone(trained).get_params()["epochs"] == 1
    first = trained.predict_proba(FEATURES)
    np.testing.assert_array_equal(trained.fit(FEATURES, NAMES).predict_proba(FEATURES), first)
    assert not trained.optimizer.built


def test_a_trained_one_is_pickled():
    trained = classifier(epochs=1).fit(FEATURES, NAMES)
    loaded = pickle.loads(pickle.dumps(trained))
    np.testing.assert_array_equal(loaded.predict_proba(FEATURES), trained.predict_proba(FEATURES))


def test_images_keep_their_axes():
    images = np.random.default_rng(0).integers(0, 2, size=(6, 4, 4, 1)).astype("float32")
    trained = classifier(epochs=1).fit(images, np.arange(6) % 2)
    assert trained.model_.network.input_shape == (None, 4, 4, 1)
    assert trained.predict_proba(images).shape == (6, 2)


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        ("Int64", "int64"),
        ("UInt8", "uint8"),
        ("boolean", "bool"),
        ("category", "int64"),
        ("object", "int64"),
        ("int16", "int16"),
    ],
)
@pytest.mark.daily("Int64-int64", "boolean-bool", "category-int64")
def test_classes_are_of_the_type_of_the_labels(dtype, expected):
    """scikit-learn reads pandas' nullable types as floats, and knows no classes in objects."""
    labels = pandas.Series(GROUPS % 2).astype(dtype)
    trained = classifier(epochs=1).fit(FEATURES, labels)
    assert trained.classes_.dtype == trained.predict(FEATURES).dtype == np.dtype(expected)
    assert set(trained.predict(FEATURES)) <= set(labels)


CONTAINERS = {
    "array": lambda values: np.array(values, object),
    "list": list,
    "tuple": tuple,
    "column": lambda values: pandas.Series(values, dtype=object),
    "frame": lambda values: pandas.DataFrame({"label": pandas.Series(values, dtype=object)}),
    "masked": lambda values: np.ma.masked_array(
        [values[0] if pandas.isna(one) else one for one in values], [pandas.isna(one) for one in values]
    ),
}


@pytest.mark.filterwarnings("ignore:A column-vector y was passed")
@pytest.mark.parametrize("missing", [None, np.nan, np.float32("nan"), pandas.NA], ids=["None", "nan", "nan32", "NA"])
@pytest.mark.parametrize("labels", [NAMES, GROUPS, GROUPS.astype(float)], ids=["names", "integers", "floats"])
@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.daily(
    *(f"{container}-names-None" for container in CONTAINERS),
    *("list-floats-nan", "list-names-nan32", "list-names-NA"),
)
def test_missing_labels_are_counted(container, labels, missing):
    values = labels.tolist()
    trained = classifier(epochs=1).fit(FEATURES, CONTAINERS[container](values))
    assert trained.classes_.tolist() == sorted(set(values))
    assert isinstance(trained.predict(FEATURES[:1]).tolist()[0], type(values[0]))
    values[4] = missing
    with pytest.raises(ValueError, match=r"`y` must give every example a label\. Received: 1 of 36 missing, at 4\."):
        classifier().fit(FEATURES, CONTAINERS[container](values))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([0, "a"], r"must be of one type.* Received several: .*int \(0\).*\. Make them strings"),
        ([b"a", b"b"], r"must be integers, strings or bools\. Received: b'a' of type bytes\. Decode them"),
        (
            np.array(["2020-01-01", "2020-01-02"], "datetime64[D]"),
            r"must be integers, strings or bools\. Received: date",
        ),
        ([(1, 2), 3], "must be of one type"),
    ],
    ids=["several types", "bytes", "dates", "tuples"],
)
def test_labels_of_other_types_are_refused(values, message):
    wrong = np.resize(values, 36) if isinstance(values, np.ndarray) else values * 18
    with pytest.raises(TypeError, match=f"`y` {message}"):
        classifier().fit(FEATURES, wrong)


def test_what_fit_refuses():
    with pytest.raises(ValueError, match=r"`y` must hold two classes or more\. Received one class only: owl"):
        classifier().fit(FEATURES, ["owl"] * 36)
    with pytest.raises(ValueError, match="Unknown label type"):
        classifier().fit(FEATURES, np.linspace(0, 1, 36))
    with pytest.raises(TypeError, match=r"`loss` must be a class of `losses`.* Received: 'mse'"):
        classifier("mse").fit(FEATURES, NAMES)
    with pytest.raises(TypeError, match=r"`network` must be a function that makes a network\. Received: the model"):
        wrappers.SKLearnClassifier(network([3], 3)).fit(FEATURES, NAMES)
    with pytest.raises(TypeError, match="`loss` must be"):
        classifier(lambda num_classes: "mse").fit(FEATURES, NAMES)


def test_tables_of_text_and_categories_are_refused_by_the_names_of_their_columns():
    table = pandas.DataFrame(FEATURES, columns=["a", "b", "c"])
    trained = classifier(epochs=1).fit(table, NAMES)
    for use in (lambda table: classifier().fit(table, NAMES), trained.predict):
        for column in (pandas.Categorical(NAMES), NAMES):
            with pytest.raises(
                TypeError, match=r"`X` must be columns of numbers\. Received .* 'b' .*OneHot"
            ) as refused:
                use(table.assign(b=column))
        with pytest.raises(TypeError, match=r"others in 'b' \(datetime64\[.s\]\)\. Make numbers of dates"):
            use(table.assign(b=pandas.date_range("2020", periods=36)))
        with pytest.raises(TypeError, match=r"`X` must be dense\. .* Pass `X.sparse.to_dense\(\)`"):
            use(table.astype(pandas.SparseDtype(float)))
    cure = re.search("`(make_column_transformer.*?)`", str(refused.value))[1]
    known = {"make_column_transformer": compose.make_column_transformer, "COLUMNS": ["b"]}
    encoder = eval(cure, {**known, "OneHotEncoder": preprocessing.OneHotEncoder})
    encoded = pipeline.make_pipeline(encoder, classifier(epochs=1)).fit(table.assign(b=NAMES), NAMES)
    assert encoded.predict(table.assign(b=NAMES)).shape == (36,)
    assert classifier(epochs=1).fit(table.assign(b=GROUPS > 1).convert_dtypes(), NAMES).predict(table).shape == (36,)


def test_layers_are_not_trained_by_two_folds():
    """A layer from outside the function would know the examples that it is to predict out of sample."""
    shared, frozen = keras.layers.Dense(4), keras.layers.Dense(4, trainable=False)

    def make(layer):
        return lambda shape, outputs: keras.Sequential([keras.Input(shape), layer, keras.layers.Dense(outputs)])

    model_selection.cross_val_predict(wrappers.SKLearnClassifier(make(frozen), epochs=1), FEATURES, NAMES, cv=2)
    made = keras.Sequential([keras.Input([3]), keras.layers.Dense(3)])
    for network_of_all in (make(shared), lambda shape, outputs: made):
        wrappers.SKLearnClassifier(network_of_all, epochs=1).fit(FEATURES, NAMES)
        with pytest.raises(ValueError, match=r"`network` must make new layers at each call\. Received: '\w+', which"):
            wrappers.SKLearnClassifier(network_of_all, epochs=1).fit(FEATURES, NAMES)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"epochs": 0}, ValueError, "`epochs` must be at least 1. Received: 0"),
        ({"batch_size": 0}, ValueError, "`batch_size` must be at least 1. Received: 0"),
        ({"optimizer": None}, TypeError, "`optimizer` must be the name of an optimizer or .* Received: None"),
        ({"loss": losses.DisturbLabel}, TypeError, "argument but the number of classes.*'rate'.*partial"),
        (
            {"loss": functools.partial(losses.EarlyLearning, num_examples=35)},
            ValueError,
            "`loss` must leave `num_examples` out: it is that of each `fit`, here 36",
        ),
        ({"loss": losses.CrossEntropy(3)}, TypeError, "`loss` must be a class of `losses`"),
    ],
)
def test_settings_that_fit_refuses(settings, error, message):
    with pytest.raises(error, match=message):
        classifier(**settings).fit(FEATURES, NAMES)


def test_negative_weights_are_refused():
    with pytest.raises(ValueError, match=r"`sample_weight` must not be negative\. Received: -1"):
        classifier().fit(FEATURES, NAMES, sample_weight=np.where(GROUPS == 0, -1.0, 1.0))

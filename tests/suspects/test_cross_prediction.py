"""Predictions out of sample: what each model sees, what its outputs mean, resuming, bad input."""

import keras
import numpy as np
import pytest

from tfp_noise import NoisyLabelClassifier, cross_predict, datasets, losses

N = 30
LABELS = np.tile([0, 1, 2], N // 3)
FEATURES = np.random.default_rng(0).normal(size=(N, 4)).astype("float32") + 2 * np.eye(4)[LABELS].astype("float32")
IDS = np.arange(N, dtype="float32")[:, None]
LOGITS = {"loss": keras.losses.SparseCategoricalCrossentropy(from_logits=True)}


class Watched(keras.Model):
    """Stands for a model: keeps what it is trained on, and predicts the id of each example as its logit of class 1."""

    def __init__(self, seen):
        super().__init__()
        self.keep, self.trained = seen.append, None  # Keras would make a list of its own of `seen`
        self.compile("sgd", "sparse_categorical_crossentropy")

    def fit(self, x, y, **kwargs):
        self.trained = lambda: (x, y, kwargs)

    def predict(self, x, **kwargs):
        if self.trained:
            self.keep((*self.trained(), x))
        ones = np.asarray(keras.tree.flatten(x)[0], "float64").reshape(-1)
        ones = ones[:: len(ones) // len(keras.tree.flatten(x)[0])] / N
        return np.stack([1 - ones, ones, np.zeros_like(ones)], axis=1)


def build(activation=None, units=3, **compiled):
    def built():
        model = keras.Sequential([keras.Input([4]), keras.layers.Dense(units, activation=activation)])
        model.compile(keras.optimizers.Adam(0.3), run_eagerly=True, **(compiled or LOGITS))
        return model

    return built


def predicted(make=None, features=FEATURES, labels=LABELS, **settings):
    return cross_predict(make or build(), features, labels, **{"epochs": 2, "folds": 2, "verbose": 0, **settings})


@pytest.mark.parametrize("folds", [2, 5])
def test_each_model_is_trained_on_the_rest_and_predicts_its_own_fold(folds):
    seen = []
    result = predicted(lambda: Watched(seen), IDS, folds=folds, epochs=7, batch_size=11)
    np.testing.assert_allclose(result[:, 1], IDS[:, 0] / N, rtol=1e-6)  # in the order of the examples
    assert result.dtype == np.float32
    assert len(seen) == folds
    for x, y, settings, own in seen:
        assert sorted([*x[:, 0], *own[:, 0]]) == sorted(IDS[:, 0])
        np.testing.assert_array_equal(y, LABELS[x[:, 0].astype(int)])
        np.testing.assert_array_equal(np.bincount(LABELS[own[:, 0].astype(int)]), [10 // folds] * 3)
        assert settings == {"epochs": 7, "batch_size": 11, "verbose": 0}


CONTAINERS = {
    "dict": {"a": IDS, "b": FEATURES},
    "tuple": (IDS, FEATURES),
    "nested": {"a": (IDS, FEATURES)},
    "one column": IDS[:, 0],
}


@pytest.mark.parametrize("features", CONTAINERS.values(), ids=CONTAINERS)
def test_examples_are_taken_from_every_array(features):
    seen = []
    result = predicted(lambda: Watched(seen), features)
    np.testing.assert_allclose(result[:, 1], IDS[:, 0] / N, rtol=1e-6)
    for x, *_ in seen:
        leaves = keras.tree.flatten(x)
        assert len(leaves) == len(keras.tree.flatten(features))
        if len(leaves) > 1:
            np.testing.assert_array_equal(leaves[1], FEATURES[leaves[0][:, 0].astype(int)])


def test_rows_of_a_data_frame_are_taken_by_position():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"id": IDS[:, 0], "x": FEATURES[:, 0]}, index=np.arange(N)[::-1])
    seen = []
    result = predicted(lambda: Watched(seen), frame, pandas.Series(LABELS, index=np.arange(N) + 5))
    np.testing.assert_allclose(result[:, 1], IDS[:, 0] / N, rtol=1e-6)
    assert list(seen[0][0].columns) == ["id", "x"]
    with pytest.raises(ValueError, match="`labels` must be in the order of `features`"):
        predicted(features=frame, labels=pandas.Series(LABELS))


def test_same_call_gives_the_same_numbers_and_another_seed_others():
    first = predicted(seed=3)
    np.testing.assert_array_equal(predicted(seed=3), first)
    assert np.abs(predicted(seed=4) - first).max() > 1e-3


def test_what_is_learned_is_predicted():
    result = predicted(epochs=12)
    assert np.mean(result.argmax(axis=1) == LABELS) > 0.8


def softmax(logits):
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


def classifier(loss):
    def built():
        made = loss(3)
        network = keras.Sequential([keras.Input([4]), keras.layers.Dense(made.num_outputs)])
        model = NoisyLabelClassifier(network, made)
        model.compile(keras.optimizers.Adam(0.1), run_eagerly=True)
        return model

    return built


OUTPUTS = {
    "logits": (build(), softmax),
    "probabilities": (build("softmax", loss="sparse_categorical_crossentropy"), np.asarray),
    "a function": (build("softmax", loss=keras.losses.sparse_categorical_crossentropy), np.asarray),
    "one-hot labels": (build("softmax", loss="categorical_crossentropy"), np.asarray),
    "one-hot labels and logits": (
        build(loss=keras.losses.CategoricalCrossentropy(from_logits=True)),
        softmax,
    ),
    "a loss of this package": (
        build(loss=losses.GeneralizedCrossEntropy(3)),
        softmax,
    ),
    "a classifier": (classifier(losses.GeneralizedCrossEntropy), np.asarray),
    "a classifier with more outputs": (classifier(losses.LogisticNormal), np.asarray),
}


@pytest.mark.parametrize(("make", "of_outputs"), OUTPUTS.values(), ids=OUTPUTS)
@pytest.mark.daily("one-hot labels and logits", "a classifier with more outputs")
def test_outputs_are_read_as_the_loss_declares_them(make, of_outputs):
    kept = []
    result = predicted(lambda: kept.append(make()) or kept[-1], epochs=1)
    np.testing.assert_allclose(result.sum(axis=1), 1, atol=1e-6)
    by_model = [of_outputs(model.predict(FEATURES, verbose=0)) for model in kept[1:]]  # one was only looked at
    own = np.array([np.argmin([np.abs(rows[i] - result[i]).max() for rows in by_model]) for i in range(N)])
    for i in range(N):
        np.testing.assert_allclose(result[i], by_model[own[i]][i], atol=1e-5)
    assert np.bincount(own).tolist() == [N // 2, N // 2]


@pytest.mark.parametrize("from_logits", [True, False])
@pytest.mark.daily("False")
def test_one_output_is_that_of_class_one(from_logits):
    make = build(None if from_logits else "sigmoid", 1, loss=keras.losses.BinaryCrossentropy(from_logits=from_logits))
    result = predicted(make, labels=(FEATURES[:, 0] > FEATURES[:, 0].mean()).astype(int), epochs=12)
    assert result.shape == (N, 2)
    np.testing.assert_allclose(result.sum(axis=1), 1, atol=1e-6)
    assert np.corrcoef(result[:, 1], FEATURES[:, 0])[0, 1] > 0.7


def test_finished_folds_are_taken_from_the_folder(tmp_path):
    whole = predicted(workdir=tmp_path / "new", folds=3)
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [
        "cross_prediction.json",
        *(f"fold_{fold}.npz" for fold in range(3)),
    ]
    np.testing.assert_array_equal(whole, predicted(folds=3))
    (tmp_path / "new" / "fold_1.npz").unlink()  # as if it had been interrupted there
    trained = []
    again = predicted(lambda: trained.append(0) or build()(), workdir=tmp_path / "new", folds=3)
    assert len(trained) == 2  # one to look at, one to train
    np.testing.assert_array_equal(again, whole)


class StopError(Exception):
    """Raised in the middle of a training."""


def test_interruption_loses_the_fold_under_way_only(tmp_path):
    calls = []

    def interrupted():
        calls.append(0)
        if len(calls) == 3:
            raise StopError
        return build()()

    with pytest.raises(StopError):
        predicted(interrupted, workdir=tmp_path, folds=3)
    assert [path.name for path in tmp_path.glob("fold*")] == ["fold_0.npz"]
    np.testing.assert_array_equal(predicted(workdir=tmp_path, folds=3), predicted(folds=3))


OTHER = {
    "folds": {"folds": 5},
    "epochs": {"epochs": 3},
    "batch_size": {"batch_size": 8},
    "seed": {"seed": 1},
    "features": {"features": FEATURES + 1},
    "labels": {"labels": (LABELS + 1) % 3},
    "build": {"make": build("softmax", loss="sparse_categorical_crossentropy")},
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of a finished call, which no test changes."""
    folder = tmp_path_factory.mktemp("finished")
    predicted(workdir=folder)
    return folder


@pytest.mark.parametrize(("name", "changed"), OTHER.items(), ids=OTHER)
def test_another_call_is_refused_by_name(name, changed, finished):
    with pytest.raises(ValueError, match=rf"`workdir` must be of the same call.* other arguments\. `{name}`: stored"):
        predicted(workdir=finished, **changed)


def test_model_built_elsewhere_is_the_same_one(tmp_path):
    """Keras numbers layers by process: the names are not what makes a model another one."""
    predicted(workdir=tmp_path)
    keras.layers.Dense(1)
    predicted(workdir=tmp_path)


def test_damaged_folds_and_files_in_the_way_are_told(tmp_path):
    predicted(workdir=tmp_path)
    path = tmp_path / "fold_0.npz"
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(ValueError, match=r"`workdir` must hold whole files.*fold_0.npz, damaged.*Delete it"):
        predicted(workdir=tmp_path)
    np.savez(path, positions=np.arange(3), probabilities=np.ones([3, 3]))
    with pytest.raises(ValueError, match=r"`workdir` must hold this call's folds.*of other examples"):
        predicted(workdir=tmp_path)
    for text in ("{", "3", "[1]"):  # the last two are JSON, but of something else
        (tmp_path / "cross_prediction.json").write_text(text)
        with pytest.raises(ValueError, match=r"cross_prediction.json, damaged"):
            predicted(workdir=tmp_path)
    with pytest.raises(ValueError, match=r"`workdir` must be a folder.*which is a file"):
        predicted(workdir=path)


def shared():
    model = build()()
    return lambda: model


def with_layer(layer):
    def made():
        model = keras.Sequential([keras.Input([4]), layer, keras.layers.Dense(3)])
        model.compile(loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True), run_eagerly=True)
        return model

    return made


def test_frozen_layers_may_be_shared_between_folds():
    frozen = keras.layers.Dense(5, trainable=False)
    frozen.build((None, 4))
    weights = frozen.get_weights()
    predicted(with_layer(frozen), epochs=1)
    for now, before in zip(frozen.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(now, before)


def uncompiled():
    return keras.Sequential([keras.Input([4]), keras.layers.Dense(3)])


OWN = datasets.from_arrays(FEATURES, LABELS)
RARE = np.where(np.arange(N) < 2, 7, np.where(np.arange(N) == 2, 9, LABELS))
BAD = {
    "rare classes": ({"labels": RARE}, ValueError, r"`folds` = 2 examples of each class.* 1 of class 9\. Leave"),
    "fewer than folds": (
        {"labels": np.where(RARE == 9, 0, RARE), "folds": 3},
        ValueError,
        "Received: 2 of class 7. Pass `folds=2`, or leave",
    ),
    "one class": ({"labels": np.zeros(N, int)}, ValueError, "`labels` must be of at least two classes"),
    "a class too many": ({"labels": LABELS + 1}, ValueError, r"`labels` must lie in \[0, 3\)"),
    "names": ({"labels": np.array(["a", "b", "c"] * 10)}, TypeError, r"`labels` must be integer.*np.unique"),
    "one fold": ({"folds": 1}, ValueError, "`folds` must be at least 2"),
    "no epoch": ({"epochs": 0}, ValueError, "`epochs` must be at least 1"),
    "verbose": ({"verbose": "loud"}, ValueError, "`verbose` must be 'auto', 0, 1 or 2"),
    "too few examples": ({"features": FEATURES[:9]}, ValueError, r"`features` must hold 30 examples.*Received: 9"),
    "in a dict": ({"features": {"a": IDS, "b": IDS[1:]}}, ValueError, r"`features\['b'\]` must hold 30 examples"),
    "a data set": (
        {"features": OWN, "labels": None},
        TypeError,
        r"Received: Dataset of .*\. Pass .* `data\.train\.inputs, data\.train\.training_labels`",
    ),
    "a split": ({"features": OWN.train}, TypeError, r"Received: Examples of .*`data\.train\.inputs, "),
    "a list of numbers": ({"features": list(range(N))}, TypeError, r"`features` must hold arrays.*0, a single entry"),
    "nothing": ({"features": {}}, ValueError, "`features` must hold at least one array"),
    "a model": ({"make": build()()}, TypeError, "`build` must be a function that makes a model"),
    "no model": ({"make": lambda: None}, TypeError, "`build` must give a compiled Keras model. Received: None"),
    "not compiled": ({"make": uncompiled}, ValueError, "`build` must give a compiled model. Received one before"),
    "the same model": ({"make": shared()}, ValueError, "`build` must give a new model each time.* trained for"),
    "a layer made elsewhere": (
        {"make": with_layer(keras.layers.Dense(5)), "epochs": 1},
        ValueError,
        r"`build` must give new weights each time.* 2 that were trained in the fold before.*inside the function",
    ),
    "a loss that does not say": (
        {"make": build(loss="mean_squared_error")},
        ValueError,
        "The model of `build` must have a loss that says whether outputs are logits or probabilities",
    ),
    "no loss": ({"make": build(loss=None)}, ValueError, "Received the loss None, which has no `from_logits`"),
    "logits for probabilities": (
        {"make": build(loss="sparse_categorical_crossentropy")},
        ValueError,
        "`predictions` must be at least 0.* Does the loss's `from_logits` fit the last layer",
    ),
    "probabilities for logits": ({"make": build("softmax", **LOGITS)}, ValueError, "`build` must end in raw outputs"),
    "one output for classes": ({"make": build(units=1)}, ValueError, r"must give one array \[n, ..., K\]"),
    "classes for one output": ({"make": build(loss="binary_crossentropy")}, ValueError, r"one array \[n, ..., 1\]"),
}


@pytest.mark.parametrize(("changed", "error", "message"), BAD.values(), ids=BAD)
def test_bad_input_is_told(changed, error, message):
    with pytest.raises(error, match=message):
        predicted(**changed)

"""A search: every trial once, a choice by given labels that were held out, and an interrupted one goes on."""

import ast
import dataclasses
import pathlib
import sys

import keras
import numpy as np
import pytest

import tfp_noise
from experiments.papers.logistic_normal.published import SPACES
from tfp_noise import NoisyLabelClassifier, datasets, losses, noise, search

TRANSITION = noise.symmetric(2, 0.2)
SETTINGS = {"epochs": 1, "verbose": 0}
LOSSES = {losses.CrossEntropy: {}, losses.GeneralizedCrossEntropy: {"q": [0.2, 0.4, 0.6]}}


@pytest.fixture(scope="module")
def data():
    """Two blobs of 60 examples, of which given labels are right in training, and in part of the validation split."""
    labels = np.arange(60) % 2
    made = datasets.from_arrays(np.eye(2, dtype="float32")[labels], labels, validation_share=0.5)
    given = made.validation.observed.copy()
    given[:10] = 1 - given[:10]
    return dataclasses.replace(made, validation=dataclasses.replace(made.validation, observed=given))


class Scripted:
    """A function `build` whose models are not trained: `right(loss)` validation labels are predicted as given."""

    def __init__(self, data, right, units=1):
        self.data, self.right, self.units, self.seen = data, right, units, []

    def __call__(self, loss):
        layers = [keras.layers.Dense(self.units), keras.layers.Dense(loss.num_outputs)]
        model = NoisyLabelClassifier(keras.Sequential([keras.Input([2]), *layers]), loss)
        model.compile("adam", jit_compile=False)
        model.fit = lambda x, y, **settings: self.fit(loss, x, y, settings)
        model.predict = lambda x, verbose: self.predict(loss)
        return model

    def fit(self, loss, x, y, settings):
        np.testing.assert_array_equal(x, self.data.train.inputs)
        np.testing.assert_array_equal(y, self.data.train.observed)
        self.seen.append((loss.get_config(), settings))
        if self.right(loss) is None:
            raise FloatingPointError("NaN")

    def predict(self, loss):
        given = self.data.validation.observed
        wrong = np.arange(len(given)) >= self.right(loss)
        return np.eye(2)[np.where(wrong, 1 - given, given)]


def by_q(accuracies, plain=3):
    """Numbers of right predictions: of `GeneralizedCrossEntropy` by its q, of cross-entropy `plain`."""
    return lambda loss: accuracies[loss.q] if hasattr(loss, "q") else plain


def test_every_point_is_trained_once_and_the_most_accurate_is_best(data):
    build = Scripted(data, by_q({0.2: 12, 0.4: 24, 0.6: 18}))
    result = search.choose_loss(build, LOSSES, data, batch_size=7, **SETTINGS)
    assert [(one.loss, one.arguments, one.accuracy) for one in result.trials] == [
        (losses.CrossEntropy, {}, 0.1),
        *[(losses.GeneralizedCrossEntropy, {"q": q}, a) for q, a in ((0.2, 0.4), (0.4, 0.8), (0.6, 0.6))],
    ]
    assert result.best is result.trials[2]
    assert result.best.build_loss(5).get_config() == losses.GeneralizedCrossEntropy(5, q=0.4).get_config()
    assert [settings for _, settings in build.seen] == 4 * [{"epochs": 1, "batch_size": 7, "verbose": 0}]


def test_of_equal_ones_the_first_is_best(data):
    build = Scripted(data, by_q({0.2: 3, 0.4: 12, 0.6: 12}))
    assert search.choose_loss(build, LOSSES, data, **SETTINGS).best.arguments == {"q": 0.4}


def test_a_diverged_trial_does_not_stop_the_others(data):
    build = Scripted(data, by_q({0.2: None, 0.4: 3, 0.6: None}, plain=None))
    result = search.choose_loss(build, LOSSES, data, **SETTINGS)
    assert [one.accuracy for one in result.trials] == [None, None, 0.1, None]
    assert result.best.arguments == {"q": 0.4}
    with pytest.raises(FloatingPointError, match="Each of the 4 trainings diverged"):
        search.choose_loss(Scripted(data, lambda _: None), LOSSES, data, **SETTINGS)


def test_an_interrupted_search_goes_on(data, tmp_path):
    right = by_q({0.2: 12, 0.4: None, 0.6: 18})
    whole = search.choose_loss(Scripted(data, right), LOSSES, data, **SETTINGS)
    stopped = Scripted(data, lambda loss: right(loss) if len(stopped.seen) < 4 else 1 / 0)
    with pytest.raises(ZeroDivisionError):
        search.choose_loss(stopped, LOSSES, data, workdir=tmp_path, **SETTINGS)
    rest = Scripted(data, right)
    assert search.choose_loss(rest, LOSSES, data, workdir=tmp_path, **SETTINGS) == whole
    assert [config["q"] for config, _ in rest.seen] == [0.6]
    wider = {losses.GeneralizedCrossEntropy: {"q": [0.1, 0.2]}}
    more = Scripted(data, by_q({0.1: 30}))
    assert [one.accuracy for one in search.choose_loss(more, wider, data, workdir=tmp_path, **SETTINGS).trials] == [
        1.0,
        0.4,
    ]


def test_another_search_in_the_folder_is_refused(data, tmp_path):
    build = Scripted(data, lambda _: 3)
    spaces = {losses.CrossEntropy: {}}
    search.choose_loss(build, spaces, data, workdir=tmp_path, **SETTINGS)
    with pytest.raises(ValueError, match=r"`epochs`: stored 1, received 2"):
        search.choose_loss(build, spaces, data, workdir=tmp_path, epochs=2, verbose=0)
    other = dataclasses.replace(data, validation=data.train)
    with pytest.raises(ValueError, match=r"`data.validation`: stored 30 examples, CRC-32"):
        search.choose_loss(build, spaces, other, workdir=tmp_path, **SETTINGS)
    with pytest.raises(ValueError, match="`build` made another model for CrossEntropy"):
        search.choose_loss(Scripted(data, lambda _: 3, units=2), spaces, data, workdir=tmp_path, **SETTINGS)
    (tmp_path / "search.json").write_text("3")
    with pytest.raises(ValueError, match="damaged"):
        search.choose_loss(build, spaces, data, workdir=tmp_path, **SETTINGS)
    with pytest.raises(ValueError, match="`workdir` must be a folder"):
        search.choose_loss(build, spaces, data, workdir=tmp_path / "search.json", **SETTINGS)


def test_some_of_many_points_are_drawn_by_the_seed(data):
    spaces = {losses.LogisticNormal: None, losses.CrossEntropy: {}}

    def drawn(seed):
        found = search.choose_loss(Scripted(data, lambda _: 3), spaces, data, max_trials=4, seed=seed, **SETTINGS)
        return [(one.loss.__name__, tuple(one.arguments.values())) for one in found.trials]

    first = drawn(0)
    assert len(first) == len(set(first)) == 4
    assert drawn(0) == first
    assert any(drawn(seed) != first for seed in (1, 2))


def test_a_matrix_is_handed_on(data, tmp_path):
    """KerasTuner and JSON take no arrays; another matrix is another trial."""
    seen = []
    for rate in (0.2, 0.3):
        spaces = {losses.ForwardCorrection: {"transition": [noise.symmetric(2, rate)]}}
        build = Scripted(data, lambda loss: seen.append(loss.transition) or 3)
        search.choose_loss(build, spaces, data, workdir=tmp_path, **SETTINGS)
    assert {tuple(one[0]) for one in seen} == {(0.9, 0.1), (0.85, 0.15)}


def test_a_real_model_is_trained(data):
    """The wrong labels are in the validation split only, so that the accuracy is 1 less their fraction."""

    def build(loss):
        model = NoisyLabelClassifier(keras.Sequential([keras.Input([2]), keras.layers.Dense(loss.num_outputs)]), loss)
        model.compile(keras.optimizers.Adam(1.0), jit_compile=False)
        return model

    result = search.choose_loss(build, {losses.CrossEntropy: {}}, data, epochs=5, verbose=0)
    assert [one.accuracy for one in result.trials] == [20 / 30]


def test_weights_of_the_trial_before_are_refused(data):
    shared = keras.layers.Dense(1)

    class WithShared(Scripted):
        def __call__(self, loss):
            network = keras.Sequential([keras.Input([2]), shared, keras.layers.Dense(loss.num_outputs)])
            model = super().__call__(loss)
            other = NoisyLabelClassifier(network, loss)
            other.compile("adam", jit_compile=False)
            other.fit, other.predict = model.fit, model.predict
            return other

    message = r"new weights each time.* 2 that were trained in the trial before, such as '.*kernel'\. Make or load"
    with pytest.raises(ValueError, match=message):
        search.choose_loss(WithShared(data, lambda _: 3), LOSSES, data, **SETTINGS)
    shared.trainable = False
    assert len(search.choose_loss(WithShared(data, lambda _: 3), LOSSES, data, **SETTINGS).trials) == 4


def test_declared_spaces_are_those_of_the_papers():
    """Logistic-Normal's is that of MNIST, wider than the others."""
    declared = {
        "Bi-tempered": losses.BiTempered,
        "GCE": losses.GeneralizedCrossEntropy,
        "NAN": losses.NoiseAgainstNoise,
        "Het-tau": losses.Heteroscedastic,
    }
    for name, loss in declared.items():
        assert loss.search_space == SPACES[name]
    assert losses.LogisticNormal.search_space == {**SPACES["LN"], "min_scale": (0.1, *SPACES["LN"]["min_scale"])}


@pytest.mark.parametrize("loss", [one.name for one in losses.available()])
def test_every_value_of_a_declared_space_is_taken(loss):
    cls = getattr(losses, loss)
    for argument, values in cls.search_space.items():
        first = {name: options[0] for name, options in cls.search_space.items()}
        for value in values:
            remembered = {"num_examples": 5} if cls.needs_ids else {}
            assert getattr(cls(10, **remembered, **{**first, argument: value}), argument) == value


def test_a_loss_that_remembers_examples_is_told_how_many_there_are(data):
    build = Scripted(data, lambda loss: 10 + loss.weight)
    result = search.choose_loss(build, {losses.EarlyLearning: {"weight": [0.0, 2.0]}}, data, **SETTINGS)
    n = len(data.train)
    assert [one.arguments for one in result.trials] == [{"num_examples": n, "weight": weight} for weight in (0.0, 2.0)]
    assert result.best.build_loss(data.num_classes).num_examples == n


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"build": 3}, TypeError, "`build` must be"),
        ({"build": lambda loss: None}, TypeError, "`build` must return a compiled `NoisyLabelClassifier`"),
        ({"spaces": {}}, ValueError, r"`spaces` must be a dict .* Received: \{\}"),
        ({"spaces": [losses.CrossEntropy]}, ValueError, "`spaces` must be a dict"),
        ({"spaces": {"CrossEntropy": {}}}, ValueError, "Received the key 'CrossEntropy'. Pass the class"),
        (
            {"spaces": {losses.Focal: {"gamma": 3.0}}},
            ValueError,
            "Received for Focal: .* Put single values into a list",
        ),
        ({"spaces": {losses.Focal: {"gamma": []}}}, ValueError, "Received for Focal"),
        ({"spaces": {losses.Focal: {"gamma": np.ones(2)}}}, ValueError, r"Received for Focal: .* `values\.tolist\(\)`"),
        ({"spaces": {losses.Bootstrap: None}}, ValueError, "every argument of Bootstrap .* 'beta'"),
        ({"spaces": {losses.Focal: {"gamma": [1.0, -1.0]}}}, ValueError, r"right values. Received: \{'gamma': -1.0\}"),
        ({"data": 3}, TypeError, "`data` must be"),
        ({"epochs": 0}, ValueError, "`epochs` must be"),
        ({"batch_size": 0}, ValueError, "`batch_size` must be"),
        ({"max_trials": 0}, ValueError, "`max_trials` must be"),
        ({"seed": -1}, ValueError, "`seed` must be"),
        ({"verbose": "loud"}, ValueError, "`verbose` must be"),
    ],
)
def test_wrong_arguments_are_refused_by_name(data, changed, error, message):
    arguments = {"build": Scripted(data, lambda _: 3), "spaces": {losses.CrossEntropy: {}}, "data": data, **SETTINGS}
    with pytest.raises(error, match=message):
        search.choose_loss(**{**arguments, **changed})


def test_data_without_validation_examples_are_refused(data):
    empty = dataclasses.replace(data, validation=data.validation.take(slice(0)))
    with pytest.raises(ValueError, match="`data` must have validation examples"):
        search.choose_loss(Scripted(data, lambda _: 3), LOSSES, empty, **SETTINGS)


def imported_at_once(path):
    """Names of the modules that a file imports outside its functions."""
    nodes = [node for node in ast.parse(path.read_text()).body if isinstance(node, (ast.Import, ast.ImportFrom))]
    return {name for node in nodes for name in (getattr(node, "module", None), *(one.name for one in node.names))}


def test_the_package_does_not_import_keras_tuner_and_says_how_to_install_it(data, monkeypatch):
    files = list(pathlib.Path(tfp_noise.__file__).parent.rglob("*.py"))
    assert not [path for path in files if any(f"{name}".startswith("keras_tuner") for name in imported_at_once(path))]
    monkeypatch.setitem(sys.modules, "keras_tuner", None)
    with pytest.raises(ImportError, match=r"pip install 'tfp-noise\[search\]'"):
        search.choose_loss(Scripted(data, lambda _: 3), LOSSES, data, **SETTINGS)

"""The comparison of all methods: its list of methods, its noise, finished runs, searches, tables and training."""

import dataclasses
import json
import pathlib

import keras
import numpy as np
import pytest

import tfp_noise
from experiments.comparison import costs, methods, page, runs, sets, table, training
from experiments.comparison.compared_method import ComparedMethod
from experiments.comparison.training import ComparedSet, Recipe, Trainer
from experiments.decision.sets import SETS as SMALL_TABLES
from experiments.experiment import CLEAN, Noise
from tfp_noise import NoisyLabelClassifier, datasets, losses
from tfp_noise import noise as label_noise

RESULTS = pathlib.Path(__file__).parents[2] / "results" / "compare"
SYMMETRIC = Noise("symmetric", 0.4)


@pytest.fixture(scope="module")
def case():
    (found,) = sets.cases("digits", [SYMMETRIC], 0, None)
    return found


def classifiers():
    """Names of the public classes that train in another way."""
    public = {name: getattr(tfp_noise, name) for name in tfp_noise.__all__}
    of_keras = {name: one for name, one in public.items() if isinstance(one, type) and issubclass(one, keras.Model)}
    return {name for name in of_keras if name != NoisyLabelClassifier.__name__}


def test_every_loss_and_classifier_is_compared_or_left_out_with_a_reason():
    listed = {one.name for one in losses.available()} | classifiers()
    assert listed - set(methods.METHODS) == set(methods.LEFT_OUT)
    own = {"AveragedCrossEntropy", "EstimatedForwardCorrection", "ShiftedCrossEntropy"}
    assert set(methods.METHODS) - listed == own
    assert not {*methods.ARGUMENTS, *methods._SPACES} - set(methods.METHODS)
    of_losses = {one.name for one in losses.available()}
    assert {name for name, one in methods.METHODS.items() if not one.about} == of_losses - set(methods.LEFT_OUT)


def test_every_method_that_is_told_nothing_else_and_has_numbers_to_set_is_searched_over_alike():
    searched = {name: len(runs.points(one.space)) for name, one in methods.METHODS.items() if one.space}
    assert set(searched.values()) <= set(range(4, 10))
    without = {"CrossEntropy", "ShiftedCrossEntropy", "AveragedCrossEntropy", "EstimatedForwardCorrection"}
    assert {name for name, one in methods.METHODS.items() if not (one.space or one.told)} == without


@pytest.mark.parametrize("name", methods.METHODS)
def test_every_method_has_a_loss_with_the_values_that_are_said(case, name, monkeypatch):
    rows = np.eye(10)[case.data.train.training_labels] * 0.5 + 0.05
    monkeypatch.setattr(training, "out_of_sample", lambda *_: rows)
    method = methods.METHODS[name]
    if method.build is not None:
        assert method.loss(case).num_classes == 10
        network = case.task.network(case.data.input_shape, 10)
        monkeypatch.setattr(Trainer, "scores", lambda *_: None)  # of a teacher
    for values in [{}, *runs.points(method.space)][:3]:
        if method.build is None:
            made = method.loss(case, **method.values(case, values))
            assert made.num_classes == 10
        else:
            made = method.build(network, method.loss(case), case, **method.values(case, values))
            assert type(made) is method.made
        for argument, value in values.items():
            assert getattr(made, argument) == value


def test_methods_that_are_told_the_transition_get_it(case):
    told = [name for name, one in methods.METHODS.items() if one.told == "the transition matrix"]
    assert told == [one.name for one in losses.available() if "transition" in one.needs]
    for name in told:
        np.testing.assert_array_equal(methods.METHODS[name].loss(case).transition, case.data.transition)


def test_arguments_may_be_functions_of_the_case(case):
    method = ComparedMethod(
        losses.LabelSmoothing, losses.LabelSmoothing, {"a": lambda one: one.task.epochs // 3, "b": 1, "c": 2}
    )
    assert method.values(case, {"c": 3}) == {"a": 10, "b": 1, "c": 3}


def test_noises_are_parsed():
    texts = ["symmetric:0.2,asymmetric:0.4", "symmetric:0", "asymmetric:0.0", "symmetric:0.20"]
    assert sets.parse_noises(texts, "digits") == [Noise("symmetric", 0.2), Noise("asymmetric", 0.4), CLEAN]
    assert sets.parse_noises(["asymmetric:0.4"], "fashion_mnist") == [Noise("pair_flip", 0.4)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("symmetric", "`--noise` must be human, or KIND:RATE, such as symmetric:0.4, .* Received: 'symmetric'"),
        ("symetric:0.4", "with a KIND of symmetric or asymmetric. Received: 'symetric:0.4'"),
        ("symmetric:many", "Received: 'symmetric:many'"),
        ("symmetric:nan", "a RATE from 0 to below 1. Received: 'symmetric:nan'"),
        ("symmetric:40", "a RATE from 0 to below 1. Received: 'symmetric:40'. Is the rate in percent"),
        ("symmetric:-0.1", "a RATE from 0 to below 1"),
        ("asymmetric:1", "a RATE from 0 to below 1"),
        ("", "Received: ''"),
    ],
)
def test_wrong_noise_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        sets.parse_noises([text], "digits")


@pytest.fixture
def trained(monkeypatch):
    """Trainings that only write down what they were asked for; their validation accuracy is that of the arguments."""
    asked = []

    def scores(method, case, arguments, trainers):
        del trainers
        (name,) = (name for name, one in methods.METHODS.items() if one is method)
        asked.append((name, case.noise.name, case.seed, dict(arguments)))
        if name == "BackwardCorrection":
            return {"failed": "NaN"}
        return {"last": 0.5, "seconds": 1.0, "validation": 1 - abs(arguments.get("max_norm", 0) - 5)}

    monkeypatch.setattr(runs, "_scores", scores)
    return asked


def test_finished_runs_are_not_repeated_and_missing_ones_are_filled_in(trained, tmp_path):
    names = ["CrossEntropy", "BackwardCorrection"]

    def measure(seeds):
        return runs.measure("digits", [CLEAN, SYMMETRIC], names, range(seeds), tmp_path)

    assert measure(1) == []
    one_seed = [(name, noise, 0, {}) for name in names for noise in ("none", "symmetric40")]
    assert trained == one_seed
    (tmp_path / "none" / "CrossEntropy-0.json").unlink()
    del trained[:]
    measure(2)
    assert trained == [one_seed[0], *((name, noise, 1, {}) for name, noise, *_ in one_seed)]
    stored = json.loads((tmp_path / "symmetric40" / "CrossEntropy-1.json").read_text())
    assert stored["settings"]["noise"] == {"kind": "symmetric", "rate": 0.4, "exact": False}
    assert stored["scores"]["last"] == 0.5
    assert "commit" in stored["made_by"]


def test_a_result_of_other_settings_is_refused(trained, tmp_path, capsys, monkeypatch):
    runs.measure("digits", [CLEAN], ["CrossEntropy"], range(1), tmp_path)
    longer = dataclasses.replace(sets.SETS["digits"], epochs=31)
    monkeypatch.setitem(sets.SETS, "digits", longer)
    assert runs.measure("digits", [CLEAN], ["CrossEntropy"], range(1), tmp_path) == ["CrossEntropy, none, seed 0"]
    assert "a result of other settings (epochs: 30 there, 31 now)" in " ".join(capsys.readouterr().out.split())
    assert len(trained) == 1


def test_the_settings_of_a_run_have_what_it_depends_on(case, trained, tmp_path):
    """Defaults of arguments, constants of this package, and the training are there, so that a change is noticed."""
    chosen = ["DistortionDistillation", "AveragedCrossEntropy", "PENCIL"]
    found = {name: runs._settings(name, case, {}) for name in chosen}
    distorted, averaged, pencil = found.values()
    assert distorted["arguments"] == {"shift": 0.1, "weight": 1.0, "temperature": 3.0}
    assert (distorted["network"], distorted["periods"]) == ([128, 128], 30)
    assert distorted["examples"] == {"train": 1193, "validation": 144, "test": 360}
    assert averaged["optimizer"] == {"name": "Adam", "learning_rate": 0.005, "weight_decay": 0.1}
    assert (averaged["averaged"], averaged["augmentation"]["pad"]) == (True, 1)
    assert pencil["arguments"]["backbone_epochs"] == 7  # of 30, in proportion to 70 of 320
    assert pencil["arguments"]["initial_logit"] == 10.0


def test_examples_with_right_labels_are_in_no_split(case):
    whole = sets.SETS["digits"].load(0, None)
    np.testing.assert_array_equal(case.checked.inputs, whole.train.inputs[:100])
    np.testing.assert_array_equal(case.checked.labels, whole.train.labels[:100])
    np.testing.assert_array_equal(case.data.train.inputs, whole.train.inputs[100:])
    np.testing.assert_array_equal(case.data.validation.inputs, whole.validation.inputs)


def test_a_run_that_fails_does_not_stop_the_others(trained, tmp_path, capsys, monkeypatch):
    def fails(method, *_):
        if method is methods.METHODS["Focal"]:
            raise RuntimeError("out of memory")
        return {"last": 0.5, "seconds": 1.0, "validation": 1.0}

    monkeypatch.setattr(runs, "_scores", fails)
    assert runs.measure("digits", [CLEAN], ["Focal", "CrossEntropy"], [0], tmp_path) == ["Focal, none, seed 0"]
    assert "Focal, none, seed 0: failed: RuntimeError: out of memory" in capsys.readouterr().out
    assert (tmp_path / "none" / "CrossEntropy-0.json").exists()


def test_values_are_searched_once_and_the_best_by_given_labels_is_trained(trained, tmp_path):
    runs.measure("digits", [SYMMETRIC], ["LogitClip"], [1], tmp_path)
    space = methods.METHODS["LogitClip"].space["max_norm"]
    searched = [("LogitClip", "symmetric40", seed, {"max_norm": value}) for value in space for seed in (0, 1)]
    assert trained[:-1] == searched
    assert trained[-1] == ("LogitClip", "symmetric40", 1, {"max_norm": 5.0})
    del trained[:]
    runs.measure("digits", [SYMMETRIC], ["LogitClip"], [0], tmp_path)
    assert trained == [("LogitClip", "symmetric40", 0, {"max_norm": 5.0})]
    stored = json.loads((tmp_path / "symmetric40" / "LogitClip-search.json").read_text())
    assert [trial["arguments"]["max_norm"] for trial in stored["trials"]] == list(space)


def put(folder, noise, name, accuracies, **more):
    (folder / noise).mkdir(exist_ok=True)
    for seed, accuracy in enumerate(accuracies):
        scores = {"last": accuracy, "best": 1 - accuracy, "memorised": None, **more}
        settings = {
            **runs.settings_of_today(name, "digits"),
            "examples": {"train": 1193, "validation": 144, "test": 360},
        }
        (folder / noise / f"{name}-{seed}.json").write_text(json.dumps({"settings": settings, "scores": scores}))


def test_the_only_method_of_enough_seeds_is_not_in_bold(tmp_path):
    put(tmp_path, "symmetric40", "CrossEntropy", [0.70, 0.74])
    put(tmp_path, "symmetric40", "Focal", [0.80, 0.90, 0.85])
    _, best, other = table.rows(table.scores(table.stored("digits", tmp_path)[0]), "last", {})
    assert best == ["`Focal`", "85.0 ± 5.0"]
    assert other == ["`CrossEntropy`", "72.0 ± 2.8 (2)"]


def test_tables_count_mark_and_order(tmp_path):
    put(tmp_path, "symmetric40", "CrossEntropy", [0.70, 0.74, 0.72], memorised=0.25)
    put(tmp_path, "symmetric40", "Focal", [0.80, 0.90, 0.85])
    put(tmp_path, "symmetric40", "LogitClip", [0.84, 0.84])
    put(tmp_path, "symmetric40", "ForwardCorrection", [0.99, 0.99, 0.99])
    put(tmp_path, "none", "CrossEntropy", [0.97])
    put(tmp_path, "none", "Focal", [0.0], failed="NaN")
    put(tmp_path, "none", "LabelSmoothing", [0.99])
    old = tmp_path / "none" / "LabelSmoothing-0.json"
    old.write_text(old.read_text().replace('"epochs": 30', '"epochs": 20'))
    (tmp_path / "symmetric40" / "LogitClip-search.json").write_text(json.dumps({"trials": [{}, {}], "chosen": {}}))
    (tmp_path / "symmetric40" / "Focal-search.json").write_text(json.dumps({"trials": [{}]}))  # not finished
    found = table.scores(table.stored("digits", tmp_path)[0])
    assert list(found) == ["none", "symmetric40"]
    assert table.rows(found, "last", {"CrossEntropy": 1.0, "Focal": 1.234}) == [
        ["method", "no wrong labels (1)", "symmetric 40 % (3)", "mean", "in bold", "cost"],
        ["`Focal`", "–", "**85.0 ± 5.0**", "–", "1", "1.23"],
        ["`CrossEntropy`", "97.0", "72.0 ± 2.0", "84.5", "0", "1.00"],
        ["`LogitClip`", "–", "84.0 ± 0.0 (2)", "–", "0", "–"],
        ["`ForwardCorrection`, told the transition matrix", "–", "99.0 ± 0.0", "–", "0", "–"],
    ]
    memorised = table.rows(found, "memorised", {})
    assert ["`CrossEntropy`", "–", "25.0 ± 0.0"] in memorised
    text = page.page("digits", tmp_path, *table.stored("digits", tmp_path))
    assert "each noise: `LogitClip` 2." in " ".join(text.split())
    words = " ".join(text.split())
    assert "are those of survivors: `Focal-0` (no wrong labels)." in words
    assert "Left out as runs of other settings: `none/LabelSmoothing-0.json`." in words
    assert "`LabelSmoothing`" not in text.split("##")[2]
    assert "on 1,193 examples; 144 more" in words
    assert "360 with true labels test, which leaves a standard error of up to 2.6 points" in words
    assert "| `Focal` | – | 15.0 ± 5.0 |" in text  # at the best epoch
    assert "| `LogitClip` | – | 16.0 ± 0.0 (2) |" in text
    assert "| method | symmetric 40 % (3) |\n" in text  # wrong labels learned, where there are any
    axes = table.figure("digits", table.scores(table.stored("digits", tmp_path)[0])).axes
    np.testing.assert_allclose(axes[1].lines[0].get_xydata()[:, 0], [85, 72, 84, 99])
    assert [one.get_text() for one in axes[0].get_yticklabels()][-1] == "ForwardCorrection *"
    np.testing.assert_allclose(axes[1].lines[-1].get_xdata(), 72)


def test_the_page_says_which_method_one_would_take_and_where_those_of_the_papers_stand(tmp_path):
    plain, small, large = [0.70, 0.74, 0.72], [0.71, 0.73, 0.73], [0.81, 0.84, 0.83]
    for noise in ("none", "symmetric40"):
        put(tmp_path, noise, "CrossEntropy", plain)
        put(tmp_path, noise, "EarlyLearning", [one + 0.1 for one in large])
        put(tmp_path, noise, "LogisticNormal", large)
        put(tmp_path, noise, "LabelSmoothing", small)
        put(tmp_path, noise, "Focal", [one - 0.2 for one in large])
        put(tmp_path, noise, "ForwardCorrection", [0.99, 0.99, 0.99])
    put(tmp_path, "none", "OnlineLabelSmoothing", large)
    text = (
        page.page("digits", tmp_path, *table.stored("digits", tmp_path))
        .split("## Which one to take\n\n")[1]
        .split("\n\n## ")[0]
    )
    assert [" ".join(one.split()) for one in text.split("\n\n")][:4] == [
        "By the mean accuracy over these noises at the last epoch, of the 5 methods that are told nothing else one "
        "would take `EarlyLearning` 92.7 (place 1, better 2, worse 0 of 2); then come `LogisticNormal` 82.7 (place 2, "
        "better 2, worse 0 of 2), `LabelSmoothing` 72.3 (place 3, better 0, worse 0 of 2) and `CrossEntropy` 72.0 "
        "(place 4).",
        "Of those that change nothing but the loss, and need no ids of examples, one would take `LogisticNormal` 82.7 "
        "(place 2, better 2, worse 0 of 2); then come `LabelSmoothing` 72.3 (place 3, better 0, worse 0 of 2), "
        "`CrossEntropy` 72.0 (place 4) and `Focal` 62.7 (place 5, better 0, worse 2 of 2).",
        "Plain `CrossEntropy` 72.0 (place 4).",
        "The losses of this package's papers: `LabelSmoothing` 72.3 (place 3, better 0, worse 0 of 2) and "
        "`LogisticNormal` 82.7 (place 2, better 2, worse 0 of 2).",
    ]


def test_runs_without_cross_entropy_have_a_figure_without_its_line(tmp_path):
    put(tmp_path, "symmetric40", "Focal", [0.8])
    figure = table.figure("digits", table.scores(table.stored("digits", tmp_path)[0]))
    (axes,) = figure.axes
    assert figure.get_suptitle() == "digits (*: told more than the noisy labels)"
    assert [float(x) for line in axes.lines for x in line.get_xdata()] == pytest.approx([80, 20])


@pytest.mark.parametrize("dataset", ["cifar10n-aggregate", "cifar10n-worst", "digits", "fashion_mnist"])
def test_tables_are_those_of_the_results(dataset):
    assert (RESULTS / f"{dataset}.md").read_text(encoding="utf-8") == page.page(
        dataset, RESULTS / dataset, *table.stored(dataset, RESULTS / dataset)
    )


@pytest.mark.parametrize("dataset", sets.SETS)
def test_costs_are_measured_again_only_for_a_method_that_has_none(dataset, tmp_path, monkeypatch):
    """Data whose labels people gave have theirs already, as these digits that stand for them."""
    measured, digits = [], datasets.load("digits")
    if sets.SETS[dataset].noises == (Noise("human"),):
        digits = label_noise.corrupt_dataset(digits, label_noise.symmetric(10, 0.4), seed=0)
    monkeypatch.setitem(sets.SETS, dataset, dataclasses.replace(sets.SETS[dataset], load=lambda *_: digits))

    def ratios(steps, yardstick, rounds, calls):
        assert yardstick is methods.METHODS["CrossEntropy"]
        measured.append(list(steps))
        return dict.fromkeys(steps, 1.234)

    monkeypatch.setattr(costs, "_steps", lambda method, case: method)
    monkeypatch.setattr(costs.step_costs, "ratios", ratios)
    for names in (["Focal"], ["CrossEntropy"], ["LogitClip"]):
        costs.measure(dataset, names, tmp_path)
    assert measured == [["Focal"], ["Focal", "LogitClip"]]
    assert costs.read(dataset, tmp_path) == {"CrossEntropy": 1.0, "Focal": 1.23, "LogitClip": 1.23}


@pytest.fixture(scope="module")
def wine():
    """A small table with pairs of classes flipped, 8 steps of training, and accuracies after each of them."""
    task = ComparedSet(SMALL_TABLES["wine"].load, 2, 25, periods=8)
    return task, Noise("pair_flip", 0.4).apply(task.load(0, None), 0)


@pytest.mark.thorough
def test_an_averaged_network_has_the_moving_average_of_the_weights(wine):
    """The oracle averages the weights that the same training without an average has after each step."""
    task, data = wine
    plain = Trainer(data, losses.CrossEntropy(3), task)
    weights = []
    plain._restart(0)
    keep = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: weights.append(plain.model.network.get_weights()))
    plain._fit(plain._batches(data, 0), task.periods, [keep])
    averaged = Trainer(data, losses.CrossEntropy(3), task, recipe=Recipe({"ema_momentum": 0.6}, averaged=True))
    for _ in range(2):  # the second training begins anew
        averaged.scores(data, 0)
        for found, steps in zip(averaged.model.network.get_weights(), zip(*weights, strict=True), strict=True):
            expected = steps[0]
            for step in steps[1:]:
                expected = 0.6 * expected + 0.4 * step
            np.testing.assert_allclose(found, expected, atol=1e-5)


def test_memorised_is_the_fraction_of_wrong_labels_that_are_predicted(wine):
    task, data = wine
    trainer = Trainer(data, losses.CrossEntropy(3), task)
    found = trainer.scores(data, 0)["memorised"]
    train = data.train
    wrong = train.observed != train.labels
    predicted = trainer.model.predict(train.features, verbose=0).argmax(axis=1)
    assert found == pytest.approx(np.mean(predicted[wrong] == train.observed[wrong]), abs=1e-4)
    assert (
        trainer.scores(dataclasses.replace(data, train=dataclasses.replace(train, observed=None)), 0)["memorised"]
        is None
    )

"""The scripts: declared data, one finished file a run, nothing half-written, errors before work starts."""

import dataclasses
import json
import pathlib
import shutil
import sys

import keras
import numpy as np
import pytest

from experiments import report, results
from experiments.console import shared_flags, terminal
from experiments.experiment import Method, Noise
from experiments.run import run, run_all, trained
from tests.helpers import processes
from tests.helpers.small_experiments import ESTIMATED, FIRST, SMALL, STUDENT
from tfp_noise import DistilledClassifier, datasets, estimation, losses, noise, pipeline

# Networks of two epochs make estimates that nobody should believe, and are told so.
pytestmark = pytest.mark.filterwarnings("ignore:The estimated row of class")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("finished")
    return workdir, run(SMALL, workdir)


def test_result_says_what_made_it(finished):
    workdir, result = finished
    stored = json.loads((workdir / SMALL.name / "seed0.json").read_text())
    assert stored == json.loads(json.dumps(result))
    assert stored["settings"]["noise"] == {"kind": "symmetric", "rate": 0.4, "exact": False}
    assert stored["settings"]["method"]["arguments"] == {"transition": "TrueTransition()"}
    assert stored["settings"]["optimizer"] == {"Adam": {"learning_rate": 1e-3}}
    assert stored["resolved"]["loss"]["transition"] == noise.symmetric(10, 0.4).tolist()
    assert stored["resolved"]["optimizer"]["beta_1"] == pytest.approx(0.9)
    assert set(stored["made_by"]["versions"]) >= {"python", "tensorflow", "keras", "tensorflow-probability", "numpy"}
    assert stored["made_by"]["seconds"] > 0
    scores = stored["scores"]
    assert 0 < scores["test_accuracy"] <= 1
    assert scores["transition_mean_absolute_error"] == 0
    assert 0.01 <= scores["temperature"] <= 100
    assert scores["test_negative_log_likelihood_scaled"] > 0
    assert set(scores["train"]) == {"accuracy", "accuracy_clean", "accuracy_mislabelled_true", "accuracy_mislabelled"}
    assert stored["curves"]["epoch"] == [1, 2]
    assert stored["curves"]["test_accuracy"][-1] == pytest.approx(scores["test_accuracy"], abs=0.01)
    assert stored["curves"]["train_accuracy_clean"][-1] == pytest.approx(scores["train"]["accuracy_clean"], abs=0.01)


def test_predictions_beside_it_give_the_scores(finished):
    workdir, result = finished
    with np.load(workdir / SMALL.name / "seed0.npz") as arrays:
        hits = arrays["test_probabilities"].argmax(1) == arrays["test_labels"]
        assert hits.mean() == pytest.approx(result["scores"]["test_accuracy"])
        np.testing.assert_array_equal(arrays["test_labels"], datasets.load("digits").test.labels)


def test_finished_run_is_not_repeated_and_other_settings_are_refused(finished):
    workdir, result = finished
    path = workdir / SMALL.name / "seed0.json"
    before = path.stat().st_mtime_ns
    assert run(SMALL, workdir)["made_by"] == result["made_by"]
    assert path.stat().st_mtime_ns == before
    with pytest.raises(ValueError, match=r"a result of other settings \(epochs: 2 there, 3 now\)"):
        run(dataclasses.replace(SMALL, epochs=3), workdir)
    with pytest.raises(ValueError, match=r"\(predecessor.name: 'nothing' there, 'small/symmetric40/CE' now; "):
        run(dataclasses.replace(SMALL, predecessor=FIRST), workdir)


def test_model_beside_it_makes_the_predictions(finished):
    workdir, _ = finished
    model = results.find_model(SMALL, workdir)
    with np.load(workdir / SMALL.name / "seed0.npz") as arrays:
        test = datasets.load("digits").test
        np.testing.assert_allclose(
            model.predict(pipeline.one_pass(test, 100), verbose=0), arrays["test_probabilities"], atol=1e-6
        )


@pytest.mark.thorough
def test_missing_model_is_trained_again_and_the_finished_result_stays(finished, tmp_path):
    workdir, _ = finished
    shutil.copytree(workdir / SMALL.name, tmp_path / SMALL.name)
    folder = tmp_path / SMALL.name
    before = (folder / "seed0.json").read_bytes(), (folder / "seed0.json").stat().st_mtime_ns
    kept = trained(SMALL, tmp_path)
    (folder / "seed0.keras").unlink()
    again = trained(SMALL, tmp_path)
    for one, other in zip(kept.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert (folder / "seed0.keras").exists()
    assert before == ((folder / "seed0.json").read_bytes(), (folder / "seed0.json").stat().st_mtime_ns)


def test_a_run_that_fails_does_not_stop_the_others(tmp_path, capsys):
    singular = Method("BC", losses.BackwardCorrection, {"transition": [[0.1] * 10] * 10})
    failing = dataclasses.replace(SMALL, name="small/symmetric40/BC", method=singular)
    with pytest.raises(SystemExit, match=r"1 of 2 runs failed, see the messages above: 1/2 small/symmetric40/BC"):
        run_all([failing, SMALL], tmp_path)
    assert results.find(SMALL, tmp_path)
    assert (tmp_path / "table.md").exists()
    assert "BC seed 0: failed: `transition` must be" in capsys.readouterr().out


@pytest.fixture(scope="module")
def built_on(finished):
    """Runs with a predecessor, beside the run without; and the predecessor's result after the first of them."""
    workdir, _ = finished
    estimated, first = run(ESTIMATED, workdir), results.find(FIRST, workdir)
    return workdir, {ESTIMATED.name: estimated, STUDENT.name: run(STUDENT, workdir)}, first


def test_predecessor_is_run_first_and_once(built_on):
    workdir, found, first = built_on
    assert first["made_by"]["seconds"] > 0
    for result in found.values():
        assert result["settings"]["predecessor"] == first["settings"]
    assert results.find(FIRST, workdir) == first


def test_transition_is_estimated_from_the_predecessors_predictions(built_on):
    workdir, found, _ = built_on
    noisy = FIRST.noise.apply(datasets.load("digits"), 0)
    probabilities = results.find_model(FIRST, workdir).predict(pipeline.one_pass(noisy.train, 100), verbose=0)
    expected = estimation.from_anchors(probabilities, 97).transition
    result = found[ESTIMATED.name]
    np.testing.assert_allclose(result["resolved"]["loss"]["transition"], expected, atol=1e-5)
    error = np.abs(expected - noise.symmetric(10, 0.4)).mean()
    assert result["scores"]["transition_mean_absolute_error"] == pytest.approx(error, abs=1e-5)
    assert result["settings"]["method"]["arguments"] == {"transition": "AnchorTransition(percentile=97)"}


def test_teacher_is_the_predecessors_model(built_on):
    workdir, found, _ = built_on
    student = results.find_model(STUDENT, workdir)
    assert isinstance(student, DistilledClassifier)
    for one, other in zip(student.teacher.get_weights(), results.find_model(FIRST, workdir).get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert found[STUDENT.name]["settings"]["method"]["distillation"] == {"temperature": 2.0}


def test_what_builds_on_a_run_has_its_noise_and_another_initialisation():
    third = dataclasses.replace(STUDENT, predecessor=STUDENT).with_seed(5)  # taught by a student
    assert third.predecessor.predecessor.seed == third.predecessor.seed == third.seed == 5
    assert len({third.training_seed, third.predecessor.training_seed, FIRST.with_seed(5).training_seed}) == 3
    assert FIRST.with_seed(5).training_seed == 5
    smoke = dataclasses.replace(STUDENT, epochs=9, predecessor=dataclasses.replace(FIRST, epochs=9)).smoke()
    assert (smoke.epochs, smoke.predecessor.epochs, smoke.predecessor.name) == (2, 2, f"smoke/{FIRST.name}")


@pytest.mark.thorough
def test_same_seed_same_result_other_seed_other(finished, tmp_path):
    _, result = finished
    assert run(SMALL, tmp_path)["scores"] == result["scores"]
    assert run(dataclasses.replace(SMALL, seed=1), tmp_path)["scores"] != result["scores"]


@pytest.mark.thorough
def test_smoke_runs_stay_out_of_the_table(finished, tmp_path):
    smoke = dataclasses.replace(SMALL, epochs=100).smoke()
    assert (smoke.epochs, smoke.published, smoke.name) == (2, None, "smoke/small/symmetric40/FC")
    run(smoke, tmp_path)
    with pytest.raises(FileNotFoundError, match="No finished run"):
        results.load(tmp_path)


def test_unusable_workdir_is_found_before_training(tmp_path, monkeypatch):
    monkeypatch.setattr("keras.Model.fit", lambda *_, **__: pytest.fail("training started"))
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        run(SMALL, tmp_path / "file")


def test_exact_noise_flips_exact_counts():
    data = datasets.load("digits")
    exact = Noise("symmetric", 0.4, exact=True).apply(data, 0)
    expected = sum(round(0.36 * (data.train.labels == k).sum()) for k in range(10))
    assert abs(exact.train.mislabelled.sum() - expected) <= 10


def train_two(workdir):
    """Run a short experiment, and one that nobody waits for, like a script."""
    sys.argv = ["two"]
    endless = dataclasses.replace(SMALL, name="small/endless/FC", epochs=1_000_000)
    terminal.start(lambda: run_all([SMALL, endless], workdir))


@pytest.mark.parametrize(
    ("start", "program"),
    [
        (processes.start, (train_two,)),
        pytest.param(processes.start_script, ("experiments.demo", "--workdir"), marks=pytest.mark.torture),
    ],
    ids=["two", "demo"],
)
@pytest.mark.thorough
def test_interrupted_run_leaves_nothing_half_written(start, program, tmp_path):
    """SIGINT while the second run trains: what was finished stays whole, and the same command goes on from there."""
    workdir = tmp_path / "runs"
    processes.interrupted(start(tmp_path, *program, workdir), workdir, pause=1)
    assert "Interrupted" in (tmp_path / "stdout").read_text()
    assert (workdir / "table.md").exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--experiment=LN/table1/mnist/symetric40/LN"], "Did you mean 'LN/table1/mnist/symmetric40/LN'"),
        (["--experiment=LN/table1/mnist/none/CE", "--data_dir=/nowhere"], "/nowhere"),
        (["--experiment=digits/symmetric40/LN", "--strategy=mirrored"], "GPUs. Received: TensorFlow sees none"),
    ],
)
def test_errors_come_without_a_traceback(flags, message, tmp_path):
    done = processes.run_script("experiments.run", f"--workdir={tmp_path}", *flags)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Noise("symetric", 0.4), "Did you mean 'symmetric'"),
        (lambda: Noise("symmetric", 1.4), "`rate` must be"),
        (lambda: Noise("human").apply(datasets.load("digits"), 0), "needs annotators' labels"),
        (lambda: report.refresh("/nowhere"), "No finished run under /nowhere"),
    ],
)
def test_bad_settings(build, message):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        build()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": 3}, "`predecessor` must have the same seed. Received: 0, and here 3"),
        ({"noise": Noise("symmetric", 0.1)}, "`predecessor` must have the same noise"),
        ({"dataset": "mnist"}, "`predecessor` must have the same dataset"),
        ({"predecessor": None}, "`predecessor` must be an experiment for 'LS'. Received: None"),
    ],
)
def test_predecessors_that_do_not_fit(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(STUDENT, **changes)


@pytest.mark.parametrize("seeds", [[], ["a"], ["-1"], ["0", "1000000"]])
def test_bad_seeds_are_refused(seeds):
    with pytest.raises(ValueError, match="Seeds must be integers from 0 to 999999"):
        shared_flags.check_seeds(seeds)
    assert shared_flags.check_seeds(["0", "12"]) == [0, 12]


def test_every_script_with_a_list_of_seeds_checks_it():
    scripts = {path: path.read_text(encoding="utf-8") for path in pathlib.Path(report.__file__).parent.rglob("*.py")}
    with_seeds = {path: text for path, text in scripts.items() if 'DEFINE_list("seeds"' in text}
    assert len(with_seeds) >= 6
    assert [path.name for path, text in with_seeds.items() if "shared_flags.check_seeds(" not in text] == []


def test_an_annealed_scale_can_be_declared():
    """Only what `Resolver` marks is called before the loss is made."""
    decay = keras.optimizers.schedules.PolynomialDecay(0.5, 100, end_learning_rate=0.1)
    method = Method("annealed", losses.LogisticNormal, {"min_scale": decay})
    loss = method.build_loss(datasets.load("digits"), None)
    assert loss.min_scale is decay
    declared = json.loads(json.dumps(method.settings()))["arguments"]["min_scale"]
    assert keras.optimizers.schedules.deserialize(declared)(50) == decay(50)

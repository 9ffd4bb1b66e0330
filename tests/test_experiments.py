"""The scripts: declared data, one finished file a run, nothing half-written, errors before work starts."""

import dataclasses
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from experiments import digits, papers, report
from experiments.experiment import CROSS_ENTROPY, Experiment, Method, Noise, TrueTransition
from experiments.run import run
from tfp_noise import datasets, losses, noise

SMALL = Experiment(
    name="small/symmetric40/FC",
    dataset="digits",
    noise=Noise("symmetric", 0.4),
    model="digits_cnn",
    method=Method("FC", losses.ForwardCorrection, {"transition": TrueTransition()}),
    epochs=2,
    batch_size=128,
    optimizer=("Adam", {"learning_rate": 1e-3}),
    published=(50.0, 1.0),
)


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


def test_same_seed_same_result_other_seed_other(finished, tmp_path):
    _, result = finished
    assert run(SMALL, tmp_path)["scores"] == result["scores"]
    assert run(dataclasses.replace(SMALL, seed=1), tmp_path)["scores"] != result["scores"]


def test_table_and_figures_come_from_the_files(finished):
    workdir, result = finished
    report.refresh(workdir)
    table = (workdir / "table.md").read_text()
    accuracy = f"{100 * result['scores']['test_accuracy']:.2f}"
    assert f"| digits | digits_cnn | 2 | symmetric 40% | FC | 1 | 50.00 ± 1.00 | {accuracy} |" in table
    group = workdir / "small" / "symmetric40"
    assert {path.name for path in group.glob("*.png")} == {"learning_curves.png", "reliability.png", "transition.png"}


def test_smoke_runs_stay_out_of_the_table(finished, tmp_path):
    smoke = dataclasses.replace(SMALL, epochs=100).smoke()
    assert (smoke.epochs, smoke.published, smoke.name) == (2, None, "smoke/small/symmetric40/FC")
    run(smoke, tmp_path)
    with pytest.raises(FileNotFoundError, match="No finished run"):
        report.load(tmp_path)


def test_unusable_workdir_is_found_before_training(tmp_path, monkeypatch):
    monkeypatch.setattr("keras.Model.fit", lambda *_, **__: pytest.fail("training started"))
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        run(SMALL, tmp_path / "file")


def test_failed_write_keeps_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"before")

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(pathlib.Path, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        report._write_whole(path, b"after")
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_exact_noise_flips_exact_counts():
    data = datasets.load("digits")
    exact = Noise("symmetric", 0.4, exact=True).apply(data, 0)
    expected = sum(round(0.36 * (data.train.labels == k).sum()) for k in range(10))
    assert abs(exact.train.mislabelled.sum() - expected) <= 10


def test_damaged_result_is_named(tmp_path):
    path = tmp_path / SMALL.name / "seed0.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"settings": ')
    for act in (lambda: run(SMALL, tmp_path), lambda: report.load(tmp_path)):
        with pytest.raises(ValueError, match=r"seed0.json is not a result: .* Delete it"):
            act()


def test_committed_table_is_made_from_the_committed_results():
    results = pathlib.Path(__file__).parent.parent / "results"
    assert (results / "table.md").read_text() == report.markdown(report.load(results))


def test_seeds_become_mean_and_standard_deviation(finished):
    _, result = finished
    other = json.loads(json.dumps(result))
    other["scores"]["test_accuracy"] = result["scores"]["test_accuracy"] + 0.02
    (row,) = report.rows([result, other])
    mean = 100 * result["scores"]["test_accuracy"] + 1
    assert row[7] == f"{mean:.2f} ± {2 / np.sqrt(2):.2f}"


def test_interrupted_run_leaves_nothing_half_written(tmp_path):
    """SIGINT while the demo trains: what was finished stays whole, and the same command goes on from there."""
    command = [sys.executable, "-m", "experiments.demo", f"--workdir={tmp_path}"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        deadline = time.monotonic() + 120
        while not list(tmp_path.rglob("seed0.json")):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.2)
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "Interrupted" in output
    for path in tmp_path.rglob("seed0.json"):
        assert json.loads(path.read_text())["scores"]["test_accuracy"] > 0
    assert not [path for path in tmp_path.rglob(".*") if path.is_file()]
    assert (tmp_path / "table.md").exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--experiment=LN/table1/mnist/symetric40/LN"], "Did you mean 'LN/table1/mnist/symmetric40/LN'"),
        (["--experiment=LN/table1/mnist/none0/CE", "--data_dir=/nowhere"], "/nowhere"),
    ],
)
def test_errors_come_without_a_traceback(flags, message, tmp_path):
    command = [sys.executable, "-m", "experiments.run", f"--workdir={tmp_path}", *flags]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ})
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


def test_papers_settings_as_published():
    """Englesson et al.: Table 1 beside the hyperparameters of Tables 4 and 5, and appendix B.1."""
    experiment = papers.find("LN/table1/mnist/symmetric40/LN")
    assert experiment.published == (97.21, 0.38)
    assert experiment.method.arguments == {"temperature": 1.0, "min_scale": 0.5, "target_smoothing": 0.01}
    assert (experiment.epochs, experiment.batch_size) == (100, 256)
    assert experiment.optimizer == ("Adam", {"learning_rate": 1e-3})
    assert papers.find("LN/table1/mnist/asymmetric40/CE").published == (80.31, 1.81)
    assert papers.find("LN/table1/mnist/asymmetric10/LN").method.arguments["min_scale"] == 0.1
    assert len(papers.under("LN/table1/mnist/")) == 18


def test_only_the_corrections_see_the_true_transition():
    seeing = {e.method.label for e in digits.EXPERIMENTS if TrueTransition() in e.method.arguments.values()}
    assert seeing == {"BC", "FC"}
    assert {e.method.label for e in digits.EXPERIMENTS} == {CROSS_ENTROPY.label, "LS", "BC", "FC", "LN"}

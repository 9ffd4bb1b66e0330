"""The folder of results: found and told apart, errors that name the file, tables and figures made from the files."""

import dataclasses
import hashlib
import json
import pathlib
import shutil

import numpy as np
import pytest

from experiments import papers, report, results
from experiments.evaluation import summaries
from experiments.run import run, trained
from tests.helpers.small_experiments import FIRST, SMALL, result_of


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("finished")
    return workdir, run(SMALL, workdir)


def test_damaged_model_and_misplaced_result_are_named(finished, tmp_path):
    workdir, _ = finished
    shutil.copytree(workdir / SMALL.name, tmp_path / SMALL.name)
    (tmp_path / SMALL.name / "seed0.keras").write_bytes(b"torn")
    with pytest.raises(ValueError, match=r"seed0.keras is not a model: .* Delete it"):
        trained(SMALL, tmp_path)
    shutil.copytree(tmp_path / SMALL.name, tmp_path / "elsewhere")
    with pytest.raises(ValueError, match=r"elsewhere/seed0.json holds the result that belongs in small/symmetric40/FC"):
        results.load(tmp_path)


def test_results_are_found_from_inside_their_folder_and_copies_refused(finished, tmp_path, monkeypatch):
    workdir, _ = finished
    shutil.copytree(workdir / SMALL.name, tmp_path / SMALL.name)
    monkeypatch.chdir(tmp_path / "small")
    assert len(results.load(".")) == 1
    shutil.copytree(tmp_path / "small", tmp_path / "old" / "small")
    with pytest.raises(ValueError, match=r"are one run\. Take one of them out"):
        results.load(tmp_path)


@pytest.mark.parametrize(
    "changes", [{"optimizer": ("SGD", {})}, {"method": dataclasses.replace(SMALL.method, distillation={})}]
)
def test_settings_that_are_empty_count(changes, tmp_path):
    plain = dataclasses.replace(SMALL, optimizer=("Adam", {}), predecessor=FIRST)
    (tmp_path / SMALL.name).mkdir(parents=True)
    text = json.dumps(result_of(plain))
    (tmp_path / SMALL.name / "seed0.json").write_text(text)
    assert results.find(plain, tmp_path)
    with pytest.raises(ValueError, match="a result of other settings"):
        results.find(dataclasses.replace(plain, **changes), tmp_path)


def test_another_published_number_is_no_other_run(finished):
    workdir, result = finished
    assert results.find(dataclasses.replace(SMALL, published=(1.0, 0.1)), workdir) == result


def test_table_and_figures_come_from_the_files(finished):
    workdir, result = finished
    report.refresh(workdir)
    table = (workdir / "table.md").read_text()
    accuracy = f"{100 * result['scores']['test_accuracy']:.2f}"
    off = f"{100 * result['scores']['test_accuracy'] - 50:+.1f}"
    row = f"| small | digits | digits_cnn | 2 | symmetric 40% | FC | 50.00 ± 1.00 | 1 | {off} | {accuracy} |"
    assert row in table
    group = workdir / "small" / "symmetric40"
    assert {path.name for path in group.glob("*.png")} == {"learning_curves.png", "reliability.png", "transition.png"}


def test_learning_curves_are_of_all_seeds_and_say_how_many(finished):
    workdir, result = finished
    path = workdir / SMALL.name / "seed0.json"
    better = {key: [2 * (value or 0) for value in values] for key, values in result["curves"].items()}
    runs = [(path, result), (path, {**result, "curves": {**better, "epoch": result["curves"]["epoch"]}})]
    figure = report.compare({"FC": runs, "LN": runs[:1]})["learning_curves"]
    lines = figure.axes[0].lines
    assert [line.get_label() for line in lines] == ["FC (2)", "LN (1)"]
    assert lines[0].get_ydata().tolist() == pytest.approx([1.5 * one for one in result["curves"]["test_accuracy"]])
    assert figure.get_suptitle() == "digits, symmetric 40%; means over seeds, whose number is in parentheses"


def test_a_figure_of_all_methods_is_not_replaced_by_one_of_some(finished, tmp_path, capsys):
    workdir, result = finished
    shutil.copytree(workdir / "small", tmp_path / "small")
    group = tmp_path / "small" / "symmetric40"
    (group / "reliability.png").write_bytes(b"of both methods")
    other = {**result, "settings": {**result["settings"], "name": "small/symmetric40/LN"}}
    del other["digest"]
    results.write_json(group / "LN" / "seed0.json", other)
    report.refresh(tmp_path)
    assert (group / "reliability.png").read_bytes() == b"of both methods"
    assert "1 reliability.png kept as they are" in capsys.readouterr().out
    (group / "LN" / "seed0.npz").write_bytes((group / "FC" / "seed0.npz").read_bytes())
    report.refresh(tmp_path)
    assert (group / "reliability.png").read_bytes() != b"of both methods"


def test_a_searchs_trials_leave_the_columns_figures_whole(finished, tmp_path, monkeypatch):
    """A trial's folder sorts between its method and the next one."""
    _, result = finished
    names = ["small/symmetric40/FC", "small/symmetric40/FC/search/q0.1", "small/symmetric40/LN"]
    runs = {
        tmp_path / name / "seed0.json": {**result, "settings": {**result["settings"], "name": name}} for name in names
    }
    compared = []
    monkeypatch.setattr(report.missing, "load", lambda folder: runs)
    monkeypatch.setattr(report, "compare", lambda methods: compared.append(list(methods)) or {})
    report.refresh(tmp_path)
    assert compared == [["FC", "LN"], ["q0.1"]]
    report.refresh(tmp_path, {"small/symmetric40/LN"})
    assert compared[2:] == [["FC", "LN"]]


def test_failed_write_keeps_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"before")

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(pathlib.Path, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        results.write_text(path, "after")
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_damaged_result_is_named(tmp_path):
    path = tmp_path / SMALL.name / "seed0.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"settings": ')
    for act in (lambda: run(SMALL, tmp_path), lambda: results.load(tmp_path)):
        with pytest.raises(ValueError, match=r"seed0.json is not a result: .* Delete it"):
            act()


def test_committed_table_is_made_from_the_committed_results():
    folder = pathlib.Path(__file__).parents[2] / "results"
    assert (folder / "table.md").read_text() == report.markdown(list(results.load(folder).values()))


def test_seeds_become_mean_and_standard_deviation(finished):
    _, result = finished
    other = json.loads(json.dumps(result))
    other["scores"]["test_accuracy"] = result["scores"]["test_accuracy"] + 0.02
    (row,) = report.rows([result, other])
    mean = 100 * result["scores"]["test_accuracy"] + 1
    assert row["test"] == f"{mean:.2f} ± {2 / np.sqrt(2):.2f}"


@pytest.mark.parametrize(
    ("noise", "resolved", "marked"),
    [
        ({"kind": "symmetric", "exact": True}, {}, True),
        ({"kind": "symmetric_other", "exact": True}, {}, True),
        ({"kind": "symmetric", "exact": True}, {"ties": "by seed"}, False),
        ({"kind": "symmetric", "exact": False}, {}, False),
        ({"kind": "asymmetric", "exact": True}, {}, False),
    ],
)
def test_results_on_exact_counts_that_favoured_the_first_classes_are_marked(noise, resolved, marked):
    assert (summaries.mark([{"settings": {"noise": noise}, "resolved": resolved}]) != "") == marked


@pytest.mark.parametrize(
    ("loss", "optimizer", "more", "marked"),
    [
        ("LearnableLabelSmoothing", "Adam", {}, True),
        ("LearnableLabelSmoothing", "Adam", {"digest": "0"}, False),
        ("LearnableLabelSmoothing", "SGD", {}, False),
        ("OnlineLabelSmoothing", "Adam", {}, False),
    ],
)
def test_results_of_too_long_steps_of_learned_targets_are_marked(loss, optimizer, more, marked):
    settings = {"noise": {"kind": "none"}, "method": {"loss": loss}, "optimizer": {optimizer: {}}}
    assert (summaries.mark([{"settings": settings, **more}]) != "") == marked


def test_best_of_a_noise_are_bold_and_one_of_too_few_seeds_decides_nothing():
    """A is best, B not told from it by its three seeds (p = 0.4), C worse in each by 10 +- 1 points."""
    accuracies = {"A": [0.9, 0.8, 0.85], "B": [0.88, 0.82, 0.82], "C": [0.8, 0.71, 0.74]}

    def runs(noise, accuracies):
        for method, values in accuracies.items():
            for seed, accuracy in enumerate(values):
                result = result_of(dataclasses.replace(SMALL, name=f"small/{noise}/{method}", seed=seed))
                result["settings"]["method"]["label"] = method
                result["scores"]["test_accuracy"] = accuracy
                yield result

    text = report.markdown([*runs("one", accuracies), *runs("two", {"A": [0.9, 0.8, 0.85], "C": [0.7, 0.6]})])
    assert text.count(" **85.00 ± 5.00** |") == 1
    assert text.count(" **84.00 ± 3.46** |") == 1
    assert text.count("**") == 4
    assert text.count(" 85.00 ± 5.00 |") == 1  # of A beside a method of two seeds


def test_each_list_stands_on_one_line():
    value = {"a": [1, 2.5, None], "b": {"c": [[0.1, 1e-07], [1, 2]], "d": {}, "e": []}, "f": [{"g": [True]}], "h": "ü"}
    text = results.json_text({**value, "i": np.float64(0.1), "j": (3, np.float64(4))})
    assert json.loads(text) == {**value, "i": 0.1, "j": [3, 4.0]}
    for line in ('"a": [1, 2.5, null],', '"c": [', "[0.1, 1e-07],", '"d": {},', '"g": [true]'):
        assert line in [one.strip() for one in text.splitlines()]
    with pytest.raises(TypeError):
        results.json_text({"a": object()})


@pytest.mark.parametrize(
    "path", sorted((pathlib.Path(__file__).parents[2] / "results").rglob("*.json"))[::40], ids=lambda path: path.stem
)
def test_committed_results_are_written_as_runs_write_them(path):
    assert path.read_text() == results.json_text(json.loads(path.read_text())) + "\n"


def test_the_legend_explains_the_dagger_only_where_one_is_shown(tmp_path):
    plain = result_of(SMALL)
    noise = {**plain["settings"]["noise"], "exact": True}
    marked = {**plain, "settings": {**plain["settings"], "noise": noise}}
    assert "†" not in report.markdown([plain])
    assert report.markdown([marked]).count("†") == 2
    captions = [report.table(runs).caption for runs in ([plain], [marked])]
    assert ["†" in caption for caption in captions] == [False, True]


def with_digest(result):
    return {**result, "digest": results.files.digest(result)}


def test_a_result_has_the_digest_of_its_content(finished):
    workdir, result = finished
    text = (workdir / SMALL.name / "seed0.json").read_text()
    body = text[: text.index(',\n "digest": ')] + "\n}"
    assert result["digest"] == hashlib.sha256(body.encode()).hexdigest()
    assert json.loads(text) == json.loads(json.dumps(result, default=float))


@pytest.mark.parametrize("key", ["test_accuracy", "test_brier_score"])
def test_a_result_edited_by_hand_is_named_and_left_out(finished, key, tmp_path, monkeypatch):
    workdir, _ = finished
    shutil.copytree(workdir / SMALL.name, tmp_path / SMALL.name)
    other = with_digest(result_of(FIRST))
    results.write_json(tmp_path / FIRST.name / "seed0.json", other)
    path = tmp_path / SMALL.name / "seed0.json"
    path.write_text(path.read_text().replace(f'"{key}": 0.', f'"{key}": 0.9'))
    found = results.survey(tmp_path)
    assert list(found.runs.values()) == [other]
    assert found.left_out[path].startswith(f"{path} is not a result: its content was changed after the run")
    with pytest.raises(ValueError, match="its content was changed after the run"):
        results.find(SMALL, tmp_path)
    said = []
    monkeypatch.setattr(results.loading.logging, "warning", lambda text, *arguments: said.append(text % arguments))
    report.refresh(tmp_path)
    assert (tmp_path / "table.md").read_text() == report.markdown([other])
    assert [str(path) in line for line in said] == [True]


def test_results_of_other_settings_are_left_out_but_not_those_of_another_precision(tmp_path):
    name = "LN/table1/laptop-digits/none/CE"
    declared = {name: papers.find(name)}
    plain = declared[name]
    half = dataclasses.replace(plain, dtype_policy="mixed_bfloat16", seed=1)
    longer = dataclasses.replace(plain, epochs=7, seed=2)
    for one in (plain, half, longer):
        results.write_json(tmp_path / name / f"seed{one.seed}.json", result_of(one))
    found = results.survey(tmp_path, declared)
    assert [result["settings"]["seed"] for result in found.runs.values()] == [0, 1]
    assert list(found.left_out) == [tmp_path / name / "seed2.json"]
    assert "(epochs: 7 there, 100 now)" in found.left_out[tmp_path / name / "seed2.json"]
    assert found.without_digest == 2
    assert len(results.survey(tmp_path).runs) == 3


def test_committed_results_are_all_sound():
    found = results.survey(pathlib.Path(__file__).parents[2] / "results", papers.EXPERIMENTS)
    assert not found.left_out

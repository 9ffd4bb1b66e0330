"""Everything that an audit refuses, in one sentence for the user."""

import csv
import re

import keras
import numpy as np
import pytest
from absl import flags

from tfp_noise.audit import __main__ as main
from tfp_noise.audit import comparison


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """`run(*arguments)` -> what the command says when it ends with status 1."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        values = flags.FlagValues()
        main.define_flags(values)
        words = values(["audit", *arguments])[1:]
        with pytest.raises(SystemExit) as ended:
            main.audit(values, words)
        assert isinstance(ended.value.code, str)  # which Python prints, with status 1
        return ended.value.code

    return run


def write(path, rows):
    with open(path, "w", newline="") as stream:
        csv.writer(stream).writerows([["weight", "species"], *rows])


ROWS = [[i + 0.5, "cat" if i % 2 else "dog"] for i in range(20)]


@pytest.mark.parametrize(
    ("rows", "arguments", "message"),
    [
        (ROWS, ["--label=specie"], "Unknown column of 'pets.csv': 'specie'.*'species'"),
        (ROWS, [], "`--label` must name the column"),
        ([[i, "cat"] for i in range(20)], ["--label=species"], "two classes or more.*all 'cat'"),
        ([*ROWS, [1, "owl"], [2, "owl"]], ["--label=species"], "2 of 'owl'. Pass --folds=2, or leave"),
        ([*ROWS, [1, "owl"]], ["--label=species"], "one example of 'owl'"),
        ([*ROWS, ["", "cat"]], ["--label=species"], r"missing cells in 'weight' \(1\).*Fill them by `--impute`"),
        ([*ROWS, [1, "Cat "], [2, "Cat "]], ["--label=species"], "'cat' .10 times. and 'Cat '.*if they are several"),
        ([[i, row[1]] for i, row in enumerate(ROWS)], ["--label=species"], "'weight'.*row numbers.*in `--features`"),
        (ROWS, ["--label=species", "--features=age"], "Unknown column of 'pets.csv': 'age'.*`--features`"),
        (ROWS, ["--label=species", "--folds=1"], "`--folds` must be"),
        (ROWS, ["--label=species", "--epochs=0"], "`--epochs` must be"),
        (ROWS, ["--label=species", "--image_size=8"], "`--image_size` belongs to `--images`"),
        (ROWS, ["--label=species", "--dataset=digits"], "One source.*--csv and --dataset"),
        (ROWS, ["--label=species", "--images=photos"], "`--images` must be a folder of images. Received: 'photos'"),
        (ROWS, ["--label=species", "--images=.", "--impute"], "`--impute` is for tables"),
        (ROWS, ["--label=species", "--images=."], "Unknown column of 'pets.csv': 'file'.* as `--file`"),
        (ROWS, ["--label=species", "--file=weight"], "`--file` belongs to `--images` and `--csv`.*without `--images`"),
        (ROWS, ["--label=species", "--class_names=cat,cow"], "Unknown class: 'dog'"),
        (ROWS, ["--label=species", "--backbone=VGG16"], "`--backbone` belongs to `--weights`"),
        (ROWS, ["--label=species", "--weights=a.h5"], "`--weights` belongs to `--backbone`"),
        (ROWS, ["--label=species", "--model=net.py:build"], "`--model` must be.*no file 'net.py'"),
        (ROWS, ["--label=species", "pets.csv"], "Every argument must be a flag.*pets.csv"),
    ],
)
def test_tables_and_flags(rows, arguments, message, run, tmp_path):
    write(tmp_path / "pets.csv", rows)
    said = run("--csv=pets.csv", *arguments)
    assert said.startswith("audit: ")

    assert re.search(message, said), said
    assert not (tmp_path / "audit").exists()


def test_unreadable_images_are_named_and_left_out(run, tmp_path, capsys):
    for name in ("cat", "dog"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(5):
            keras.utils.save_img(tmp_path / "photos" / name / f"{number}.png", np.zeros([4, 4, 3]), scale=False)
    (tmp_path / "photos" / "dog" / "5.png").write_bytes(b"no picture")
    said = run("--images=photos", "--model=net.py:build")  # an error that comes after the data
    assert "`--model` must be" in said
    assert (
        "note: 1 of 11 files in 'photos' could not be read and had to be left out: 'dog/5.png'"
        in capsys.readouterr().out
    )


def test_images_of_several_sizes(run, tmp_path):
    for name, side in (("cat", 4), ("dog", 5)):
        (tmp_path / name).mkdir()
        keras.utils.save_img(tmp_path / name / "1.png", np.zeros([side, side, 3]), scale=False)
    assert "`--image_size` must be given for images of several sizes" in run(f"--images={tmp_path}")


def test_backbones_and_their_weights(run, tmp_path):
    write(tmp_path / "pets.csv", ROWS)
    keras.Sequential([keras.Input([2]), keras.layers.Dense(1)]).save_weights(tmp_path / "small.weights.h5")
    (tmp_path / "text.h5").write_text("no weights")
    arguments = ["--csv=pets.csv", "--label=species"]
    for backbone, weights, message in (
        (
            "MobilNetV2",
            "small.weights.h5",
            "Unknown backbone: 'MobilNetV2'. .*'MobileNetV2'.*`--backbone`",
        ),
        ("VGG16", "no.h5", "`--weights` must be a file. Received: 'no.h5'"),
        ("VGG16", "text.h5", "`--weights` must fit `--backbone=VGG16` .*'text.h5', which does not"),
        ("VGG16", "small.weights.h5", "`--weights` must fit .* `no_top`, or one that `keras.applications"),
    ):
        said = run(*arguments, f"--backbone={backbone}", f"--weights={weights}")
        assert re.search(message, said), said


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("", "has no function 'build'. Is it misspelt"),
        ("1 / 0", "fails in importing 'net.py': ZeroDivisionError"),
        ("def build(shape): return shape", "fails in build.*TypeError"),
        (
            "import keras\ndef build(shape, _): return keras.Sequential([keras.Input((7,)), keras.layers.Dense(2)])",
            r"a network for inputs of shape \(7,\), where the data have \(1,\)",
        ),
        ("def build(shape, outputs): return outputs", "Received from 'build': 2. Return the network"),
    ],
)
def test_models_of_ones_own(code, message, run, tmp_path):
    write(tmp_path / "pets.csv", ROWS)
    (tmp_path / "net.py").write_text(code)
    assert re.search(
        message, run("--csv=pets.csv", "--label=species", "--folds=2", "--epochs=1", "--model=net.py:build")
    )


def test_losses_that_all_diverge():
    with pytest.raises(FloatingPointError, match="diverged with every loss"):
        comparison.best([comparison.Result("CrossEntropy", None, None, None)])


def test_unknown_data_sets(run):
    assert re.search("Unknown data set: 'digit'.*'digits'.*`--dataset`", run("--dataset=digit"))

"""Accuracy after suspects are left out, relabelled or weighted: `python -m experiments.suspects.retrain`.

Trains what is not in `--results` yet, one JSON file a data set, noise and seed, and writes the table of all of them.
The predictions behind the suspects are kept in `--workdir`.
"""

import dataclasses
import json
import pathlib
from collections.abc import Callable

import keras
import numpy as np
from absl import flags

from experiments.console import shared_flags, terminal
from experiments.evaluation import summaries
from experiments.suspects.measure import builder
from tfp_noise import cross_predict, datasets, metrics, noise, suspects
from tfp_noise._saving.json_files import write_object

BATCH, FOLDS = 128, 3
PREDICTED_WITH = "GCE"  # the loss of the audit
SCORES = SELF, JOINT = ("self_confidence", "confident_joint")
NOISES = {
    "symmetric20": noise.symmetric(10, 0.2),
    "symmetric40": noise.symmetric(10, 0.4),
    "pairs30": noise.pair_flip(10, 0.3),
}


@dataclasses.dataclass(frozen=True)
class Size:
    """Number of training examples of a data set, `None` for all, and of epochs."""

    examples: int | None
    epochs: int


SETS = {"digits": Size(None, 100), "fashion_mnist": Size(10_000, 15)}


@dataclasses.dataclass(frozen=True)
class Way:
    """A way to train on noisy labels.

    Args:
        examples: text for the table.
        loss: short name of a loss.
        score: the score that finds the suspects; empty where none are asked for.
        act: function of data and suspects that gives the data to train on.
        weighted: weight each example by its score.
    """

    examples: str
    loss: str = "CE"
    score: str = ""
    act: Callable[..., datasets.Dataset] = lambda data, _: data
    weighted: bool = False

    @property
    def name(self) -> str:
        """The key of a result."""
        return ", ".join(filter(None, (self.examples, self.loss, self.score)))


def _true_labels(data, _):
    return dataclasses.replace(data, train=dataclasses.replace(data.train, observed=None), transition=None)


CEILING = Way("all with true labels", act=_true_labels)
WAYS = (
    *(Way("all", loss) for loss in ("CE", "GCE", "SCE")),
    Way("without suspects", "CE", SELF, datasets.Dataset.without),
    Way("without suspects", "CE", JOINT, datasets.Dataset.without),
    Way("without suspects", "GCE", SELF, datasets.Dataset.without),
    Way("suspects relabelled", "CE", SELF, datasets.Dataset.relabelled),
    Way("weighted by score", "CE", SELF, weighted=True),
    Way("weighted by score", "CE", JOINT, weighted=True),
    CEILING,
)
_NOTE = """# Wrong labels: what acting on suspects brings

Made by `python -m experiments.suspects.retrain`. Accuracy on clean test labels in percent, mean ± standard deviation
over {seeds} seeds of noise, folds and networks; in bold the highest mean of a column, that of true labels apart. One
hidden layer of 128 units. Suspects are ranked by predictions out of sample, {folds} folds, of networks trained with
{loss}. CE is cross-entropy, GCE and SCE are generalized and symmetric cross-entropy, with default hyperparameters.
digits: 1,437 training and 360 test images, {digits} epochs; fashion_mnist: 10,000 of each, {fashion_mnist} epochs.

"""
_DETECTION = """
The labels that are flagged: their number beside that of the wrong ones, precision / recall.

"""


def main():
    """Trains what the flags ask for and is not there yet, then writes the table."""
    args = flags.FLAGS
    folder, kept = pathlib.Path(args.results), pathlib.Path(args.workdir)
    folder.mkdir(parents=True, exist_ok=True)
    for seed in map(int, args.seeds):
        for name in args.sets:
            clean = flat(datasets.load(name, args.data_dir, validation_share=0.0), SETS[name].examples)
            for kind, transition in NOISES.items():
                path = folder / f"{name}_{kind}-{seed}.json"
                measure(path, noise.corrupt_dataset(clean, transition, seed), SETS[name].epochs, seed, kept / path.stem)
    (folder.parent / "retrain.md").write_text(table(folder), encoding="utf-8")


def flat(data, count):
    """`data` with vectors in [0, 1] for images, and the first training examples only."""
    parts = {split: getattr(data, split) for split in ("train", "validation", "test")}
    parts["train"] = parts["train"].take(slice(count))
    flattened = {
        split: dataclasses.replace(part, features=part.inputs.reshape(len(part), int(np.prod(data.input_shape))))
        for split, part in parts.items()
    }
    return dataclasses.replace(data, **flattened)


def measure(path, data, epochs, seed, workdir):
    """Adds to a JSON file the results that it lacks."""
    measured = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    missing = [way for way in WAYS if way.name not in measured]
    if not missing:
        return
    given = data.train.observed
    settings = {"epochs": epochs, "folds": FOLDS, "batch_size": BATCH, "seed": seed}
    build = builder(PREDICTED_WITH, data.input_shape, data.num_classes)
    probabilities = cross_predict(build, data.train.inputs, given, workdir=workdir, verbose=0, **settings)
    found = {score: suspects.rank(probabilities, given, score) for score in SCORES}
    measured |= {score: detection(found[score].is_suspect, data.train.mislabelled) for score in SCORES}
    for way in missing:
        chosen = found.get(way.score)
        weights = chosen.score if way.weighted else None
        measured[way.name] = round(accuracy(way.loss, way.act(data, chosen), weights, epochs, seed), 4)
        write_object(path, measured)
        terminal.console().print(f"{path.stem}: {way.name}: {measured[way.name]}")


def detection(flagged, wrong):
    """Numbers of flagged and wrong labels, precision and recall of the flags."""
    hits = int(np.sum(flagged & wrong))
    return {
        "flagged": int(flagged.sum()),
        "wrong": int(wrong.sum()),
        "precision": round(hits / max(int(flagged.sum()), 1), 4),
        "recall": round(hits / max(int(wrong.sum()), 1), 4),
    }


def accuracy(loss, data, weights, epochs, seed):
    """Accuracy on the test split of a network trained on the training split."""
    keras.utils.set_random_seed(seed)
    model, train = builder(loss, data.input_shape, data.num_classes)(), data.train
    model.fit(train.inputs, train.training_labels, BATCH, epochs, sample_weight=weights, verbose=0)
    return metrics.accuracy(model.predict(data.test.inputs, batch_size=1000, verbose=0), data.test.labels)


def table(folder):
    """Text of the tables, from the JSON files in a folder."""
    columns = {}
    for path in sorted(folder.glob("*-*.json")):
        columns.setdefault(path.stem.rpartition("-")[0], []).append(json.loads(path.read_text(encoding="utf-8")))
    cells = {name: _accuracies(runs) for name, runs in columns.items()}
    rows = [["examples", "loss", "suspects by", *columns]]
    rows += [[way.examples, way.loss, way.score, *(cells[name][way.name] for name in columns)] for way in WAYS]
    flagged = [["suspects by", *columns]]
    flagged += [[score, *(_detection(runs, score) for runs in columns.values())] for score in SCORES]
    seeds = {path.stem.rpartition("-")[2] for path in folder.glob("*-*.json")}
    note = _NOTE.format(
        seeds=len(seeds), folds=FOLDS, loss=PREDICTED_WITH, **{name: size.epochs for name, size in SETS.items()}
    )
    return note + summaries.markdown_table(rows) + _DETECTION + summaries.markdown_table(flagged)


def _accuracies(runs):
    """`{name of a way: mean and deviation as text}`, the best in bold."""
    found = {way: summaries.mean_and_deviation([100 * run[way.name] for run in runs]) for way in WAYS}
    best = max(found[way][0] for way in WAYS if way is not CEILING)
    texts = {way: summaries.number_text(found[way], ".2f") for way in WAYS}
    marked = {way for way in WAYS if way is not CEILING and found[way][0] == best}
    return {way.name: f"**{texts[way]}**" if way in marked else texts[way] for way in WAYS}


def _detection(runs, score):
    flagged, wrong, precision, recall = (
        np.mean([run[score][key] for run in runs]) for key in ("flagged", "wrong", "precision", "recall")
    )
    return f"{flagged:.0f} of {wrong:.0f}, {precision:.3f} / {recall:.3f}"


if __name__ == "__main__":
    flags.DEFINE_list("sets", list(SETS), "Data sets.")
    flags.DEFINE_list("seeds", ["0", "1", "2", "3", "4"], "Seeds of noise, folds and networks.")
    flags.DEFINE_string("results", "results/suspects/retrain", "Folder for results; the table goes beside it.")
    flags.DEFINE_string("workdir", "runs/suspects/retrain", "Folder for predictions.")
    shared_flags.define_data_dir()
    terminal.start(main)

"""Accuracy after suspects are left out, relabelled or weighted: `python -m experiments.suspects.retrain`.

Trains what is not in `--results` yet, one JSON file a data set, noise and seed, and writes the table of all of them.
The predictions behind the suspects are kept in `--workdir`.
"""

import dataclasses
import pathlib
from collections.abc import Callable

import keras
import numpy as np
from absl import flags

from experiments import results
from experiments.console import shared_flags, terminal
from experiments.evaluation import summaries
from experiments.suspects import predictions
from tfp_noise import cross_predict, datasets, metrics, noise, suspects

FOLDS = 3
UNITS = 128
PREDICTED_WITH = "GCE"  # the loss of the audit
SCORES = SELF, JOINT = ("self_confidence", "confident_joint")
NOISES = {
    "symmetric20": noise.symmetric(10, 0.2),
    "symmetric40": noise.symmetric(10, 0.4),
    "pairs30": noise.pair_flip(10, 0.3),
}


@dataclasses.dataclass(frozen=True)
class Size:
    """Number of training examples of a data set, `None` for all, and how long a network is trained on them."""

    examples: int | None
    epochs: int
    batch_size: int


SETS = {"digits": Size(None, 30, 32), "fashion_mnist": Size(10_000, 15, 128)}


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
over {seeds} seeds of noise, folds and networks; in bold the highest mean of a column, that of true labels apart. The
gain is the mean difference from cross-entropy on all noisy labels, over all columns. One hidden layer of 128 units.
Suspects are ranked by predictions out of sample, {folds} folds, of networks trained with {loss}. CE is cross-entropy,
GCE and SCE are generalized and symmetric cross-entropy, with default hyperparameters. digits: 1,437 training and 360
test images, {digits}; fashion_mnist: 10,000 of each, {fashion_mnist}.

"""
_DETECTION = """
Labels that are flagged: their number beside that of the wrong ones, precision / recall.

"""


def main():
    """Trains what the flags ask for and is not there yet, then writes the table."""
    args = flags.FLAGS
    folder, kept = pathlib.Path(args.results), pathlib.Path(args.workdir)
    for seed in shared_flags.check_seeds(args.seeds):
        for name in args.sets:
            clean = flat(datasets.load(name, args.data_dir, validation_share=0.0), SETS[name].examples)
            for kind, transition in NOISES.items():
                path = folder / f"{name}_{kind}-{seed}.json"
                measure(path, noise.corrupt_dataset(clean, transition, seed), SETS[name], seed, kept / path.stem)
    (folder.parent / "retrain.md").write_text(page(folder), encoding="utf-8")


def flat(data, count):
    """`data` with vectors in [0, 1] for images, and the first training examples only."""
    parts = {split: getattr(data, split) for split in ("train", "validation", "test")}
    parts["train"] = parts["train"].take(slice(count))
    flattened = {
        split: dataclasses.replace(part, features=part.inputs.reshape(len(part), int(np.prod(data.input_shape))))
        for split, part in parts.items()
    }
    return dataclasses.replace(data, **flattened)


def measure(path, data, size, seed, workdir):
    """Adds to a JSON file the results that it lacks."""
    measured = results.read_measured(path)
    missing = [way for way in WAYS if way.name not in measured]
    if not missing:
        return
    given = data.train.observed
    settings = {"epochs": size.epochs, "batch_size": size.batch_size}
    build = builder(PREDICTED_WITH, data)
    probabilities = cross_predict(
        build, data.train.inputs, given, FOLDS, seed=seed, workdir=workdir, verbose=0, **settings
    )
    found = {score: suspects.rank(probabilities, given, score) for score in SCORES}
    measured |= {score: detection(found[score].is_suspect, data.train.mislabelled) for score in SCORES}
    for way in missing:
        chosen = found.get(way.score)
        weights = chosen.score if way.weighted else None
        measured[way.name] = round(accuracy(way.loss, way.act(data, chosen), weights, seed, **settings), 4)
        results.write_json(path, measured)
        terminal.console().print(f"{path.stem}: {way.name}: {measured[way.name]}")


def builder(loss, data):
    """A function that builds a network for the data, compiled with the loss of this short name."""
    return predictions.builder(predictions.LOSSES[loss](data.num_classes), data.input_shape, UNITS)


def detection(flagged, wrong):
    """Numbers of flagged and wrong labels, precision and recall of the flags."""
    hits = int(np.sum(flagged & wrong))
    return {
        "flagged": int(flagged.sum()),
        "wrong": int(wrong.sum()),
        "precision": round(hits / max(int(flagged.sum()), 1), 4),
        "recall": round(hits / max(int(wrong.sum()), 1), 4),
    }


def accuracy(loss, data, weights, seed, **settings):
    """Accuracy on the test split of a network that `fit` has trained on the training split by these settings."""
    keras.utils.set_random_seed(seed)
    model, train = builder(loss, data)(), data.train
    model.fit(train.inputs, train.training_labels, sample_weight=weights, verbose=0, **settings)
    return metrics.accuracy(model.predict(data.test.inputs, batch_size=1000, verbose=0), data.test.labels)


def page(folder):
    """Text of the page of tables, from the JSON files in a folder."""
    counts = {len(runs) for runs in _by_noise(folder).values()}
    seeds = " to ".join(map(str, sorted(counts)))
    lengths = {name: f"{size.epochs} epochs in batches of {size.batch_size}" for name, size in SETS.items()}
    note = _NOTE.format(seeds=seeds, folds=FOLDS, loss=PREDICTED_WITH, **lengths)
    return note + accuracies(folder) + _DETECTION + _detections(folder)


def accuracies(folder):
    """Table of accuracies, a row a way and a column a data set and noise, the best of each in bold."""
    columns = _by_noise(folder)
    cells = {name: _marked_accuracies(runs) for name, runs in columns.items()}
    body = [
        [way.examples, way.loss, way.score, *(cells[name][way.name] for name in columns), _gain(columns, way)]
        for way in WAYS
    ]
    return summaries.markdown_table([["examples", "loss", "suspects by", *columns, "gain"], *body])


def _gain(columns, way):
    """Points of accuracy above the first way, on average over all data sets, noises and seeds."""
    differences = [run[way.name] - run[WAYS[0].name] for runs in columns.values() for run in runs]
    return f"{100 * np.mean(differences):+.2f}" if way is not WAYS[0] else ""


def _marked_accuracies(runs):
    """`{name of a way: mean and deviation as text}`, the best in bold."""
    found = {way.name: summaries.mean_and_deviation([100 * run[way.name] for run in runs]) for way in WAYS}
    best = max(mean for name, (mean, _) in found.items() if name != CEILING.name)
    texts = {name: summaries.number_text(one, ".2f") for name, one in found.items()}
    return {
        name: f"**{text}**" if found[name][0] == best and name != CEILING.name else text for name, text in texts.items()
    }


def _detections(folder):
    columns = _by_noise(folder)
    body = [[score, *(_mean_detection(runs, score) for runs in columns.values())] for score in SCORES]
    return summaries.markdown_table([["suspects by", *columns], *body])


def _mean_detection(runs, score):
    flagged, wrong, precision, recall = (
        np.mean([run[score][key] for run in runs]) for key in ("flagged", "wrong", "precision", "recall")
    )
    return f"{flagged:.0f} of {wrong:.0f}, {precision:.3f} / {recall:.3f}"


def _by_noise(folder):
    """`{data set and noise: results of its seeds}`, without those that an interruption left incomplete."""
    found = {}
    for path in sorted(folder.glob("*.json")):
        run = results.read_measured(path)
        if all(way.name in run for way in WAYS):
            found.setdefault(path.stem.rpartition("-")[0], []).append(run)
    return found


if __name__ == "__main__":
    flags.DEFINE_list("sets", list(SETS), "Data sets.")
    flags.DEFINE_list("seeds", ["0", "1", "2", "3", "4"], "Seeds of noise, folds and networks.")
    flags.DEFINE_string("results", "results/suspects/retrain", "Folder for results; the table goes beside it.")
    flags.DEFINE_string("workdir", "runs/suspects/retrain", "Folder for predictions.")
    shared_flags.define_data_dir()
    terminal.start(main)

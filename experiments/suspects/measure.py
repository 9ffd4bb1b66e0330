"""Detection of wrong labels by score and loss, out of sample and in sample: `python -m experiments.suspects.measure`.

One JSON file a data set and seed; what is there already is not measured again. The predictions are kept in `--workdir`,
from which `experiments.suspects.peer` gives the same ones to cleanlab.
"""

import json
import pathlib

import keras
import numpy as np
from absl import flags
from sklearn import metrics

from experiments.console import terminal
from experiments.suspects.sets import SETS
from tfp_noise import NoisyLabelClassifier, callbacks, cross_predict, losses, suspects
from tfp_noise._saving.json_files import write_object

SCORES = ("self_confidence", "normalized_margin", "confidence_weighted_entropy", "confident_joint")
LOSSES = {
    "CE": losses.CrossEntropy,
    "GCE": losses.GeneralizedCrossEntropy,
    "SCE": losses.SymmetricCrossEntropy,
    "LN": losses.LogisticNormal,
}
_BATCH, _FOLDS = 64, 3


def main():
    """Measures what the flags ask for."""
    args = flags.FLAGS
    for name in args.sets:
        for seed in map(int, args.seeds):
            features, true, given = SETS[name].load(seed)
            path = pathlib.Path(args.results) / f"{name}-{seed}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            found = json.loads(path.read_text()) if path.exists() else {}
            found["n"], found["wrong"] = len(true), int(np.sum(given != true))
            for loss in args.losses:
                for way in ("out of sample", "in sample"):
                    if f"{loss}, {way}" in found:
                        continue
                    kept = pathlib.Path(args.workdir) / f"{name}-{seed}-{loss}"
                    build, epochs = builder(loss, features.shape[1:], len(SETS[name].transition)), SETS[name].epochs
                    if way == "out of sample":
                        settings = {"epochs": epochs, "folds": _FOLDS, "batch_size": _BATCH, "seed": seed}
                        probabilities = cross_predict(build, features, given, workdir=kept, verbose=0, **settings)
                        np.savez(kept / "all.npz", probabilities=probabilities, given=given, true=true)
                        found[f"{loss}, {way}"] = measured(probabilities, given, true)
                    else:
                        probabilities, areas = trained_on_all(build, features, given, epochs, seed)
                        found[f"{loss}, {way}"] = measured(probabilities, given, true)
                        found[f"{loss}, {way}"]["area_under_margin"] = quality(areas, given != true)
                    write_object(path, found)
                    terminal.console().print(f"{path.stem}: {loss}, {way}")


def builder(loss, input_shape, num_classes):
    """A function that builds a network of one hidden layer, compiled with the loss of this name."""

    def build():
        made = LOSSES[loss](num_classes)
        layers = [keras.layers.Dense(128, activation="relu"), keras.layers.Dense(made.num_outputs)]
        model = NoisyLabelClassifier(keras.Sequential([keras.Input(input_shape), *layers]), made)
        model.compile(keras.optimizers.Adam(2e-3), jit_compile=False, steps_per_execution=10)
        return model

    return build


def trained_on_all(build, features, labels, epochs, seed):
    """Predictions for the examples by a model that was trained on them, and their areas under the margin."""
    keras.utils.set_random_seed(seed)
    model, history = build(), callbacks.MarginHistory(features, labels)
    model.fit(features, labels, batch_size=_BATCH, epochs=epochs, callbacks=[history], verbose=0)
    return model.predict(features, verbose=0), history.area_under_margin


def measured(probabilities, given, true):
    """Quality of each score and its flags, and the estimated number of wrong labels, as plain JSON."""
    found = {}
    for score in SCORES:
        ranked = suspects.rank(probabilities, given, score)
        wrong, flagged = given != true, ranked.is_suspect
        hits = int(np.sum(wrong & flagged))
        found[score] = {
            **quality(ranked.score, wrong),
            "precision": round(hits / max(int(flagged.sum()), 1), 4),
            "recall": round(hits / int(wrong.sum()), 4),
            "suggestions_right": round(float(np.mean(ranked.suggested[wrong] == true[wrong])), 4),
        }
    return {"estimated": ranked.estimated_count, **found}


def quality(scores, wrong):
    """Area under the ROC curve, and precision among as many lowest scores as there are wrong labels."""
    lowest = np.argsort(scores, kind="stable")[: wrong.sum()]
    return {
        "auroc": round(float(metrics.roc_auc_score(wrong, -scores)), 4),
        "precision_at_true_count": round(float(wrong[lowest].mean()), 4),
    }


if __name__ == "__main__":
    flags.DEFINE_list("sets", list(SETS), "Data sets with noise.")
    flags.DEFINE_list("losses", list(LOSSES), "Losses.")
    flags.DEFINE_list("seeds", ["0", "1", "2"], "Seeds of noise, folds and networks.")
    flags.DEFINE_string("results", "results/suspects", "Folder for results.")
    flags.DEFINE_string("workdir", "runs/suspects", "Folder for predictions.")
    terminal.start(main)

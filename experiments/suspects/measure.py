"""Detection of wrong labels by score and loss, out of sample and in sample: `python -m experiments.suspects.measure`.

One JSON file a data set and seed, made from predictions in `--workdir`; only those that are not there are trained for.
`experiments.suspects.peer` gives the same predictions to cleanlab.
"""

import pathlib

import numpy as np
from absl import flags
from sklearn import metrics

from experiments import results
from experiments.console import shared_flags, terminal
from experiments.suspects import detectors
from experiments.suspects.predictions import LOSSES, predictions
from experiments.suspects.sets import SETS
from tfp_noise import losses, suspects

SCORES = ("self_confidence", "normalized_margin", "confidence_weighted_entropy", "confident_joint")


def main():
    """Measures what the flags ask for."""
    args = flags.FLAGS
    workdir = pathlib.Path(args.workdir)
    for name in args.sets:
        for seed in shared_flags.check_seeds(args.seeds):
            noisy_set = SETS[name]
            _, true, given = data = noisy_set.load(seed, args.data_dir, workdir)
            path = pathlib.Path(args.results) / f"{name}-{seed}.json"
            found = results.read_measured(path)
            found["n"], found["wrong"] = len(true), int(np.sum(given != true))
            for loss in args.losses:
                folder = workdir / f"{name}-{seed}-{loss}"
                out_of_sample, in_sample = predictions(folder, loss, noisy_set, data, seed)
                found[f"{loss}, out of sample"] = measured(out_of_sample["probabilities"], given, true)
                found[f"{loss}, in sample"] = measured_in_sample(LOSSES[loss](int(true.max()) + 1), **in_sample)
                results.write_json(path, found)
                terminal.console().print(f"{path.stem}: {loss}")


def measured(probabilities, given, true):
    """Quality of each score and its flags, and the estimated number of wrong labels, as plain JSON."""
    found = {}
    for score in SCORES:
        ranked = suspects.rank(probabilities, given, score)
        wrong = given != true
        found[score] = {
            **quality(ranked.score, wrong),
            **flags_quality(ranked.is_suspect, wrong),
            "suggestions_right": round(float(np.mean(ranked.suggested[wrong] == true[wrong])), 4),
        }
    return {"estimated": ranked.estimated_count, **found}


def measured_in_sample(loss, probabilities, outputs, area_under_margin, given, true):
    """Numbers of `measured`, and the quality of detectors that need the network that was trained on the labels."""
    wrong, right = given != true, detectors.loss_mixture(probabilities, given)
    found = measured(probabilities, given, true)
    found["area_under_margin"] = quality(area_under_margin, wrong)
    found["loss_mixture"] = {**quality(right, wrong), **flags_quality(right < 0.5, wrong)}
    if isinstance(loss, losses.LogisticNormal):
        found["standardised_residual"] = quality(detectors.standardised_residual(outputs, given, loss), wrong)
    return found


def quality(scores, wrong):
    """Area under the ROC curve, and precision among as many lowest scores as there are wrong labels."""
    lowest = np.argsort(scores, kind="stable")[: wrong.sum()]
    return {
        "auroc": round(float(metrics.roc_auc_score(wrong, -scores)), 4),
        "precision_at_true_count": round(float(wrong[lowest].mean()), 4),
    }


def flags_quality(flagged, wrong):
    """Precision and recall of flags."""
    hits = int(np.sum(wrong & flagged))
    return {
        "precision": round(hits / max(int(flagged.sum()), 1), 4),
        "recall": round(hits / int(wrong.sum()), 4),
    }


if __name__ == "__main__":
    flags.DEFINE_list("sets", list(SETS), "Data sets with noise.")
    flags.DEFINE_list("losses", list(LOSSES), "Losses.")
    flags.DEFINE_list("seeds", ["0", "1", "2"], "Seeds of noise, folds and networks.")
    shared_flags.define_data_dir()
    flags.DEFINE_string("results", "results/suspects", "Folder for results.")
    flags.DEFINE_string("workdir", "runs/suspects", "Folder for predictions.")
    terminal.start(main)

"""Tables of the measured detectors beside cleanlab's: `python -m experiments.suspects.table`."""

import json
import pathlib

import numpy as np
from absl import flags

from experiments.console import terminal

_SCORES = {
    "self_confidence": "self-confidence",
    "normalized_margin": "normalized margin",
    "confidence_weighted_entropy": "weighted entropy",
    "confident_joint": "confident joint",
    "area_under_margin": "area under margin",
}
_FLAGS = {"self_confidence": "flags, self-confidence", "confident_joint": "flags, confident joint"}
_NOTE = """One hidden layer of 128 units, 3 folds; means over these seeds of noise, folds and networks: {seeds}. CE is
cross-entropy, GCE and SCE are generalized and symmetric cross-entropy, LN is Logistic-Normal, with default
hyperparameters.

## Detection

Area under the ROC curve / precision among as many lowest scores as there are wrong labels. cleanlab {version} has the
first three scores, with the same numbers on the same predictions, and neither of the others.
"""
_COUNTS = """
## Numbers of wrong labels, and the labels that are flagged

By predictions out of sample, which cleanlab {version} was given, too. Flags: precision / recall.
"""


def main():
    """Writes `table.md` from the results in its folder."""
    folder = pathlib.Path(flags.FLAGS.results)
    (folder / "table.md").write_text(table(folder), encoding="utf-8")


def table(folder):
    """Text of the tables, from the JSON files of `experiments.suspects.measure` and `experiments.suspects.peer`."""
    peer = json.loads((folder / "cleanlab.json").read_text(encoding="utf-8"))
    runs = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*-*.json"))}
    names = list(dict.fromkeys(stem.rpartition("-")[0] for stem in runs))
    seeds = sorted({stem.rpartition("-")[2] for stem in runs})
    ways = list(dict.fromkeys(key for run in runs.values() for key in run if ", " in key))
    said = {"seeds": ", ".join(seeds), "version": peer["cleanlab"]}
    detection = [_row("set", "loss, predictions", *_SCORES.values()), _rule(2, len(_SCORES))]
    counts = [
        _row(
            "set", "loss", "wrong", "estimated", "by cleanlab", "its calibrated", *_FLAGS.values(), "cleanlab's flags"
        ),
        _rule(2, 7),
    ]
    for name in names:
        for way in ways:
            stems = [f"{name}-{seed}" for seed in seeds if way in runs.get(f"{name}-{seed}", {})]
            ours, loss = [runs[stem][way] for stem in stems], way.partition(",")[0]
            if not ours:
                continue
            found = [[one[score] for one in ours if score in one] for score in _SCORES]
            detection.append(_row(name, way, *(_pair(one, "auroc", "precision_at_true_count") for one in found)))
            if all(f"{stem}-{loss}" in peer for stem in stems) and way.endswith("out of sample"):
                theirs = [peer[f"{stem}-{loss}"] for stem in stems]
                numbers = [_mean([runs[stem] for stem in stems], "wrong"), _mean(ours, "estimated")]
                numbers += [_mean(theirs, "estimated"), _mean(theirs, "estimated_calibrated")]
                flagged = [_pair([one[score] for one in ours], "precision", "recall") for score in _FLAGS]
                counts.append(_row(name, loss, *numbers, *flagged, _pair(theirs, "precision", "recall")))
    parts = ["# Wrong labels: found and counted\n", _NOTE.format(**said), *detection, _COUNTS.format(**said), *counts]
    return "\n".join(parts) + "\n"


def _pair(found, *keys):
    return " / ".join(f"{np.mean([one[key] for one in found]):.3f}" for key in keys) if found else ""


def _mean(found, key):
    return f"{np.mean([one[key] for one in found]):.0f}"


def _row(*cells):
    return f"| {' | '.join(cells)} |"


def _rule(left, right):
    return _row(*["---"] * left, *["---:"] * right)


if __name__ == "__main__":
    flags.DEFINE_string("results", "results/suspects", "Folder of results.")
    terminal.start(main)

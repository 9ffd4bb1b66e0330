"""Tables of the measured detectors beside cleanlab's: `python -m experiments.suspects.table`."""

import json
import pathlib

import numpy as np
from absl import flags

from experiments.console import terminal
from experiments.evaluation.summaries import markdown_table, mean_and_deviation, number_text

_SCORES = {
    "self_confidence": "self-confidence",
    "normalized_margin": "normalized margin",
    "confidence_weighted_entropy": "weighted entropy",
    "confident_joint": "confident joint",
    "area_under_margin": "area under margin",
    "loss_mixture": "loss mixture",
    "standardised_residual": "residual",
}
_OF_CLEANLAB = list(_SCORES)[:3]
_FLAGS = {"self_confidence": "flags, self-confidence", "confident_joint": "flags, confident joint"}
_MEASURES = ("auroc", "precision_at_true_count")
_OUTSIDE, _INSIDE = ", out of sample", ", in sample"
_FIXED = (f"SCE{_INSIDE}", "area_under_margin")
_NOTE = """One hidden layer, 3 folds; means over seeds of noise, folds and networks, which the first table lists; rows
of fewer seeds say so. CE is cross-entropy, GCE and SCE are generalized and symmetric cross-entropy, LN is
Logistic-Normal, with default hyperparameters; LN-identity has the identity as covariance. Pairs of numbers are the area
under the ROC curve / the precision among as many lowest scores as there are wrong labels.

## The best detector of each set

cleanlab {version} has the first three scores of the tables below, with the same numbers on the same predictions. Its
column is the best of them for predictions out of sample of networks trained with cross-entropy. The next column is one
detector for all sets. The last two are the best of all losses and scores, chosen by the area itself, so that they are a
little higher than they would be on other data.
"""
_ALL = """
## All detectors

In bold the best of each set. Area under margin, loss mixture and residual need the network, and exist in sample only.
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
    sets = {}
    for path in sorted(folder.glob("*-*.json")):
        name, _, seed = path.stem.rpartition("-")
        sets.setdefault(name, {})[seed] = json.loads(path.read_text(encoding="utf-8"))
    version = peer["cleanlab"]
    summary = [["set", "seeds", "wrong", "cleanlab", "one for all sets", "best out of sample", "best in sample"]]
    summary += [_summary(name, runs) for name, runs in sets.items()]
    parts = ["# Wrong labels: found and counted\n", _NOTE.format(version=version), markdown_table(summary), _ALL]
    for name, runs in sets.items():
        parts += [f"### {name}\n", markdown_table(_detection(runs))]
    heads = ["set", "loss", "wrong", "estimated", "by cleanlab", "its calibrated", *_FLAGS.values(), "cleanlab's flags"]
    counts = [line for name, runs in sets.items() for line in _counts(name, runs, peer)]
    return "\n".join([*parts, _COUNTS.format(version=version), markdown_table([heads, *counts])])


def _ways(runs):
    return list(dict.fromkeys(key for run in runs.values() for key in run if ", " in key))


def _values(runs, way, score, measure):
    """The numbers of the seeds that have them."""
    return [run[way][score][measure] for run in runs.values() if score in run.get(way, {})]


def _means(runs, way, score):
    """Both measures of a score, `None` where it does not exist."""
    found = [_values(runs, way, score, measure) for measure in _MEASURES]
    return [float(np.mean(values)) for values in found] if found[0] else None


def _summary(name, runs):
    wrong = [100 * run["wrong"] / run["n"] for run in runs.values()]
    ways = {ending: [way for way in _ways(runs) if way.endswith(ending)] for ending in (_OUTSIDE, _INSIDE)}
    chosen = [_best(runs, [f"CE{_OUTSIDE}"], _OF_CLEANLAB), _FIXED]
    chosen += [_best(runs, some, _SCORES) for some in ways.values()]
    return [name, ", ".join(runs), f"{np.mean(wrong):.0f} %", *(_with_deviations(runs, *one) for one in chosen)]


def _best(runs, ways, scores):
    """The way and score with the largest mean area."""
    pairs = [(way, score) for way in ways for score in scores if _means(runs, way, score)]
    return max(pairs, key=lambda pair: _means(runs, *pair))


def _with_deviations(runs, way, score):
    numbers = [number_text(mean_and_deviation(_values(runs, way, score, measure)), ".3f") for measure in _MEASURES]
    return f"{' / '.join(numbers)} ({way.partition(', ')[0]}, {_SCORES[score]}{_fewer(runs, way)})"


def _detection(runs):
    """Rows of one set's table, the best number of each measure in bold."""
    means = {way: [_means(runs, way, score) for score in _SCORES] for way in _ways(runs)}
    numbers = [pair for cells in means.values() for pair in cells if pair]
    best = [max(f"{pair[at]:.3f}" for pair in numbers) for at in range(len(_MEASURES))]
    rows = [[way + _fewer(runs, way), *(_cell(pair, best) for pair in cells)] for way, cells in means.items()]
    return [["loss, predictions", *_SCORES.values()], *rows]


def _fewer(runs, way):
    """The seeds of a loss that has not all of its set's."""
    seeds = [seed for seed, run in runs.items() if way in run]
    return "" if len(seeds) == len(runs) else f", seed {', '.join(seeds)}"


def _cell(pair, best):
    texts = [f"{number:.3f}" for number in pair or ()]
    return " / ".join(f"**{text}**" if text == top else text for text, top in zip(texts, best, strict=False))


def _counts(name, runs, peer):
    """Rows of one set for each loss whose predictions cleanlab was given."""
    rows = []
    for way in _ways(runs):
        loss, seeds = way.partition(", ")[0], [seed for seed in runs if way in runs[seed]]
        if not way.endswith(_OUTSIDE) or any(f"{name}-{seed}-{loss}" not in peer for seed in seeds):
            continue
        ours, theirs = [runs[seed][way] for seed in seeds], [peer[f"{name}-{seed}-{loss}"] for seed in seeds]
        numbers = [_mean([runs[seed] for seed in seeds], "wrong"), _mean(ours, "estimated")]
        numbers += [_mean(theirs, "estimated"), _mean(theirs, "estimated_calibrated")]
        flagged = [_precision_and_recall([one[score] for one in ours]) for score in _FLAGS]
        rows.append([name, loss + _fewer(runs, way), *numbers, *flagged, _precision_and_recall(theirs)])
    return rows


def _mean(found, key):
    return f"{np.mean([one[key] for one in found]):.0f}"


def _precision_and_recall(found):
    return " / ".join(f"{np.mean([one[key] for one in found]):.3f}" for key in ("precision", "recall"))


if __name__ == "__main__":
    flags.DEFINE_string("results", "results/suspects", "Folder of results.")
    terminal.start(main)

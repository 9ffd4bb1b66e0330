"""Detection of wrong labels by cleanlab, from the predictions that `experiments.suspects.measure` has kept.

`python -m experiments.suspects.peer`, where cleanlab is installed: it is no dependency, and nothing else imports this.
Its versions need a newer NumPy than this package; with the checkout on PYTHONPATH another environment will do.
"""

import argparse
import importlib.metadata
import json
import pathlib
import sys

import numpy as np
from sklearn import metrics

_METHODS = ("self_confidence", "normalized_margin", "confidence_weighted_entropy")


def main():
    """Writes one JSON file with cleanlab's numbers for every set of predictions."""
    if words := [word for word in sys.argv[1:] if not word.startswith("-")]:
        sys.exit(f"Every argument must be a flag, --NAME=VALUE. Received: {' '.join(words)}. Nothing was done.")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workdir", default="runs/suspects", help="where the predictions are")
    parser.add_argument("--results", default="results/suspects", help="folder for results")
    args = parser.parse_args()
    found = {"cleanlab": importlib.metadata.version("cleanlab")}
    for path in sorted(pathlib.Path(args.workdir).glob("*/out_of_sample.npz")):
        found[path.parent.name] = measured(**np.load(path))
    (pathlib.Path(args.results) / "cleanlab.json").write_text(json.dumps(found, indent=1) + "\n")


def measured(probabilities, given, true):
    """Numbers as `experiments.suspects.measure` has them, and those of cleanlab's own flags."""
    from cleanlab.count import num_label_issues
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    wrong, found = given != true, {}
    for method in _METHODS:
        scores = get_label_quality_scores(given, probabilities, method=method)
        lowest = np.argsort(scores, kind="stable")[: wrong.sum()]
        found[method] = {
            "auroc": round(float(metrics.roc_auc_score(wrong, -scores)), 4),
            "precision_at_true_count": round(float(wrong[lowest].mean()), 4),
        }
    flagged = find_label_issues(given, probabilities)
    return {
        "estimated": int(num_label_issues(given, probabilities)),
        "estimated_calibrated": int(
            num_label_issues(given, probabilities, estimation_method="off_diagonal_calibrated")
        ),
        "precision": round(float(np.mean(wrong[flagged])) if flagged.any() else 0.0, 4),
        "recall": round(float(np.mean(flagged[wrong])), 4),
        **found,
    }


if __name__ == "__main__":
    main()

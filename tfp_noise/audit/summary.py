"""Numbers of an audit as plain JSON."""

import dataclasses
from typing import Any

import numpy as np

from tfp_noise.audit.comparison import Result
from tfp_noise.audit.data import AuditedData
from tfp_noise.audit.settings import Settings
from tfp_noise.suspects import Suspects

# Agreement with the given labels below which the estimate is doubted. In `results/suspects` it is within a tenth of the
# true number where networks agree with more labels, and up to 3.9 times that number where they agree with fewer.
DOUBTED_BELOW = 0.75


def agreement(ranked: Suspects) -> float:
    """Fraction of the given labels that the networks predicted."""
    return float(np.mean(ranked.suggested == ranked.labels))


def sentence(ranked: Suspects) -> str:
    """The answer of an audit: how many labels look wrong, and whether the networks' own errors are among them."""
    agreed, share = agreement(ranked), ranked.estimated_count / len(ranked)
    text = f"About {ranked.estimated_count} of {len(ranked)} labels look wrong ({100 * share:.1f} %)."
    if agreed < DOUBTED_BELOW:
        text += (
            f" This number includes errors of the networks, which predicted only {100 * agreed:.0f} % of the given "
            "labels."
        )
    return text


def summarize(
    settings: Settings, data: AuditedData, ranked: Suspects, results: list[Result], chosen: Result, notes: list[str]
) -> dict[str, Any]:
    """Everything that the report says of all examples.

    Args:
        settings: the user's choices.
        data: the examples.
        ranked: the suspects among them.
        results: of the losses that were compared.
        chosen: one of them, which the model was trained with.
        notes: what was warned of.

    Returns:
        A dict of text, numbers and lists.
    """
    return {
        "sentence": sentence(ranked),
        "source": data.title,
        "examples": len(ranked),
        "estimated_wrong": ranked.estimated_count,
        "estimated_fraction": round(ranked.estimated_count / len(ranked), 4),
        "suspects": int(ranked.is_suspect.sum()),
        "agreement": round(agreement(ranked), 4),
        "by_class": _by_class(data, ranked),
        "by_pair": _by_pair(data, ranked),
        "comparison": [dataclasses.asdict(one) for one in results],
        "chosen_loss": chosen.loss,
        "model": {
            "input_shape": list(data.features.shape[1:]),
            "inputs": data.feature_names and list(data.feature_names),
            "outputs": list(data.class_names),
        },
        "found": None if data.true_labels is None else _found(data.true_labels, ranked),
        "notes": notes,
        "settings": dataclasses.asdict(settings),
    }


def _by_class(data, ranked):
    flagged = np.bincount(ranked.labels[ranked.is_suspect], minlength=len(data.class_names))
    given = np.bincount(ranked.labels, minlength=len(data.class_names))
    return [
        {"class": name, "given": int(given[k]), "estimated_wrong": round(float(wrong), 1), "suspects": int(flagged[k])}
        for k, (name, wrong) in enumerate(zip(data.class_names, ranked.count_by_label, strict=True))
    ]


def _by_pair(data, ranked):
    """Pairs of a given and a suggested class, the most frequent first."""
    size = len(data.class_names)
    flagged = np.zeros([size, size], int)
    np.add.at(flagged, (ranked.labels[ranked.is_suspect], ranked.suggested[ranked.is_suspect]), 1)
    estimated = ranked.joint.T * (1 - np.eye(size))  # given label by true class
    pairs = np.argwhere((flagged > 0) | (estimated >= 0.5))
    rows = [
        {
            "given": data.class_names[given],
            "suggested": data.class_names[other],
            "estimated_wrong": round(float(estimated[given, other]), 1),
            "suspects": int(flagged[given, other]),
        }
        for given, other in pairs
    ]
    return sorted(rows, key=lambda row: (-row["suspects"], -row["estimated_wrong"]))


def _found(true_labels, ranked):
    """Quality of the suspects where the true labels are known."""
    wrong = ranked.labels != true_labels
    hits = wrong & ranked.is_suspect
    return {
        "wrong": int(wrong.sum()),
        "suspects_wrong": int(hits.sum()),
        "precision": round(float(hits.sum() / max(ranked.is_suspect.sum(), 1)), 4),
        "recall": round(float(hits.sum() / max(wrong.sum(), 1)), 4),
        "suggestions_right": round(
            float(np.mean(ranked.suggested[hits] == true_labels[hits])) if hits.any() else 0.0, 4
        ),
    }

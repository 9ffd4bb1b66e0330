"""Report of an audit as one HTML file, which opens without internet."""

import base64
import importlib.resources
from typing import Any

import jinja2
import numpy as np
import tensorflow as tf

from tfp_noise import pipeline
from tfp_noise.audit.data import AuditedData
from tfp_noise.suspects import Suspects

_SUSPECTS_SHOWN = 200
_PAIRS_SHOWN = 20
_CLASSES_IN_MATRIX = 15
_COLUMNS_SHOWN = 10
_CHARACTERS_SHOWN = 40
_SIDE = 96  # pixels of a picture at most


def render(summary: dict[str, Any], data: AuditedData, ranked: Suspects) -> str:
    """The report.

    Args:
        summary: what `summary.summarize` makes.
        data: the examples.
        ranked: the suspects among them.

    Returns:
        HTML, with all pictures in it.
    """
    template = importlib.resources.files(__package__).joinpath("report.html.jinja").read_text(encoding="utf-8")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    shown = ranked.order[ranked.is_suspect[ranked.order]][:_SUSPECTS_SHOWN]
    columns = _columns(data)
    rows = [
        {
            "id": str(data.ids[one]),
            "given": data.class_names[ranked.labels[one]],
            "suggested": data.class_names[ranked.suggested[one]],
            "score": float(ranked.score[one]),
            "picture": _picture(data.features[one]) if data.are_images else None,
            "cells": [_shortened(column[one]) for column in columns.values()],
            "is_wrong": None if data.true_labels is None else bool(ranked.labels[one] != data.true_labels[one]),
        }
        for one in shown
    ]
    return environment.from_string(template).render(
        **summary,
        are_images=data.are_images,
        columns=list(columns),
        num_columns=len(data.cells) if data.cells is not None else len(columns),
        are_rows=data.cells is not None,
        rows=rows,
        matrix=_matrix(data, ranked) if len(data.class_names) <= _CLASSES_IN_MATRIX else None,
        pairs=summary["by_pair"][:_PAIRS_SHOWN],
        advice=_advice(summary),
    )


def _columns(data: AuditedData) -> dict[str, Any]:
    """Columns shown for an example beside its picture."""
    if data.cells is not None:
        return dict(list(data.cells.items())[:_COLUMNS_SHOWN])
    if data.are_images:
        return {}
    values = data.features.reshape(len(data), -1)[:, :_COLUMNS_SHOWN]
    return {f"feature {k}": [f"{value:.4g}" for value in values[:, k]] for k in range(values.shape[1])}


def _shortened(text):
    return text if len(text) <= _CHARACTERS_SHOWN else text[: _CHARACTERS_SHOWN - 1] + "…"


def _picture(image: np.ndarray) -> str:
    """An image, uint8 or floats in [0, 1], as the text of a PNG's address."""
    pixels = pipeline.to_float(tf.constant(image))
    if max(image.shape[:2]) > _SIDE:
        pixels = tf.image.resize(pixels, [_SIDE, _SIDE], preserve_aspect_ratio=True, antialias=True)
    png = tf.io.encode_png(tf.cast(tf.clip_by_value(tf.round(255 * pixels), 0, 255), tf.uint8)).numpy()
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _matrix(data: AuditedData, ranked: Suspects) -> list[dict[str, Any]]:
    """Number of suspects by given and suggested class, and how dark each cell is drawn."""
    counts = np.zeros([len(data.class_names)] * 2, int)
    np.add.at(counts, (ranked.labels[ranked.is_suspect], ranked.suggested[ranked.is_suspect]), 1)
    most = max(counts.max(), 1)
    return [
        {"given": name, "cells": [{"count": int(one), "shade": round(float(one / most), 2)} for one in row]}
        for name, row in zip(data.class_names, counts, strict=True)
    ]


def _advice(summary: dict[str, Any]) -> str:
    """A sentence on the loss to take."""
    results = {one["loss"]: one for one in summary["comparison"] if one["accuracy"] is not None}
    chosen = results[summary["chosen_loss"]]
    near = [
        name
        for name, one in results.items()
        if name != chosen["loss"] and chosen["accuracy"] - one["accuracy"] <= chosen["standard_error"]
    ]
    text = f"Take {chosen['loss']}: it predicts the labels that were held out best."
    if near:
        text += f" The lead over {' and '.join(near)} is within one standard error, so that chance may have made it."
    return text

"""Digest of what a model is made of, by which an interrupted call tells whether its model is still the same."""

import json
import re
import zlib
from typing import Any

import keras
import numpy as np


def model_digest(model: keras.Model, outputs: Any) -> str:
    """CRC-32 of a new model's configuration, optimizer and loss, and of what it makes of some examples.

    Its outputs stand for what no configuration tells: pretrained weights, and the code of a user's own layers. They
    are rounded to four digits, because machines differ in the last ones. Numbers in automatic names are left out.

    Args:
        model: a compiled model, whose initial weights are those of a seed.
        outputs: tensor, array, or any nest of them, what the model gives for a few examples.
    """
    outputs = [np.ravel(keras.ops.convert_to_numpy(one)) for one in keras.tree.flatten(outputs)]
    parts = [_config(model), _config(model.optimizer), _config(model.loss)]
    # The mean alone would be the same for all distributions over as many classes.
    parts += [f"{np.mean(np.square(one)):.3e} {np.mean(one * np.linspace(0, 1, len(one))):.3e}" for one in outputs]
    text = re.sub(r"(?<=[a-z])_\d+\b| at 0x[0-9a-f]+", "", " ".join(parts))
    return f"CRC-32 {zlib.crc32(text.encode()):08x}"


def _config(part):
    """The configuration of a model, optimizer or loss as text; its type of a user's own class, which has none."""
    try:
        return json.dumps(keras.saving.serialize_keras_object(part), sort_keys=True, default=str)
    except (NotImplementedError, TypeError, ValueError):
        return type(part).__name__

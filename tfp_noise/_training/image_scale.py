"""Warnings of images on another scale than the network expects.

By convention networks take floats in [0, 1], which `pipeline` and `Examples.inputs` make of uint8 images. Nothing else
scales images, so that a network that divides pixels itself can be given pixels, and a deployed model takes the same
features as `fit`. Features on another scale would lead to wrong predictions without an error.
"""

import sys
import warnings

import keras
import numpy as np
import tensorflow as tf

from tfp_noise._training.first_factors import first_factors
from tfp_noise._training.input_checks import is_array

# A network whose first factor is below this is made for pixels, whose standard deviation is some tens, while that of
# numbers in [0, 1] is below 1.
_OF_PIXELS = 1 / 8
_PIXELS, _FLOAT_PIXELS, _UNIT = "uint8", "floats up to 255", "floats in [0, 1]"
_SCALED = "_tfp_noise_in_unit_range"


def mark_scaled(data, features):
    """Marks a dataset that the pipeline has made if its features are images in [0, 1], and returns it.

    Args:
        data: a `tf.data.Dataset`.
        features: the array, or the `tf.TensorSpec`, of the features that it is made from.
    """
    if features.dtype == np.uint8 or (is_array(features) and _scale_of_array(features)):
        setattr(data, _SCALED, True)
    return data


class ScaleCheck:
    """Warns of features on another scale than a model takes: once of pixels, and once of numbers in [0, 1].

    A model takes the scale that it was trained on or, before training, the one that its first operations suggest. If
    neither is known, there is no warning.

    Args:
        model: a `keras.Model`.
        symbolic_inputs: function that returns the symbolic inputs of `model` once it is built.
    """

    def __init__(self, model, symbolic_inputs):
        self._model, self._symbolic_inputs = model, symbolic_inputs
        self._factors, self._waiting, self._warned = None, [], set()
        self.trained_on = None  # a list of scales, saved with the model

    def __call__(self, name, x, training=False):
        """Checks the scale of features, at once or, before the model is built, in `settle`.

        Args:
            name: text, the argument's name.
            x: features or a dataset, as in `fit`, `evaluate` and `predict`.
            training: bool, true if the model will be trained on them.
        """
        scales = _scales(x)
        if any(scales):
            self._waiting.append((name, scales, None if training else self.trained_on))
            if self._model.built:
                self.settle(self._symbolic_inputs())
        if training:
            self.trained_on = scales

    def settle(self, inputs):
        """Warns of features that were checked before the model was built; `inputs` are its symbolic inputs."""
        while self._waiting:
            name, scales, trained_on = self._waiting.pop(0)
            if self._factors is None:
                self._factors = first_factors(self._model, inputs)
            for scale, before, factor in zip(scales, trained_on or [None] * len(scales), self._factors, strict=False):
                made_for = (
                    None if factor is None or scale == _FLOAT_PIXELS else _PIXELS if factor < _OF_PIXELS else _UNIT
                )
                expected = made_for if trained_on is None else before
                if None not in (scale, expected) and (scale == _UNIT) != (expected == _UNIT):
                    self._warn(name, scale, before, factor)

    def _warn(self, name, scale, before, factor):
        if scale in self._warned:
            return
        self._warned.add(scale)
        if scale != _UNIT:
            origin = "in training" if before else "`pipeline` makes them of images"
            text = (
                f"`{name}` should be floats in [0, 1], as {origin}. Received {scale}, which this network "
                "does not scale. Pass `examples.inputs`, `pipeline.to_float(x)` or, for a dataset, "
                "`dataset.map(lambda x, y: (pipeline.to_float(x), y))`; or begin the network with "
                "`keras.layers.Rescaling(1 / 255)`, and pass uint8 to `fit`, `evaluate` and `predict`."
            )
        else:
            reason = "as in training" if before else f"because this network multiplies by {factor:.2g} first"
            text = (
                f"`{name}` should be pixels from 0 to 255, {reason}. Received floats in [0, 1], as `pipeline` and "
                "`examples.inputs` make them of images. Pass `examples.features`, or remove the layer that scales from "
                "the network and train it on such floats."
            )
        warnings.warn(text, stacklevel=_levels_to_the_caller())


def _levels_to_the_caller():
    """The `stacklevel` of the user's line, which Python shows with a warning, and which it warns of only once."""
    frame, levels, within = sys._getframe(2), 2, ("keras", "tensorflow", "tfp_noise")
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] in within:
        frame, levels = frame.f_back, levels + 1
    return levels


def _scales(x):
    """The scale of each of the features; `None` if it is not known."""
    if isinstance(x, tf.data.Dataset):
        spec = x.element_spec
        leaves = tf.nest.flatten(spec[0] if isinstance(spec, tuple) else spec)
        pixels = [getattr(leaf, "dtype", None) == tf.uint8 and (leaf.shape.rank or 0) > 2 for leaf in leaves]
        if any(pixels):
            return [_PIXELS if one else None for one in pixels]
        return [_UNIT] if _is_marked(x) else []
    return [_scale_of_array(np.asarray(leaf)) if is_array(leaf) else None for leaf in keras.tree.flatten(x)]


def _is_marked(data):
    """True for a dataset that `mark_scaled` has marked, and for one made of it that does not change its elements."""
    return getattr(data, _SCALED, False) or (not data._functions() and any(map(_is_marked, data._inputs())))


def _scale_of_array(values):
    """The scale of images; `None` for other features, and for images of unknown scale, such as black ones."""
    if values.ndim < 3 or values.dtype.kind not in "uf" or not values.size:
        return None
    if values.dtype == np.uint8:
        return _PIXELS
    low, high = values.min(), values.max()
    if low >= 0 and high > 2 and high <= 255 and values.dtype.kind == "f":
        return _FLOAT_PIXELS
    return _UNIT if values.dtype.kind == "f" and low >= 0 and 0 < high <= 1 else None

"""Warnings of images on another scale than the network is made for.

The convention: a network is given floats in [0, 1], which is what `pipeline` and `Examples.inputs` make of uint8
images; nothing else scales, so that a network that divides pixels itself is given them as they are, and a deployed
model takes what `fit` took. Features that break the convention would silently give other numbers.
"""

import sys
import warnings

import keras
import numpy as np
import tensorflow as tf

from tfp_noise._training.input_checks import is_array

# A network that multiplies by less than this is made for pixels, whose deviation is some tens; that of [0, 1] below 1.
_OF_PIXELS = 1 / 8
_PASSING = frozenset(
    ("AvgPool", "Cast", "ConcatV2", "ExpandDims", "Identity", "Max", "MaxPool", "Mean", "MirrorPad", "Pack", "Pad")
    + ("PadV2", "Reshape", "ResizeBilinear", "ResizeNearestNeighbor", "ReverseV2", "Slice", "SpaceToBatchND", "Split")
    + ("Squeeze", "StopGradient", "StridedSlice", "Transpose")
)
_SCALING, _SHIFTING = ("Mul", "RealDiv"), ("Add", "AddV2", "BiasAdd", "Sub")
_FUNCTIONS = {"Cast": np.asarray, "Identity": np.asarray, "Maximum": np.maximum, "Sqrt": np.sqrt}
_OF_SHAPES = ("Rank", "Shape", "Size")
_PRODUCTS = ("BatchMatMulV2", "Conv2D", "Conv3D", "DepthwiseConv2dNative", "Einsum", "MatMul")
_PIXELS, _FLOAT_PIXELS, _UNIT = "uint8", "floats up to 255", "floats in [0, 1]"
_SCALED = "_tfp_noise_in_unit_range"


def mark_scaled(data, features):
    """`data`, a `tf.data.Dataset` that the pipeline has made, marked if its features lie in [0, 1].

    Args:
        data: a `tf.data.Dataset`.
        features: the array, or the `tf.TensorSpec`, that it is made of.
    """
    if features.dtype == np.uint8 or (is_array(features) and _scale_of_array(features)):
        setattr(data, _SCALED, True)
    return data


class ScaleCheck:
    """Warns, once for each of the two mistakes, of features on another scale than a model takes.

    That is the scale it was trained on or, before training, the one that its first layers are made for, as far as the
    one or the other can be told.

    Args:
        model: a `keras.Model`.
        symbolic_inputs: callable that gives the symbolic inputs of `model` once it is built.
    """

    def __init__(self, model, symbolic_inputs):
        self._model, self._symbolic_inputs = model, symbolic_inputs
        self._factors, self._waiting, self._warned = None, [], set()
        self.trained_on = None  # a list of scales, saved with the model

    def __call__(self, name, x, training=False):
        """Looks at features, or at a dataset of them, before the model takes them.

        Args:
            name: text, the argument's name.
            x: what `fit`, `evaluate` and `predict` take.
            training: bool, the model will be trained on them.
        """
        scales = _scales(x)
        if any(scales):
            self._waiting.append((name, scales, None if training else self.trained_on))
            if self._model.built:
                self.settle(self._symbolic_inputs())
        if training:
            self.trained_on = scales

    def settle(self, inputs):
        """Warns of what was looked at before the model, whose symbolic inputs these are, was built."""
        while self._waiting:
            name, scales, trained_on = self._waiting.pop(0)
            if self._factors is None:
                self._factors = _first_factors(self._model, inputs)
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
                "takes as they are. Pass `examples.inputs`, `pipeline.to_float(x)` or, of a dataset, "
                "`dataset.map(lambda x, y: (pipeline.to_float(x), y))`; or begin the network with "
                "`keras.layers.Rescaling(1 / 255)`, and give it uint8 in `fit`, `evaluate` and `predict` alike."
            )
        else:
            reason = "as in training" if before else f"because this network multiplies by {factor:.2g} first"
            text = (
                f"`{name}` should be pixels from 0 to 255, {reason}. Received floats in [0, 1], as `pipeline` and "
                "`examples.inputs` make them of images. Pass `examples.features`, or leave a layer that scales out of "
                "the network and train it on such floats."
            )
        warnings.warn(text, stacklevel=_levels_to_the_caller())


def _levels_to_the_caller():
    """The `stacklevel` of the user's line, which Python shows, and counts a warning by."""
    frame, levels, within = sys._getframe(2), 2, ("keras", "tensorflow", "tfp_noise")
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] in within:
        frame, levels = frame.f_back, levels + 1
    return levels


def _scales(x):
    """The scale of each of the features, `None` for one that cannot be told."""
    if isinstance(x, tf.data.Dataset):
        spec = x.element_spec
        leaves = tf.nest.flatten(spec[0] if isinstance(spec, tuple) else spec)
        pixels = [getattr(leaf, "dtype", None) == tf.uint8 and (leaf.shape.rank or 0) > 2 for leaf in leaves]
        if any(pixels):
            return [_PIXELS if one else None for one in pixels]
        return [_UNIT] if _is_marked(x) else []
    return [_scale_of_array(np.asarray(leaf)) if is_array(leaf) else None for leaf in keras.tree.flatten(x)]


def _is_marked(data):
    """True for a dataset that `mark_scaled` has seen, or that passes on the elements of one."""
    return getattr(data, _SCALED, False) or (not data._functions() and any(map(_is_marked, data._inputs())))


def _scale_of_array(values):
    """The scale of images; `None` for anything else, and for images that cannot be told, such as black ones."""
    if values.ndim < 3 or values.dtype.kind not in "uf" or not values.size:
        return None
    if values.dtype == np.uint8:
        return _PIXELS
    low, high = values.min(), values.max()
    if low >= 0 and high > 2 and high <= 255 and values.dtype.kind == "f":
        return _FLOAT_PIXELS
    return _UNIT if values.dtype.kind == "f" and low >= 0 and 0 < high <= 1 else None


def _first_factors(model, inputs):
    """Factors by which a model multiplies its inputs before anything with weights.

    Returns:
        A list: a constant's magnitude, 1 where an input goes as it is into a product with weights, `None` where it
        meets a batch normalisation or something else that may cope with any scale, or the model cannot be traced.
    """
    leaves = keras.tree.flatten(inputs)
    specs = keras.tree.map_structure(lambda tensor: tf.TensorSpec(tensor.shape, tensor.dtype), inputs)
    try:
        with tf.init_scope():
            call = tf.function(lambda x: model(x, training=False), autograph=False)
            graph = call.get_concrete_function(specs).graph
    except Exception:  # of what a user's layer may raise that is not traced so
        return [None] * len(leaves)
    captured = {made.ref(): outside for outside, made in graph.captures if outside.dtype != tf.resource}
    return [_first_factor(tensor, captured) for tensor in graph.inputs[: len(leaves)]]


def _first_factor(tensor, captured):
    factors, pending = [], [(tensor, 1.0, False)]
    while pending:
        tensor, factor, shifted = pending.pop()
        for operation in tensor.consumers():
            if operation.type in _OF_SHAPES:
                continue
            kind, (output, *_) = operation.type, operation.outputs
            others = [other for other in operation.inputs if other is not tensor]
            constant = _constant(others[0], captured) if kind in _SCALING + _SHIFTING and others else None
            if constant is not None and kind in _SHIFTING:
                pending.append((output, factor, True))
            elif constant is not None and kind in _SCALING and constant.any():
                magnitude = float(np.median(np.abs(constant)))
                pending.append((output, factor * magnitude if kind == "Mul" else factor / magnitude, shifted))
            elif kind in _PASSING:
                pending += [(output, factor, shifted) for output in operation.outputs]
            elif factor == 1 and (shifted or kind not in _PRODUCTS):
                return None
            else:
                factors.append(factor)
    return max(factors, default=None)


def _constant(tensor, captured):
    """The value of a tensor that is made of constants alone, as those of Keras's `Normalization`, or `None`."""
    value = tf.get_static_value(tensor)
    if value is None and tensor.ref() in captured:
        value = captured[tensor.ref()].numpy()
    if value is None and tensor.op.type in _FUNCTIONS:
        inputs = [_constant(given, captured) for given in tensor.op.inputs]
        value = None if any(given is None for given in inputs) else _FUNCTIONS[tensor.op.type](*inputs)
    return None if value is None else np.asarray(value)

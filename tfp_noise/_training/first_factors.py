"""Factors by which a network multiplies its inputs before its first weights, read from its TensorFlow graph."""

import keras
import numpy as np
import tensorflow as tf

# Kinds of operations: those that keep the scale of their input, that multiply or add, whose value on constants is
# computed here, that read only the shape of their input, and that multiply it with weights.
_PASSING = frozenset(
    ("AvgPool", "Cast", "ConcatV2", "ExpandDims", "Identity", "Max", "MaxPool", "Mean", "MirrorPad", "Pack", "Pad")
    + ("PadV2", "Reshape", "ResizeBilinear", "ResizeNearestNeighbor", "ReverseV2", "Slice", "SpaceToBatchND", "Split")
    + ("Squeeze", "StopGradient", "StridedSlice", "Transpose")
)
_SCALING, _SHIFTING = ("Mul", "RealDiv"), ("Add", "AddV2", "BiasAdd", "Sub")
_FUNCTIONS = {"Cast": np.asarray, "Identity": np.asarray, "Maximum": np.maximum, "Sqrt": np.sqrt}
_ONLY_SHAPES = ("Rank", "Shape", "Size")
_PRODUCTS = ("BatchMatMulV2", "Conv2D", "Conv3D", "DepthwiseConv2dNative", "Einsum", "MatMul")


def first_factors(model, inputs):
    """The factor by which a model multiplies each of its inputs before the first operation with weights.

    Args:
        model: a built Keras model.
        inputs: its symbolic inputs.

    Returns:
        A list with a number for each input: the product of constants, 1 for an input that is multiplied by weights
        first; `None` if a batch normalisation or another operation comes first that may accept any scale, or if the
        model cannot be traced.
    """
    leaves = keras.tree.flatten(inputs)
    specs = keras.tree.map_structure(lambda tensor: tf.TensorSpec(tensor.shape, tensor.dtype), inputs)
    try:
        with tf.init_scope():
            call = tf.function(lambda x: model(x, training=False), autograph=False)
            graph = call.get_concrete_function(specs).graph
    except Exception:  # a user's layer that cannot be traced may raise anything
        return [None] * len(leaves)
    captured = {made.ref(): outside for outside, made in graph.captures if outside.dtype != tf.resource}
    return [_first_factor(tensor, captured) for tensor in graph.inputs[: len(leaves)]]


def _first_factor(tensor, captured):
    factors, pending = [], [(tensor, 1.0, False)]
    while pending:
        tensor, factor, shifted = pending.pop()
        for operation in tensor.consumers():
            if operation.type in _ONLY_SHAPES:
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
    """The value of a tensor computed from constants alone, as in Keras's `Normalization`; `None` for another tensor."""
    value = tf.get_static_value(tensor)
    if value is None and tensor.ref() in captured:
        value = captured[tensor.ref()].numpy()
    if value is None and tensor.op.type in _FUNCTIONS:
        inputs = [_constant(given, captured) for given in tensor.op.inputs]
        value = None if any(given is None for given in inputs) else _FUNCTIONS[tensor.op.type](*inputs)
    return None if value is None else np.asarray(value)

"""Refusal of networks that do not end in raw outputs, found by their last operations, not by names of layers."""

import keras
import tensorflow as tf

from tfp_noise import _validation

_SQUASHING = {"Softmax": "softmax", "Sigmoid": "sigmoid", "Relu": "relu"}
_PASSING = ("Identity", "Cast", "Reshape", "Squeeze", "ExpandDims", "Transpose", "StopGradient", "PreventGradient")


def check_raw_outputs(name, network, inputs):
    """Refuses a network that ends in a softmax, a sigmoid or a relu, as a layer, an activation or an operation.

    Args:
        name: text, the argument's name.
        network: a built Keras layer or model.
        inputs: its symbolic inputs, with which a subclassed network is traced.
    """
    last, output = network, None
    while last is not None:
        if outputs := _symbolic_outputs(last):
            output = outputs[0]
            last = output._keras_history.operation
            continue
        squashing, output = _end(last, output, inputs)
        if squashing:
            ends_with = _validation.with_article(squashing)
            raise ValueError(
                f"`{name}` must end in raw outputs. Received: {last.name!r} with {ends_with}. Leave the {squashing} "
                "out: the loss takes logits, and `predict` returns probabilities."
            )
        last = None if output is None else output._keras_history.operation


def _symbolic_outputs(model):
    """Symbolic outputs of a Functional or built Sequential model; an empty list for any other layer or operation."""
    outputs = getattr(model, "outputs", None) if isinstance(model, keras.Model) else None
    symbolic = isinstance(outputs, list) and outputs and keras.backend.is_keras_tensor(outputs[0])
    return outputs if symbolic else []


def _end(last, output, inputs):
    """The last step of an operation.

    Args:
        last: a Keras layer or operation.
        output: the symbolic tensor that it made; `None` for a subclassed network.
        inputs: symbolic inputs of a subclassed network.

    Returns:
        `(squashing, tensor)`: the name of a softmax, sigmoid or relu, or `None`; and the symbolic input that the
        operation returns without change, or `None`.
    """
    if output is None:
        structure, inputs = inputs, keras.tree.flatten(inputs)

        def call(*tensors):
            return last(keras.tree.pack_sequence_as(structure, list(tensors)), training=False)

    else:
        if type(last) is keras.layers.Dense and last.activation is keras.activations.linear:
            return None, None  # the end of most networks; saves the trace
        node = last._inbound_nodes[output._keras_history.node_index]
        inputs = list(node.input_tensors)

        def call(*tensors):
            values = {id(symbolic): tensor for symbolic, tensor in zip(inputs, tensors, strict=True)}
            args, kwargs = keras.tree.map_structure(
                lambda leaf: values.get(id(leaf), leaf), (node.arguments.args, node.arguments.kwargs)
            )
            return last(*args, **kwargs)

    specs = [tf.TensorSpec(tensor.shape, tensor.dtype) for tensor in inputs]
    try:
        graph = tf.function(call, autograph=False).get_concrete_function(*specs).graph
    except Exception:  # a layer that cannot be traced may raise anything; Keras has built it already
        return None, None
    tensor = graph.outputs[0]
    while tensor.op.type in _PASSING:
        tensor = tensor.op.inputs[0]
    if tensor.op.type == "Placeholder":
        places = [place for place, made in enumerate(graph.inputs) if made is tensor]
        return None, inputs[places[0]] if places and output is not None and inputs else None
    return _SQUASHING.get(tensor.op.type), None

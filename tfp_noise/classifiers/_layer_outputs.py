"""Symbolic outputs of the layers of a Functional or Sequential network, and the features that its last layer reads."""

import keras

from tfp_noise._saving.deployment import has_inputs


def outputs_of_layers(network):
    """`{name: symbolic output}` of the layers of a network, from first to last, and the input of its last layer.

    Layers that only stand for inputs are left out.

    `layer.output` would not do, because a layer may have been called in another network before.
    """
    must = (
        "`network` must be a Functional or Sequential model whose last layer is a linear `keras.layers.Dense`, so that "
        "its stages and last features are known."
    )
    if not has_inputs(network):
        raise ValueError(f"{must} Received: {network!r}. Build it from `keras.Input` on.")
    by_depth = getattr(network, "_functional", network)._nodes_by_depth
    nodes = {node.operation.name: node for depth in sorted(by_depth, reverse=True) for node in by_depth[depth]}
    last = network.outputs[0]._keras_history.operation
    if type(last) is not keras.layers.Dense or last.activation is not keras.activations.linear:
        raise ValueError(
            f"{must} Received: a network that ends in {last!r}. End it in `keras.layers.Dense(loss.num_outputs)`, as a "
            "layer of this model itself and without an activation."
        )
    outputs = {name: node.outputs[0] for name, node in nodes.items() if not node.is_input}
    return outputs, nodes[last.name].input_tensors[0]

"""A trained classifier as a plain Keras model from inputs to probabilities."""

import functools

import keras

from tfp_noise._batch_normalization import BatchNormalization
from tfp_noise._saving.layer_states import layer_states, set_layer_states
from tfp_noise._saving.resumable import atomic_save, atomic_save_weights

# The attribute that says how many outputs a layer has, of layers whose kernel ends in that axis.
_WIDTH = {
    keras.layers.Dense: "units",
    keras.layers.Conv1D: "filters",
    keras.layers.Conv2D: "filters",
    keras.layers.Conv3D: "filters",
}


def probabilities_model(classifier):
    """A plain model from inputs to probabilities, without outputs that only training needs; a copy where possible."""
    loss, network = classifier.loss, classifier.network
    copied = _copy(network, loss.num_prediction_outputs)
    if copied is None:
        inputs = classifier.symbolic_inputs()
        outputs = network(inputs, training=False)
    else:
        inputs, outputs = input_structure(copied), copied.outputs[0]
    model = keras.Model(inputs, loss.probabilities(outputs), name="probabilities")
    model(inputs)  # Keras exports only models that have been called to ONNX
    # Set on the instance, because its class is Keras's. On a full disk an atomic write keeps the file saved before.
    model.save = functools.partial(atomic_save, model)
    model.save_weights = functools.partial(atomic_save_weights, model)
    return model


def input_structure(network):
    """The symbolic inputs of a Functional or Sequential network, in the structure that its `call` takes."""
    structure = getattr(network, "_functional", network)._inputs_struct  # `inputs` is flat, without names and nesting
    return structure[0] if isinstance(structure, (list, tuple)) and len(structure) == 1 else structure


def has_inputs(network):
    """True for a Functional or Sequential model of Keras, false for a user's subclass."""
    return type(network).__module__.startswith("keras.") and bool(getattr(network, "inputs", None))


def _copy(network, width):
    """A copy of a Functional or Sequential network; a linear last layer keeps its first `width` outputs.

    Returns:
        The copy; `None` for a subclassed network, and for one with a layer that Keras cannot build from its config.
    """
    # Keras would clone sparse inputs as dense ones.
    if not has_inputs(network) or any(tensor.sparse for tensor in network.inputs):
        return None
    head = _narrowable_head(network, width)
    copies = {}

    def copy_layer(layer):
        # Shared, because training does not change it and a lambda cannot be rebuilt. An operation has no variables.
        if not getattr(layer, "variables", None):
            return layer
        if id(layer) not in copies:  # a layer that is called twice is copied once
            copies[id(layer)] = layer, rebuild(layer)
        return copies[id(layer)][1]

    def rebuild(layer):
        if has_inputs(layer):
            return keras.models.clone_model(layer, clone_function=copy_layer)
        config = layer.get_config()
        if layer is head:
            for key in ("lora_rank", "lora_alpha"):  # the copied `kernel` includes the LoRA update
                config.pop(key, None)
            config[_WIDTH[type(head)]] = width
        plain = keras.layers.BatchNormalization
        return (plain if isinstance(layer, BatchNormalization) else type(layer)).from_config(config)

    try:
        copy = keras.models.clone_model(network, clone_function=copy_layer)
        for source, target in copies.values():
            if has_inputs(source):
                continue  # its layers are in `copies`, too
            if source is head:
                weights = [source.kernel, source.bias] if source.use_bias else [source.kernel]
                target.set_weights([keras.ops.convert_to_numpy(weight)[..., :width] for weight in weights])
            else:
                set_layer_states([target], layer_states(source))
    except Exception:  # a user's layer may raise anything
        return None
    return copy


def _narrowable_head(network, width):
    """The last layer of the network if it is a linear Dense or convolution with more than `width` outputs; else `None`.

    A convolution has one group, and its channels last.
    """
    head = network.layers[-1]
    if type(head) not in _WIDTH or head.activation is not keras.activations.linear or head.quantization_mode:
        return None
    # `layers` does not list operations, which may follow the layer, and a layer may be called twice.
    makes_the_output = network.outputs[0]._keras_history.operation is head and len(head._inbound_nodes) == 1
    whole = getattr(head, "groups", 1) == 1 and getattr(head, "data_format", "channels_last") == "channels_last"
    return head if makes_the_output and whole and getattr(head, _WIDTH[type(head)]) > width else None

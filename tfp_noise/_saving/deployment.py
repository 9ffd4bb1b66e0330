"""A classifier as a plain Keras model: what is left when training is over."""

import functools

import keras

from tfp_noise._saving.layer_states import layer_states, set_layer_states
from tfp_noise._saving.resumable import atomic_save, atomic_save_weights


def probabilities_model(classifier):
    """From inputs to probabilities, without outputs that only training needs; weights of its own, where it can."""
    loss, network = classifier.loss, classifier.network
    copied = _copy(network, loss.num_prediction_outputs)
    if copied is None:
        inputs = classifier.symbolic_inputs()
        outputs = network(inputs, training=False)
    else:
        inputs, outputs = input_structure(copied), copied.outputs[0]
    model = keras.Model(inputs, loss.probabilities(outputs), name="probabilities")
    model(inputs)  # Keras exports to ONNX only what has been called
    # On the instance, because its class is Keras's own: what was saved before stays where a disk is full.
    model.save = functools.partial(atomic_save, model)
    model.save_weights = functools.partial(atomic_save_weights, model)
    return model


def input_structure(network):
    """The symbolic inputs of a Functional or Sequential network, in the structure in which it takes them."""
    structure = getattr(network, "_functional", network)._inputs_struct  # `inputs` is flat: names and order are lost
    return structure[0] if isinstance(structure, (list, tuple)) and len(structure) == 1 else structure


def has_inputs(network):
    """True for a plain Functional or Sequential graph of layers, False for a subclass of a user's."""
    return type(network).__module__.startswith("keras.") and bool(getattr(network, "inputs", None))


def _copy(network, width):
    """A copy of a Functional or Sequential network; a linear Dense that makes its output keeps `width` units.

    Returns:
        The copy; `None` for another network, and for one with a layer that Keras cannot build from its configuration.
    """
    if not has_inputs(network) or any(tensor.sparse for tensor in network.inputs):  # Keras's cloning makes them dense
        return None
    head = _narrowable_head(network, width)
    copies = {}

    def copy_layer(layer):
        if not layer.variables:  # training does not change it, and a lambda has nothing to be built from
            return layer
        if id(layer) not in copies:  # else one that is called twice would become two
            copies[id(layer)] = layer, rebuild(layer)
        return copies[id(layer)][1]

    def rebuild(layer):
        if has_inputs(layer):
            return keras.models.clone_model(layer, clone_function=copy_layer)
        config = layer.get_config()
        if layer is head:
            for key in ("lora_rank", "lora_alpha"):  # `kernel` has it in
                config.pop(key, None)
            config["units"] = width
        return type(layer).from_config(config)

    try:
        copy = keras.models.clone_model(network, clone_function=copy_layer)
        for source, target in copies.values():
            if has_inputs(source):
                continue  # its layers are here, too
            if source is head:
                weights = [source.kernel, source.bias] if source.use_bias else [source.kernel]
                target.set_weights([keras.ops.convert_to_numpy(weight)[..., :width] for weight in weights])
            else:
                set_layer_states([target], layer_states(source))
    except Exception:  # of what a user's layer may raise
        return None
    return copy


def _narrowable_head(network, width):
    """The linear Dense that makes the network's output, where that is wider than `width`; `None` without one."""
    head = network.layers[-1]
    # `layers` leaves out operations that may follow the layer, and a layer may be called twice.
    makes_the_output = network.outputs[0]._keras_history.operation is head and len(head._inbound_nodes) == 1
    linear = type(head) is keras.layers.Dense and head.activation is keras.activations.linear
    narrow = linear and makes_the_output and head.units > width and head.quantization_mode is None
    return head if narrow else None

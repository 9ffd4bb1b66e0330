"""A classifier as a plain Keras model: what is left when training is over."""

import keras


def probabilities_model(classifier):
    """From inputs to probabilities, without outputs that only training needs; weights of its own, where it can."""
    loss, network = classifier.loss, classifier.network
    if hasattr(network, "inputs"):
        copy = _copy_first_outputs(network, loss.num_prediction_outputs)
        inputs = copy.inputs[0] if len(copy.inputs) == 1 else copy.inputs
        outputs = copy.outputs[0]
    else:
        inputs = _inputs(classifier._build_shapes_dict["input_shape"])
        outputs = network(inputs, training=False)
    return keras.Model(inputs, loss.probabilities(outputs), name="probabilities")


def _inputs(shapes):
    """Symbolic inputs of these shapes; those of a dict are named by its keys, as Keras wants them."""
    if isinstance(shapes, dict):
        return {key: keras.Input(shape[1:], name=key) for key, shape in shapes.items()}
    return keras.tree.map_shape_structure(lambda shape: keras.Input(shape[1:]), shapes)


def _copy_first_outputs(network, width):
    """A copy of a Functional or Sequential network; a linear Dense that makes its output keeps `width` units."""
    head = network.layers[-1]
    # `layers` leaves out operations that may follow the layer, and a layer may be called twice.
    makes_the_output = network.outputs[0]._keras_history.operation is head and len(head._inbound_nodes) == 1
    linear = isinstance(head, keras.layers.Dense) and head.activation is keras.activations.linear
    narrow = linear and makes_the_output

    def copy_layer(layer):
        config = layer.get_config()
        return type(layer).from_config({**config, "units": width} if narrow and layer is head else config)

    copy = keras.models.clone_model(network, clone_function=copy_layer)
    for source, target in zip(network.layers, copy.layers, strict=True):
        weights = source.get_weights()
        target.set_weights([w[..., :width] for w in weights] if narrow and source is head else weights)
    return copy

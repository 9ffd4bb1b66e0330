"""Export of a plain model to ONNX, whose file is written only if ONNX can run it."""

import contextlib
import logging

import keras

from tfp_noise import _extras, _validation
from tfp_noise._saving.atomic_files import atomic_write
from tfp_noise._saving.onnx_operations import nodes, write_out

# Layers with tables or hashes of words and numbers, which ONNX has no operation for.
_TABLES = (
    keras.layers.Hashing,
    keras.layers.IntegerLookup,
    keras.layers.StringLookup,
    keras.layers.TextVectorization,
)


def check_onnx(network):
    """Refuses an export to ONNX that cannot work, before it starts.

    Args:
        network: the classifier's network.

    Raises:
        ImportError: if the converter is not installed.
        ValueError: if a layer of the network has a lookup table.
    """
    _extras.load("tf2onnx", "An export to ONNX")
    layers = network._flatten_layers()
    tables = [f"{layer.name!r} ({type(layer).__name__})" for layer in layers if isinstance(layer, _TABLES)]
    if tables:
        raise ValueError(
            "`network` must have no lookup table for an export to ONNX, which has none. Received: "
            f"{', '.join(tables)}. "
            'Look words and numbers up before the network, or export by `format="tf_saved_model"`.'
        )


def export_onnx(model, filepath, **settings):
    """Exports a plain model, or writes nothing if ONNX has no operation for a part of it.

    Args:
        model: a `keras.Model` of Keras's own layers.
        filepath: path of the file.
        **settings: other arguments of `keras.Model.export`.

    Raises:
        ValueError: if ONNX lacks an operation.
    """

    def write(temporary):
        with _statistics_as_constants(model), _without_log_of_the_converter():
            model.export(str(temporary), format="onnx", **settings)
        write_out(str(temporary))
        _check_file(str(temporary), [tensor.name for tensor in model.inputs])

    atomic_write(_validation.check_path("filepath", filepath), write)


@contextlib.contextmanager
def _statistics_as_constants(model):
    """Gives `Normalization` layers NumPy arrays, because the converter makes inputs of the tensors that they keep."""
    layers = [layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.Normalization)]
    kept = [(layer, layer.mean, layer.variance) for layer in layers]
    for layer, mean, variance in kept:
        layer.mean, layer.variance = map(keras.ops.convert_to_numpy, (mean, variance))
    try:
        yield
    finally:
        for layer, mean, variance in kept:
            layer.mean, layer.variance = mean, variance


@contextlib.contextmanager
def _without_log_of_the_converter():
    """Keeps the converter from logging errors about operations that are written out, or refused, afterwards."""
    logger = logging.getLogger("tf2onnx.tfonnx")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def _check_file(path, inputs):
    """Refuses a file that ONNX cannot run, or with other inputs: the converter at most logs an error about them.

    Args:
        path: text, of the file.
        inputs: list of the names of the model's inputs.
    """
    import onnx

    graph = onnx.load(path).graph
    lacking = sorted({node.op_type for node in nodes(graph) if not onnx.defs.has(node.op_type, node.domain)})
    if lacking:
        raise ValueError(
            "`network`, and the probabilities that `loss` makes of its outputs, must be of operations that ONNX has. "
            f"Received: {', '.join(lacking)}, which it lacks. Nothing was written. Replace the layers that need them, "
            'such as random ones, or export by `format="tf_saved_model"` or "litert".'
        )
    if len(graph.input) > len(inputs):
        added = [one.name for one in graph.input if one.name not in inputs]
        raise ValueError(
            "`network` must not compute with constant tensors for an export to ONNX, which makes inputs of them. "
            f"Received: the constants {', '.join(added)}. Nothing was written. Give `keras.ops` NumPy arrays in place "
            "of tensors, put a function with tensors of its own, such as a `preprocess_input` of `keras.applications`, "
            "into a `keras.layers.Lambda`, or let a layer keep them by `add_weight(trainable=False)`."
        )
    try:
        onnx.checker.check_model(path, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ValueError(
            f"`network` must be of types that ONNX allows together. Received: {str(error).strip():.300}. Nothing was "
            "written. Load its weights into the same network of float32 and export that, or export by "
            '`format="tf_saved_model"`.'
        ) from error

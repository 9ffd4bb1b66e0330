"""Export of a plain model to ONNX, whose file is written only if ONNX can run it."""

import contextlib

import keras

from tfp_noise import _extras, _validation
from tfp_noise._saving.atomic_files import atomic_write

# Layers with tables or hashes of words and numbers, which ONNX has no operation for.
_TABLES = (
    keras.layers.Hashing,
    keras.layers.IntegerLookup,
    keras.layers.StringLookup,
    keras.layers.TextVectorization,
)

_ONE = "float_one = Constant <value_float = 1.0> () one = CastLike (float_one, x)"
# Operations that ONNX lacks, in its own language. TensorFlow's optimizer makes log1p also of log(1 + x).
_WRITTEN_OUT = {
    "Log1p": f"{_ONE} more = Add (x, one) y = Log (more)",
    "Expm1": f"{_ONE} more = Exp (x) y = Sub (more, one)",
}
_DOMAIN = "tfp_noise"  # of these operations, until they are written out


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
        with _statistics_as_constants(model):
            model.export(str(temporary), format="onnx", **settings)
        _write_out(str(temporary))
        _check_file(str(temporary), len(model.inputs))

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


def _write_out(path):
    """Writes operations that ONNX lacks by those that it has."""
    import onnx
    from onnx import inliner, parser

    model = onnx.load(path)
    lacking = [node for node in _nodes(model.graph) if node.op_type in _WRITTEN_OUT]
    if not lacking:
        return
    for node in lacking:
        node.domain = _DOMAIN
    for kind in {node.op_type for node in lacking}:
        head = f'<opset_import: ["": 15], domain: "{_DOMAIN}">'
        model.functions.append(parser.parse_function(f"{head} {kind} (x) => (y) {{ {_WRITTEN_OUT[kind]} }}"))
    onnx.save(inliner.inline_local_functions(model), path)


def _check_file(path, num_inputs):
    """Refuses a file that ONNX cannot run, or with further inputs: the converter at most logs an error about them."""
    import onnx

    graph = onnx.load(path).graph
    if len(graph.input) > num_inputs:
        raise ValueError(
            "`network` must not compute with constant tensors for an export to ONNX, which makes inputs of them. "
            f"Received: {num_inputs} inputs, and with constants {', '.join(one.name for one in graph.input)}. Nothing "
            "was written. Give `keras.ops` NumPy arrays instead, or keep constants in a layer, as variables that are "
            "not trained."
        )
    nodes = _nodes(graph)
    lacking = sorted({node.op_type for node in nodes if not onnx.defs.has(node.op_type, node.domain)})
    if lacking:
        raise ValueError(
            "`network` must be of operations that ONNX has. "
            f"Received: {', '.join(lacking)}, which it lacks. Nothing was written. Replace what needs them "
            '(random layers do), or export by `format="tf_saved_model"` or "litert".'
        )


def _nodes(graph):
    """Yields all nodes, also those in the bodies of loops and conditions."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for body in (*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])):
                yield from _nodes(body)

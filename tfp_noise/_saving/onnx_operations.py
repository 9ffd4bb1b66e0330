"""Operations that ONNX lacks, written by those that it has."""

_CONSTANTS = """
    float_one = Constant <value_float = 1.0> ()
    one = CastLike (float_one, x)
    float_half = Constant <value_float = 0.5> ()
    half = CastLike (float_half, x)
"""
# In the language of ONNX, without loss of digits near 0: where u = 1 + x is rounded, log1p(x) is
# log(u) + (x - (u - 1)) / u, and expm1(x) is tanh(x / 2) (e^x + 1). TensorFlow's optimizer makes log1p also of
# log(1 + x); gelu has erfc in it.
_WRITTEN_OUT = {
    "Log1p": """
        u = Add (x, one)
        log_u = Log (u)
        rounded = Sub (u, one)
        lost = Sub (x, rounded)
        correction = Div (lost, u)
        corrected = Add (log_u, correction)
        size = Abs (x)
        is_small = Less (size, half)
        y = Where (is_small, corrected, log_u)
    """,
    "Expm1": """
        half_x = Mul (x, half)
        ratio = Tanh (half_x)
        power = Exp (x)
        sum = Add (power, one)
        y = Mul (ratio, sum)
    """,
    "Erfc": """
        erf = Erf (x)
        y = Sub (one, erf)
    """,
}
_DOMAIN = "tfp_noise"  # of these operations, until they are written out
_FIRST_WITH_CASTS = 15  # version of ONNX's operations from which on it has CastLike


def write_out(path):
    """Replaces operations of a file that ONNX lacks by those that it has.

    Args:
        path: text, of the file, which is written anew.

    Raises:
        ValueError: if the file is of a version of ONNX without `CastLike`, and lacks an operation.
    """
    import onnx
    from onnx import inliner, parser

    model = onnx.load(path)
    version = next(one.version for one in model.opset_import if not one.domain)
    lacking = [node for node in nodes(model.graph) if node.op_type in _WRITTEN_OUT]
    if not lacking:
        return
    kinds = sorted({node.op_type for node in lacking})
    if version < _FIRST_WITH_CASTS:
        raise ValueError(
            f"`opset_version` must be at least {_FIRST_WITH_CASTS} for a network or a loss with the operations "
            f"{', '.join(kinds)}, which are written by others. Received: {version}. Nothing was written. Leave it out."
        )
    for node in lacking:
        node.domain = _DOMAIN
    for kind in kinds:
        head = f'<opset_import: ["": {version}], domain: "{_DOMAIN}">'
        body = _CONSTANTS + _WRITTEN_OUT[kind]
        model.functions.append(parser.parse_function(f"{head} {kind} (x) => (y) {{ {body} }}"))
    onnx.save(inliner.inline_local_functions(model), path)


def nodes(graph):
    """Yields all nodes, also those in the bodies of loops and conditions."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for body in (*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])):
                yield from nodes(body)

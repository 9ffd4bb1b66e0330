"""Operations whose gradient is written by hand."""

import keras
from keras import ops


def with_gradient(function):
    """Decorates `function(*inputs) -> (value, gradient)`, where `gradient(upstream)` gives a gradient for each input.

    Some backends of Keras pass the upstream gradient by position, others by keyword; here it comes by position. The
    function may use tensors that are not inputs, as constants.
    """
    if keras.backend.backend() == "jax":
        return _on_jax(function)

    @ops.custom_gradient
    def differentiable(*inputs):
        value, gradient = function(*inputs)
        return value, lambda *given, upstream=None: gradient(given[0] if upstream is None else upstream)

    return differentiable


def _on_jax(function):
    """The same for JAX, whose own decorators refuse constants that belong to a compiled function inside of `grad`.

    `function` is traced, which lists the constants, and these become arguments without a gradient.
    """
    import jax

    def differentiable(*inputs):
        rule = None

        def forward(*inputs):
            nonlocal rule
            value, gradient = function(*inputs)
            rule = jax.make_jaxpr(gradient)(value)
            return value, rule.consts

        traced = jax.make_jaxpr(forward)(*inputs)

        def run(inputs, constants):
            value, *residuals = jax.core.eval_jaxpr(traced.jaxpr, constants, *inputs)
            return value, residuals

        def backward(residuals, upstream):
            return jax.core.eval_jaxpr(rule.jaxpr, residuals, upstream), None

        call = jax.custom_vjp(lambda inputs, constants: run(inputs, constants)[0])
        call.defvjp(run, backward)
        return call(list(inputs), traced.consts)

    return differentiable

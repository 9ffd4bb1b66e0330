"""Operations whose gradient is written by hand."""

from keras import ops


def with_gradient(function):
    """Decorates `function(*inputs) -> (value, gradient)`, where `gradient(upstream)` gives a gradient for each input.

    Some backends of Keras pass the upstream gradient by position, others by keyword; here it comes by position.
    """

    @ops.custom_gradient
    def differentiable(*inputs):
        value, gradient = function(*inputs)
        return value, lambda *given, upstream=None: gradient(given[0] if upstream is None else upstream)

    return differentiable

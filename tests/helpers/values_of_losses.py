"""Values and gradients of the losses under test on the backend of this process, into a file: `... OUT.npz`.

Losses that draw random numbers get the same ones on every backend, because their generators differ.
"""

import sys

import keras
import numpy as np
from keras import ops

from tests.helpers.losses_under_test import LOSSES_UNDER_TEST, examples, with_ids
from tfp_noise.losses import _noise


def fix_the_noise(replace=setattr):
    """Replaces every draw by numbers that depend on the shape alone."""
    replace(_noise, "draw_seed", lambda generator, outputs: 0)
    replace(_noise, "fold_in", lambda seed, number: seed)
    for name in ("uniform", "standard_normal"):
        draw = {"uniform": "random", "standard_normal": "standard_normal"}[name]
        replace(_noise, name, lambda seed, shape, draw=draw: ops.convert_to_tensor(_numbers(draw, shape)))


def _numbers(draw, shape):
    return getattr(np.random.default_rng(1), draw)([int(size) for size in shape]).astype("float32")


def value_and_gradient(function, outputs):
    """`function(outputs)`, `[batch]`, and the gradient of its sum, by the backend's own differentiation."""
    if keras.backend.backend() == "jax":
        import jax

        value, transpose = jax.vjp(jax.jit(function), outputs)
        return value, transpose(ops.ones_like(value))[0]
    if keras.backend.backend() == "torch":
        outputs = ops.convert_to_tensor(outputs).requires_grad_()
        value = function(outputs)
        value.sum().backward()
        return value.detach(), outputs.grad
    import tensorflow as tf

    outputs = tf.constant(outputs)
    with tf.GradientTape() as tape:
        tape.watch(outputs)
        value = function(outputs)
    return value, tape.gradient(value, outputs)


def values_of(name, dtype="float32", num_classes=10):
    """`{what: array}` for a case: values and gradients for both kinds of labels, probabilities, a weighted mean."""
    loss = LOSSES_UNDER_TEST[name].build(num_classes, dtype=dtype)
    labels, soft, outputs = examples(loss, batch=16)
    outputs, found = outputs.astype(dtype), {}
    for kind, y_true in {"index": labels, "soft": soft}.items():
        value, gradient = value_and_gradient(
            lambda y_pred, y_true=y_true: loss.call(with_ids(loss, y_true), y_pred), outputs
        )
        found |= {f"value, {kind}": value, f"gradient, {kind}": gradient}
    found["probabilities"] = loss.probabilities(outputs)
    found["weighted mean"] = loss(with_ids(loss, labels), outputs, np.arange(16, dtype=dtype))
    return {what: ops.convert_to_numpy(array) for what, array in found.items()}


if __name__ == "__main__":
    fix_the_noise()
    every = {f"{name}: {what}": array for name in LOSSES_UNDER_TEST for what, array in values_of(name).items()}
    np.savez(sys.argv[1], **every)

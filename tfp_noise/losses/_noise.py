"""Random numbers that losses draw, on every backend of Keras."""

import keras
import numpy as np
from keras import ops

_BACKEND = keras.backend.backend()


def draw_seed(generator, outputs):
    """The next seed of a loss's `keras.random.SeedGenerator`, for `fold_in`, `uniform` and `standard_normal`.

    Under JAX, the bits of the network's outputs, which change with every update, are folded in. Keras compiles a step
    of a plain model without the variables of its loss, so that the generator would give each step the same seed.
    """
    if _BACKEND == "tensorflow":
        from tfp_noise import _random

        return _random.draw_seed(generator)
    seed = generator.next()
    if _BACKEND == "jax":
        return fold_in(seed, _hashed(outputs))
    if seed.device.type == "meta":  # where Keras infers shapes, without data
        return (0,)
    return tuple(seed.tolist())


def fold_in(seed, number):
    """A seed for each number."""
    if _BACKEND == "tensorflow":
        from tfp_noise import _random

        return _random.fold_in(seed, number)
    if _BACKEND == "jax":
        from jax import random

        return random.fold_in(seed, number)
    return (*seed, number)


def uniform(seed, shape):
    """Uniform random numbers, float32 of this shape, in (0, 1) on TensorFlow and in [0, 1) elsewhere."""
    if _BACKEND == "tensorflow":
        from tfp_noise import _random

        return _random.uniform(seed, shape)
    return keras.random.uniform(shape, dtype="float32", seed=_for_keras(seed))


def standard_normal(seed, shape):
    """Normal random numbers, float32 of this shape."""
    if _BACKEND == "tensorflow":
        from tfp_noise import _random

        return _random.standard_normal(seed, shape)
    return keras.random.normal(shape, dtype="float32", seed=_for_keras(seed))


def _for_keras(seed):
    """The seed in the form that `keras.random` takes: an array on JAX, an integer on PyTorch."""
    return seed if _BACKEND == "jax" else int(np.random.SeedSequence(seed).generate_state(1)[0])


def _hashed(outputs):
    """A uint32 that depends on the bits and places of all numbers in a tensor."""
    bits = ops.reshape(ops.view(ops.cast(outputs, "float32"), "uint32"), [-1])
    odd = 2 * ops.arange(bits.shape[0], dtype="uint32") + 1
    return ops.cast(ops.sum(bits * odd), "uint32")

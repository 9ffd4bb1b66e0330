"""Mean softmax of normally distributed logits, over random samples of each example or points that a batch shares.

The logits are `loc + d * e + V f`, with standard normal `e` and `f`. `parameters` are `loc` and `d`, `[batch, K]`, and
if R > 0, `V`, `[batch, K, R]`. `draw(index, size)` returns `e` and `f` of one chunk of samples, `[batch or 1, K, size]`
and `[batch or 1, R, size]`, the same again for the same index.
"""

import keras
import numpy as np
from keras import ops

from tfp_noise._sobol import BITS
from tfp_noise.losses import _noise
from tfp_noise.losses._entropies import product
from tfp_noise.losses._gradients import with_gradient

# The largest size of a tensor over examples, samples and classes in training: 16 MiB in float32. Loss and gradient of
# 256 examples of 1000 classes then peak at 0.33 GiB with 1024 points, and at 0.42 GiB with random samples, where the
# logits of 1000 samples alone take 1 GiB.
_TRAINING_NUMBERS = 2**22


def independent_noise(parameters, seed):
    """A `draw` of random numbers, other ones for each example and sample."""
    batch, num_classes = ops.shape(parameters[0])

    def draw(index, size):
        seeds = [_noise.fold_in(seed, 2 * index + i) for i in range(2)]
        shapes = [batch, num_classes, size], [batch, _rank(parameters), size]
        noise = [_noise.standard_normal(*pair) for pair in zip(seeds, shapes, strict=True)]
        return [ops.cast(one, parameters[0].dtype) for one in noise]

    return draw


def shared_noise(parameters, seed, points):
    """Parameters with random signs, and a `draw` of points that all examples share, shifted by the seed.

    Every bit of a coordinate is flipped if the same bit of one random number is 1, the same number for all points (a
    digital shift). Each point is then uniformly distributed, so that means over the points are unbiased, and the points
    fill the space as evenly as before. The random signs of `d` and of the columns of `V`, which do not change the
    distribution of the logits, make the errors of different examples nearly independent.

    Args:
        parameters: as above.
        seed: as `_noise.fold_in` takes it.
        points: int32 `[n, R + K]`, from `sobol_bits`; the first R coordinates, the most even ones, are those of `f`.
    """
    dtype, rank = parameters[0].dtype, _rank(parameters)
    shift = ops.cast(_noise.uniform(_noise.fold_in(seed, 0), points.shape[1:]) * 2**BITS, "int32")
    batch, num_classes = ops.shape(parameters[0])
    coins = _noise.uniform(_noise.fold_in(seed, 1), [batch, rank + num_classes])
    signs = ops.cast(ops.where(coins < 0.5, -1.0, 1.0), dtype)
    of_factor, of_diagonal = ops.split(signs, [rank], axis=-1)

    def draw(index, size):
        rows = ops.minimum(index * size + ops.arange(size), len(points) - 1)
        bits = ops.bitwise_xor(ops.take(ops.convert_to_tensor(points), rows, axis=0), shift)
        normal = float(np.sqrt(2)) * ops.erfinv(ops.cast(2 * bits + 1, dtype) * 2.0**-BITS - 1)  # of exact numbers
        factor, diagonal = ops.split(ops.expand_dims(ops.transpose(normal), 0), [rank], axis=1)
        return [diagonal, factor]

    loc, scale, *factor = parameters
    return [loc, scale * of_diagonal, *(one * ops.expand_dims(of_factor, 1) for one in factor)], draw


def log_softmax(parameters, noise):
    """Log-probabilities `[..., K, samples]` for noise like `[..., K, samples]` and `[..., R, samples]`."""
    logits = _logits(parameters, noise)
    logits = logits - ops.max(logits, axis=-2, keepdims=True)  # in this order large logits lose no digits
    return logits - ops.log(ops.sum(ops.exp(logits), axis=-2, keepdims=True))


def log_mean_softmax(parameters, draw, samples):
    """Logarithm of the mean over samples of the softmax, `[batch, K]`.

    With `p_s` the softmax of sample s, `m` the mean and `G` the upstream gradient,

        r_sk = p_sk / (samples * m_k),    g_s = G * r_s - p_s (G . r_s)

    is the gradient with respect to the logits of sample s; those with respect to the parameters are `sum_s g_s`,
    `sum_s g_s * e_s` and `sum_s g_s f_s'`. Automatic differentiation would store noise and softmax of every sample.
    """

    @with_gradient
    def log_sum(*parameters):
        loc = parameters[0]
        chunks, size = _chunks(loc, samples)

        def sampled(index):
            noise = draw(index, size)
            return noise, log_softmax(parameters, noise) + _log_weight(index, size, samples, loc.dtype)

        def add_probabilities(index, sums):
            largest, total = sums
            largest, weights, before = _relative(sampled(index)[1], largest)
            return largest, total * before + ops.sum(weights, axis=-1, keepdims=True)

        largest, total = ops.fori_loop(0, chunks, add_probabilities, _no_sums(ops.expand_dims(loc, -1)))

        def gradient(upstream):
            def add_gradients(index, sums):
                noise, log_p = sampled(index)
                ratio = product(ops.exp(log_p - largest) / total, ops.expand_dims(upstream, -1))
                g = ratio - ops.exp(log_p) * ops.sum(ratio, axis=1, keepdims=True)
                parts = [ops.sum(g, axis=-1), ops.sum(g * noise[0], axis=-1)]
                if _rank(parameters):
                    parts.append(ops.matmul(g, ops.swapaxes(noise[1], 1, 2)))
                return tuple(a + b for a, b in zip(sums, parts, strict=True))

            return ops.fori_loop(0, chunks, add_gradients, tuple(map(ops.zeros_like, parameters)))

        return (largest + ops.log(total))[..., 0], gradient

    return log_sum(*parameters) - float(np.log(samples))


def log_mean_of_labels(labels, parameters, draw, samples):
    """The same of each example's label alone, `[batch]`, for noise that the batch shares; a fraction of the cost.

    With `p_s` the softmax of sample s and `w_s = p_sy / sum_s p_sy`, the gradient with respect to the logits of sample
    s is `w_s (1[k = y] - p_sk)`. Value and gradient are summed in one pass over the samples, with weights relative to
    the largest so far, so that neither noise nor softmax is computed twice. Logits and gradients with respect to all
    parameters of a class are products of matrices, `[batch, 1 + R]` and `[1 + R, samples]`.
    """

    @with_gradient
    def log_sum(parameters):
        batch, num_classes, width = ops.shape(parameters)
        by_class = ops.transpose(parameters, [1, 0, 2])
        loc, factors = ops.split(by_class, [1], axis=-1)
        is_label = ops.expand_dims(ops.one_hot(labels, num_classes, dtype=parameters.dtype), -1)
        rows_of_labels = labels * batch + ops.arange(batch)
        chunks, size = _chunks(parameters[..., 0], samples)

        def add(index, sums):
            largest, total, gradient = sums
            diagonal, factor = (one[0] for one in draw(index, size))
            factor = ops.broadcast_to(factor, [num_classes, width - 2, size])
            noise = ops.concatenate([ops.expand_dims(diagonal, 1), factor], axis=1)
            logits = ops.matmul(factors, noise) + loc  # not by a column of ones: a TPU rounds what it multiplies
            highest = ops.max(logits, axis=0)
            p = ops.exp(logits - highest)
            norm = ops.sum(p, axis=0)
            of_labels = ops.take(ops.reshape(logits, [-1, size]), rows_of_labels, axis=0)
            log_p = of_labels - highest - ops.log(norm) + _log_weight(index, size, samples, p.dtype)
            largest, weights, before = _relative(log_p, largest)
            with_ones = ops.concatenate([ops.ones_like(noise[:, :1]), noise], axis=1)
            of_all = ops.matmul(p * (weights / norm), ops.swapaxes(with_ones, 1, 2))
            of_labels = ops.matmul(weights, ops.transpose(ops.reshape(with_ones, [-1, size])))
            change = is_label * ops.reshape(of_labels, [-1, num_classes, width]) - ops.transpose(of_all, [1, 0, 2])
            total = total * before + ops.sum(weights, axis=-1, keepdims=True)
            return largest, total, gradient * ops.expand_dims(before, -1) + change

        start = *_no_sums(parameters[:, :1, 0]), ops.zeros_like(parameters)
        largest, total, gradient = ops.fori_loop(0, chunks, add, start)
        return (largest + ops.log(total))[:, 0], lambda upstream: product(
            gradient / ops.expand_dims(total, -1), ops.reshape(upstream, [-1, 1, 1])
        )

    loc, scale, *factor = parameters
    columns = [ops.expand_dims(loc, -1), ops.expand_dims(scale, -1), *factor]
    return log_sum(ops.concatenate(columns, axis=-1)) - float(np.log(samples))


def _rank(parameters):
    return parameters[2].shape[-1] if len(parameters) > 2 else 0


def _logits(parameters, noise):
    loc, scale, *factor = parameters
    added = ops.multiply(ops.expand_dims(scale, -1), noise[0])  # an operator of PyTorch takes no NumPy array
    if factor:
        added = added + ops.matmul(factor[0], noise[1])
    return ops.expand_dims(loc, -1) + added  # last, because it may be large, and each sum with it loses digits


def _no_sums(like):
    """The largest logarithm and the sum of no samples, of a tensor's shape: a number that logarithms exceed, and 0."""
    lowest = float(np.finfo(keras.backend.standardize_dtype(like.dtype)).min)
    return ops.full_like(like, lowest), ops.zeros_like(like)


def _relative(log_p, largest):
    """The largest logarithm so far, `exp(log_p)` relative to it, and the factor for what is relative to the old one.

    Sums of such numbers keep all digits, where those of `log_p` itself would lose some if it is large.
    """
    new = ops.maximum(largest, ops.max(log_p, axis=-1, keepdims=True))
    return new, ops.exp(log_p - new), ops.exp(largest - new)


def _log_weight(index, size, samples, dtype):
    """0 for each sample of a chunk; the last chunk may have more than are left, which get minus infinity."""
    return ops.where(index * size + ops.arange(size) < samples, ops.zeros([], dtype), -np.inf)


def _chunks(loc, samples):
    """The number of chunks of samples, and the size of each: integers where the batch is known."""
    batch, num_classes = ops.shape(loc)
    numbers = batch * num_classes
    if isinstance(numbers, int):
        size = min(max(_TRAINING_NUMBERS // max(numbers, 1), 1), samples)
    else:
        size = ops.clip(_TRAINING_NUMBERS // ops.maximum(numbers, 1), 1, samples)
    chunks = -(-samples // size)
    return chunks, -(-samples // chunks)

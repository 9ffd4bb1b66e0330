"""Parts of the losses' float64 oracles, in NumPy and SciPy: what cases, and tests of single losses, are made of."""

import functools

import numpy as np
import tensorflow as tf
from scipy import optimize, special, stats
from scipy.stats import qmc

from tfp_noise._random import draw_seed, fold_in, standard_normal, uniform


def random_transition(num_classes):
    rows = np.random.default_rng(num_classes).dirichlet(np.ones(num_classes), num_classes)
    return 0.6 * np.eye(num_classes) + 0.4 * rows


def random_matrix(num_classes):
    return np.random.default_rng(num_classes).normal(size=(num_classes, num_classes))


def cross_entropy(targets, outputs):
    return -np.sum(targets * (outputs - special.logsumexp(outputs, axis=1, keepdims=True)), axis=1)


def smearing(targets, outputs):
    return cross_entropy(targets @ random_matrix(targets.shape[1]), outputs)


def smoothing(alpha):
    return lambda targets, outputs: cross_entropy((1 - alpha) * targets + alpha / targets.shape[1], outputs)


def forward(targets, outputs):
    return -np.sum(targets * np.log(special.softmax(outputs, axis=1) @ random_transition(targets.shape[1])), axis=1)


class SameSeed:
    """In place of a loss's seed generator: every call draws what the first one does."""

    def __init__(self, seed=0):
        self.seed = seed

    def next(self):
        return tf.constant([self.seed, 0], tf.int64)


def tempered_softmax(outputs, t):
    """The normaliser by bisection of `sum p = 1`, a row at a time."""
    if t == 1:
        return special.softmax(outputs, axis=1)

    def probabilities(row, norm):
        return (1 + (1 - t) * (row - norm)) ** (1 / (1 - t))

    rows = []
    for row in outputs:
        largest = row.max() + (len(row) ** (t - 1) - 1) / (t - 1)
        norm = optimize.brentq(
            lambda norm, row=row: probabilities(row, norm).sum() - 1, row.max() - 1e-9, largest + 1e-9, xtol=1e-15
        )
        rows.append(probabilities(row, norm))
    return np.array(rows)


@functools.cache
def heteroscedastic_noise(shape, rank, chunk=0, seed=0):
    """The normal numbers `[batch, samples, K]` and `[batch, samples, rank]` of a chunk, under `SameSeed`."""
    batch, samples, num_classes = shape
    seed = draw_seed(SameSeed(seed))
    seeds = [fold_in(seed, 2 * chunk), fold_in(seed, 2 * chunk + 1)]
    shapes = [batch, num_classes, samples], [batch, rank, samples]
    noise = [standard_normal(s, d).numpy().astype("float64") for s, d in zip(seeds, shapes, strict=True)]
    return [np.swapaxes(one, 1, 2) for one in noise]


@functools.cache
def heteroscedastic_points(shape, rank, seed=0):
    """The same for a loss with `train_points`: shifted Sobol points, times signs of each example."""
    batch, count, num_classes = shape
    points = qmc.Sobol(rank + num_classes, seed=seed).random_base2((count - 1).bit_length())[:count]
    key, cells = draw_seed(SameSeed(seed)), 2**23
    shift = np.floor(uniform(fold_in(key, 0), [rank + num_classes]).numpy() * cells).astype(int)
    shifted = np.floor(points * cells).astype(int) ^ shift
    coins = uniform(fold_in(key, 1), [batch, 1, rank + num_classes]).numpy()
    noise = np.where(coins < 0.5, -1, 1) * special.ndtri((shifted + 0.5) / cells)
    return [noise[..., rank:], noise[..., :rank]]


def heteroscedastic_logits(outputs, noise):
    """`loc + d * e + V f`, `[batch, samples, K]`, by the layout of the outputs."""
    num_classes, rank = noise[0].shape[-1], noise[1].shape[-1]
    loc, raw, factor = np.split(outputs, [num_classes, 2 * num_classes], axis=1)
    factor = factor.reshape(len(outputs), num_classes, rank)
    diagonal = np.logaddexp(0, raw) + 1e-3
    return loc[:, None] + diagonal[:, None] * noise[0] + np.einsum("bkr,bsr->bsk", factor, noise[1])


def entropy(outputs):
    return stats.entropy(special.softmax(outputs, axis=1), axis=1)


def learnable_logits(num_classes):
    return np.random.default_rng(num_classes).normal(size=(num_classes, num_classes)).astype("float32")

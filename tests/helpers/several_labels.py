"""A small data set with several labels an example, and classifiers of it."""

import functools

import keras
import numpy as np

from tfp_noise import NoisyLabelClassifier, losses

L = 3
RNG = np.random.default_rng(0)
FEATURES = RNG.normal(size=[32, 4]).astype("float32")
LABELS = (FEATURES @ RNG.normal(size=[4, L]) + 0.5 * RNG.normal(size=[32, L]) > 0).astype(int)
MARKED = np.where(RNG.uniform(size=LABELS.shape) < 0.3, -1, LABELS)
WEIGHTS = RNG.uniform(size=LABELS.shape).astype("float32")
PLAIN = functools.partial(losses.MultiLabel, losses.CrossEntropy(2))


def network(num_outputs, shape=(4,), policy="float32"):
    keras.utils.set_random_seed(0)
    layers = [keras.Input(shape)] if shape else []
    return keras.Sequential([*layers, keras.layers.Dense(num_outputs, dtype=policy)])


def classifier(loss, shape=(4,), policy="float32", **settings):
    model = NoisyLabelClassifier(network(loss.num_outputs, shape, policy), loss)
    own = {"metrics": ["accuracy"], "weighted_metrics": ["acc"], "jit_compile": False}
    model.compile(keras.optimizers.SGD(0.5), **{**own, **settings})
    return model


def trained(model, x=FEATURES, y=LABELS, **arguments):
    return model.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0, **arguments).history

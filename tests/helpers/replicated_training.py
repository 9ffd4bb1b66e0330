"""A short training of each kind of loss, to be run on one device, on replicas, and in worker processes."""

import json
import os
import pathlib
import signal

import keras
import numpy as np
import tensorflow as tf

from tfp_noise import NoisyLabelClassifier, distribute, losses, metrics, pipeline

K = 5
BATCH = 24
RNG = np.random.default_rng(0)
FEATURES = RNG.normal(size=(120, 6)).astype("float32")
LABELS = np.where(RNG.random(120) < 0.7, FEATURES[:, :K].argmax(1), RNG.integers(0, K, 120)).astype("int32")
LOSSES = {
    "CE": lambda _: losses.CrossEntropy(K),
    "LN": lambda _: losses.LogisticNormal(K),
    "OLS": lambda _: losses.OnlineLabelSmoothing(K),
    "LLS": lambda _: losses.LearnableLabelSmoothing(K),
    "ELR": lambda _: losses.EarlyLearning(K, len(LABELS)),
    "Het": lambda seed: losses.Heteroscedastic(K, train_samples=50, test_samples=50, seed=seed),
}


def classifier(name, seed=0):
    keras.utils.set_random_seed(seed)
    loss = LOSSES[name](seed)
    normalised = keras.layers.BatchNormalization(synchronized=True)
    start = keras.initializers.GlorotUniform(seed=1)  # the same for all seeds
    layers = [keras.layers.Dense(8, "relu", kernel_initializer=start), normalised, keras.layers.Dense(loss.num_outputs)]
    layers[-1].kernel_initializer = start
    model = NoisyLabelClassifier(keras.Sequential([keras.Input([6]), *layers]), loss)
    scores = ["accuracy", metrics.ExpectedCalibrationError(10)]
    model.compile(keras.optimizers.SGD(0.02, momentum=0.9), metrics=scores, jit_compile=False)
    return model


def batches(features, labels):
    """Batches in order, with ids; every worker takes its part of each."""
    labels = {"labels": labels, "ids": np.arange(len(labels))}
    whole = tf.data.Dataset.from_tensor_slices((features, labels)).batch(BATCH, drop_remainder=True)
    return pipeline.shard_batches(whole)


def train(strategy, name, seed=0, **kwargs):
    """History of three epochs and the weights after them, as plain JSON."""
    with strategy.scope():
        model = classifier(name, seed)
    history = model.fit(batches(FEATURES, LABELS), epochs=3, shuffle=False, verbose=0, **kwargs).history
    return history | {f"weight {i}": weight.numpy().tolist() for i, weight in enumerate(model.weights)}


def loss_curves(name, seeds):
    """Loss curves on one device from the same start, one for each seed of the noise; the model is traced once."""
    model = classifier(name)
    model.build_optimizer()
    variables = [*model.variables, *model.optimizer.variables]
    start, curves = [variable.numpy() for variable in variables], []
    for seed in seeds:
        for variable, value in zip(variables, start, strict=True):
            variable.assign(value)
        model.loss.seed_generator.state.assign([seed, 0])
        curves.append(model.fit(batches(FEATURES, LABELS), epochs=3, shuffle=False, verbose=0).history["loss"])
    return curves


def judge(strategy, name):
    """Predictions for and evaluation of 99 examples, whose last batch is not a multiple of the number of replicas."""
    with strategy.scope():
        model = classifier(name)
    scores = model.evaluate(FEATURES[:99], LABELS[:99], batch_size=BATCH, verbose=0, return_dict=True)
    return scores | {"predictions": model.predict(FEATURES[:99], batch_size=BATCH, verbose=0).tolist()}


def train_own_layers(strategy):
    """Weights of a network in which each replica has its own dropout and the statistics of its part of the batch."""
    keras.utils.set_random_seed(0)
    with strategy.scope():
        layers = [keras.layers.BatchNormalization(), keras.layers.Dropout(0.5), keras.layers.Dense(K)]
        model = NoisyLabelClassifier(keras.Sequential([keras.Input([6]), *layers]), losses.LabelSmoothing(K))
        model.compile(keras.optimizers.SGD(0.02), jit_compile=False)
    model.fit(batches(FEATURES, LABELS), shuffle=False, verbose=0)
    return {f"weight {i}": weight.tolist() for i, weight in enumerate(model.get_weights())}


class Die(keras.callbacks.Callback):
    """Ends the process by SIGKILL, like a system out of memory, or silences it by SIGSTOP, like a power failure."""

    def __init__(self, number=signal.SIGKILL):
        super().__init__()
        self.number = number

    def on_train_batch_end(self, batch, logs=None):
        if self.model.optimizer.iterations == 7:
            os.kill(os.getpid(), self.number)


def refusal(strategy, at):
    """The error of a worker whose barrier is at another point than those of the others."""
    try:
        distribute.barrier(strategy, at)
    except ValueError as error:
        return str(error)
    return None


def fall_silent(addresses, index):
    """Trains as one of several workers; the last one stops answering."""
    strategy = distribute.strategy("multi_worker", cluster=distribute.Cluster(addresses, index))
    train(strategy, "CE", callbacks=[Die(signal.SIGSTOP)] if index == len(addresses) - 1 else [])


def in_memory(labels):
    """Batches like those of `pipeline.batches`, with the data in a function's closure."""
    labels = tf.constant(labels)
    steps = tf.data.Dataset.range(2)
    return steps.flat_map(lambda i: tf.data.Dataset.range(1).map(lambda _: (tf.constant(FEATURES[:8]), labels[:8])))


FLIPPED = (LABELS + 1) % K
# Arguments of `unlike` for two workers; it makes the datasets, because TensorFlow must not have devices before.
UNLIKE = {
    "x": ({"size": BATCH}, {"size": 2 * BATCH}),
    "y": ({}, {"y": FLIPPED}),
    "dataset": tuple({"x": lambda y=y: batches(FEATURES, y)} for y in (LABELS, FLIPPED)),
    "closure": tuple({"x": lambda y=y: in_memory(y)} for y in (LABELS, FLIPPED)),
    "shuffled dataset": tuple({"x": lambda seed=seed: batches(FEATURES, LABELS).shuffle(9, seed)} for seed in (1, 2)),
    "validation_data": tuple({"validation_data": (FEATURES, labels)} for labels in (LABELS, FLIPPED)),
    "class_weight": ({"class_weight": {0: 1.0}}, {"class_weight": {0: 2.0}}),
    "sample_weight": ({}, {"sample_weight": np.ones(BATCH)}),
    "epochs": ({"epochs": 1}, {"epochs": 2}),
    "shuffle": ({"shuffle": False}, {"shuffle": True}),
    "loss.alpha": ({"alpha": 0.1}, {"alpha": 0.2}),
    "optimizer.momentum": ({"momentum": 0.1}, {"momentum": 0.2}),
    "keras.utils.set_random_seed": ({"seed": 1}, {"seed": 2}),
    "weight 0": ({"scale": 1.0}, {"scale": 2.0}),
    "no seed": ({"seed": None}, {"seed": None}),
}


def unlike(strategy, x=None, y=LABELS, size=BATCH, alpha=0.0, momentum=0.0, seed=0, scale=1.0, **kwargs):
    """The error of a worker whose `fit` differs from that of the others."""
    keras.utils.set_random_seed(seed or 0)
    with strategy.scope():
        network = keras.Sequential([keras.Input([6]), keras.layers.Dense(K)])
        model = NoisyLabelClassifier(network, losses.LabelSmoothing(K, alpha=alpha))
        model.compile(keras.optimizers.SGD(0.1, momentum))
    network.set_weights([scale * weight for weight in network.get_weights()])
    tf.random.set_seed(seed)
    data = (x(), None) if x is not None else (FEATURES[:size], y[:size])
    try:
        model.fit(*data, **({} if x is not None else {"batch_size": BATCH}), verbose=0, **kwargs)
    except ValueError as error:
        return str(error)
    return None


def work(path, names, addresses, index):
    """Runs one worker: writes the results of each training, then takes part in one whose last worker is killed."""
    cluster = distribute.Cluster(addresses, index)
    strategy = distribute.strategy("multi_worker", cluster=cluster, num_replicas=len(addresses))
    results = {name: train(strategy, name) for name in names} | {"judged": judge(strategy, "LN")}
    results["refusals"] = [refusal(strategy, "the same"), refusal(strategy, f"epoch {9 + index}")]
    results["own layers"] = train_own_layers(strategy)
    results["unlike"] = {name: unlike(strategy, **each[index]) for name, each in UNLIKE.items()}
    distribute.barrier(strategy)
    pathlib.Path(path).write_text(json.dumps(results))
    dies = index == len(addresses) - 1
    train(strategy, "CE", callbacks=[Die()] if dies else [])

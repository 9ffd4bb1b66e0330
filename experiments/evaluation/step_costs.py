"""Costs of whole training steps: small networks, a wide last layer and its memory, and `fit` beside plain Keras's."""

import multiprocessing
import os
import pathlib
import time

import keras
import numpy as np

import models
from tfp_noise import NoisyLabelClassifier, datasets, losses, pipeline

MANY_CLASSES = 21_843
_STATUS = pathlib.Path("/proc/self/status")  # of Linux
_FEATURES = 512  # of the layer before many classes
METHODS = {
    "Logistic-Normal": losses.LogisticNormal,
    "online label smoothing": losses.OnlineLabelSmoothing,
    "learnable label smoothing": losses.LearnableLabelSmoothing,
}
_FITTED = {"cross-entropy": losses.CrossEntropy, "Logistic-Normal": losses.LogisticNormal}
METHODS_FOR_MANY_CLASSES = {
    "online label smoothing, top=32": lambda k: losses.OnlineLabelSmoothing(k, top=32),
    "learnable label smoothing, top=32": lambda k: losses.LearnableLabelSmoothing(k, top=32),
}


def cross_entropy(num_classes):
    """Return the loss that everything is compared with."""
    return losses.CrossEntropy(num_classes)


def seconds_in_turn(functions, rounds, calls):
    """Measure the seconds of a call of each function; the functions take turns, and begin with another one each round.

    Args:
        functions: a dict from name to function without arguments.
        rounds: int; fewer, but at least five, if they would take more than a minute.
        calls: int, how often a function is called in its turn.

    Returns:
        A dict from name to seconds a call, float `[rounds]`.
    """
    for function in functions.values():
        function()
        function()
    seconds, order = {name: [] for name in functions}, list(functions)
    end = time.perf_counter() + 60
    for number in range(rounds):
        if number >= 5 and time.perf_counter() > end:
            break
        for name in order:
            start = time.perf_counter()
            for _ in range(calls):
                functions[name]()
            seconds[name].append((time.perf_counter() - start) / calls)
        order.append(order.pop(0))
    return {name: np.array(values) for name, values in seconds.items()}


def of_small_network(model, shape, batch, rounds=200, calls=3, methods=METHODS):
    """Return, by method, the ratio of its training step to cross-entropy's, with Adam."""
    rng = np.random.default_rng(0)
    images, labels = rng.random((batch, *shape), "float32"), rng.integers(0, 10, batch)

    def step(loss):
        classifier = NoisyLabelClassifier(models.build(model, shape, loss.num_outputs), loss)
        classifier.compile("adam", jit_compile=False)
        return lambda: classifier.train_on_batch(images, labels)

    return ratios({name: step(build(10)) for name, build in methods.items()}, step(cross_entropy(10)), rounds, calls)


def of_classifier():
    """Return what `fit` of the classifier costs beside that of plain Keras with the same network, loss and metric.

    A process that is tied to one core measures it, where the system can tie it: two cores wait for the slower one, so
    that on a shared machine single calls take up to twice as long as others.

    Returns:
        A dict from loss to two arrays `[rounds]`: the classifiers' time divided by the plain models', and that of one
        plain model divided by the other's, which tells what the method resolves.
    """
    with multiprocessing.get_context("spawn").Pool(1, _keep_one_core) as pool:
        return {name: pool.apply(beside_plain_keras, [loss]) for name, loss in _FITTED.items()}


def _keep_one_core():
    """Leave this process one core, before TensorFlow counts them, where the system can."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])


def beside_plain_keras(build_loss, rounds=10, epochs=3, steps=80):
    """Return the two arrays of `of_classifier` for one loss: whole calls of `fit`, two models of each kind in turn.

    LeNet-5, batches of 256, as experiments run it.

    Args:
        build_loss: function from a number of classes to a loss.
        rounds: as in `seconds_in_turn`.
        epochs: int, of a call.
        steps: int, of an epoch.
    """
    shape, batch = (28, 28, 1), 256
    batches = pipeline.batches(made_up(shape, steps * batch), batch)

    def fit(build):
        loss = build_loss(10)
        model, arguments = build(models.build("lenet5", shape, loss.num_outputs), loss)
        execution = {"steps_per_execution": batches.steps_per_execution, "jit_compile": False}
        model.compile("adam", metrics=["accuracy"], **execution, **arguments)
        data = {"epochs": epochs, "steps_per_epoch": steps, "shuffle": False, "verbose": 0}
        return lambda: model.fit(batches.train, **data)

    functions = {}
    for copy in range(2):
        functions["ours", copy] = fit(lambda network, loss: (NoisyLabelClassifier(network, loss), {}))
        functions["plain", copy] = fit(lambda network, loss: (network, {"loss": loss}))
    seconds = seconds_in_turn(functions, rounds, calls=1)
    ours, plain = ([seconds[kind, copy] for copy in range(2)] for kind in ("ours", "plain"))
    return sum(ours) / sum(plain), plain[0] / plain[1]


class Clock(keras.callbacks.Callback):
    """Notes when each epoch of a training ends."""

    def on_train_begin(self, logs=None):
        del logs
        self.ends = []

    def on_epoch_end(self, epoch, logs=None):
        del epoch, logs
        self.ends.append(time.perf_counter())

    def seconds(self):
        """Return the seconds of an epoch, the mean of all but the first, which has the start of training in it."""
        return (self.ends[-1] - self.ends[0]) / (len(self.ends) - 1)


def made_up(shape, examples):
    """Return a data set of ten classes with random images."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (examples, *shape), np.uint8)
    split = datasets.Examples(images, rng.integers(0, 10, examples).astype(np.int32), np.arange(examples))
    few = split.take(np.arange(10))
    return datasets.Dataset("made up", split, few, few, tuple("0123456789"))


def of_many_classes(batch=256, rounds=15):
    """Return, by method, the ratio of its step to cross-entropy's: SGD on a linear layer to 21,843 classes."""
    methods = METHODS_FOR_MANY_CLASSES.items()
    steps = {name: _wide_step(build(MANY_CLASSES), batch) for name, build in methods}
    return ratios(steps, _wide_step(cross_entropy(MANY_CLASSES), batch), rounds, calls=1)


def memory_of_many_classes(batch=256):
    """Return, by method, the MiB that a process needs beyond cross-entropy's for the same steps.

    It is the difference of the peaks; the dict is empty on a system that does not report them.
    """
    if _peak_memory() is None:
        return {}
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        peaks = {name: pool.apply(_peak, [name, batch]) for name in [None, *METHODS_FOR_MANY_CLASSES]}
    return {name: peak - peaks[None] for name, peak in peaks.items() if name}


def ratios(steps, yardstick, rounds, calls):
    """Return the median of the ratios of each function's time to another one's, measured in turn.

    Args:
        steps: a dict from name to function without arguments.
        yardstick: the function that they are compared with.
        rounds: as in `seconds_in_turn`.
        calls: as in `seconds_in_turn`.

    Returns:
        A dict from name to float.
    """
    seconds = seconds_in_turn({**steps, None: yardstick}, rounds, calls)
    return {name: float(np.median(seconds[name] / seconds[None])) for name in steps}


def _wide_step(loss, batch):
    rng = np.random.default_rng(0)
    features = rng.normal(size=(batch, _FEATURES)).astype("float32")
    labels = rng.integers(0, MANY_CLASSES, batch)
    layers = [keras.Input([_FEATURES]), keras.layers.Dense(MANY_CLASSES)]
    classifier = NoisyLabelClassifier(keras.Sequential(layers), loss)
    classifier.compile(keras.optimizers.SGD(0.1), jit_compile=False)
    return lambda: classifier.train_on_batch(features, labels)


def _peak(name, batch):
    """The MiB of a process that trains by one method."""
    build = METHODS_FOR_MANY_CLASSES.get(name, cross_entropy)
    step = _wide_step(build(MANY_CLASSES), batch)
    for _ in range(3):
        step()
    return _peak_memory()


def _peak_memory():
    """The most MiB that this process has needed, or `None` on a system that does not report it.

    `resource.getrusage` does not tell: a process begins with the peak of its parent there.
    """
    lines = _STATUS.read_text().splitlines() if _STATUS.exists() else []
    return next((int(line.split()[1]) / 2**10 for line in lines if line.startswith("VmHWM:")), None)

"""Errors and costs of the heteroscedastic loss: `python -m experiments.heteroscedastic.measure`.

One JSON file a setting; what is there already is not measured again. `--costs` measures training steps instead, which
needs a machine with nothing else to do.
"""

import functools
import pathlib

import numpy as np
import tensorflow as tf
from absl import flags

from experiments import results
from experiments.console import terminal
from experiments.evaluation import step_costs
from tfp_noise import losses
from tfp_noise.losses import _normal_logits as normal_logits

REFERENCE = 1_000_000  # samples
RANDOM = "1,000 random samples"
METHODS = {RANDOM: {"train_samples": 1000}} | {f"{n} points": {"train_points": n} for n in (64, 128, 256, 512, 1024)}
# Examples and repetitions, by the number of classes.
SIZES = {10: (64, 30), 100: (32, 15), 1000: (8, 10)}
RANKS, TEMPERATURES = (0, 2), (1.0, 0.5, 0.1)
SETTINGS = [(classes, rank, temperature) for temperature in TEMPERATURES for rank in RANKS for classes in SIZES]


def main():
    """Measure what the flags ask for and the files lack."""
    folder = pathlib.Path(flags.FLAGS.results)
    if flags.FLAGS.costs:
        results.write_json(folder / "costs.json", {**costs(), "made_by": results.made_by()})
        return
    for setting in SETTINGS:
        path = path_of(folder, setting)
        if not path.exists():
            results.write_json(path, {**errors(*setting), "made_by": results.made_by()})
            terminal.console().print(path.stem)


def path_of(folder, setting):
    """Return the file of a setting, one of `SETTINGS`."""
    return folder / "errors-{}-{}-{}.json".format(*setting)


def errors(num_classes, rank, temperature):
    """Compare loss and gradient with those of many samples, for random examples.

    Outputs are standard normal numbers, and labels uniformly random, so that some labels are very unlikely.

    Returns:
        A dict from method to the errors of `loss`, in nats, and of the `gradient` with respect to all outputs, as a
        Euclidean norm. Both are root mean squares over examples and repetitions. `median_loss` and `median_gradient`
        are those of the median example, `batch_gradient` that of the mean gradient of all examples, and `probability`
        that of the label's predicted probability with as many points.
    """
    examples, repetitions = SIZES[num_classes]
    rng = np.random.default_rng(0)
    labels = rng.integers(0, num_classes, examples).astype(np.int32)
    outputs = rng.normal(size=(examples, num_classes * (2 + rank))).astype(np.float32)
    exact, slope = _reference(losses.Heteroscedastic(num_classes, temperature, rank), labels, outputs)
    found = {"loss": _rounded(np.mean(exact)), "gradient": _rounded(_norm(slope))}
    for name, arguments in METHODS.items():
        loss = losses.Heteroscedastic(num_classes, temperature, rank, reduction=None, **arguments)
        compute = _value_and_gradient(loss, labels)  # every call shifts the points anew
        values, gradients = map(np.array, zip(*(compute(outputs) for _ in range(repetitions)), strict=True))
        found[name] = _summary(values - exact, gradients - slope)
        points = arguments.get("train_points")
        if points:
            p = [_predicted(num_classes, temperature, rank, points, seed, labels, outputs) for seed in range(5)]
        else:
            p = np.exp(-values)
        found[name]["probability"] = _rounded(np.sqrt(np.mean((p - np.exp(-exact)) ** 2)))
    return found


def costs(rounds=60, calls=3):
    """Measure the training step of LeNet-5 with batches of 256 beside cross-entropy's, by rank and method."""
    ratios = {}
    for rank in RANKS:
        for name, arguments in METHODS.items():  # each in turn with cross-entropy alone, because some are slow
            build = functools.partial(losses.Heteroscedastic, rank=rank, **arguments)
            found = step_costs.of_small_network("lenet5", (28, 28, 1), 256, rounds, calls, {name: build})
            ratios[f"rank {rank}, {name}"] = round(found[name], 3)
    return {"ratios": ratios}


def _reference(loss, labels, outputs):
    """Loss and gradient by random samples that the examples share."""

    def average(labels, outputs):
        parameters = loss._parameters(outputs)
        draw = normal_logits.independent_noise([one[:1] for one in parameters], [1, 2])
        return -normal_logits.log_mean_of_labels(labels, parameters, draw, REFERENCE)

    return _value_and_gradient(average, labels)(outputs)


def _value_and_gradient(loss, labels):
    """A compiled function from outputs to losses `[examples]` and gradients `[examples, num_outputs]`, of NumPy."""

    @tf.function(autograph=False)
    def compute(outputs):
        with tf.GradientTape() as tape:
            tape.watch(outputs)
            value = loss(tf.constant(labels), outputs)
        return value, tape.gradient(value, outputs)

    return lambda outputs: [one.numpy().astype(np.float64) for one in compute(tf.constant(outputs))]


def _predicted(num_classes, temperature, rank, points, seed, labels, outputs):
    """The predicted probabilities of the labels."""
    loss = losses.Heteroscedastic(num_classes, temperature, rank, test_samples=points, seed=seed)
    return np.asarray(loss.probabilities(outputs))[np.arange(len(labels)), labels]


def _summary(loss, gradient):
    """Errors, from those of each repetition and example."""
    return {
        "loss": _rounded(np.sqrt(np.mean(loss**2))),
        "gradient": _rounded(_norm(gradient)),
        "median_loss": _rounded(np.median(np.sqrt(np.mean(loss**2, axis=0)))),
        "median_gradient": _rounded(np.median(np.sqrt(np.mean(np.sum(gradient**2, axis=-1), axis=0)))),
        "batch_gradient": _rounded(_norm(gradient.mean(1))),
    }


def _rounded(value):
    return float(f"{value:.3g}")


def _norm(vectors):
    """The root of the mean squared Euclidean norm."""
    return np.sqrt(np.mean(np.sum(vectors**2, axis=-1)))


if __name__ == "__main__":
    flags.DEFINE_bool("costs", False, "Measure training steps, not errors.")
    flags.DEFINE_string("results", "results/heteroscedastic", "Folder for results.")
    terminal.start(main)

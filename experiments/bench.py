"""Costs of the losses and of the input: `python -m experiments.bench`.

Prints the time of each loss and its gradient relative to cross-entropy's: the median of ratios taken in turn in one
process, because absolute times on a shared machine say little. Run it while nothing else runs.
"""

import math
import time

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from absl import flags
from rich import box
from rich.table import Table

import models
from experiments import results
from experiments.console import terminal
from experiments.evaluation import step_costs
from tfp_noise import NoisyLabelClassifier, losses, noise, pipeline

tfb, tfd = tfp.bijectors, tfp.distributions

_CROSS_ENTROPY = "cross-entropy (Keras, sparse)"
_BINARY = "binary cross-entropy (Keras), of K labels"
_ASSEMBLED = "Logistic-Normal assembled from TFP"
_POSITIONS = (8, 64, 64)  # labels of a batch of images
_LARGEST_MATRIX = 1000  # classes; matrices of more cost gigabytes
_REMEMBERED = 50_000  # examples, of losses that remember each one
_WITH_MATRIX = {
    "LabelSmearing": lambda k: losses.LabelSmearing(k, noise.symmetric(k, 0.4)),
    "BackwardCorrection": lambda k: losses.BackwardCorrection(k, noise.symmetric(k, 0.4)),
    "ForwardCorrection": lambda k: losses.ForwardCorrection(k, noise.symmetric(k, 0.4)),
    "BoundedForwardCorrection": lambda k: losses.BoundedForwardCorrection(k, noise.symmetric(k, 0.4)),
    "OnlineLabelSmoothing": losses.OnlineLabelSmoothing,
    "OnlineLabelSmoothing(update_period=100)": lambda k: losses.OnlineLabelSmoothing(k, update_period=100),
    "LearnableLabelSmoothing": losses.LearnableLabelSmoothing,
    "EarlyLearning": lambda k: losses.EarlyLearning(k, _REMEMBERED),
    "PENCIL": lambda k: losses.PENCIL(k, _REMEMBERED, backbone_epochs=0),
}
_FEWEST_FOR_TOP = 100  # classes from which rows of 32 entries are worth a look
_WITH_TOP = {
    "OnlineLabelSmoothing(top=32)": lambda k: losses.OnlineLabelSmoothing(k, top=32),
    "LearnableLabelSmoothing(top=32)": lambda k: losses.LearnableLabelSmoothing(k, top=32),
}
_WITH_SETTINGS = {
    "BiTempered": lambda k: losses.BiTempered(k, t1=0.7, t2=2.0),
    "NoiseAgainstNoise": lambda k: losses.NoiseAgainstNoise(k, sigma=0.5),
    "Bootstrap": lambda k: losses.Bootstrap(k, beta=0.95),
    "DisturbLabel": lambda k: losses.DisturbLabel(k, rate=0.1),
    "LogitClip(CrossEntropy)": lambda k: losses.LogitClip(losses.CrossEntropy(k), max_norm=5.0),
    "PairwiseConfusion": lambda k: losses.PairwiseConfusion(k, weight=0.1 * k),
    "LogisticNormal": losses.LogisticNormal,
    "LogisticNormal(diagonal)": lambda k: losses.LogisticNormal(k, covariance="diagonal"),
    "LogisticNormal(rank=4)": lambda k: losses.LogisticNormal(k, rank=4),
    "MultiLabel(CrossEntropy)": lambda k: losses.MultiLabel(losses.CrossEntropy(2), num_labels=k),
    "Heteroscedastic(10 samples)": lambda k: losses.Heteroscedastic(k, train_samples=10),
    "Heteroscedastic(16 points)": lambda k: losses.Heteroscedastic(k, train_points=16),
}
_SAID = {name.partition("(")[0] for name in (*_WITH_MATRIX, *_WITH_TOP, *_WITH_SETTINGS)}
_BY_DEFAULT = {one.name: getattr(losses, one.name) for one in losses.available() if one.name not in _SAID}


def rows(num_classes):
    """Functions that build the losses to be measured, every one that is available, by the names of their rows."""
    with_matrix = _WITH_MATRIX if num_classes <= _LARGEST_MATRIX else {}
    with_top = _WITH_TOP if num_classes >= _FEWEST_FOR_TOP else {}
    return {**with_matrix, **with_top, **_BY_DEFAULT, **_WITH_SETTINGS}


def assembled_from_tfp(num_classes):
    """Return the Logistic-Normal loss as TFP's parts make it, to compare ours with.

    Args:
        num_classes: int.
    """

    def loss(labels, outputs):
        loc, factor = tf.split(outputs, 2, axis=-1)
        target = 0.99 * tf.one_hot(labels, num_classes + 1) + 0.01 / (num_classes + 1)
        diag = tf.fill(tf.shape(loc), 0.5)
        gaussian = tfd.MultivariateNormalDiagPlusLowRank(loc, diag, scale_perturb_factor=factor[..., tf.newaxis])
        distribution = tfd.TransformedDistribution(gaussian, tfb.Chain([tfb.SoftmaxCentered(), tfb.Scale(1.0)]))
        return -tf.reduce_mean(distribution.log_prob(target))

    return loss


def loss_costs(num_classes, jit_compile, shape=(256,), rounds=60):
    """Measure loss and gradient of every method.

    Args:
        num_classes: int.
        jit_compile: bool, by XLA.
        shape: tuple of int, of the labels.
        rounds: int, how often the methods take turns.

    Returns:
        A dict from method to the ratio of its time to cross-entropy's; `None` if it does not compile.
    """
    rng = np.random.default_rng(0)
    built = {name: build(num_classes) for name, build in rows(num_classes).items()}
    if len(shape) > 1:  # nothing is remembered of positions
        built = {name: loss for name, loss in built.items() if not loss.needs_ids}
    indices = tf.constant(rng.integers(0, num_classes, shape))
    numbered = {"labels": indices, "ids": tf.constant(rng.permutation(_REMEMBERED)[: shape[0]])}
    several = tf.one_hot(indices, num_classes)  # a label a class, of which one is present
    widest = max(loss.num_outputs for loss in built.values())
    outputs = tf.constant(rng.normal(size=(*shape, widest)), tf.float32)

    def loss_and_gradient(loss, width):
        inputs = tf.identity(outputs[..., :width])
        labels = several if isinstance(loss, losses.MultiLabel | keras.losses.BinaryCrossentropy) else indices
        labels = numbered if getattr(loss, "needs_ids", False) else labels
        state = loss.build_state() if isinstance(loss, losses.NoisyLabelLoss) else None
        trained = [variable.value for variable in state.trainable_variables] if state else []
        if state:
            loss.attach_state(state)

        @tf.function(jit_compile=jit_compile)
        def compute(labels, inputs):
            with tf.GradientTape() as tape:
                tape.watch(inputs)
                value = loss(labels, inputs)
            if state:
                loss.update_state(labels, inputs)
            return value, tape.gradient(value, [inputs, *trained])

        return lambda: compute(labels, inputs)

    cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    binary = keras.losses.BinaryCrossentropy(from_logits=True)
    functions = {_CROSS_ENTROPY: loss_and_gradient(cross_entropy, num_classes)}
    functions[_BINARY] = loss_and_gradient(binary, num_classes)
    functions |= {name: loss_and_gradient(loss, loss.num_outputs) for name, loss in built.items()}
    assembled = loss_and_gradient(assembled_from_tfp(num_classes), 2 * num_classes)
    ratios = {}
    try:
        assembled()
        functions[_ASSEMBLED] = assembled
    except tf.errors.InvalidArgumentError:
        ratios[_ASSEMBLED] = None
    calls = max(1, 300 * 256 // (num_classes * math.prod(shape)))
    seconds = step_costs.seconds_in_turn(functions, rounds, calls)
    return {name: float(np.median(s / seconds[_CROSS_ENTROPY])) for name, s in seconds.items()} | ratios


def input_and_model_speed(shape, model, augmentation, batch, examples):
    """Measure images a second, of the pipeline alone and of a training that it feeds, from its first epoch's end on.

    Args:
        shape: tuple of int, of one image.
        model: a name that `models.build` knows.
        augmentation: as in `pipeline.batches`.
        batch: int, images a step.
        examples: int, images an epoch.

    Returns:
        Two floats.
    """
    batches = pipeline.batches(step_costs.made_up(shape, examples), batch, augmentation, drop_remainder=True)

    iterator = iter(batches.train)
    next(iterator)
    start = time.perf_counter()
    for _ in range(batches.steps_per_epoch):
        next(iterator)
    alone = batches.steps_per_epoch * batch / (time.perf_counter() - start)

    loss = losses.CrossEntropy(10)
    classifier = NoisyLabelClassifier(models.build(model, shape, loss.num_outputs), loss)
    classifier.compile("sgd", steps_per_execution=batches.steps_per_execution, jit_compile=False)
    clock, steps = step_costs.Clock(), batches.steps_per_epoch
    classifier.fit(batches.train, epochs=4, steps_per_epoch=steps, shuffle=False, verbose=0, callbacks=[clock])
    return alone, steps * batch / clock.seconds()


def _cell(ratios, name):
    if name not in ratios:
        return "–"
    return "does not compile" if ratios[name] is None else f"{ratios[name]:.2f}"


def _loss_table(title, columns):
    """The table of the ratios in `columns`, by title of a column and row."""
    table = Table("loss + gradient / cross-entropy's", title=title, box=box.SIMPLE_HEAD)
    for column in columns:
        table.add_column(column, justify="right")
    names = [_CROSS_ENTROPY, _BINARY, *_WITH_MATRIX, *_WITH_TOP, *_BY_DEFAULT, *_WITH_SETTINGS, _ASSEMBLED]
    for name in names:
        if any(name in column for column in columns.values()):
            table.add_row(name, *(_cell(column, name) for column in columns.values()))
    return table


def _step_table():
    """The table of whole training steps, relative to cross-entropy's."""
    table = Table("training step / cross-entropy's", box=box.SIMPLE_HEAD)
    table.add_column("ratio", justify="right")
    table.add_column("more memory, MiB", justify="right")
    for title, arguments in {
        "LeNet-5, batch 256": ("lenet5", (28, 28, 1), 256),
        "ResNet-8, batch 128": ("resnet8", (32, 32, 3), 128),
    }.items():
        for name, ratio in step_costs.of_small_network(*arguments).items():
            table.add_row(f"{title}: {name}", f"{ratio:.3f}", "")
    memory = step_costs.memory_of_many_classes()
    for name, ratio in step_costs.of_many_classes().items():
        more = f"{memory[name]:.0f}" if name in memory else ""
        table.add_row(f"512 features to {step_costs.MANY_CLASSES} classes: {name}", f"{ratio:.3f}", more)
    return table


def _classifier_table():
    """The table of whole calls of `fit`, beside plain Keras."""
    title = "LeNet-5, batch 256, one core: fit beside plain Keras's with the same loss, median and quartiles of turns"
    table = Table("loss", "classifier / plain", "plain / plain", title=title, box=box.SIMPLE_HEAD)
    for name, ratios in step_costs.of_classifier().items():
        quartiles = [np.quantile(one, (0.5, 0.25, 0.75)) for one in ratios]
        table.add_row(name, *(f"{middle:.3f} ({low:.3f} to {high:.3f})" for middle, low, high in quartiles))
    return table


def _about(made_by):
    """Text above the tables: the command, commit and machine, and what the columns' names mean."""
    versions = ", ".join(f"{name} {version}" for name, version in made_by["versions"].items())
    return (
        f"{made_by['command']}, commit {made_by['commit']}\n{made_by['cores']} cores of {made_by['processor']}; "
        f"{versions}\ngraph: a tf.function; XLA: one with jit_compile=True\n"
    )


def main():
    """Print the costs of losses and of training steps, and the speed of the input."""
    console = terminal.console()
    console.print(_about(results.made_by()), markup=False)
    classes = [int(k) for k in flags.FLAGS.classes]
    modes = {"graph": False, "XLA": True}
    columns = {f"{mode} K={k}": loss_costs(k, jit) for mode, jit in modes.items() for k in classes}
    console.print(_loss_table("Batch 256, float32", columns))
    shapes = {str(list(shape)): shape for shape in (_POSITIONS, (math.prod(_POSITIONS),))}
    columns = {f"{mode} {s}": loss_costs(21, jit, shapes[s]) for mode, jit in modes.items() for s in shapes}
    console.print(_loss_table("Labels of pixels, and as many of examples, K=21, float32", columns))
    console.print(_step_table())
    console.print(_classifier_table())
    table = Table("images a second", "input alone", "training", "input / training", box=box.SIMPLE_HEAD)
    for title, arguments in {
        "MNIST's shape, LeNet-5": ((28, 28, 1), "lenet5", None, 256, 20_000),
        "CIFAR's shape, ResNet-8, crops and flips": ((32, 32, 3), "resnet8", pipeline.CropAndFlip(), 128, 4_000),
    }.items():
        alone, training = input_and_model_speed(*arguments)
        table.add_row(title, f"{alone:,.0f}", f"{training:,.0f}", f"{alone / training:.1f}")
    console.print(table)


if __name__ == "__main__":
    flags.DEFINE_list("classes", ["10", "100", "1000", "21843"], "Numbers of classes K.")
    terminal.start(main)
